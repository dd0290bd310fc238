"""A way to a PostgreSQL socket on which every message to the server takes so much longer: a database slowed down."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SOCKET = ".s.PGSQL.5432"


class SlowWay:
    """`delay`: seconds that whatever is sent to the server is held back; may be changed at any time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.delay = 0.0
        self._to = directory
        self.messages = 0
        """Sent to the server so far: round trips, for one that waits for each answer."""

    async def serve(self, to: Path) -> None:
        self._to = to
        server = await asyncio.start_unix_server(self._carry, str(self.directory / _SOCKET))
        async with server:
            await server.serve_forever()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(str(self._to / _SOCKET))
        await asyncio.gather(self._pour(reader, forth, slow=True), self._pour(back, writer, slow=False))

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                if slow:
                    self.messages += 1
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.close()


@contextmanager
def slow_way(url: str) -> Iterator[tuple[SlowWay, str]]:
    """A way to the server of this address, and the address that leads over it."""
    where, _, socket = url.partition("?host=")
    with tempfile.TemporaryDirectory(prefix="gp-") as folder:
        way = SlowWay(Path(folder))
        loop = asyncio.new_event_loop()
        task = loop.create_task(way.serve(Path(socket)))

        def run() -> None:
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(task)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield way, f"{where}?host={folder}"
        finally:
            loop.call_soon_threadsafe(task.cancel)
            thread.join(10)
