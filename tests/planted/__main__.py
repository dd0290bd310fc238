"""`python -m tests.planted [NAME]`: plant each bug, run its check, and say what was not caught.

Each check runs in a child of its own, forked before anything of gatepass was imported: what others need is loaded
once, and the bug stands only in the child's memory. Every check is also run without a bug, and must pass.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import botocore.session  # noqa: F401 - loaded once, for all children
import sqlalchemy  # noqa: F401
from tests.planted.bugs import BUGS, Edit, Planted

PASSED, CAUGHT, BROKEN = 0, 3, 4
_AT_ONCE = 2


class _Plant(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the modules with a bug in them, and nothing else."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        self._texts: dict[str, str] = {}
        for edit in edits:
            before = self._texts.get(edit.module)
            self._texts[edit.module] = edit.apply() if before is None else before.replace(edit.old, edit.new)
        self._files = {edit.module: edit.file for edit in edits}

    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in self._texts:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=self._files[fullname])

    def exec_module(self, module: ModuleType) -> None:
        text = self._texts[module.__name__]
        exec(compile(text, f"planted/{self._files[module.__name__]}", "exec"), module.__dict__)


def _child(bug: Planted, *, plant: bool) -> int:
    folder = tempfile.mkdtemp(prefix="gp-planted-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    try:
        if plant:
            sys.meta_path.insert(0, _Plant(bug.edits))
        from tests.planted import scenarios

        getattr(scenarios, bug.check)(Path(folder))
    except AssertionError:
        return CAUGHT
    except BaseException as error:
        if type(error).__name__ == "Bug":  # the invariants that stay on in production saw it
            return CAUGHT
        traceback.print_exc()
        return BROKEN
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return PASSED


def _start(bug: Planted, *, plant: bool) -> int:
    process = os.fork()
    if process == 0:
        try:
            code = _child(bug, plant=plant)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    return process


def main(names: Sequence[str]) -> int:
    assert "gatepass.access" not in sys.modules, "gatepass was imported before the bug could be planted"
    began, wrong = time.monotonic(), []
    chosen = [bug for bug in BUGS if not names or bug.name in names]
    work = [(bug, plant) for bug in chosen for plant in (True, False)]
    running: dict[int, tuple[Planted, bool]] = {}
    while work or running:
        while work and len(running) < _AT_ONCE:
            bug, plant = work.pop(0)
            running[_start(bug, plant=plant)] = (bug, plant)
        process, status = os.wait()
        bug, plant = running.pop(process)
        code = os.waitstatus_to_exitcode(status)
        if code != (CAUGHT if plant else PASSED):
            how = {PASSED: "was not caught", CAUGHT: "fails", BROKEN: "breaks"}.get(
                code, f"ended with {code}"
            )
            wrong.append(f"{bug.name}: {bug.check} {how} {'with' if plant else 'without'} the bug")
    for line in wrong:
        print(line)
    print(f"{len(chosen)} bugs planted, {len(wrong)} wrong, {time.monotonic() - began:.1f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
