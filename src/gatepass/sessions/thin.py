"""The credential launcher: asks the agent, prints its answer. Copied whole into the generated launcher file (S-38).

Warm, it may use only `sys` and `_socket`; everything else is imported after a failed connect or a refusal. It must
not import gatepass: it runs with `-I -S` in whatever directory a tool happens to be. The command line uses the same
functions to reach and start the agent, so there is one way to do it.
"""

import sys

WAIT_SECONDS = 55  # Go SDKs kill the process after 60 s (S-49)
START_SECONDS = 10
# The agent inherits only what it needs to reach keyring, desktop and network: no credentials of a random process.
KEPT = {
    "HOME",
    "USER",
    "LOGNAME",
    "PATH",
    "LANG",
    "TZ",
    "TMPDIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "BROWSER",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "AWS_REGION",
    "AWS_CA_BUNDLE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "GATEPASS_URL",
    "SYSTEMROOT",
}
KEPT_PREFIXES = ("XDG_", "LC_", "AWS_ENDPOINT_URL", "PYTHON_KEYRING_")


class Launch:
    """Where the agent listens and how it is started; `argv` is its whole command line but the descriptors."""

    def __init__(self, socket: str, lock: str, log: str, argv: list[str]) -> None:
        self.socket = socket
        self.lock = lock
        self.log = log
        self.argv = argv


def connect(path: str):  # type: ignore[no-untyped-def]
    """A connected socket to this user's agent. Raises OSError; refuses a listener of another user."""
    import _socket

    link = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    link.connect(path)
    if sys.platform == "linux":
        import posix

        peer = link.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        if int.from_bytes(peer[4:8], sys.byteorder) != posix.getuid():
            raise OSError(13, "the agent's socket belongs to another user")
    return link


def ask(link, line: bytes, seconds: float = WAIT_SECONDS) -> bytes:  # type: ignore[no-untyped-def]
    """Send one request line, read the answer to its end."""
    link.settimeout(seconds)
    link.sendall(line)
    parts = []
    while part := link.recv(65536):
        parts.append(part)
    return b"".join(parts)


def main(launch: Launch, words: list[str]) -> int:
    """Print the credentials of the profile `words[0]`; the exit status."""
    if len(words) != 1 or not words[0] or " " in words[0] or "\n" in words[0]:
        return refuse("usage: gatepass-credential PROFILE")
    line = b"get " + words[0].encode("utf-8", "surrogateescape") + b"\n"
    answer = b""
    for pause in (0, 0.02, 0.05, 0.1, 0.2):  # an agent that dies now may still take connections for a moment
        try:
            answer = once(launch, line, pause)
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


def once(launch: Launch, line: bytes, pause: float) -> bytes:
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


def start(launch: Launch):  # type: ignore[no-untyped-def]
    """A connection to the agent, starting it if nobody else does: the lock is taken here and handed to it (S-33)."""
    import fcntl
    import os
    import time

    ends = time.monotonic() + START_SECONDS
    while True:
        make_private(os.path.dirname(launch.lock))
        lock = os.open(launch.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
        else:
            try:
                return spawn(launch, lock)
            finally:
                os.close(lock)
        try:
            return connect(launch.socket)
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.003)


def spawn(launch: Launch, lock: int):  # type: ignore[no-untyped-def]
    """Listen, start the agent on that listener, connect: the answer comes as soon as it can give one."""
    import _socket
    import fcntl
    import os

    try:
        return connect(launch.socket)  # an agent started by the system holds no lock of ours
    except OSError:
        pass
    if os.path.lexists(launch.socket):  # the lock is ours: nobody listens there any more
        os.unlink(launch.socket)
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        listener.bind(launch.socket)
    finally:
        os.umask(old)
    listener.listen(1024)
    log = os.open(launch.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    names = [n for n in os.environ if n in KEPT or n.startswith(KEPT_PREFIXES)]
    # duplicates above 4, so that putting one in its place cannot overwrite the other
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (listener.fileno(), lock)]
    actions = [
        (os.POSIX_SPAWN_DUP2, null, 0),
        (os.POSIX_SPAWN_DUP2, log, 1),
        (os.POSIX_SPAWN_DUP2, log, 2),
        (os.POSIX_SPAWN_DUP2, high[0], 3),
        (os.POSIX_SPAWN_DUP2, high[1], 4),
    ]
    argv = [*launch.argv, "--listen", "3", "--lock", "4"]
    environment = {n: os.environ[n] for n in names}
    try:
        link = connect(launch.socket)  # waits in the backlog
        os.posix_spawn(argv[0], argv, environment, file_actions=actions, setsid=True)
    finally:
        for fd in (log, null, *high):
            os.close(fd)
        listener.close()
    return link


def make_private(path: str) -> None:
    """The directory of the socket: ours, 0700, no link. Raises OSError otherwise (T-6)."""
    import os
    import stat

    os.makedirs(path, 0o700, exist_ok=True)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise OSError(1, f"{path} must be a directory of yours with mode 0700")
