"""Drift: where live accounts are not as declared, in the classes of T-88, and what of it is news. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from gatepass.clock import from_ms, to_ms
from gatepass.teams.planning.plan import Action, Change, Plan

Json = dict[str, Any]


class Sort(StrEnum):
    """How something differs (T-88)."""

    TRUST = "changed trust"
    ATTACHMENTS = "changed attachments"
    CHANGED = "changed"
    DELETED = "deleted"
    UNDECLARED = "undeclared"
    """Ours, and nobody declares it any more."""
    DANGLING = "dangling principal"
    FOREIGN = "foreign trust"
    """A role that nobody declares trusts our teams."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as declared."""

    sort: Sort
    id: str
    """The id of the change that would repair it, or the role's ARN."""
    place: str
    """The account's id, or `identity-center`."""
    account: str = ""
    """The account's name."""
    detail: str = ""
    gained: tuple[str, ...] = ()
    """Principals that may come in, and nobody declares it."""
    lost: tuple[str, ...] = ()
    """Principals that are declared, and may not come in."""
    enforce: bool = False
    """Declared `enforce: true`: to be repaired at once."""
    state: str = ""
    """Fingerprint of what was found: another one is another difference."""
    repaired: bool = False
    why: str = ""
    """Why it was not repaired although it is enforced."""

    @property
    def key(self) -> str:
        """The same as long as the same thing is wrong in the same way."""
        text = "\x00".join((self.sort, self.id, self.state, self.detail))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Looked:
    """One account as it was found."""

    differences: tuple[Difference, ...] = ()
    why: str = ""
    """Why it, or a part of it, could not be read; empty: all was read."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one look at all accounts found, and what of it nobody was told before."""

    at: datetime
    standing: Mapping[str, Difference] = field(default_factory=dict)
    """By key; of accounts that could not be read, what was known of them."""
    since: Mapping[str, datetime] = field(default_factory=dict)
    """By the same key: when it was found first."""
    unread: Mapping[str, str] = field(default_factory=dict)
    looked: int = 0
    """How many accounts were to be read."""
    new: tuple[Difference, ...] = ()
    """Found now and not before; what was repaired is always among them."""
    gone: tuple[Difference, ...] = ()
    unread_now: tuple[str, ...] = ()
    read_again: tuple[str, ...] = ()

    @property
    def is_news(self) -> bool:
        return bool(self.new or self.gone or self.unread_now or self.read_again)

    @property
    def is_success(self) -> bool:
        """Whether anything could be read at all."""
        return len(self.unread) < self.looked or not self.looked

    @property
    def repaired(self) -> tuple[Difference, ...]:
        return tuple(each for each in self.new if each.repaired)


def enforced(plan: Plan) -> Plan:
    """Only what is declared `enforce: true` (T-88)."""
    kept = [
        change if getattr(change.wanted, "enforce", False) else replace(change, action=Action.NONE)
        for change in plan.changes
    ]
    return replace(plan, changes=tuple(kept))


def differences(
    plan: Plan, place: str = "", names: Mapping[str, str] | None = None
) -> tuple[Difference, ...]:
    """Everything that the plan finds not as declared. `place`: where it looked, else each thing's account; `names`: of
    accounts, by id."""
    grants = {change.id.partition("+")[0]: change for change in plan.changes if change.step}
    found = [
        _difference(change, grants.get(change.id), place)
        for change in plan.changes
        if change.action is not Action.NONE and not change.step
    ]
    found += [
        Difference(Sort.DANGLING, arn, place or _account(arn), detail=", ".join(ids))
        for arn, ids in plan.dangling.items()
    ]
    found += [Difference(Sort.FOREIGN, arn, place or _account(arn)) for arn in plan.foreign]
    known = names or {}
    return tuple(replace(each, account=known.get(_number(each.id), "")) for each in found)


def _number(change_or_arn: str) -> str:
    return _account(change_or_arn) if change_or_arn.startswith("arn:") else change_or_arn.partition("/")[0]


def _difference(change: Change, grant: Change | None, place: str) -> Difference:
    """`grant` is the first of two writes of a role whose trust both gained and lost somebody."""
    first = grant or change
    names = list(dict.fromkeys(item.name for part in (first, change) for item in part.fields))
    detail = ", ".join(names) if change.live is not None else ""
    repair = (first.meaning, change.meaning)
    return Difference(
        _sort(change, names),
        change.id,
        place or change.account_id,
        detail=detail or change.reason,
        gained=tuple(dict.fromkeys(who for part in repair for who in part.loses)),
        lost=tuple(dict.fromkeys(who for part in repair for who in part.gains)),
        enforce=bool(getattr(change.wanted, "enforce", False)),
        state=first.fingerprint,
        why=change.reason if change.action is Action.BLOCKED else "",
    )


def _sort(change: Change, names: Iterable[str]) -> Sort:
    if change.live is None:
        return Sort.DELETED
    if change.wanted is None:
        return Sort.UNDECLARED
    if "trust" in names:
        return Sort.TRUST
    return Sort.ATTACHMENTS if "policies" in names else Sort.CHANGED


def _account(arn: str) -> str:
    return arn.split(":")[4]


def concluded(before: Report | None, looked: Mapping[str, Looked], now: datetime) -> Report:
    """The report on what was found, by account. What was told before is no news; what nobody could look at is neither
    news nor gone."""
    known = before.standing if before is not None else {}
    unread = {place: found.why for place, found in sorted(looked.items()) if found.why}
    unread_before = set(before.unread) if before is not None else set()
    found = [each for place in sorted(looked) for each in looked[place].differences]
    ids = {each.id for each in found}
    unknown = {key: each for key, each in known.items() if each.place in unread and each.id not in ids}
    standing = {each.key: each for each in found if not each.repaired} | unknown
    since = before.since if before is not None else {}
    return Report(
        at=now,
        standing=standing,
        since={key: since.get(key, now) for key in standing},
        unread=unread,
        looked=len(looked),
        new=tuple(each for each in found if each.repaired or each.key not in known),
        gone=tuple(each for key, each in known.items() if each.id not in ids and key not in unknown),
        unread_now=tuple(place for place in unread if place not in unread_before),
        read_again=tuple(sorted(unread_before & (set(looked) - set(unread)))),
    )


def difference_json(each: Difference) -> Json:
    """One difference as JSON values; the keys are stable."""
    return {
        "class": str(each.sort),
        "id": each.id,
        "account": each.place,
        "account_name": each.account,
        "detail": each.detail,
        "gained": list(each.gained),
        "lost": list(each.lost),
        "enforce": each.enforce,
        "state": each.state,
        "repaired": each.repaired,
        "why": each.why,
    }


def difference_from(value: Mapping[str, Any]) -> Difference:
    """What `difference_json` wrote."""
    return Difference(
        Sort(value["class"]),
        value["id"],
        value["account"],
        value["account_name"],
        value["detail"],
        tuple(value["gained"]),
        tuple(value["lost"]),
        value["enforce"],
        value["state"],
        value["repaired"],
        value["why"],
    )


def report_json(report: Report) -> Json:
    """The report as JSON values; the keys are stable, moments are milliseconds."""
    return {
        "at": to_ms(report.at),
        "accounts": report.looked,
        "standing": [
            {**difference_json(each), "since": to_ms(report.since[key])}
            for key, each in report.standing.items()
        ],
        "unread": dict(report.unread),
        "new": [difference_json(each) for each in report.new],
        "gone": [difference_json(each) for each in report.gone],
        "unread_now": list(report.unread_now),
        "read_again": list(report.read_again),
    }


def report_from(value: Mapping[str, Any]) -> Report:
    """What `report_json` wrote."""
    standing = {}
    since = {}
    for each in value["standing"]:
        difference = difference_from(each)
        standing[difference.key] = difference
        since[difference.key] = from_ms(each["since"])
    return Report(
        from_ms(value["at"]),
        standing,
        since,
        dict(value["unread"]),
        value["accounts"],
        tuple(difference_from(each) for each in value["new"]),
        tuple(difference_from(each) for each in value["gone"]),
        tuple(value["unread_now"]),
        tuple(value["read_again"]),
    )
