"""The process that implementer code is forked from: single-threaded, scrubbed, with the SDK imported once.

Started by `Runner` as `python -I -m gatepass.handlers.zygote DESCRIPTOR PARENT WITHOUT`; it ends when the server does.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import sys
from typing import NoReturn

from gatepass.handlers import alias, isolation, kernel
from gatepass.handlers.supervisor import Order, supervise
from gatepass.handlers.wire import read_json, write_json

_PRELOADED = """
gatepass.handlers.worker
base64 bisect calendar collections.abc concurrent.futures copy csv dataclasses datetime decimal difflib enum fnmatch
fractions functools hashlib heapq hmac html http.client io ipaddress itertools json logging math operator random re
secrets ssl statistics string textwrap threading time traceback types typing unicodedata urllib.parse urllib.request
uuid zoneinfo requests
"""


def preload() -> None:
    """Import what implementations may rely on, so that no call pays for it or needs the files to be readable."""
    for name in _PRELOADED.split():
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as missing:
            if missing.name != "requests":  # the one of them that is not ours or Python's
                raise


def main() -> NoReturn:
    """Say how far the walls go, then fork a supervisor for every order, until the server is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    os.environ.clear()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    preload()
    alias.install()
    walls = isolation.put_up(frozenset(filter(None, sys.argv[3].split(","))))
    if sys.platform == "linux":
        kernel.die_with_parent()
        assert len(os.listdir("/proc/self/task")) == 1, "the zygote must have one thread"
    if os.getppid() != int(sys.argv[2]):
        os._exit(0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are reaped by the kernel
    control.send(write_json(walls.level.as_json()))
    gc.collect()
    gc.freeze()
    while True:
        _serve(control, walls)


def _serve(control: socket.socket, walls: isolation.Walls) -> None:
    order, descriptors, _, _ = socket.recv_fds(control, 4096, 2)
    if not order:
        os._exit(0)
    try:
        if os.fork() == 0:
            control.close()
            supervise(walls, Order.of_json(read_json(order)), *descriptors)
    except OSError as refused:  # no process to be had: the server sees its sockets closed
        print(f"gatepass handlers: cannot fork: {refused}", file=sys.stderr, flush=True)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


if __name__ == "__main__":
    main()
