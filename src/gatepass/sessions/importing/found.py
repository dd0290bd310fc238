"""What a reader found: tables to add, what it could not take over, and where keys lie."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from gatepass.sessions.model import Workspace

TableName = tuple[str, str]
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._@+-]+")


@dataclass
class Found:
    """The result of reading one source."""

    tables: dict[TableName, dict[str, object]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    """`name: why`, for people."""
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Access keys by session name, for the vault."""
    keys_elsewhere: list[str] = field(default_factory=list)
    """Sessions whose keys must be typed in."""


def clean_name(text: str) -> str:
    """`text` as a session name, one slash kept."""
    account, slash, role = text.partition("/")
    parts = [
        _NOT_ALLOWED.sub("-", part).strip("-.+@_") or "x" for part in ((account, role) if slash else (text,))
    ]
    return "/".join(part[:63] for part in parts)


def without_programs(found: Found) -> Found:
    """Without what runs a program or sends a file: a registry that others write must not make anything run."""
    runs = {
        key: table
        for key, table in found.tables.items()
        if table.get("kind") == "process" or {"token_file", "token_command"} & table.keys()
    }
    tables = {key: table for key, table in found.tables.items() if key not in runs}
    skipped = [
        f"{name}: it runs a program or sends a file; add it by hand if you want that" for _, name in runs
    ]
    return Found(tables, found.skipped + skipped, found.keys, found.keys_elsewhere)


def new_only(found: Found, workspace: Workspace) -> Found:
    """Without what the workspace has already; those are named as skipped, never overwritten."""
    have: set[TableName] = {("session", name) for name in workspace.sessions}
    have |= {("integration", name) for name in workspace.integrations}
    tables = {key: table for key, table in found.tables.items() if key not in have}
    skipped = [
        f"{group} {name}: there is one of this name already"
        for group, name in found.tables
        if (group, name) in have
    ]
    return Found(tables, found.skipped + skipped, found.keys, found.keys_elsewhere)


def drop_broken_chains(found: Found, known: Iterable[str]) -> Found:
    """Without roles whose parent was not taken over: they would make the whole workspace unsound."""
    names = set(known)
    tables = dict(found.tables)
    skipped = list(found.skipped)
    while True:
        sessions = names | {name for group, name in tables if group == "session"}
        broken = [key for key, table in tables.items() if "via" in table and table["via"] not in sessions]
        if not broken:
            return Found(tables, skipped, found.keys, found.keys_elsewhere)
        for key in broken:
            skipped.append(f"{key[1]}: its parent {tables.pop(key)['via']!r} was not taken over")
