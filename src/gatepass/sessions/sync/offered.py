"""From what the gatepass server offers to grant sessions: plan, show, apply, as `sync` does (S-57, S-58). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gatepass.sessions.model import Grant, Workspace
from gatepass.sessions.sync.plan import Changes, SyncPlan

SOURCE = "estate"
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._-]+")
Shown = Mapping[str, Any]
Key = tuple[str, str, str]


def plan_offered(workspace: Workspace, shown: Shown, *, prune: bool) -> SyncPlan:
    """The logins and sessions to add, and (with `prune`) to remove. What has such a name already stays as it is."""
    changes: Changes = {}
    lines: list[str] = []
    logins = _logins(workspace, shown, changes, lines)
    have = {key: s for s in workspace.sessions.values() if (key := _key_of(s.recipe)) is not None}
    names = {_key(each): str(each["name"]) for each in shown["sessions"]}
    for each in shown["sessions"]:
        key = _key(each)
        name = names[key]
        if key in have:
            continue
        if name in workspace.sessions or ("session", name) in changes:
            lines.append(
                f"= {name}   (there is such a session; flow {each['flow']}, {each['target']} is left out)"
            )
            continue
        changes["session", name] = _table(each, logins[str(each["organization"])])
        lines.append(f"+ {name}")
    gone = [s for k, s in have.items() if s.source == SOURCE and k not in names] if shown["complete"] else []
    for session in sorted(gone, key=lambda s: s.name):
        lines.append(f"- {session.name}" + ("" if prune else "   (kept; remove it with --prune)"))
        if prune:
            changes["session", session.name] = None
    return SyncPlan(changes, tuple(lines))


def _logins(workspace: Workspace, shown: Shown, changes: Changes, lines: list[str]) -> dict[str, str]:
    """The integration of each organization: one of the same address, else a new one."""
    by_address = {i.start_url.rstrip("/#"): i.name for i in workspace.integrations.values()}
    found: dict[str, str] = {}
    for login in shown["logins"]:
        known = by_address.get(str(login["start_url"]).rstrip("/#"))
        name = known or _clean(str(login["organization"]))
        found[str(login["organization"])] = name
        if known is None and name not in workspace.integrations:
            table = {"kind": "identity-center", "start_url": login["start_url"], "region": login["region"]}
            changes["integration", name] = table
            lines.append(f"+ login {name}")
    return found


def _table(each: Shown, integration: str) -> dict[str, object]:
    return {
        "kind": "grant",
        "flow": each["flow"],
        "target": each["target"],
        "integration": integration,
        "account_id": each["account_id"],
        "role_name": each["role_name"],
        "source": SOURCE,
    }


def _key(each: Shown) -> Key:
    return str(each["flow"]), str(each["target"]), str(each["account_id"])


def _key_of(recipe: object) -> Key | None:
    if not isinstance(recipe, Grant) or recipe.flow is None:
        return None
    return recipe.flow, recipe.target or "", recipe.account_id or ""


def _clean(text: str) -> str:
    return _NOT_ALLOWED.sub("-", text).strip("-.") or "x"
