"""The credential launcher, warm: asks the agent, prints its answer. Copied into the generated launcher file (S-38).

It may use only `sys` and `_socket`, is kept small because it is compiled on every run, and must not import gatepass:
it runs with `-I -S` in whatever directory a tool happens to be. `cold` holds what is needed when nobody answers.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable

    Start = Callable[["Launch"], _socket.socket]

WAIT_SECONDS = 55  # Go SDKs kill the process after 60 s (S-49)


class Launch:
    """Where the agent listens and how it is started; `argv` is its whole command line but the descriptors."""

    def __init__(self, socket: str, lock: str, log: str, argv: list[str]) -> None:
        self.socket = socket
        self.lock = lock
        self.log = log
        self.argv = argv


def connect(path: str) -> "_socket.socket":
    """A connected socket to this user's agent. Raises OSError; refuses a listener of another user."""
    import _socket

    link = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)  # type: ignore[attr-defined,unused-ignore]
    link.connect(path)
    if sys.platform == "linux" or sys.platform == "darwin":
        import posix

        if sys.platform == "linux":
            peer = link.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        else:
            peer = link.getsockopt(0, 1, 76)  # SOL_LOCAL, LOCAL_PEERCRED: there too the user id comes second
        if int.from_bytes(peer[4:8], sys.byteorder) != posix.getuid():
            raise OSError(13, "the agent's socket belongs to another user")
    return link


def ask(link: "_socket.socket", line: bytes, seconds: float = WAIT_SECONDS) -> bytes:
    """Send one request line, read the answer to its end."""
    link.settimeout(seconds)
    link.sendall(line)
    parts = []
    while part := link.recv(65536):
        parts.append(part)
    return b"".join(parts)


def main(launch: Launch, words: list[str], start: "Start") -> int:
    """Print the credentials of the profile `words[0]`; the exit status. `start` starts the agent and connects."""
    if len(words) != 1 or not words[0] or " " in words[0] or "\n" in words[0]:
        return refuse("usage: gatepass-credential PROFILE")
    line = b"get " + words[0].encode("utf-8", "surrogateescape") + b"\n"
    answer = b""
    for pause in (0, 0.02, 0.05, 0.1, 0.2):  # an agent that dies now may still take connections for a moment
        try:
            answer = once(launch, line, pause, start)
        except TimeoutError:
            return refuse("still waiting for a person or for AWS; run the command again")
        except OSError as error:
            fault = str(error)
        else:
            fault = "it ended without an answer"
        if answer:
            break
    else:
        return refuse("the agent does not answer (" + fault + "); run: gatepass agent status")
    if answer[:2] == b"0 ":
        sys.stdout.buffer.write(answer[2:])
        sys.stdout.buffer.flush()
        return 0
    return refuse(answer[2:].decode("utf-8", "replace").strip())


def once(launch: Launch, line: bytes, pause: float, start: "Start") -> bytes:
    """One try: the agent's answer, the agent being started if nobody listens; empty when it died over it."""
    if pause:
        import time

        time.sleep(pause)
    try:
        link = connect(launch.socket)
    except OSError:
        link = start(launch)
    return ask(link, line)


def refuse(text: str) -> int:
    """One line on stderr; the only failure status there is (S-49)."""
    sys.stderr.write("gatepass: " + text[:900] + "\n")
    return 1


def leave(code: int) -> None:
    """End at once: taking the interpreter apart would cost a tenth of the whole."""
    sys.stderr.flush()
    if sys.platform == "win32":
        from nt import _exit  # type: ignore[attr-defined]
    else:
        from posix import _exit
    _exit(code)
