"""What `status` and `session list` show. Imports the model only when the kept rows do not do (specification 6.2)."""

from __future__ import annotations

import os

from gatepass.sessions.workspace.roster import kept_rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gatepass.sessions.model import Session
    from gatepass.sessions.paths import Paths

    Rows = list[dict[str, Any]]

COLUMNS = (
    "name",
    "kind",
    "profile",
    "account_id",
    "state",
    "remaining_seconds",
    "expires_at",
    "lives_until",
    "prod",
    "cause",
)


NO_SESSIONS = "there are no sessions yet; run: gatepass session add, or: gatepass sync"


def states(paths: Paths, name: str | None) -> Rows:
    """The rows of `status`. Raises a `SessionError`."""
    found = held(str(paths.socket), name)
    if found is not None:
        return found
    found = _shared(paths, name)
    if found is not None:
        return found
    rows = listed(paths)
    if name is not None:
        from gatepass.sessions.workspace.reading import load_workspace, require

        name = require(load_workspace(paths.workspace), name).name
    return [idle(row) for row in rows if name in (None, row["name"])]


def held(socket: str, name: str | None) -> Rows | None:
    """The agent's rows, or None when it does not run or will not say; through the thin client."""
    import json

    from gatepass.sessions.launcher.thin import ask
    from gatepass.sessions.link import connect

    try:
        answer = ask(connect(socket), f"status {name}\n".encode() if name else b"status\n")
    except OSError:
        return None
    if answer[:2] != b"0 ":
        return None
    found: Rows = json.loads(answer[2:])
    return found


def _shared(paths: Paths, name: str | None) -> Rows | None:
    """What processes share where there shall be no agent (S-36); None where there shall be one."""
    from gatepass.sessions.client import conversation, uses_agent

    if uses_agent(paths):
        return None
    with conversation(paths) as talk:
        found: Rows = talk.call("status", name=name)
    return found


def idle(row: dict[str, Any]) -> dict[str, Any]:
    """A session's row of `status` where no agent runs: nothing is held."""
    same = {key: row[key] for key in ("name", "kind", "profile", "account_id", "prod")}
    return {**same, "state": "inactive", "cause": "the agent is not running"}


def listed(paths: Paths) -> Rows:
    """The rows of `session list`, read from the workspace unless they are kept; then kept. Raises a `SessionError`."""
    kept = kept_rows(str(paths.state), str(paths.workspace))
    return _read(paths) if kept is None else kept


def _read(paths: Paths) -> Rows:
    from contextlib import suppress
    from pathlib import Path

    from gatepass.sessions.errors import SessionError
    from gatepass.sessions.files import private_dir, replace
    from gatepass.sessions.workspace.reading import load_workspace
    from gatepass.sessions.workspace.roster import NAME, marks, rendered

    shared = load_workspace(paths.workspace).settings.registry
    home = paths.workspace.parent
    files = [str(paths.workspace), *(str((home / Path(name).expanduser()).resolve()) for name in shared)]
    before = marks(files)
    workspace = load_workspace(paths.workspace)
    rows = [_row(workspace.sessions[name]) for name in sorted(workspace.sessions)]
    quick = workspace.settings.agent  # without one, the states come from what processes share
    if quick and workspace.settings.registry == shared and marks(files) == before:
        with suppress(OSError, SessionError):  # a home that cannot be written to: slower, not wrong
            replace(private_dir(paths.state) / NAME, rendered(files, before, rows), durable=False)
    return rows


def _row(each: Session) -> dict[str, Any]:
    return {
        "name": each.name,
        "kind": each.kind,
        "profile": each.profile,
        "account_id": each.account_id,
        "region": each.region,
        "via": each.via,
        "integration": each.integration,
        "prod": each.prod,
        "source": each.source,
        "tags": [f"{key}={value}" for key, value in each.tags],
    }


def quick(words: list[str], environment: os._Environ[str]) -> str | None:
    """The output of `status` or `session list` in their plain forms; None when it takes the whole command line."""
    from gatepass.cli.rows import as_json, as_table
    from gatepass.sessions.link import agent_place
    from gatepass.sessions.where import directories
    from gatepass.sessions.workspace.roster import COLUMNS as LISTED

    shape: Callable[[Rows, tuple[str, ...]], str] = as_table
    if words[-2:-1] == ["--output"] and words[-1] in ("json", "table"):
        shape = as_json if words[-1] == "json" else as_table
        words = words[:-2]
    config, _data, state, run = directories(environment)
    workspace = os.path.join(config, "workspace.toml")
    if words == ["session", "list"]:
        rows = kept_rows(state, workspace)
        return None if not rows else shape(rows, LISTED) + "\n"
    name = words[1] if len(words) > 1 else None
    if words[:1] != ["status"] or len(words) > 2 or not _plain(name):
        return None  # a name of other characters is looked at by click first
    found = held(agent_place(run), name)
    if found is None and name is None:
        kept = kept_rows(state, workspace)
        found = None if kept is None else [idle(row) for row in kept]
    return None if not found else shape(found, COLUMNS) + "\n"  # that there are none is said by show_list


def _plain(name: str | None) -> bool:
    return name is None or (name[:1] not in ("", "-") and name.isprintable() and " " not in name)
