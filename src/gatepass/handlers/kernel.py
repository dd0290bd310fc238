"""The kernel's own walls, through ctypes: namespaces, capabilities, Landlock, seccomp. Linux only.

Each function does one thing to the calling process and raises OSError where the kernel refuses.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from gatepass.handlers import seccomp

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP = 1, 4, 22
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38
_NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x08000000, 0x10000000, 0x20000000, 0x40000000
_SIGKILL = 9
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION, _LANDLOCK_PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _checked(result: int, doing: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)}")
    return result


def _prctl(option: int, value: int, doing: str) -> None:
    assert _libc is not None
    _checked(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), doing)


def die_with_parent() -> None:
    """Be killed when the *thread* that started this process ends. Changing the user id undoes it."""
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL, "ask for a signal at the parent's end")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, "become a subreaper")


def set_dumpable(dumpable: bool) -> None:
    """Whether processes of the same user may look into this one."""
    _prctl(_PR_SET_DUMPABLE, int(dumpable), "set dumpable")


def no_new_privileges() -> None:
    """Nothing executed from now on gains anything; the kernel asks for it before Landlock and seccomp."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, "give up new privileges")


def drop_capabilities() -> None:
    """Give up every capability, also those a user namespace brings."""
    assert _libc is not None
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0))
    _checked(_libc.capset(header, ctypes.create_string_buffer(24)), "drop capabilities")


def enter_namespaces() -> None:
    """A user namespace of our own and in it an empty network and no shared memory of others."""
    assert _libc is not None
    uid, gid = os.geteuid(), os.getegid()
    _checked(_libc.unshare(_NEWUSER | _NEWNET | _NEWIPC), "unshare namespaces")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def enter_pid_namespace() -> None:
    """The next child is the first process of a new namespace: everything it leaves dies with it."""
    assert _libc is not None
    _checked(_libc.unshare(_NEWPID), "unshare the process namespace")


def landlock_version() -> int:
    """The kernel's Landlock version, 0 without Landlock."""
    if _libc is None:
        return 0
    return max(0, int(_libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)))


def landlock_ruleset(readable: Iterable[str]) -> int:
    """A descriptor of rules: reading below `readable` and nothing else; no TCP, no signal beyond the sandbox."""
    assert _libc is not None
    version = landlock_version()
    rights = (1 << 13) - 1
    for since, right in ((2, 1 << 13), (3, 1 << 14), (5, 1 << 15)):
        rights |= right if version >= since else 0
    attributes = struct.pack("=Q", rights)
    if version >= 4:
        attributes += struct.pack("=Q", 0b11)
    if version >= 6:
        attributes += struct.pack("=Q", 0b11)
    rules = _checked(
        _libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0),
        "make a Landlock ruleset",
    )
    for path in readable:
        _allow_reading(rules, path)
    return rules


def _allow_reading(rules: int, path: str) -> None:
    assert _libc is not None
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        right = _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)
        beneath = struct.pack("=Qi", right, place)
        _checked(
            _libc.syscall(_LANDLOCK_ADD, rules, _LANDLOCK_PATH_BENEATH, beneath, 0), f"allow reading {path}"
        )
    finally:
        os.close(place)


def landlock_restrict(rules: int) -> None:
    """Put the calling thread, and what it starts, under the rules for ever."""
    assert _libc is not None
    _checked(_libc.syscall(_LANDLOCK_RESTRICT, rules, 0), "restrict with Landlock")


@dataclass(frozen=True, slots=True)
class Filter:
    """A seccomp program, ready to be loaded."""

    program: bytes

    def load(self) -> None:
        """Filter the calling thread's system calls for ever. The kernel must have `no_new_privileges` first."""
        assert _libc is not None
        code = ctypes.create_string_buffer(self.program, len(self.program))
        pointer = ctypes.addressof(code)
        described = ctypes.create_string_buffer(struct.pack("@HP", len(self.program) // 8, pointer))
        _checked(_libc.prctl(_PR_SET_SECCOMP, 2, described, 0, 0), "load the seccomp filter")


def seccomp_filter() -> Filter | None:
    """The filter for this machine, or None when its system call numbers are not known."""
    known = seccomp.machine()
    return None if known is None or _libc is None else Filter(seccomp.program(known))
