"""H3, T-12: after the whole test run no canary secret is in any file, log, process, crash dump or history.

Every secret that the sessions tests make up carries the mark of this run. Directories of these tests are kept to the
end of the run, searched together with what is outside of them, and removed then; a trace fails the run. Under xdist
each worker searches what it kept and the controller the rest.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

RUN = os.environ.setdefault("GATEPASS_CANARY_RUN", secrets.token_hex(5))
"""One mark for all workers of a run; another run on the same machine has another."""
KEPT: list[Path] = []
ON_PURPOSE: set[Path] = set()
FOUND: list[str] = []
MOST_BYTES = 32 * 1024 * 1024
HISTORIES = (
    ".bash_history",
    ".zsh_history",
    ".local/share/fish/fish_history",
    ".python_history",
    ".lesshst",
    ".viminfo",
)
HOMES = (".aws", ".config/gatepass", ".local/share/gatepass", ".local/state/gatepass", ".gatepass")
DUMPS = ("/var/crash", "/var/lib/systemd/coredump", "/var/lib/apport/coredump")


def canary(kind: str) -> str:
    """A secret of this run, to be followed by whatever makes it unique."""
    return f"{kind}Canary{RUN}"


def private_place() -> Path:
    """A private directory with a path short enough for a socket, kept until the run is over."""
    place = Path(tempfile.mkdtemp(prefix="gp-", dir="/tmp"))
    KEPT.append(place)
    return place


def on_purpose(path: Path) -> None:
    """The test has this file, or what is below, written with credentials because that is what it is about (S-44)."""
    ON_PURPOSE.add(path)


def needles(run: str = RUN) -> list[bytes]:
    """The mark as it is, and as it looks within base64 at each of the three places it may begin."""
    mark = f"Canary{run}".encode()
    coded = [base64.b64encode(b"-" * shift + mark)[4 if shift else 0 : -4] for shift in range(3)]
    return [mark, *coded]


def traces_in_files(places: Iterable[Path], marks: list[bytes]) -> Iterator[str]:
    """Every file below these places that holds a mark, and every core dump there."""
    for place in places:
        for path in _files(place):
            if ON_PURPOSE & {path, *path.parents}:
                continue
            if re.fullmatch(r"core(\.\d+)?", path.name):
                yield f"{path}: a core dump"
            with contextlib.suppress(OSError), path.open("rb") as file:
                data = file.read(MOST_BYTES)
                if any(mark in data for mark in marks):
                    yield f"{path}: holds a canary"


def _files(place: Path) -> Iterator[Path]:
    """The files of a place that others may change meanwhile, or not let us see: what is gone or hidden is left out."""
    if os.path.isfile(place) and not os.path.islink(place):
        yield place
    for folder, _, names in os.walk(place):
        paths = (Path(folder, name) for name in sorted(names))
        yield from (path for path in paths if os.path.isfile(path) and not os.path.islink(path))


def traces_in_processes(marks: list[bytes]) -> Iterator[str]:
    """Every process of this machine that shows a mark in its arguments or its environment."""
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                data = (process / name).read_bytes()
                if any(mark in data for mark in marks):
                    yield f"process {process.name}: a canary in its {name}"


def outside(home: Path) -> list[Path]:
    """Where secrets might end up that belong to no test."""
    found = [home / name for name in (*HISTORIES, *HOMES)]
    found += [Path(place) for place in DUMPS]
    found += Path("/var/tmp").glob("gatepass-*")
    found += Path("/dev/shm").glob("*")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return found + ([Path(runtime) / "gatepass"] if runtime else [])


def search_everywhere(more: Iterable[Path] = ()) -> list[str]:
    """All traces on this machine."""
    home = Path(os.path.expanduser("~"))  # "~" itself where there is none
    return [*traces_in_files((*outside(home), *more), needles()), *traces_in_processes(needles())]


# --- at the end of the run --------------------------------------------------------------------------------------------


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """What a worker of xdist has found."""
    FOUND.extend(getattr(node, "workeroutput", {}).get("canaries", []))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search; a trace fails the run whatever the tests said."""
    found = list(traces_in_files(KEPT, needles()))
    output = getattr(session.config, "workeroutput", None)
    if output is None:
        more = [Path(session.config.rootpath) / ".pytest_cache"]
        factory = getattr(session.config, "_tmp_path_factory", None)
        if factory is not None and KEPT:
            more.append(factory.getbasetemp())
        FOUND.extend(found + search_everywhere(more))
        if FOUND:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    else:
        output["canaries"] = found
    for place in KEPT:
        shutil.rmtree(place, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say where."""
    if FOUND:
        terminalreporter.section("canary secrets were left behind (H3)", red=True)
        for line in sorted(set(FOUND)):
            terminalreporter.line(line)
