"""From YAML to the rules by which a flow is decided."""

from __future__ import annotations

from datetime import timedelta

from gatepass.estate.format.shape import Item
from gatepass.estate.model import MEMBERS, Approval, Decide, Rule
from gatepass.estate.reading.draft import Draft
from gatepass.estate.reading.reach import Reach


def read_decide(draft: Draft, block: Item, reach: Reach, has_code: bool) -> Decide:
    """The declarative block of one flow, limits of the block passed down to its rules."""
    asked = block.item("ask")
    ask = draft.who(asked) if asked else MEMBERS
    rules: list[Rule] = []
    for item in block.elements("rules"):
        rule = _rule(draft, block, item, reach, has_code)
        covering = next((index for index, earlier in enumerate(rules) if _covers(earlier, rule)), None)
        if covering is not None:
            found = f"rule {covering + 1} matches all that this one does, so this one never decides"
            draft.fault(item, "unreachable_rule", found, "", "put it before, or take it away")
        rules.append(rule)
    return Decide(ask, tuple(rules))


def _covers(earlier: Rule, later: Rule) -> bool:
    people = earlier.ask is None or earlier.ask == later.ask
    targets = not earlier.targets or (bool(later.targets) and later.targets <= earlier.targets)
    places = not earlier.organizations or (
        bool(later.organizations) and later.organizations <= earlier.organizations
    )
    return people and targets and places


def _rule(draft: Draft, block: Item, item: Item, reach: Reach, has_code: bool) -> Rule:
    if reach.complete:
        _known_in_rule(draft, item, reach)
    automatic = item.get("automatic") is True
    if not item.has("approve") and not automatic:
        draft.fault(item, "no_approval", "neither approve nor automatic: true", "who decides must be said")
    if item.has("approve") and automatic and not has_code:
        found = "both approve and automatic: true, but the flow has no code that could approve"
        draft.fault(item, "both_approvals", found, "one of them", "automatic alone approves at once")
    asked, approve = item.item("ask"), item.item("approve")

    def limit(key: str) -> timedelta | None:
        length = item.get(key) if item.has(key) else block.get(key)
        return length if isinstance(length, timedelta) else None

    return Rule(
        ask=draft.who(asked) if asked else None,
        targets=frozenset(item.values("targets")),
        organizations=frozenset(item.values("organizations")),
        approve=_approval(draft, approve) if approve else None,
        automatic=automatic,
        allow_self=(item if item.has("allow_self") else block).get("allow_self") is True,
        max_duration=limit("max_duration"),
        unanswered_after=limit("unanswered_after"),
        accepted_lateness=limit("accepted_lateness"),
    )


def _known_in_rule(draft: Draft, item: Item, reach: Reach) -> None:
    targets = [draft.targets[name] for name in reach.targets]
    names = {each.name for each in targets} | {each.short for each in targets}
    for each in item.elements("targets"):
        if each.value not in names:
            known = ", ".join(sorted({target.short for target in targets})) or "this flow has none"
            draft.fault(each, "unknown_name", f"this flow offers no target {each.value!r}", known)
    for each in item.elements("organizations"):
        if each.value not in reach.organizations:
            known = ", ".join(reach.organizations) or "this flow reaches none"
            draft.fault(each, "unknown_name", f"this flow does not reach {each.value!r}", known)


def _approval(draft: Draft, item: Item) -> Approval:
    who = draft.who(item)
    needed = item.get("needed") or 1
    named = len(item.elements("people"))
    if not item.has("groups") and not item.has("roles") and 0 < named < needed:
        found = f"{needed} people must approve, but only {named} may"
        draft.fault(item.item("needed") or item, "quorum", found, "", "name more people, or a group")
    return Approval(who, needed)
