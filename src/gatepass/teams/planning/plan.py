"""A plan as a value: what would happen to each thing, and how that is written down (specification of teams, 11.2)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from gatepass.teams.applying.halfway import Parts
from gatepass.teams.kinds.kind import Field
from gatepass.teams.model import Compiled, Resources
from gatepass.teams.planning.meaning import Meaning
from gatepass.teams.wire import compiled_json


class Action(StrEnum):
    """What happens to one thing."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ADOPT = "adopt"
    """Exists and is not ours: gets our tags, and becomes as wanted (T-81)."""
    BLOCKED = "blocked"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing and what happens to it."""

    kind: str
    account_id: str
    name: str
    action: Action
    fields: tuple[Field, ...] = ()
    meaning: Meaning = field(default_factory=Meaning)
    fingerprint: str = ""
    """Of the live thing this was planned against (T-76)."""
    before: Parts | None = None
    """Of the same thing; None: there was none."""
    reason: str = ""
    """Why it is blocked, or what to know."""
    phase: int = 1
    """1 grants and makes, 2 revokes and removes (T-79)."""
    wanted: Any = None
    """The value to reach; None for removals. Not written to plan files."""
    live: Any = None
    step: str = ""
    """`grant` for the first of the two writes of a move: nobody loses yet (T-79)."""

    @property
    def id(self) -> str:
        step = f"+{self.step}" if self.step else ""
        return f"{self.account_id}/{self.kind}/{self.name}{step}"

    @property
    def is_write(self) -> bool:
        return self.action not in {Action.NONE, Action.BLOCKED}


@dataclass(frozen=True, slots=True)
class Options:
    """How to plan."""

    estate: str
    """Written to the tag `gatepass:managed`; what is ours is known by it."""
    adopt: bool = False
    allow_delete: bool = False
    force: bool = False
    """Also what was used lately."""
    used_within: timedelta = timedelta(days=90)
    revoke_sessions: bool = False
    """End living sessions of roles whose trust loses somebody (T-82)."""
    leaving: tuple[str, ...] = ()
    """ARNs of users that an earlier look at all accounts found to be leaving; a plan file carries them to its apply."""
    actors: tuple[str, ...] = ()
    """ARNs of which one must keep a way into every account: the apply identity, and break-glass principals."""
    teams: tuple[str, ...] = ()
    """Only what concerns these teams; none: everything."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that would happen, in the order of account id, kind, name (T-77)."""

    changes: tuple[Change, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)
    """Account id -> why it could not be read: nothing is planned there."""
    lockouts: tuple[str, ...] = ()
    """Accounts that would be left without a way in; apply refuses (T-79)."""
    dangling: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()
    """Roles nobody declares that trust our teams (T-88)."""
    leaving: tuple[str, ...] = ()
    """ARNs of the users whose sessions end with them."""
    ways: tuple[str, ...] = ()
    """In words: which people and other starts gain or lose which role, by whatever path (T-75)."""

    @property
    def writes(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.is_write)

    @property
    def too_long(self) -> tuple[Change, ...]:
        """Roles whose trust policy is over the live quota of their account."""
        return tuple(change for change in self.blocked if change.reason.startswith("trust-too-long"))

    @property
    def blocked(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.action is Action.BLOCKED)

    @property
    def is_empty(self) -> bool:
        """Nothing to write, nothing in the way."""
        return not self.writes and not self.blocked and not self.unread


def predicted(live: Resources, wanted: Resources, changes: Iterable[Change]) -> Resources:
    """The state after the plan: what is live, with every write of the plan done."""
    listed = list(changes)
    gone = {
        (change.account_id, change.kind, change.name.lower()) for change in listed if change.wanted is None
    }
    made = {
        (change.account_id, change.kind, change.name.lower()): change.wanted
        for change in listed
        if change.wanted
    }

    def after(kind: str, items: tuple[Any, ...]) -> tuple[Any, ...]:
        kept = {(kind, item.account.id, item.name.lower()): item for item in items}
        for account_id, changed, name in gone:
            kept.pop((changed, account_id, name), None)
        for (account_id, changed, name), value in made.items():
            if changed == kind:
                kept[kind, account_id, name] = value
        return tuple(kept[key] for key in sorted(kept))

    return replace(
        live,
        organizations=wanted.organizations,
        roles=after("role", live.roles),
        policies=after("policy", live.policies),
        users=after("user", live.users),
        groups=after("group", live.groups),
    )


def estate_hash(compiled: Compiled) -> str:
    """Changes whenever what is declared compiles to something else (T-76)."""
    text = json.dumps(compiled_json(compiled), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values: what a plan file carries and `--output json` shows. No secret is in it (T-77)."""
    return {
        "changes": [change_json(change) for change in plan.changes if change.action is not Action.NONE],
        "unchanged": sum(change.action is Action.NONE for change in plan.changes),
        "unread": dict(sorted(plan.unread.items())),
        "lockouts": list(plan.lockouts),
        "dangling": {arn: list(ids) for arn, ids in plan.dangling.items()},
        "foreign_trust": list(plan.foreign),
        "ways": list(plan.ways),
    }


def change_json(change: Change) -> dict[str, Any]:
    """One change as JSON values."""
    return {
        "id": change.id,
        "kind": change.kind,
        "account_id": change.account_id,
        "name": change.name,
        "action": str(change.action),
        "phase": change.phase,
        "fields": [{"name": item.name, "before": item.before, "after": item.after} for item in change.fields],
        "gains": list(change.meaning.gains),
        "loses": list(change.meaning.loses),
        "fingerprint": change.fingerprint,
        "before": change.before if change.is_write else None,
        "reason": change.reason,
    }
