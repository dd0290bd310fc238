"""The files of an estate, read from a directory: the only place of this package that touches the disk."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from gatepass.estate.drift import FOLDER
from gatepass.estate.model import Estate
from gatepass.estate.reading.loader import YAML_ENDINGS, load
from gatepass.estate.reading.yaml import MAX_TEXT, EstateError, Fault, Place

ENDINGS = (*YAML_ENDINGS, ".py")
DECLARED = (*YAML_ENDINGS, ".json", ".xml")
"""What a declaration of teams is made of; the metadata of SAML providers lies beside it."""
_WATCHED = re.compile(r"""^\{?\s{0,2}"?drift"?\s*:""", re.MULTILINE)
MAX_FILES = 1000


def load_directory(path: Path) -> Estate:
    """The estate in a directory, or in one YAML file beside its Python files.

    Raises `EstateError`; the places of its faults are paths that an editor finds from here.
    """
    try:
        return load(read_sources(path))
    except EstateError as error:
        raise EstateError(_from_here(fault, path) for fault in error.faults) from None


def _from_here(fault: Fault, path: Path) -> Fault:
    root = path if path.is_dir() else path.parent
    return replace(fault, place=replace(fault.place, file=(root / fault.place.file).as_posix()))


def read_sources(path: Path) -> dict[str, str]:
    """Every YAML and Python file of an estate: text by its path within the estate, `/` between parts.

    Hidden directories are left out, and so is the directory `teams` (which `gatepass teams` reads) unless `drift` says
    that the server compares AWS with it. A link that leads out of
    the directory is refused, as is a file that is too large or not UTF-8. Raises `EstateError`.
    """
    if not path.exists():
        raise EstateError(
            [_fault(str(path), "no such file or directory", "make one with: gatepass init DIR")]
        )
    root = path if path.is_dir() else path.parent
    faults: list[Fault] = []
    sources: dict[str, str] = {}
    for file in _files(path, root):
        name = file.relative_to(root).as_posix()
        text = _text(file, root, name, faults)
        if text is not None:
            sources[name] = text
    if path.is_dir() and any(_WATCHED.search(text) for text in sources.values()):
        sources |= _declared(root, faults)
    if not faults and not any(name.endswith(YAML_ENDINGS) for name in sources):
        faults.append(_fault("estate.yaml", "there is no YAML file", "make one with: gatepass init DIR"))
    if len(sources) > MAX_FILES:
        faults.append(_fault("", f"{len(sources)} files", f"at most {MAX_FILES}; is this the estate?"))
    if faults:
        raise EstateError(faults)
    return sources


def _files(path: Path, root: Path) -> list[Path]:
    found = []
    for directory, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith((".", "__")))
        if Path(directory) == root and "teams" in names:
            names.remove("teams")
        found += [Path(directory, name) for name in sorted(files) if name.endswith(ENDINGS)]
        if len(found) > MAX_FILES:
            break
    return [file for file in found if path.is_dir() or file == path or file.suffix == ".py"]


def _declared(root: Path, faults: list[Fault]) -> dict[str, str]:
    """The files of the teams, as every `gatepass teams` reads them."""
    found = {}
    for file in sorted((root / FOLDER).rglob("*")):
        name = file.relative_to(root).as_posix()
        hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
        if file.name.endswith(DECLARED) and file.is_file() and not hidden:
            text = _text(file, root, name, faults)
            if text is not None:
                found[name] = text
    return found


def _text(file: Path, root: Path, name: str, faults: list[Fault]) -> str | None:
    if not file.resolve().is_relative_to(root.resolve()):
        faults.append(_fault(name, "a link that leads out of the estate", "copy the file into the estate"))
        return None
    try:
        if file.stat().st_size > 4 * MAX_TEXT:
            faults.append(_fault(name, "the file is too large", f"at most {MAX_TEXT} characters"))
            return None
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(_fault(name, f"not UTF-8 at byte {error.start}", "save it as UTF-8"))
    except OSError as error:
        faults.append(_fault(name, f"cannot be read: {error.strerror}", ""))
    return None


def _fault(file: str, found: str, advice: str) -> Fault:
    return Fault("file", Place(file, 1, 1), "", found, "", advice)
