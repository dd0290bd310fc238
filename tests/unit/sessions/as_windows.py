"""Run first in a process on Linux, this makes it Windows as far as gatepass can tell (S-31, H6).

What Windows has not is taken away, what only it has is stood in for by the nearest thing here: `msvcrt.locking` by
`flock`, its libraries by functions that know nothing. The standard library is loaded before, since it looks around for
itself. It is a stand-in: what the real system does differently, it does not show.
"""

import asyncio.unix_events
import contextlib
import ctypes
import fcntl
import getpass  # noqa: F401
import os
import platform
import select  # noqa: F401
import signal
import socket
import ssl  # noqa: F401
import subprocess
import sys
import sysconfig
import tempfile  # noqa: F401
import types

with contextlib.suppress(ImportError):
    import click  # noqa: F401  it takes the console's side at its import

platform.uname()  # kept from now on
sysconfig.get_config_vars()
_flock, _family = fcntl.flock, socket.AF_UNIX

for name in ("fcntl", "grp", "posix", "pwd", "pty", "readline", "resource", "termios", "tty"):
    sys.modules[name] = None  # type: ignore[assignment]

GONE = """chown fchmod fchown fork forkpty getegid geteuid getgid getpgid getsid getuid killpg lchown major minor mkfifo
posix_spawn posix_spawnp pread pwrite setsid uname O_CLOEXEC O_DIRECTORY O_NOCTTY O_NOFOLLOW O_NONBLOCK
POSIX_SPAWN_DUP2 POSIX_SPAWN_OPEN POSIX_SPAWN_CLOSE"""
for name in GONE.split():
    delattr(os, name)
del signal.SIGHUP
del socket.AF_UNIX, socket._socket.AF_UNIX, socket.SO_PEERCRED, socket._socket.SO_PEERCRED  # type: ignore[attr-defined]
del asyncio.start_unix_server, asyncio.open_unix_connection


def _locking(fd: int, mode: int, count: int) -> None:
    assert (mode, count) == (2, 1)
    _flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _no_signals(*_: object) -> None:
    raise NotImplementedError


class _Popen(subprocess.Popen):  # type: ignore[type-arg]
    def __init__(self, *words: object, creationflags: int = 0, **more: object) -> None:
        super().__init__(*words, **more)  # type: ignore[call-overload]


class _Call:
    """A function of a library: it answers 0, which is no handle, no byte and no row."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *words: object) -> int:
        if self._name == "GetShortPathNameW":  # names of here have the wrong slashes
            text = str(words[0]).replace("/", "\\")
            words[1].value = text  # type: ignore[attr-defined]
            return len(text)
        return 0


class _Library:
    def __init__(self, name: str) -> None:
        assert name in ("kernel32", "iphlpapi", "wer")

    def __getattr__(self, name: str) -> _Call:
        self.__dict__[name] = _Call(name)
        return self.__dict__[name]


def _module(name: str, **names: object) -> None:
    made = types.ModuleType(name)
    made.__dict__.update(names)
    sys.modules[name] = made


_module("msvcrt", locking=_locking, LK_NBLCK=2)
_module("nt", urandom=os.urandom, _exit=os._exit)
asyncio.unix_events._UnixSelectorEventLoop.add_signal_handler = _no_signals  # type: ignore[assignment]
socket.SO_EXCLUSIVEADDRUSE = socket.SO_KEEPALIVE  # type: ignore[misc]
_pair = socket._socket.socketpair  # type: ignore[attr-defined]
socket.socketpair = lambda: tuple(socket.socket(fileno=s.detach()) for s in _pair(_family))  # type: ignore
subprocess.CREATE_NO_WINDOW, subprocess.CREATE_NEW_PROCESS_GROUP = 0x08000000, 0x200  # type: ignore
subprocess.Popen = _Popen  # type: ignore[misc]
ctypes.WinDLL = _Library  # type: ignore
sys.platform = "win32"
