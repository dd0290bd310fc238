"""From what a login opens to sessions: plan, show, apply; names stay while the role stays (S-58). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gatepass.sessions.errors import BadInput, plain
from gatepass.sessions.model import Integration, Session, SsoRole, Workspace

FIELDS = (
    "account_name",
    "role_name",
    "account_id",
    "account_email",
    "integration",
    "org",
    "region",
    "tags[KEY]",
)
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._-]+")
Role = Mapping[str, str]
Key = tuple[str, str, str]
Changes = dict[tuple[str, str], dict[str, object] | None]


@dataclass(frozen=True)
class SyncPlan:
    """What would change; `changes` is what `edit_workspace` takes."""

    changes: Changes
    lines: tuple[str, ...] = field(default=())

    def and_(self, other: SyncPlan) -> SyncPlan:
        """Both plans as one."""
        return SyncPlan({**self.changes, **other.changes}, self.lines + other.lines)

    def text(self) -> str:
        """One line per change, then the sum."""
        return "".join(f"{plain(line)}\n" for line in self.lines)


def plan_sync(workspace: Workspace, found: Mapping[str, Sequence[Role]], *, prune: bool) -> SyncPlan:
    """The sessions to add, change and (with `prune`) remove. Raises `BadInput` naming both sides of a collision."""
    have = {key: s for s in workspace.sessions.values() if (key := _key_of(s)) is not None}
    changes: Changes = {}
    lines: list[str] = []
    taken: dict[str, str] = {s.name: f"session {s.name!r} ({s.source})" for s in workspace.sessions.values()}
    for name, roles in found.items():
        integration = workspace.integrations[name]
        seen: set[Key] = set()
        for role in roles:
            key = (name, role["account_id"], role["role_name"])
            seen.add(key)
            if key in have:
                _change_account_name(have[key], role, changes, lines)
                continue
            made = session_name(integration, role)
            _refuse_collision(made, role, taken)
            changes["session", made] = _table(integration, role)
            lines.append(f"+ {made}")
        gone = [s for k, s in have.items() if k[0] == name and k not in seen and s.source == f"sync:{name}"]
        for session in sorted(gone, key=lambda s: s.name):
            lines.append(f"- {session.name}" + ("" if prune else "   (kept; remove it with --prune)"))
            if prune:
                changes["session", session.name] = None
    return SyncPlan(changes, tuple(lines))


def session_name(integration: Integration, role: Role) -> str:
    """The name the template makes, in the characters that names and shells allow."""
    values = {
        "account_name": role.get("account_name") or role["account_id"],
        "role_name": role["role_name"],
        "account_id": role["account_id"],
        "account_email": role.get("email", ""),
        "integration": integration.name,
        "org": integration.org or integration.name,
        "region": integration.region,
    }
    clean: dict[str, object] = {key: _clean(value) for key, value in values.items()}
    clean["tags"] = {key: _clean(value) for key, value in integration.tags}
    try:
        return integration.name_template.format_map(clean)
    except (KeyError, ValueError, IndexError) as error:
        raise BadInput(
            f"integration {integration.name!r}: name_template {integration.name_template!r} cannot be used",
            advice=f"fields are {', '.join(FIELDS)}",
        ) from error


def _clean(value: str) -> str:
    return _NOT_ALLOWED.sub("-", value).strip("-.") or "x"


def _refuse_collision(made: str, role: Role, taken: dict[str, str]) -> None:
    source = f"{role['role_name']} in account {role['account_id']}"
    if made in taken:
        raise BadInput(
            f"the name {made!r} would be that of {taken[made]} and of {source}",
            advice="use account_id in the integration's name_template",
        )
    taken[made] = source


def _key_of(session: Session) -> Key | None:
    recipe = session.recipe
    return (recipe.integration, recipe.account_id, recipe.role_name) if isinstance(recipe, SsoRole) else None


def _table(integration: Integration, role: Role) -> dict[str, object]:
    table: dict[str, object] = {
        "kind": "sso-role",
        "integration": integration.name,
        "account_id": role["account_id"],
        "role_name": role["role_name"],
        "source": f"sync:{integration.name}",
    }
    if role.get("account_name"):
        table["account_name"] = plain(role["account_name"])
    if integration.tags:
        table["tags"] = dict(integration.tags)
    return table


def _change_account_name(
    session: Session,
    role: Role,
    changes: Changes,
    lines: list[str],
) -> None:
    """An account that was renamed keeps its session's name; only what is shown changes."""
    recipe = session.recipe
    assert isinstance(recipe, SsoRole)
    new = plain(role.get("account_name", ""))
    if session.source == "manual" or not new or recipe.account_name == new:
        return
    table: dict[str, object] = {
        "kind": "sso-role",
        "integration": recipe.integration,
        "account_id": recipe.account_id,
        "role_name": recipe.role_name,
        "source": session.source,
        "account_name": new,
    }
    if session.profile != session.name:
        table["profile"] = session.profile
    if session.region is not None:
        table["region"] = session.region
    if session.prod:
        table["prod"] = True
    if session.autostart:
        table["autostart"] = True
    if session.tags:
        table["tags"] = dict(session.tags)
    changes["session", session.name] = table
    lines.append(f"~ {session.name}   (account is now named {new})")
