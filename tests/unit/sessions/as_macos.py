"""Run first in a process on Linux, this makes it macOS as far as gatepass can tell (S-31, S-32, H6).

Without `/proc` and `SO_PEERCRED`; with the answers of macOS's sockets and of its `libproc`, filled in byte by byte as
<sys/ucred.h> and <sys/proc_info.h> have them, from what Linux says of the same processes. A stand-in: what the real
system does differently, it does not show.
"""

import asyncio.unix_events  # noqa: F401
import builtins
import contextlib
import ctypes
import os
import platform
import socket
import ssl  # noqa: F401
import struct
import subprocess  # noqa: F401
import sys
import sysconfig
import tempfile  # noqa: F401
import types

with contextlib.suppress(ImportError):
    import click  # noqa: F401

platform.uname()  # kept from now on
sysconfig.get_config_vars()
_c, _open, _readlink = socket._socket, open, os.readlink  # type: ignore[attr-defined]
_plain, _peercred = _c.socket, (_c.SOL_SOCKET, _c.SO_PEERCRED)


def _getsockopt(self, level, name, *size):  # type: ignore[no-untyped-def]
    if level != 0:
        return _plain.getsockopt(self, level, name, *size)
    pid, uid, gid = struct.unpack("3i", _plain.getsockopt(self, *_peercred, 12))
    if (name, size) == (1, (76,)):  # LOCAL_PEERCRED: struct xucred
        return struct.pack("=IIhxx16I", 0, uid, 1, gid, *[0] * 15)
    assert (name, size) == (2, (4,))  # LOCAL_PEERPID
    return struct.pack("i", pid)


def _not_proc(call):  # type: ignore[no-untyped-def]
    def refusing(path, *more, **named):  # type: ignore[no-untyped-def]
        if str(path).startswith("/proc/"):
            raise FileNotFoundError(2, "No such file or directory", path)
        return call(path, *more, **named)

    return refusing


class _PidPath:
    argtypes: object = None

    def __call__(self, pid, buffer, size):  # type: ignore[no-untyped-def]
        try:
            path = os.fsencode(_readlink(f"/proc/{pid}/exe"))
        except OSError:
            return 0
        ctypes.memmove(buffer, path, len(path))
        return len(path)


class _PidInfo:
    argtypes: object = None

    def __call__(self, pid, flavor, arg, buffer, size):  # type: ignore[no-untyped-def]
        assert (flavor, arg, size) == (3, 0, 136)
        try:
            with _open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rsplit(b")", 1)[1].split()
        except OSError:
            return 0
        head = struct.pack("=12I", 0, 2, 0, pid, int(fields[1]), 501, 20, 501, 20, 501, 20, 0)
        tail = struct.pack("=5Ii2Q", 3, pid, 1, 0, pid, 0, int(fields[19]), 0)
        ctypes.memmove(buffer, head + bytes(48) + tail, 136)
        return 136


class _DevName:
    argtypes = restype = None


class _Library:
    def __init__(self, name: str | None) -> None:
        if name is None:
            self.devname = _DevName()
        else:
            assert name == "/usr/lib/libproc.dylib"
            self.proc_pidpath, self.proc_pidinfo = _PidPath(), _PidInfo()


_c.socket = type("socket", (_plain,), {"getsockopt": _getsockopt})
socket.socket.getsockopt = _getsockopt  # type: ignore[method-assign]
del _c.SO_PEERCRED, socket.SO_PEERCRED
sys.modules["_scproxy"] = types.SimpleNamespace(_get_proxies=dict, _get_proxy_settings=dict)  # type: ignore
builtins.open, os.readlink = _not_proc(open), _not_proc(os.readlink)
ctypes.CDLL = _Library  # type: ignore
sys.platform = "darwin"
