"""Starting the agent: one way for the launcher, which carries this text, and for the command line (S-33).

Must not import gatepass but for `thin`, whose names the launcher has already.
"""

import _socket
import fcntl
import os
import stat
import sys
import time

from gatepass.sessions.launcher.thin import Launch, connect

assert sys.platform != "win32"

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
}
KEPT_PREFIXES = ("XDG_", "LC_", "AWS_ENDPOINT_URL", "PYTHON_KEYRING_")


def start(launch: Launch) -> _socket.socket:
    """A connection to the agent, starting it if nobody else does: the lock is taken here and handed to it (S-33)."""
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


def spawn(launch: Launch, lock: int) -> _socket.socket:
    """Listen, start the agent on that listener, connect: the answer comes as soon as it can give one."""
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
    os.makedirs(path, 0o700, exist_ok=True)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        found_mode = f"found: mode {mode:04o}; run: chmod 700 {path}"
        raise OSError(1, f"{path} must be a directory of yours with mode 0700; {found_mode}")
