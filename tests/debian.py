"""Programs that tests need beside Python: Debian's own, installed by apt where that may be done."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def provided(
    programs: tuple[str, ...], packages: tuple[str, ...], what: str, *, required: bool = False
) -> str:
    """Where one of `programs` is. Absent: a skip that says so; where CI=true a failure, if it is `required`."""
    with (Path(tempfile.gettempdir()) / f"gatepass-apt-{os.getuid()}.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)  # of the processes of one run only one installs
        if _find(programs) is None:
            _install(programs, packages)
    found = _find(programs)
    if found is not None:
        return found
    words = f"no {programs[0]}: {what} did NOT run; install it with: apt-get install {packages[0]}"
    if required and os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


def _find(programs: tuple[str, ...]) -> str | None:
    return next((path for name in programs if (path := shutil.which(name))), None)


def _install(programs: tuple[str, ...], packages: tuple[str, ...]) -> None:
    """By apt, where this process may; a failure is told by what is missing afterwards."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    _apt("install", "-y", "--no-install-recommends", *packages)
    if _find(programs) is None:  # its lists are old, or not there at all
        _apt("update")
        _apt("install", "-y", "--no-install-recommends", *packages)


def _apt(*words: str) -> None:
    # Another apt may run on a machine that has just started; an archive may be away for a moment.
    patience = ("-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=5")
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            ["apt-get", "-q", *patience, *words],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=900,
        )
