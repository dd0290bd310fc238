"""How far implementer code can be walled in here: found out once by the zygote, applied by every worker.

The order of steps inside the worker matters; each position was measured (handlers-and-sim.md A).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import site
import socket
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gatepass.handlers import kernel
from gatepass.handlers.limits import Limits

HANDLERS_UID = 64_998
"""The user id that handlers run under when the server runs as root: nobody's, and below what containers map."""


@dataclass(frozen=True, slots=True)
class Level:
    """The walls around implementer code in this process, and why others are missing."""

    seccomp: bool = False
    landlock: int = 0
    """The kernel's Landlock version; 0: none."""
    namespaces: bool = False
    other_user: bool = False
    missing: tuple[str, ...] = ()
    """Why a wall is not there, one sentence each."""

    @property
    def floor(self) -> bool:
        """Whether flows with an implementation may run without the operator's `handlers: unisolated`."""
        return self.seccomp and self.landlock > 0

    @property
    def name(self) -> str:
        """`full`, `floor` (no namespaces) or `unisolated`."""
        if not self.floor:
            return "unisolated"
        return "full" if self.namespaces else "floor"

    def __str__(self) -> str:
        walls = [
            "seccomp" if self.seccomp else "",
            f"Landlock {self.landlock}" if self.landlock else "",
            "namespaces" if self.namespaces else "",
            "a user of its own" if self.other_user else "",
        ]
        held = ", ".join(filter(None, walls)) or "resource limits only"
        return f"{self.name}: {held}" + "".join(f"; {reason}" for reason in self.missing)

    def as_json(self) -> dict[str, Any]:
        """What the zygote tells the server."""
        return {
            "seccomp": self.seccomp,
            "landlock": self.landlock,
            "namespaces": self.namespaces,
            "other_user": self.other_user,
            "missing": list(self.missing),
        }

    @classmethod
    def of_json(cls, seen: Mapping[str, Any]) -> Level:
        """The level that `as_json` told."""
        return cls(**{**seen, "missing": tuple(seen["missing"])})


@dataclass(frozen=True, slots=True)
class Walls:
    """What a worker puts up around itself: made once, used by every call."""

    level: Level
    rules: int | None = None
    filter: kernel.Filter | None = None

    def enter(self, limits: Limits, cpu_seconds: int, call: int, output: int) -> None:
        """Lock this process down for good: only `call` (as descriptor 3) and `output` (1 and 2) stay open."""
        os.setsid()
        _bound(limits, cpu_seconds)
        _only(call, output)
        _close_others(self.rules)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limits.files, limits.files))
        os.environ.clear()
        os.chdir("/")
        if sys.platform != "linux":
            return
        kernel.die_with_parent()
        resource.setrlimit(resource.RLIMIT_NPROC, (limits.threads, limits.threads))
        kernel.no_new_privileges()
        kernel.drop_capabilities()
        kernel.set_dumpable(False)
        if self.rules is not None:
            kernel.landlock_restrict(self.rules)
            os.close(self.rules)
        if self.filter is not None:
            self.filter.load()


def _bound(limits: Limits, cpu_seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _only(call: int, output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, place in ((nothing, 0), (output, 1), (output, 2), (call, 3)):
        os.dup2(source, place)


def _close_others(keep: int | None) -> None:
    """Close every descriptor from 4 on but `keep`."""
    highest = 1 << 16
    if keep is None:
        os.closerange(4, highest)
        return
    os.closerange(4, keep)
    os.closerange(keep + 1, highest)


def put_up(without: frozenset[str] = frozenset()) -> Walls:
    """Called once in the zygote: take the user and the namespaces, make rules and filter, try them in a child.

    `without` leaves walls out (`user`, `namespaces`, `landlock`, `seccomp`): to test what holds on lesser machines.
    """
    if sys.platform != "linux":
        return Walls(
            Level(missing=(f"{sys.platform} has neither seccomp nor Landlock: resource limits only",))
        )
    missing = [f"no {wall}: left out on purpose" for wall in sorted(without)]
    other_user = (
        os.geteuid() == 0
        and "user" not in without
        and _tried(_become_other_user, "no user of its own", missing)
    )
    if other_user:
        _become_other_user()
    namespaces = "namespaces" not in without and _tried(_take_namespaces, "no namespaces", missing)
    if namespaces:
        kernel.enter_namespaces()
    rules = None if "landlock" in without else _rules(missing)
    seccomp = None if "seccomp" in without else _filter(missing)
    landlock = 0 if rules is None else kernel.landlock_version()
    level = Level(seccomp is not None, landlock, namespaces, other_user, tuple(missing))
    return Walls(level, rules, seccomp)


def _tried(step: Callable[[], None], lack: str, missing: list[str]) -> bool:
    """Whether `step` works, tried in a child; else why not is added to `missing`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            step()
            os._exit(0)
        except BaseException as fault:  # noqa: BLE001 (the child ends here, and says why)
            os.write(writing, f"{lack}: {fault}".encode()[:500])
        finally:
            os._exit(1)
    os.close(writing)
    with open(reading, "rb") as pipe:
        reason = pipe.read().decode(errors="replace")
    worked = os.waitpid(child, 0)[1] == 0
    if not worked:
        missing.append(reason or f"{lack}: the trial was killed")
    return worked


def _become_other_user() -> None:
    os.setgroups([])
    os.setresgid(HANDLERS_UID, HANDLERS_UID, HANDLERS_UID)
    os.setresuid(HANDLERS_UID, HANDLERS_UID, HANDLERS_UID)
    kernel.set_dumpable(True)  # else the kernel refuses to map the user into a namespace
    unreadable = [
        path for path in readable_places() if os.path.lexists(path) and not os.access(path, os.R_OK)
    ]
    # What the interpreter imports late must be readable to that user: an interpreter in a private home is not.
    if unreadable or not os.access(os.__file__, os.R_OK):
        raise PermissionError(f"user {HANDLERS_UID} cannot read {', '.join(unreadable) or os.__file__}")


def _take_namespaces() -> None:
    kernel.enter_namespaces()
    kernel.enter_pid_namespace()
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _rules(missing: list[str]) -> int | None:
    if kernel.landlock_version() == 0:
        missing.append("no Landlock: the kernel has none or has it switched off")
        return None
    try:
        made = kernel.landlock_ruleset(readable_places())
        rules = fcntl.fcntl(
            made, fcntl.F_DUPFD_CLOEXEC, 10
        )  # out of the way of a worker's descriptors 0 to 3
        os.close(made)
    except OSError as refused:
        missing.append(f"no Landlock: {refused}")
        return None
    if not _tried(lambda: _confined(rules), "no Landlock", missing):
        os.close(rules)
        return None
    return rules


def _filter(missing: list[str]) -> kernel.Filter | None:
    made = kernel.seccomp_filter()
    if made is None:
        missing.append(f"no seccomp: the system calls of {os.uname().machine} are not known")
        return None
    return made if _tried(lambda: _load(made), "no seccomp", missing) else None


def _confined(rules: int) -> None:
    kernel.no_new_privileges()
    kernel.landlock_restrict(rules)
    with contextlib.suppress(PermissionError):
        os.close(os.open("/", os.O_RDONLY | os.O_DIRECTORY))
        raise OSError("the rules do not hold: / can still be read")


def _load(seccomp: kernel.Filter) -> None:
    kernel.no_new_privileges()
    seccomp.load()
    with contextlib.suppress(PermissionError):
        socket.socket().close()
        raise OSError("the filter does not hold: a socket could be made")


def readable_places() -> list[str]:
    """What a worker may read: the interpreter's library, installed packages and time zones; nothing else."""
    paths = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), *site.getsitepackages()]
    paths += [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), "/usr/share/zoneinfo"]
    return list(dict.fromkeys(path for path in paths if path))
