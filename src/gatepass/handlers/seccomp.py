"""The system calls that implementer code does not get: a BPF program for seccomp, for x86_64 and aarch64.

Everything a pure computation needs is allowed, threads included. Refused with EPERM is what makes processes, runs
programs, opens connections, signals, slows or reads other processes, or changes the machine; also what Landlock leaves
open: modes, owners, times and attributes of files, which the server's own user could change everywhere.
"""

from __future__ import annotations

import platform
import struct
from dataclasses import dataclass

_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARGS = 0, 4, 16
_CLONE_THREAD = 0x00010000
_PDEATHSIG_DUMPABLE = (1, 4)
"""prctl: taking back the signal at the parent's end, letting others look in."""
_OWNERS = (8, 10, 15)
"""fcntl F_SETOWN, F_SETSIG, F_SETOWN_EX: have the kernel signal another process."""
_TERMINAL_AND_OWNERS = (0x5412, 0x8901, 0x8902)
"""ioctl TIOCSTI, FIOSETOWN, SIOCSPGRP: type into a terminal, have another process signalled."""
_X32 = 0x40000000

# Numbers from 424 on are the same on every architecture.
_NEWER = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_open": 434,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
    "fchmodat2": 452,
    "setxattrat": 463,
    "removexattrat": 466,
    "file_setattr": 469,
    "process_mrelease": 448,
}
_X86_64 = {
    "shmget": 29,
    "socket": 41,
    "connect": 42,
    "accept": 43,
    "sendmsg": 46,
    "bind": 49,
    "listen": 50,
    "fork": 57,
    "vfork": 58,
    "execve": 59,
    "kill": 62,
    "semget": 64,
    "msgget": 68,
    "ptrace": 101,
    "rt_sigqueueinfo": 129,
    "uselib": 134,
    "personality": 135,
    "modify_ldt": 154,
    "pivot_root": 155,
    "adjtimex": 159,
    "chroot": 161,
    "acct": 163,
    "settimeofday": 164,
    "mount": 165,
    "umount2": 166,
    "swapon": 167,
    "swapoff": 168,
    "reboot": 169,
    "sethostname": 170,
    "setdomainname": 171,
    "iopl": 172,
    "ioperm": 173,
    "init_module": 175,
    "delete_module": 176,
    "quotactl": 179,
    "tkill": 200,
    "io_setup": 206,
    "clock_settime": 227,
    "tgkill": 234,
    "mq_open": 240,
    "kexec_load": 246,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "unshare": 272,
    "accept4": 288,
    "rt_tgsigqueueinfo": 297,
    "perf_event_open": 298,
    "fanotify_init": 300,
    "name_to_handle_at": 303,
    "open_by_handle_at": 304,
    "clock_adjtime": 305,
    "sendmmsg": 307,
    "setns": 308,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "kcmp": 312,
    "finit_module": 313,
    "memfd_create": 319,
    "kexec_file_load": 320,
    "bpf": 321,
    "execveat": 322,
    "userfaultfd": 323,
    "chmod": 90,
    "fchmod": 91,
    "chown": 92,
    "fchown": 93,
    "lchown": 94,
    "utime": 132,
    "setpriority": 141,
    "sched_setparam": 142,
    "sched_setscheduler": 144,
    "setxattr": 188,
    "lsetxattr": 189,
    "fsetxattr": 190,
    "removexattr": 197,
    "lremovexattr": 198,
    "fremovexattr": 199,
    "sched_setaffinity": 203,
    "utimes": 235,
    "ioprio_set": 251,
    "inotify_add_watch": 254,
    "migrate_pages": 256,
    "fchownat": 260,
    "futimesat": 261,
    "fchmodat": 268,
    "move_pages": 279,
    "utimensat": 280,
    "sched_setattr": 314,
}
_AARCH64 = {
    "io_setup": 0,
    "umount2": 39,
    "mount": 40,
    "pivot_root": 41,
    "chroot": 51,
    "quotactl": 60,
    "acct": 89,
    "personality": 92,
    "unshare": 97,
    "kexec_load": 104,
    "init_module": 105,
    "delete_module": 106,
    "clock_settime": 112,
    "ptrace": 117,
    "kill": 129,
    "tkill": 130,
    "tgkill": 131,
    "rt_sigqueueinfo": 138,
    "reboot": 142,
    "sethostname": 161,
    "setdomainname": 162,
    "settimeofday": 170,
    "adjtimex": 171,
    "mq_open": 180,
    "msgget": 186,
    "semget": 190,
    "shmget": 194,
    "socket": 198,
    "bind": 200,
    "listen": 201,
    "accept": 202,
    "connect": 203,
    "sendmsg": 211,
    "add_key": 217,
    "request_key": 218,
    "keyctl": 219,
    "execve": 221,
    "swapon": 224,
    "swapoff": 225,
    "rt_tgsigqueueinfo": 240,
    "perf_event_open": 241,
    "accept4": 242,
    "fanotify_init": 262,
    "name_to_handle_at": 264,
    "open_by_handle_at": 265,
    "clock_adjtime": 266,
    "setns": 268,
    "sendmmsg": 269,
    "process_vm_readv": 270,
    "process_vm_writev": 271,
    "kcmp": 272,
    "finit_module": 273,
    "memfd_create": 279,
    "bpf": 280,
    "execveat": 281,
    "userfaultfd": 282,
    "kexec_file_load": 294,
    "setxattr": 5,
    "lsetxattr": 6,
    "fsetxattr": 7,
    "removexattr": 14,
    "lremovexattr": 15,
    "fremovexattr": 16,
    "inotify_add_watch": 27,
    "ioprio_set": 30,
    "fchmod": 52,
    "fchmodat": 53,
    "fchownat": 54,
    "fchown": 55,
    "utimensat": 88,
    "sched_setparam": 118,
    "sched_setscheduler": 119,
    "sched_setaffinity": 122,
    "setpriority": 140,
    "migrate_pages": 238,
    "move_pages": 239,
    "sched_setattr": 274,
}


@dataclass(frozen=True, slots=True)
class Machine:
    """The numbers of one architecture."""

    audit: int
    """How the kernel names it to a filter (AUDIT_ARCH_*)."""
    clone: int
    clone3: int
    prctl: int
    sendto: int
    prlimit64: int
    fcntl: int
    ioctl: int
    denied: dict[str, int]
    x32: bool = False


MACHINES = {
    "x86_64": Machine(0xC000003E, 56, 435, 157, 44, 302, 72, 16, _X86_64 | _NEWER, x32=True),
    "aarch64": Machine(0xC00000B7, 220, 435, 167, 206, 261, 25, 29, _AARCH64 | _NEWER),
}


def machine() -> Machine | None:
    """The machine we run on, or None when its numbers are not known."""
    return MACHINES.get(platform.machine())


def program(of: Machine) -> bytes:
    """The filter, as an array of `struct sock_filter`."""
    code = [
        _instruction(_LOAD, _ARCH),
        _instruction(_EQUAL, of.audit, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NR),
    ]
    if of.x32:
        code += [_instruction(_AT_LEAST, _X32, 0, 1), _instruction(_RETURN, _KILL)]
    # glibc falls back from clone3 to clone, whose flags a filter can see.
    code += _answer(of.clone3, _ENOSYS)
    for number in sorted(of.denied.values()):
        code += _answer(number, _EPERM)
    code += _when(of.clone, 0, [_instruction(_ANY_BIT, _CLONE_THREAD, 1, 0), _errno(_EPERM)])
    for number, argument, values in (
        (of.prctl, 0, _PDEATHSIG_DUMPABLE),
        (of.fcntl, 1, _OWNERS),
        (of.ioctl, 1, _TERMINAL_AND_OWNERS),
    ):
        for value in values:
            code += _when(number, argument, [_instruction(_EQUAL, value, 0, 1), _errno(_EPERM)])
    # An address given to sendto could open another connection, a process id given to prlimit reach another process.
    for number, argument in ((of.sendto, 4), (of.prlimit64, 0)):
        for half in (0, 4):
            code += _when(number, argument, [_instruction(_EQUAL, 0, 1, 0), _errno(_EPERM)], half)
    code.append(_instruction(_RETURN, _ALLOW))
    return b"".join(code)


def _instruction(code: int, k: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, jump_true, jump_false, k)


def _errno(number: int) -> bytes:
    return _instruction(_RETURN, _ERRNO | number)


def _answer(number: int, errno: int) -> list[bytes]:
    return [_instruction(_EQUAL, number, 0, 1), _errno(errno)]


def _when(number: int, argument: int, test: list[bytes], half: int = 0) -> list[bytes]:
    """For system call `number`: load half of an argument, test it, and load the number again for what follows."""
    body = [_instruction(_LOAD, _ARGS + 8 * argument + half), *test, _instruction(_LOAD, _NR)]
    return [_instruction(_EQUAL, number, 0, len(body)), *body]
