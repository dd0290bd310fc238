"""What would change, in words, before it changes (specification of teams, 11.2 to 11.4).

Pure: live and wanted state in, plan out; equal input gives an equal plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gatepass.clock import EPOCH, iso
from gatepass.policy import dangling
from gatepass.teams.applying.halfway import is_halfway, parts_of
from gatepass.teams.applying.live import Live, ours_to_touch
from gatepass.teams.compiling.compaction import patterns_of
from gatepass.teams.compiling.patterns import arn_account
from gatepass.teams.kinds.entries import Entry, entries
from gatepass.teams.kinds.kind import PROTECT, REVOKED, Field, Kind, fingerprint, owned
from gatepass.teams.model import Compiled, Document, Role
from gatepass.teams.people.making import ASSUME_POLICY
from gatepass.teams.planning.guard import lockouts
from gatepass.teams.planning.meaning import Meaning, candidates_of, lets_in, meaning
from gatepass.teams.planning.moving import between
from gatepass.teams.planning.plan import Action, Change, Options, Plan


def make_plan(
    wanted: Compiled,
    live: Live,
    options: Options,
    *,
    now: datetime,
    center: Iterable[tuple[Entry, Any]] = (),
    undeclared: Iterable[Entry] = (),
    accounts: Iterable[str] | None = None,
) -> Plan:
    """The plan. `center` gives wanted things of Identity Center with their live values, `undeclared` those of ours that
    nobody declares; `accounts` limits it."""
    chosen = None if accounts is None else set(accounts)
    readable = [
        entry
        for entry in entries(wanted.resources, options.estate)
        if entry.account_id not in live.unread and (chosen is None or entry.account_id in chosen)
    ]
    existing = {entry.key: entry for entry in entries(live.resources)}
    wanted_keys = {entry.key for entry in readable}
    leaving = {*options.leaving, *_leaving(existing, wanted_keys, options)}
    people = candidates_of(wanted.resources, live.resources) | leaving
    planner = _Planner(options, live, people, now, frozenset(leaving))
    changes = [
        change for entry in readable for change in planner.changes(entry, _value(existing.get(entry.key)))
    ]
    referred = {entry.key for entry in entries(wanted.resources)}
    for key, entry in existing.items():
        if key not in wanted_keys | referred and (chosen is None or entry.account_id in chosen):
            removal = planner.removal(entry)
            if removal is not None:
                changes.append(removal)
    changes += [planner.change(entry, current) for entry, current in center]
    changes += [removal for entry in undeclared if (removal := planner.removal(entry)) is not None]
    ordered = tuple(
        sorted(changes, key=lambda change: (change.account_id, change.kind, change.name, change.phase))
    )
    locked = lockouts(live.resources, ordered, options.actors)
    return Plan(
        ordered,
        live.unread,
        locked,
        _dangling(live, ordered),
        _foreign(wanted, live, options.estate),
        tuple(sorted(leaving)),
    )


def _leaving(
    existing: Mapping[tuple[str, str, str], Entry], wanted: set[tuple[str, str, str]], options: Options
) -> Iterator[str]:
    """Users of ours that nobody declares any more and that may be removed."""
    for key, entry in existing.items():
        if (
            options.allow_delete
            and key[1] == "user"
            and key not in wanted
            and owned(entry.value.tags, options.estate)
        ):
            yield entry.value.arn


def _value(entry: Entry | None) -> Any:
    return entry.value if entry is not None else None


@dataclass(frozen=True, slots=True)
class _Planner:
    options: Options
    live: Live
    people: set[str]
    now: datetime
    leaving: frozenset[str] = frozenset()
    """ARNs of users that this plan removes: their sessions of roles are ended with them."""

    def changes(self, entry: Entry, live: Any) -> Iterator[Change]:
        """What becomes of one wanted thing: one change, or two where its trust lets in new callers and no longer lets
        in others."""
        change = self.change(entry, live)
        moves = isinstance(change.wanted, Role) and change.is_write and change.phase == 2
        if not moves or not change.meaning.gains:
            yield change
            return
        quota = self.live.quotas.get(entry.account_id, entry.value.account.trust_quota)
        wanted = change.wanted
        both = between(live.trust, wanted.trust, self.people, quota)
        if both is None:
            yield replace(
                change, reason="grants and revocations in one write: not both documents fit into one"
            )
            return
        middle = replace(live, trust=both, kind=wanted.kind, enforce=wanted.enforce, short=wanted.short)
        yield replace(
            change, step="grant", phase=1, wanted=middle, fields=tuple(entry.kind.differences(live, middle)),
            meaning=self._meaning(live, middle), reason="",
        )  # fmt: skip
        yield replace(
            change, fields=tuple(entry.kind.differences(middle, wanted)), meaning=self._meaning(middle, wanted),
            fingerprint=fingerprint(entry.kind, middle), before=parts_of(entry.kind, middle),
        )  # fmt: skip

    def change(self, entry: Entry, live: Any) -> Change:
        """What becomes of one wanted thing, as one change."""
        kind, wanted = entry.kind, entry.value
        base = Change(
            kind.name, entry.account_id, entry.name, Action.CREATE, wanted=wanted, live=live,
            fingerprint=fingerprint(kind, live), before=parts_of(kind, live),
        )  # fmt: skip
        refused = self._too_long(entry) or self._not_closed(entry.value)
        if refused:
            return replace(base, action=Action.BLOCKED, reason=refused)
        if live is None:
            gains = meaning(None, wanted.trust, self.people) if isinstance(wanted, Role) else Meaning()
            return replace(base, fields=tuple(_all_fields(kind, wanted)), meaning=gains)
        return self._existing(base, kind, live, wanted)

    def _existing(self, base: Change, kind: Kind[Any], live: Any, wanted: Any) -> Change:
        if isinstance(wanted, Role):
            wanted = self._carrying(live, wanted)
            base = replace(base, wanted=wanted)
        fields = kind.differences(live, wanted)
        # a group has no tags to know it by while its policies are not all there
        mine = self._is_ours(kind.name, live) or (
            kind.name == "group" and is_halfway(kind, live, None, wanted)
        )
        real = [item for item in fields if item.name != "tags" or not _only_owner_tags(item)]
        if not mine and not real and not self.options.adopt:
            return replace(base, action=Action.NONE, reason="as wanted, but not ours: --adopt would tag it")
        if not fields:
            return replace(base, action=Action.NONE)
        said = replace(base, fields=tuple(fields), meaning=self._meaning(live, wanted))
        if any(item.name == "path" for item in fields) and kind.name == "role":
            return replace(
                said,
                action=Action.BLOCKED,
                reason="the path of a role cannot be changed: rename or remove it",
            )
        if not mine and not self.options.adopt:
            reason = "a thing of this name exists that is not ours: --adopt takes it over"
            return replace(said, action=Action.BLOCKED, reason=reason)
        if getattr(wanted, "protect", False) and said.meaning.loses:
            return replace(
                said, action=Action.BLOCKED, reason="protect: true keeps its trust from being narrowed"
            )
        phase = 2 if said.meaning.loses and kind.name == "role" else 1
        if kind.name == "user" and _drops(fields, "groups"):
            phase = 2
        return replace(said, action=Action.UPDATE if mine else Action.ADOPT, phase=phase)

    def _carrying(self, live: Role, wanted: Role) -> Role:
        """The wanted role with the policy that ends living sessions: a new one where somebody loses access and that
        is asked for; an old one for as long as a session of before may live (T-82)."""
        ended = live.inline.get(REVOKED)
        loses = (
            set(self._meaning(live, wanted).loses) if self.options.revoke_sessions or self.leaving else set()
        )
        if (self.options.revoke_sessions and loses) or loses & self.leaving:
            ended = revocation(self.now)
        elif ended is not None and self.now - revoked_at(ended) > LONGEST_SESSION:
            ended = None
        if ended is None:
            return wanted
        return replace(wanted, inline={**wanted.inline, REVOKED: ended})

    def _is_ours(self, kind: str, live: Any) -> bool:
        if kind == "group":  # groups of IAM carry no tags
            assumes = f":policy/{ASSUME_POLICY}-"
            return ASSUME_POLICY in live.inline or any(assumes in arn for arn in live.policies)
        if kind in {"assignment", "directory-group"}:
            return True
        return owned(live.tags, self.options.estate)

    def _meaning(self, live: Any, wanted: Any) -> Meaning:
        if not isinstance(wanted, Role):
            return Meaning()
        return meaning(live.trust, wanted.trust, self.people)

    def _too_long(self, entry: Entry) -> str:
        """The live quota, not the assumed one, decides (A8)."""
        quota = self.live.quotas.get(entry.account_id)
        if not isinstance(entry.value, Role) or quota is None or entry.value.characters <= quota:
            return ""
        return (
            f"trust-too-long: {entry.value.characters} characters, the quota of {entry.account_id} is {quota} now "
            f"(L-C07B4B0D of service iam, us-east-1)"
        )

    def _not_closed(self, role: Any) -> str:
        """Whether names that were taken together (C-7) stand for others too, among the roles that exist now."""
        if not isinstance(role, Role) or role.whole is None or "C-10" in compaction_of(role):
            return ""
        unknown = sorted(joined_in(role) - self.live.seen)
        if unknown:
            return f"names-not-closed: the roles of {', '.join(unknown)} could not be read, and its trust is by pattern"
        found = meaning(role.whole, role.trust, self.live.role_arns)
        if not found.gains and not found.loses:
            return ""
        changed = ", ".join((*found.gains, *found.loses))
        return (
            f"names-not-closed: {changed} matches a pattern that C-7 made of other names: rename it, declare it, "
            "or take C-7 away"
        )

    def removal(self, entry: Entry) -> Change | None:
        """What becomes of a live thing nobody wants: nothing, unless it is ours (T-80)."""
        live = entry.value
        if not self._is_ours(entry.kind.name, live) or (isinstance(live, Role) and not ours_to_touch(live)):
            return None
        base = Change(
            entry.kind.name, entry.account_id, entry.name, Action.DELETE, live=live, phase=2,
            fingerprint=fingerprint(entry.kind, live), before=parts_of(entry.kind, live),
        )  # fmt: skip
        if isinstance(live, Role):
            base = replace(base, meaning=meaning(live.trust, None, self.people))
        if getattr(live, "tags", {}).get(PROTECT) == "true":
            reason = f"protect: true: remove its tag {PROTECT} first"
            return replace(base, action=Action.BLOCKED, reason=reason)
        if not self.options.allow_delete:
            return replace(
                base, action=Action.BLOCKED, reason="nobody declares it any more: --allow-delete removes it"
            )
        used = self.live.last_used.get(getattr(live, "arn", ""))
        if used is not None and self.now - used < self.options.used_within and not self.options.force:
            days = (self.now - used).days
            reason = f"used {days} days ago: --force removes it all the same"
            return replace(base, action=Action.BLOCKED, reason=reason)
        return base


def compaction_of(role: Role) -> tuple[str, ...]:
    """What the estate consented to for the role."""
    return role.declared.compaction if role.declared is not None else ()


def joined_in(role: Role) -> set[str]:
    """Ids of the accounts of which its trust takes names together."""
    before = _patterns(role.whole) if role.whole is not None else _patterns(role.trust)
    return {arn_account(pattern) for pattern in _patterns(role.trust) - before}


def _patterns(trust: Document) -> set[str]:
    return {pattern for statement in trust["Statement"] for pattern in patterns_of(statement)}


LONGEST_SESSION = timedelta(hours=12)


def revocation(moment: datetime) -> Document:
    """Denies everything to sessions made before `moment`."""
    condition = {"DateLessThan": {"aws:TokenIssueTime": iso(moment)}}
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    return {"Version": "2012-10-17", "Statement": [statement]}


def revoked_at(document: Document) -> datetime:
    """The moment of a revocation; the distant past when somebody else wrote it."""
    statements = document.get("Statement", ())
    for statement in [statements] if isinstance(statements, dict) else statements:
        said = statement.get("Condition", {}).get("DateLessThan", {}).get("aws:TokenIssueTime")
        moments = said if isinstance(said, list) else [said]
        if moments and isinstance(moments[0], str):
            return datetime.fromisoformat(moments[0].replace("Z", "+00:00"))
    return EPOCH


def _all_fields(kind: Kind[Any], wanted: Any) -> Iterator[Field]:
    for name, value in kind.shown(wanted).items():
        if value not in ("", [], {}, None):
            plain = wanted.trust if name == "trust" else getattr(wanted, name, value)
            yield Field(name, None, dict(plain) if isinstance(plain, Mapping) else plain)


def _only_owner_tags(item: Field) -> bool:
    """Whether the only tags that differ are the ones that say whose it is."""
    mine = {key for key in {*item.before, *item.after} if item.before.get(key) != item.after.get(key)}
    return all(key.startswith("gatepass:") for key in mine)


def _drops(fields: list[Field], name: str) -> bool:
    return any(item.name == name and set(item.before) - set(item.after) for item in fields)


def _dangling(live: Live, changes: tuple[Change, ...]) -> dict[str, tuple[str, ...]]:
    """Principals that were deleted, in the trust of roles the plan knows."""
    found = {
        change.live.arn: dangling(change.live.trust)
        for change in changes
        if isinstance(change.live, Role) and dangling(change.live.trust)
    }
    return dict(sorted(found.items()))


def _foreign(wanted: Compiled, live: Live, estate: str) -> tuple[str, ...]:
    """Live roles that nobody declares and that trust one of our teams by name, or by a pattern over names (T-88)."""
    teams = [role for role in wanted.resources.roles if role.kind == "team"]
    declared = {role.arn for role in wanted.resources.roles}
    found = []
    for role in live.resources.roles:
        if role.arn in declared or not ours_to_touch(role) or owned(role.tags, estate):
            continue
        written = json.dumps(role.trust)
        if any(f'"{team.arn}"' in written or _by_pattern(role.trust, written, team) for team in teams):
            found.append(role.arn)
    return tuple(sorted(found))


def _by_pattern(trust: Document, written: str, team: Role) -> bool:
    """Whether a trust that speaks of roles of the team's account, and not of the account alone, lets the team in."""
    return f":{team.account.id}:role/" in written and "*" in written and lets_in(trust, team.arn)
