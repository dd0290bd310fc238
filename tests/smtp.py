"""A mail server on loopback that keeps what it is given, and refuses recipients when told to."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Talk(socketserver.StreamRequestHandler):
    """Just enough of a mail server."""

    def handle(self) -> None:
        server: Any = self.server
        self.wfile.write(b"220 here\r\n")
        data = False
        for raw in self.rfile:
            line = raw.rstrip(b"\r\n")
            if data:
                if line == b".":
                    data = False
                    self.wfile.write(b"250 taken\r\n")
                else:
                    server.lines.append(line)
                continue
            word = line[:4].upper()
            data = word == b"DATA"
            answer = {b"DATA": b"354 go on", b"RCPT": server.rcpt, b"QUIT": b"221 bye"}.get(word, b"250 yes")
            self.wfile.write(answer + b"\r\n")
            if word == b"QUIT":
                return


@contextmanager
def mail_server() -> Iterator[Any]:
    """`lines` of all mails, `rcpt` as the answer to every recipient."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Talk) as server:
        server.lines, server.rcpt = [], b"250 yes"  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
