"""Starting the agent where a listener cannot be handed to a child: it listens for itself, and is waited for (S-33).

The launcher carries this text beside `loopback`. Must not import gatepass but for `thin` and `loopback`, whose names
the launcher has already.
"""

import _socket
import os
import subprocess
import sys
import time

from gatepass.sessions.launcher.loopback import connect
from gatepass.sessions.launcher.thin import Launch

START_SECONDS = 30
# The agent inherits only what it needs to reach keyring, desktop and network: no credentials of a random process.
KEPT = [
    "HOME",
    "USER",
    "LOGNAME",
    "PATH",
    "LANG",
    "TZ",
    "TMPDIR",
    "BROWSER",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "AWS_REGION",
    "AWS_CA_BUNDLE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "GATEPASS_URL",
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "USERNAME",
    "USERDOMAIN",
    "USERPROFILE",
    "HOMEDRIVE",
    "HOMEPATH",
    "APPDATA",
    "LOCALAPPDATA",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "TEMP",
    "TMP",
]
KEPT_PREFIXES = ("LC_", "AWS_ENDPOINT_URL", "PYTHON_KEYRING_")

if sys.platform == "win32":
    # an invisible console, not none: programs that the agent runs would open windows of their own
    APART = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
else:
    APART = 0


def start(launch: Launch) -> _socket.socket:
    """A connection to the agent. One of those who find none starts it; the others wait for the same one.

    The lock is only for starting: whoever holds it when its holder dies starts the agent instead. Two agents cannot
    be, whoever starts them: each takes the agent's own lock before it listens. Raises OSError.
    """
    ends = time.monotonic() + START_SECONDS
    os.makedirs(os.path.dirname(launch.lock), 0o700, exist_ok=True)
    lock = os.open(launch.lock + ".start", os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    child: subprocess.Popen[bytes] | None = None
    mine = False
    try:
        while True:
            mine = mine or hold(lock)
            ended = child is not None and child.poll() is not None
            try:
                return connect(launch.socket)
            except OSError:
                if ended or time.monotonic() > ends:
                    raise
            if mine and child is None:
                child = spawn(launch)
            time.sleep(0.003)
    finally:
        os.close(lock)


def hold(lock: int) -> bool:
    """Whether the lock is ours now; the system frees it when we end."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def spawn(launch: Launch) -> "subprocess.Popen[bytes]":
    """The agent, of no console and no terminal: a Ctrl-C or a closed window here does not reach it."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    log = os.open(launch.log, flags, 0o600)
    environment = {
        n: v for n, v in os.environ.items() if n.upper() in KEPT or n.upper().startswith(KEPT_PREFIXES)
    }
    try:
        return subprocess.Popen(
            launch.argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            creationflags=APART,
            start_new_session=True,  # of no meaning on Windows
        )
    finally:
        os.close(log)
