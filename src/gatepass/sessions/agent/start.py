"""The first milliseconds of the agent: alone, hardened, and quick to answer what needs no event loop (`agent.porch`).

asyncio takes seven times as long to import as an interpreter takes to start, and dataclasses, paths and our errors as
long as the interpreter (specification 6.2). So the request that started us is looked at before all of these.
"""

import _socket
import os
import sys

from gatepass.sessions.agent.porch import welcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PR_SET_DUMPABLE = 4


class Place:
    """What makes this process the agent: its directories (config, data, state, run), its lock, its listener."""

    def __init__(
        self,
        directories: "Sequence[str]",
        lock: int,
        listener: int,
        *,
        activated: bool = False,
        key: bytes = b"",
    ) -> None:
        self.directories = tuple(directories)
        self.lock = lock
        self.listener = listener
        self.activated = activated
        """The system made the listener and keeps it (socket activation)."""
        self.key = key
        """What callers must prove to have on loopback TCP; empty: a unix socket, whose callers the kernel names."""


def main(words: list[str]) -> None:
    """`CONFIG DATA STATE RUN [--listen FD --lock FD] [--transport loopback]`.

    Without descriptors it makes its own, or takes systemd's.
    """
    leave_no_core()
    _leave_directory()
    try:
        place = _take_place(words)
    except OSError as error:
        sys.stderr.write(f"gatepass: the agent cannot start: {error}\n")
        sys.exit(1)
    visitors = welcome(place)
    forbid_tracing()  # before the first secret is read
    from gatepass.sessions.agent.process import run

    run(place, visitors)


def _leave_directory() -> None:
    """Go home: some tool's directory, which may be anybody's, must not decide what a relative command or file means."""
    for place in (os.environ.get("HOME", "/"), "/"):
        try:
            os.chdir(place)
        except OSError:
            continue
        return


def harden() -> None:
    """No core dumps, no tracing by others, private files (S-37)."""
    leave_no_core()
    forbid_tracing()


def leave_no_core() -> None:
    """No core dumps, and files nobody else can read."""
    os.umask(0o077)
    if sys.platform == "win32":
        from gatepass.sessions.windows import leave_no_dump

        leave_no_dump()
    else:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def forbid_tracing() -> None:
    """No other process of this user may look into our memory, where the system can do that."""
    if sys.platform == "linux":
        import ctypes

        try:
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        except (OSError, AttributeError):
            return


def _take_place(words: list[str]) -> Place:
    given = dict(zip(words[4::2], words[5::2], strict=True))  # argparse would take as long as all of this
    state, run = words[2:4]
    if sys.platform == "win32" or given.get("--transport") == "loopback":
        return _take_port(words[:4])
    else:
        from gatepass.sessions.launcher.cold import make_private

        for private in (run, state):
            make_private(private)
        return _take_socket(words[:4], given)


def _take_socket(directories: "Sequence[str]", given: dict[str, str]) -> Place:
    run = directories[3]
    lock = int(given["--lock"]) if "--lock" in given else _lock(f"{run}/agent.lock")
    activated = "--listen" not in given and os.environ.get("LISTEN_PID") == str(os.getpid())
    known = activated or "--listen" in given
    listener = int(given.get("--listen", "3")) if known else _listen(f"{run}/agent.sock")
    for fd in (lock, listener):
        os.set_inheritable(fd, False)
    return Place(directories, lock, listener, activated=activated)


def _take_port(directories: "Sequence[str]") -> Place:
    """A port of loopback, known by a file; whoever started us waits for that."""
    from pathlib import Path

    from gatepass.sessions.agent.port import open_port
    from gatepass.sessions.errors import SessionError
    from gatepass.sessions.files import private_dir
    from gatepass.sessions.link import agent_place

    try:
        run = private_dir(Path(directories[3]))
        private_dir(Path(directories[2]))
    except SessionError as error:
        raise OSError(error.line()) from error
    if sys.stderr is None:  # pythonw: started by the system, without a console
        log = Path(directories[2]) / "agent.log"
        sys.stdout = sys.stderr = open(log, "a", encoding="utf-8", buffering=1)  # noqa: SIM115  until the end
    lock = _lock(str(run / "agent.lock"))
    listener, key = open_port(Path(agent_place(str(run), loopback=True)))
    return Place(directories, lock, listener, key=key)


def _lock(path: str) -> int:
    from pathlib import Path

    from gatepass.sessions.files import try_lock

    lock = try_lock(Path(path))
    if lock is None:
        raise OSError(f"another agent runs: see {path}")
    return lock


def _listen(path: str) -> int:
    if os.path.lexists(path):  # the lock is ours: nobody listens there any more
        os.unlink(path)
    made = _socket.socket(getattr(_socket, "AF_UNIX"), _socket.SOCK_STREAM)  # noqa: B009  Windows comes in by a port
    made.bind(path)
    made.listen(1024)
    return made.detach()
