"""Sessions that a team shares (S-57): read-only files, for example in a git checkout. Local tables override by name.

Whoever can write such a file must not gain more than to describe roles. Refused is what runs a program, writes tokens
where others read them, opens a browser unasked, or leads tools to another host than AWS or this machine; and a session
that answers to the name of one of the person's own.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_REFUSED = {"command", "token_command", "assertion_command", "mfa_source", "token_file", "auto_login"}
_CHOICES = {"mfa_source", "auto_login", "share_sso_cache", "assertion_command"}
"""Those of the refused without which there still is a login or a session."""
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
        faults += found + _impostors(path, shared.get("session", {}), local.get("session", {}))
        for group in _GROUPS:
            own = result.get(group, {})
            if isinstance(own, dict):
                result[group] = {**shared.get(group, {}), **own}
    return result, faults


def _impostors(path: Path, shared: Document, own: object) -> list[str]:
    """Tools and people name a session by its profile first: one that is the name of the person's own is theirs."""
    names = own.keys() if isinstance(own, dict) else ()
    return [
        f"registry {path}: session {name!r}: profile: {table['profile']!r} is the name of a session of yours"
        for name, table in shared.items()
        if table.get("profile") in names and name not in names
    ]


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
            bad = _refused(table)
            if bad:
                faults.append(f"registry {path}: {group} {name!r}: {bad[0]} is not taken from shared files")
            else:
                more = {"source": f"registry:{path.name}"} if group == "session" else {}
                kept.setdefault(group, {})[name] = {**table, **more}
    return kept, faults


def _refused(table: Document) -> list[str]:
    """The keys that are not a stranger's to set."""
    bad = sorted(_REFUSED & table.keys())
    if table.get("kind") == "process":
        bad.append("kind")
    if table.get("share_sso_cache", "off") not in ("off", "read"):
        bad.append("share_sso_cache")
    if not _is_here(str(table.get("endpoint_url", "http://localhost"))):
        bad.append("endpoint_url")
    return bad


def shareable(table: Document) -> Document | None:
    """The table as a registry may have it: without what is the person's own to choose. None: nothing would be left."""
    kept = {key: value for key, value in table.items() if key not in _CHOICES or key not in _refused(table)}
    return None if _refused(kept) else kept


def _is_here(url: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    except ValueError:
        return False
