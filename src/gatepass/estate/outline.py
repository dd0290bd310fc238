"""What an estate says, in its own words: who may ask for what, who decides, how long at most; and what looks odd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial

from gatepass.estate.durations import format_duration
from gatepass.estate.model import Accounts, Estate, Flow, Person, Rule, Target, Who


@dataclass(frozen=True)
class Line:
    """One thing that some people can ask for through one flow, and how that is decided."""

    organization: str
    """Empty for a flow that gives nothing."""
    flow: str
    target: str
    gives: str
    """In words: the permission set and where, or the group."""
    asked_by: str
    decided_by: str
    at_most: timedelta | None


def outline(estate: Estate) -> tuple[Line, ...]:
    """Every line, organizations in order, then the flows that give nothing."""
    order = {name: index for index, name in enumerate((*estate.organizations, ""))}
    lines = [line for flow in estate.flows.values() for line in _of_flow(estate, flow)]
    return tuple(sorted(lines, key=lambda line: order[line.organization]))


def _of_flow(estate: Estate, flow: Flow) -> Iterator[Line]:
    for target in estate.targets_of(flow) or (None,):
        for rule in _rules_of(flow, target):
            yield Line(
                organization=target.organization if target else "",
                flow=flow.name,
                target=target.name if target else "",
                gives=gives(target) if target else "nothing: the decision is what counts",
                asked_by=_askers(flow, rule),
                decided_by=decided_by(rule),
                at_most=estate.cap(flow, target, rule),
            )


def _rules_of(flow: Flow, target: Target | None) -> Iterator[Rule]:
    """The rules that can decide this target, down to the first that matches everybody."""
    for rule in flow.decide.rules:
        if rule.about(target):
            yield rule
            if rule.ask is None:
                return


def _askers(flow: Flow, rule: Rule) -> str:
    asked = flow.decide.ask.words()
    return f"{asked}, of these only {rule.ask.words()}" if rule.ask else asked


def counted(number: int, plural: str) -> str:
    """`1 grant`, `2 grants`."""
    return f"{number} {plural if number != 1 else plural[:-1]}"


def gives(target: Target) -> str:
    """What a target gives, in words: `permission set Admin in account 888888888888`."""
    settings = target.settings
    if target.type == "aws_sso_group":
        return f"membership of group {settings.get('group_name') or settings.get('group_id') or 'of your choice'}"
    name = settings.get("permission_set_name") or settings.get("permission_set_arn", "").rpartition("/")[2]
    where = f"account {settings['account_id']}" if "account_id" in settings else _where(target.accounts)
    return f"permission set {name or 'of your choice'} in {where}"


def _where(accounts: Accounts | None) -> str:
    if accounts is None or accounts.all:
        return "any account"
    parts = [*sorted(accounts.ids), *(f"those below {unit}" for unit in sorted(accounts.units))]
    if accounts.tags:
        parts.append(
            "those tagged " + ", ".join(f"{key}={value}" for key, value in sorted(accounts.tags.items()))
        )
    return "one account of: " + ", ".join(parts)


def decided_by(rule: Rule) -> str:
    """Who decides under a rule, in words."""
    if rule.approve is None:
        return "nobody, approved at once"
    code = ", or the flow's code" if rule.automatic else ""
    own = ", the requester counts" if rule.allow_self else ""
    return f"{rule.needed} of {rule.approvers.words()}{code}{own}"


def oddities(estate: Estate) -> tuple[str, ...]:
    """What is allowed but may not be meant, one sentence each. People may also come from elsewhere than the estate."""
    return (*_empty_groups(estate), *_stuck(estate), *_unreached(estate))


def _empty_groups(estate: Estate) -> Iterator[str]:
    known = {group for person in estate.people.values() for group in person.groups}
    for flow in estate.flows.values():
        asked = [flow.decide.ask, *(rule.ask for rule in flow.decide.rules if rule.ask)]
        decides = [rule.approvers for rule in flow.decide.rules]
        for group in sorted({group for who in (*asked, *decides) for group in who.groups} - known):
            yield f"flow {flow.name}: nobody declared here is in group {group}"


def _stuck(estate: Estate) -> Iterator[str]:
    """Requests that cannot be approved because too few others may."""
    approvers = cache(partial(_approvers, estate))
    for flow in estate.flows.values():
        for rules, targets in _by_rules(estate, flow).items():
            for rule in rules:
                askers = [each for each in estate.people.values() if _deciding(flow, rules, each) is rule]
                may = approvers(rule.approvers)
                stuck = [each.id for each in askers if len(may - _own(rule, each)) < rule.needed]
                if stuck:
                    what = targets[0].name if targets else "it"
                    more = f" and {len(targets) - 1} more" if len(targets) > 1 else ""
                    yield (
                        f"flow {flow.name}: when {_some(stuck)} asks for {what}{more}, "
                        f"fewer than {rule.needed} others of {rule.approvers.words()} may approve"
                    )


def _by_rules(estate: Estate, flow: Flow) -> dict[tuple[Rule, ...], list[Target]]:
    """The flow's targets by the rules that are about them: many targets, few such groups."""
    groups: dict[tuple[int, ...], list[Target]] = {}
    for target in estate.targets_of(flow):
        about = tuple(index for index, rule in enumerate(flow.decide.rules) if rule.about(target))
        groups.setdefault(about, []).append(target)
    if not flow.targets:
        groups[tuple(index for index, rule in enumerate(flow.decide.rules) if rule.about(None))] = []
    return {tuple(flow.decide.rules[index] for index in about): targets for about, targets in groups.items()}


def _deciding(flow: Flow, rules: tuple[Rule, ...], person: Person) -> Rule | None:
    if not flow.decide.ask.includes(person):
        return None
    return next((rule for rule in rules if rule.ask is None or rule.ask.includes(person)), None)


def _own(rule: Rule, person: Person) -> set[str]:
    return set() if rule.allow_self else {person.id}


def _approvers(estate: Estate, who: Who) -> frozenset[str]:
    return frozenset(person.id for person in estate.people.values() if who.includes(person))


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" or one of {len(names) - 5} others" if len(names) > 5 else "")


def _unreached(estate: Estate) -> Iterator[str]:
    reached = {name for flow in estate.flows.values() for name in flow.targets}
    for name in estate.targets:
        if name not in reached:
            yield f"target {name} is offered by no flow"
    used = {target.organization for target in estate.targets.values()}
    for name in estate.organizations:
        if name not in used:
            yield f"organization {name} has nothing to ask for"


def limit(line: Line) -> str:
    """`at_most` in words."""
    return format_duration(line.at_most) if line.at_most else "-"
