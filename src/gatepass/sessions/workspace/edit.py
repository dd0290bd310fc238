"""Changing `workspace.toml` without touching what people wrote: whole tables are added, replaced or removed.

Every other byte stays. The result is parsed before it is written: an edit that would change anything else is refused.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gatepass.errors import Bug
from gatepass.sessions.errors import BadInput
from gatepass.sessions.files import locked, private_dir, read_private, replace
from gatepass.sessions.model import Workspace
from gatepass.sessions.workspace.reading import VERSION, WorkspaceError, parse_workspace, toml_key, toml_value

_PLACE = re.compile(r"^(line \d+ )?\[[^\]]*\] ")
Table = Mapping[str, object]
TableName = tuple[str, str]
"""`("session", "gateway")`."""


def edit_workspace(path: Path, changes: Mapping[TableName, Table | None]) -> Workspace:
    """Apply `changes` (None removes) to the file under its lock; the workspace as it is then.

    May be repeated. When the result would not be a sound workspace nothing is written: `BadInput` names the keys
    when the change is to blame, `WorkspaceError` the lines when the file was faulty before.
    """
    private_dir(path.parent)
    with locked(path.with_suffix(".lock")):
        try:
            before = read_private(path).decode("utf-8")
        except FileNotFoundError:
            before = f"version = {VERSION}\n"
        after = edited(before, changes, path)
        workspace = _sound(before, after, path)
        if after != before:
            replace(path, after.encode("utf-8"))
    return workspace


def _sound(before: str, after: str, path: Path) -> Workspace:
    """The workspace of `after`. Faults that the change brings are told of the change, not of the file's lines."""
    try:
        return parse_workspace(after, path)
    except WorkspaceError as error:
        with suppress(WorkspaceError):
            parse_workspace(before, path)
            what = "; ".join(_PLACE.sub("", fault) for fault in error.faults)
            raise BadInput(what, advice="nothing was changed; give KEY=VALUE with another value") from error
        raise


def edited(text: str, changes: Mapping[TableName, Table | None], path: Path) -> str:
    """`text` with the tables changed; checks that nothing else did."""
    lines = text.splitlines(keepends=True)
    placed: set[TableName] = set()
    out: list[str] = []
    at = 0
    while at < len(lines):
        name = _header(lines[at])
        key = (name[0], name[1]) if name else None
        if key is None or key not in changes:
            out.append(lines[at])
            at += 1
            continue
        table = changes[key]
        if table is not None and key not in placed:
            out.append(_render(key, table))
            placed.add(key)
        at = _end_of_table(lines, at)
    for key, table in changes.items():
        if table is not None and key not in placed:
            out.append(_separator(out) + _render(key, table))
    after = "".join(out)
    _check_only_these_changed(text, after, changes, path)
    return after


def table_at(path: Path, key: TableName) -> dict[str, Any] | None:
    """The raw table of one session or integration, or None."""
    try:
        document = tomllib.loads(read_private(path).decode("utf-8"))
    except FileNotFoundError:
        return None
    except tomllib.TOMLDecodeError as error:
        raise WorkspaceError(path, [f"not TOML: {error}"]) from error
    found = document.get(key[0], {}).get(key[1])
    return dict(found) if isinstance(found, dict) else None


def _header(line: str) -> tuple[str, ...] | None:
    """`("session", "name")` for a table header of ours, more parts for a table below it, None for other lines."""
    if not line.startswith("["):
        return None
    try:
        document: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    parts: list[str] = []
    while isinstance(document, dict) and len(document) == 1:
        (key,) = document
        parts.append(key)
        document = document[key]
    return tuple(parts) if len(parts) >= 2 else None


def _end_of_table(lines: list[str], start: int) -> int:
    """The line after the table's last key: comments and blank lines before the next header belong to that one."""
    end = start + 1
    last_content = end
    while end < len(lines) and not lines[end].startswith("["):
        stripped = lines[end].strip()
        end += 1
        if stripped and not stripped.startswith("#"):
            last_content = end
    return last_content


def _separator(out: list[str]) -> str:
    if not out:
        return ""
    return "\n" if out[-1].endswith("\n") else "\n\n"


def _render(key: TableName, table: Table) -> str:
    rows = [f"[{key[0]}.{toml_value(key[1])}]"] + [
        f"{toml_key(k)} = {toml_value(v)}" for k, v in table.items()
    ]
    return "\n".join(rows) + "\n"


def _check_only_these_changed(
    before: str, after: str, changes: Mapping[TableName, Table | None], path: Path
) -> None:
    try:
        expected: dict[str, Any] = tomllib.loads(before)
    except tomllib.TOMLDecodeError as error:
        raise WorkspaceError(path, [f"not TOML: {error}"]) from error
    for (group, name), table in changes.items():
        tables = expected.setdefault(group, {})
        if table is None:
            tables.pop(name, None)
        else:
            tables[name] = _plain(table)
    try:
        found: dict[str, Any] = tomllib.loads(after)
    except tomllib.TOMLDecodeError as error:  # half a surrogate pair, for example
        raise BadInput(f"a value cannot be written into {path} ({error})", advice="change it") from error
    if {k: v for k, v in found.items() if v != {}} != {k: v for k, v in expected.items() if v != {}}:
        raise Bug(
            f"changing {len(changes)} tables of {path} would change others too; nothing was written",
            advice='write each table under its own [session."name"] header',
        )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
