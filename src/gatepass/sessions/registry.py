"""Sessions that a team shares (S-57): read-only files, for example in a git checkout. Local tables override by name.

Whoever can write such a file must not gain more than to describe roles: everything that runs a program is refused.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_RUNS = {"command", "token_command", "assertion_command", "mfa_source", "token_file"}
_GROUPS = ("integration", "session")
Document = dict[str, Any]


def merged(local: Document, home: Path) -> tuple[Document, list[str]]:
    """The local document over those that its `[settings] registry` names; faults of these as `path: what`."""
    settings = local.get("settings", {})
    names = settings.get("registry", []) if isinstance(settings, dict) else []
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        return local, []  # the schema says what is wrong with it
    result = dict(local)
    faults: list[str] = []
    for name in names:
        path = (home / Path(name).expanduser()).resolve()
        shared, found = _read(path)
        faults += found
        for group in _GROUPS:
            own = result.get(group, {})
            if isinstance(own, dict):
                result[group] = {**shared.get(group, {}), **own}
    return result, faults


def _read(path: Path) -> tuple[Document, list[str]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, [f"registry {path}: there is no such file"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return {}, [f"registry {path}: it cannot be read ({error})"]
    faults: list[str] = []
    kept: Document = {}
    for group in _GROUPS:
        tables = document.get(group, {})
        if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
            faults.append(f'registry {path}: {group}: allowed: tables like [{group}."name"]')
            continue
        for name, table in tables.items():
            bad = sorted(_RUNS & table.keys()) or (["kind"] if table.get("kind") == "process" else [])
            if bad:
                faults.append(f"registry {path}: {group} {name!r}: {bad[0]} is not taken from shared files")
            else:
                more = {"source": f"registry:{path.name}"} if group == "session" else {}
                kept.setdefault(group, {})[name] = {**table, **more}
    return kept, faults
