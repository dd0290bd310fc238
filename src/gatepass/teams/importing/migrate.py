"""From IAM users to Identity Center with the same reach: what to make, and what cannot be kept (9.5). Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gatepass.teams.compiling.patterns import SET_NAME_LENGTH
from gatepass.teams.model import Account, Finding, Level, Resources, Role, User
from gatepass.teams.people.making import SELF_SERVICE
from gatepass.teams.reach.nodes import NodeKind
from gatepass.teams.reach.questions import Reach

Access = frozenset[tuple[str, str, str]]
"""(user, account id, what the role there may do)."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The Identity Center side of what users reach today, as a native declaration, and what is lost on the way."""

    organization: Mapping[str, Any]
    """`permission_sets`, `directory_groups`, `assignments`."""
    lost: tuple[Finding, ...] = ()
    before: Access = frozenset()
    after: Access = frozenset()

    @property
    def keeps_reach(self) -> bool:
        """Whether everybody reaches the same permissions in the same accounts."""
        return self.before == self.after


@dataclass(slots=True)
class _Draft:
    sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """What a role may do -> the permission set for it."""
    holders: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """(permission set, account name) -> users."""


def propose(resources: Resources) -> Proposal:
    """For every role that a user can assume directly, a permission set with the same policies; users who hold the same
    sets in the same accounts become a group."""
    reach = Reach(resources)
    roles = {role.arn: role for role in resources.roles}
    users = {user.arn: user for user in resources.users}
    draft = _Draft()
    before: set[tuple[str, str, str]] = set()
    lost: list[Finding] = []
    for user in sorted(resources.users, key=lambda user: user.arn):
        lost += _lost(user)
        node = reach.principal(user.arn)
        for way in reach.can(node):
            last = way[-1].target
            if last.kind is NodeKind.ROLE and len(way) == 1 and last.id.removeprefix("role:") in roles:
                role = roles[last.id.removeprefix("role:")]
                before.add((user.name, role.account.id, _permissions(role)))
                _grant(draft, user, role)
    declared = _declared(draft)
    accounts = resources.accounts or tuple(role.account for role in resources.roles)
    after = _after(draft, declared, accounts, users.values())
    return Proposal(declared, tuple(lost), frozenset(before), after)


def _permissions(role: Role) -> str:
    """What a role may do, as text that is equal for equal permissions."""
    return json.dumps([sorted(role.policies), dict(role.inline), role.boundary or ""], sort_keys=True)


def _grant(draft: _Draft, user: User, role: Role) -> None:
    permissions = _permissions(role)
    name = draft.names.get(permissions)
    if name is None:
        name = draft.names[permissions] = _free_name(role, draft.sets)
        draft.sets[name] = _set(role)
    draft.holders.setdefault((name, role.account.name), set()).add(user.name)


def _free_name(role: Role, taken: Mapping[str, Any]) -> str:
    """The role's name, shortened to what Identity Center allows, with a number where it is taken."""
    name = re.sub(r"[^\w+=,.@-]", "", role.short or role.name)[:SET_NAME_LENGTH]
    number, free = 2, name
    while free in taken:
        free, number = f"{name[: SET_NAME_LENGTH - 3]}-{number}", number + 1
    return free


def _set(role: Role) -> dict[str, Any]:
    aws = [arn for arn in role.policies if ":iam::aws:policy/" in arn]
    own = [arn.partition(":policy")[2] for arn in role.policies if arn not in aws]
    said: dict[str, Any] = {
        "description": role.description or "",
        "managed_policies": aws,
        "customer_policies": own,
    }
    if role.inline:
        statements = [statement for document in role.inline.values() for statement in _statements(document)]
        said["inline"] = statements
    if role.boundary:
        said["boundary"] = role.boundary
    if role.max_session > 3600:
        said["session"] = f"{min(role.max_session, 43200)}s"
    return {key: value for key, value in said.items() if value}


def _statements(document: Mapping[str, Any]) -> list[Any]:
    said = document["Statement"]
    return list(said) if isinstance(said, list) else [said]


def _declared(draft: _Draft) -> dict[str, Any]:
    """Users with the same assignments become one group; its name says what it is for."""
    by_members: dict[frozenset[str], list[tuple[str, str]]] = {}
    for pair, holders in sorted(draft.holders.items()):
        by_members.setdefault(frozenset(holders), []).append(pair)
    groups: dict[str, Any] = {}
    assignments: list[dict[str, Any]] = []
    for people, pairs in sorted(by_members.items(), key=lambda item: sorted(item[0])):
        members = sorted(people)
        name = "-".join(members) if len(members) <= 2 else f"group-{len(groups) + 1:02}"
        groups[name] = {"members": members}
        for permission_set in sorted({pair[0] for pair in pairs}):
            accounts = sorted(account for known, account in pairs if known == permission_set)
            assignments.append({"permission_set": permission_set, "group": name, "accounts": accounts})
    return {
        "permission_sets": dict(sorted(draft.sets.items())),
        "directory_groups": groups,
        "assignments": assignments,
    }


def _after(
    draft: _Draft, declared: Mapping[str, Any], accounts: Iterable[Account], users: Iterable[User]
) -> Access:
    """Read back from the proposal, not from the draft: what its groups would reach."""
    permissions = {name: text for text, name in draft.names.items()}
    ids = {account.name: account.id for account in accounts}
    known = {user.name for user in users}
    return frozenset(
        (member, ids[account], permissions[said["permission_set"]])
        for said in declared["assignments"]
        for account in said["accounts"]
        for member in declared["directory_groups"][said["group"]]["members"]
        if member in known
    )


def _lost(user: User) -> list[Finding]:
    """What a person of the directory would not have."""
    found = []

    def lose(what: str) -> None:
        message = f"user {user.name} {what}"
        advice = "keep the user for machines, or move the permission into a permission set"
        found.append(
            Finding("not-kept", Level.WARNING, message, user.place, account=user.account.name, advice=advice)
        )

    for name, document in sorted(user.inline.items()):
        if not _only_assumes(document):
            lose(f"has permissions of its own in {name}")
    for arn in user.policies:
        if not arn.endswith(f":policy/{SELF_SERVICE}"):
            lose(f"has {arn} attached")
    if user.boundary:
        lose(f"has boundary {user.boundary}")
    return found


def _only_assumes(document: Mapping[str, Any]) -> bool:
    for statement in _statements(document):
        actions = statement.get("Action", [])
        listed = [actions] if isinstance(actions, str) else list(actions)
        if any(str(action).lower() != "sts:assumerole" for action in listed) or not listed:
            return False
    return True
