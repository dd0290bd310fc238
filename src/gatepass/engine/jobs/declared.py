"""A declaration of teams that is kept as texts: laid out in a private folder, and compiled there.

Nothing else of the server's disk can be reached by it, whatever its files are called.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from gatepass.estate.drift import FOLDER, Drift
from gatepass.teams.applying.running import TeamsError, refuse_faulty
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Compiled

MOST_FILES = 2000


class NoDeclaration(TeamsError):
    """The files of the declaration did not come with the plan, or their names cannot be used."""


def lay_out(root: Path, files: Mapping[str, str]) -> None:
    """Writes the files below `root`. Raises `NoDeclaration` for none, too many, or a name that no file can have."""
    if not files or len(files) > MOST_FILES:
        raise NoDeclaration(
            f"{len(files)} files of the declaration came with the plan; 1 to {MOST_FILES} are needed",
            advice="send it with: gatepass teams apply PLANFILE --server",
        )
    for kind in ("relative", "absolute"):
        (root / kind).mkdir()
    for name, text in files.items():
        place = place_of(root, name)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        except (OSError, ValueError) as odd:
            found = getattr(odd, "strerror", "") or "it is not text"
            raise NoDeclaration(
                f"no file can be called {name[:200]!r}: {found}", advice="name files as the plan does"
            ) from odd


def place_of(root: Path, name: str) -> Path:
    """Where a file of the declaration lies: below `root`, whatever its name is."""
    path = PurePosixPath(name)
    if ".." in path.parts or "\x00" in name:
        raise NoDeclaration(
            f"{name!r} leads out of the folder it was planned from", advice="plan from a folder above it"
        )
    if path.is_absolute():
        return root / "absolute" / path.relative_to(path.anchor)
    return root / "relative" / path


def as_named(text: str, root: Path) -> str:
    """The text with places as they were where the files came from."""
    return text.replace(f"{root}/relative/", "").replace(f"{root}/absolute/", "/")


def refuse(compiled: Compiled, acknowledged: Iterable[str], root: Path) -> None:
    """As `refuse_faulty`, with places as they were where the files came from."""
    try:
        refuse_faulty(compiled, acknowledged)
    except TeamsError as faulty:
        raise TeamsError(as_named(faulty.message, root), advice=faulty.advice) from None


def compiled_drift(drift: Drift) -> Compiled:
    """The declaration that is watched. Raises `TeamsError` with every fault, and for lints of level error that are not
    acknowledged."""
    with tempfile.TemporaryDirectory(prefix="gatepass-teams-") as folder:
        root = Path(folder).resolve()
        lay_out(root, {name: file.text for name, file in drift.files.items()})
        context = place_of(root, drift.context) if drift.context else None
        compiled = compile_wanted(Wanted((place_of(root, FOLDER),), context))
    try:
        refuse(compiled, drift.acknowledge, root)
    except TeamsError as faulty:
        advice = faulty.advice.replace("--acknowledge", "acknowledge in the block drift:")
        raise TeamsError(faulty.message, advice=advice) from None
    return compiled
