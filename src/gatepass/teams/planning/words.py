"""A plan in words: every change with its fields, who gains (in red) and who loses, what is in the way (T-75)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from gatepass.teams.kinds.kind import Field
from gatepass.teams.planning.plan import Action, Change, Plan

_SIGN = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.DELETE: "-",
    Action.ADOPT: "=",
    Action.BLOCKED: "!",
    Action.NONE: ".",
}
_RED, _GREEN, _END = "\x1b[31m", "\x1b[32m", "\x1b[0m"


def plan_lines(plan: Plan, *, colour: bool = False, verbose: bool = False) -> list[str]:
    """The plan for a terminal, sorted by account, kind, name; without times (T-77). `verbose` names also what stays as
    it is."""
    return list(_lines(plan, colour, verbose))


def _lines(plan: Plan, colour: bool, verbose: bool) -> Iterator[str]:
    account = ""
    for change in plan.changes:
        if change.action is Action.NONE and not verbose:
            continue
        if change.account_id != account:
            account = change.account_id
            yield f"account {account}"
        yield from _change(change, colour)
    for number, reason in sorted(plan.unread.items()):
        yield f"! account {number} cannot be read, nothing is planned there: {reason}"
    for arn, ids in plan.dangling.items():
        yield f"! {arn} trusts {', '.join(ids)}: a principal that was deleted"
    for arn in plan.foreign:
        yield f"? {arn} trusts our teams and nobody declares it"
    if plan.ways:
        yield "people and other starts:"
        for line in plan.ways:
            yield f"  {line}"
    for number in plan.lockouts:
        yield f"! account {number} would be left without a way in: apply will refuse"
    yield _summary(plan)


def _summary(plan: Plan) -> str:
    if plan.is_empty:
        return "no changes: everything is as declared"
    counts = {action: sum(change.action is action for change in plan.changes) for action in _SIGN}
    still = (Action.BLOCKED, Action.NONE)
    words = [f"{count} to {action}" for action, count in counts.items() if count and action not in still]
    blocked = [f"{counts[Action.BLOCKED]} blocked"] if counts[Action.BLOCKED] else []
    return "plan: " + ", ".join([*words, *blocked] or ["nothing to write"])


def _change(change: Change, colour: bool) -> Iterator[str]:
    phase = " (second phase)" if change.phase == 2 and change.is_write else ""
    yield f"  {_SIGN[change.action]} {change.kind} {change.name}{phase}"
    if change.reason:
        yield f"      {change.reason}"
    for item in change.fields:
        if change.action is Action.CREATE and item.name in {"trust", "inline", "document"}:
            continue  # the meaning says it shorter
        yield from _field(item)
    for principal in change.meaning.gains:
        line = f"      gains: {principal}"
        yield f"{_RED}{line}{_END}" if colour else line
    for principal in change.meaning.loses:
        line = f"      loses: {principal}"
        yield f"{_GREEN}{line}{_END}" if colour else line


def _field(item: Field) -> Iterator[str]:
    if isinstance(item.before, dict) and isinstance(item.after, dict):
        yield f"      {item.name}:"
        yield from _difference(item.before, item.after)
        return
    if item.before is None:
        yield f"      {item.name}: {_short(item.after)}"
    else:
        yield f"      {item.name}: {_short(item.before)} -> {_short(item.after)}"


def _difference(before: dict[str, object], after: dict[str, object]) -> Iterator[str]:
    """Lines of the two documents that the other does not have, in order."""
    old, new = (json.dumps(value, indent=1, sort_keys=True).splitlines() for value in (before, after))
    kept_old, kept_new = set(old), set(new)
    for line in old:
        if line not in kept_new:
            yield f"        - {line.strip()}"
    for line in new:
        if line not in kept_old:
            yield f"        + {line.strip()}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return text if len(text) <= 100 else f"{text[:97]}..."
