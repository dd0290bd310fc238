"""From YAML to flows: what they reach, their form, who decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from gatepass.estate.draft import Draft, label_of
from gatepass.estate.durations import format_duration
from gatepass.estate.fields import Field
from gatepass.estate.model import MEMBERS, SOURCES, SYM_RULES, Approval, Decide, Flow, Rule, Target
from gatepass.estate.read_fields import FlowKind, read_fields
from gatepass.estate.read_organizations import strategy_name
from gatepass.estate.read_targets import add_short_target
from gatepass.estate.shape import Item


@dataclass(frozen=True)
class Reach:
    """What a flow gives: its organizations and targets, and whether every name in them was understood."""

    organizations: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    complete: bool = True


def read_flows(draft: Draft) -> None:
    """Build every flow. First all targets that flows bring along, so that names are known whatever the order."""
    for _, item in draft.root.items("flows"):
        _own_targets(draft, item)
    for name, item in draft.root.items("flows"):
        draft.flows[name] = _flow(draft, name, item)


def _own_targets(draft: Draft, item: Item) -> None:
    for short, target in item.items("targets"):
        for organization in _organizations(draft, item, tell=False):
            if organization in draft.organizations:
                add_short_target(draft, draft.organizations[organization], short, target)


def _flow(draft: Draft, name: str, item: Item) -> Flow:
    faults_before = len(draft.faults)
    reach = _reach(draft, item)
    timed = item.get("schedule_deescalation") is not False
    gives = bool(reach.targets) or any(item.has(key) for key in ("targets", "strategies", "organizations"))
    kind = FlowKind(gives, timed, item.has("implementation"))
    fields = read_fields(draft, item, kind)
    block = item.item("decide")
    decide = _decide(draft, block, reach, kind) if block else SYM_RULES
    flow = Flow(
        name=name,
        label=label_of(item, name),
        organizations=reach.organizations,
        targets=reach.targets,
        fields=fields,
        decide=decide,
        declarative=block is not None,
        strategies=reach.strategies,
        environment=_environment(draft, item),
        vars={key: each.value for key, each in item.items("vars")},
        implementation=draft.code(item.item("implementation")),
        allowed_sources=frozenset(item.values("allowed_sources") if item.has("allowed_sources") else SOURCES),
        schedule_deescalation=timed,
        allow_revoke=item.get("allow_revoke") is not False,
        include_decision_message=item.get("include_decision_message") is True,
        allow_guest_interaction=item.get("allow_guest_interaction") is True,
        additional_header_text=item.get("additional_header_text") or "",
    )
    _refuse_endless(draft, flow, item)
    if len(draft.faults) == faults_before:
        _refuse_lengths_that_never_fit(draft, flow, item)
    return flow


def _environment(draft: Draft, item: Item) -> str | None:
    reference = item.item("environment")
    if reference and draft.known(reference, "environments", what="environment"):
        return str(reference.value)
    return None


def _organizations(draft: Draft, item: Item, tell: bool = True) -> list[str]:
    """The organizations a flow names, `all` resolved; unknown ones are told once."""
    written = item.item("organizations")
    if written is None or written.value == "all":
        return list(draft.organizations)
    return [
        each.value
        for each in written.elements()
        if each.value in draft.organizations
        or (tell and draft.known(each, "organizations", draft.organizations, "organization"))
    ]


def _reach(draft: Draft, item: Item) -> Reach:
    if not any(item.has(key) for key in ("organizations", "strategies", "targets")):
        return Reach()
    before = len(draft.faults)
    organizations = [name for name in _organizations(draft, item) if name in draft.organizations]
    strategies = [
        each.value
        for each in item.elements("strategies")
        if draft.known(each, "strategies", map(strategy_name, draft.implied), "strategy")
    ]
    offered = [draft.targets[name] for name in _offered(draft, item, strategies) if name in draft.targets]
    reached = [each for each in offered if each.organization in organizations]
    chosen = _chosen(draft, item, reached)
    if not item.has("organizations"):
        organizations = list(dict.fromkeys(each.organization for each in chosen))
    complete = len(draft.faults) == before
    if complete and draft.sound("organizations", "targets", "strategies", "integrations"):
        _refuse_empty(draft, item, organizations, chosen)
    used = strategies if item.has("strategies") else _strategies_of(draft, chosen)
    return Reach(tuple(organizations), tuple(each.name for each in chosen), tuple(used), complete)


def _strategies_of(draft: Draft, targets: list[Target]) -> list[str]:
    owner = {name: each.name for each in draft.strategies.values() for name in each.targets}
    return list(dict.fromkeys(owner.get(each.name) or strategy_name(each.organization) for each in targets))


def _offered(draft: Draft, item: Item, strategies: list[str]) -> list[str]:
    """Names of all targets the flow may choose from, in order, before `targets` narrows them."""
    if item.has("strategies"):
        implied = {strategy_name(organization): names for organization, names in draft.implied.items()}
        built = {name: list(each.targets) for name, each in draft.strategies.items()}
        return [target for name in strategies for target in (built.get(name) or implied.get(name) or [])]
    own = {
        f"{organization}-{short}"
        for _, flow in draft.root.items("flows")
        for short, _ in flow.items("targets")
        for organization in _organizations(draft, flow, tell=False)
    }
    mine = {
        f"{organization}-{short}"
        for short, _ in item.items("targets")
        for organization in _organizations(draft, item, tell=False)
    }
    if isinstance(item.get("targets"), dict):
        return [name for name in draft.targets if name in mine]
    named = set(item.values("targets"))
    return [name for name in draft.targets if name not in own or name in named]


def _chosen(draft: Draft, item: Item, reached: list[Target]) -> list[Target]:
    if not isinstance(item.get("targets"), list):
        return reached
    chosen: list[Target] = []
    for each in item.elements("targets"):
        exact = [target for target in reached if target.name == each.value]
        found = exact or [target for target in reached if target.short == each.value]
        if not found and not _written_wrong(draft, str(each.value)):
            known = ", ".join(sorted({target.short for target in reached})) or "no target"
            draft.fault(
                each, "unknown_name", f"there is no target {each.value!r} in reach of this flow", known
            )
        chosen += [target for target in found if target not in chosen]
    return chosen


def _written_wrong(draft: Draft, name: str) -> bool:
    """Whether a target of that name was written but could not be built, which is told where it stands."""
    written = draft.declared("targets")
    for organization, node in (
        (draft.root.node.entries().get("organizations") or draft.root.node).entries().items()
    ):
        inner = node.entries().get("targets")
        for short in inner.entries() if inner else ():
            written |= {short, f"{organization}-{short}"}
    return name in written and not any(name in (each.name, each.short) for each in draft.targets.values())


def _refuse_empty(draft: Draft, item: Item, organizations: list[str], chosen: list[Target]) -> None:
    written = item.item("organizations")
    if written is not None and isinstance(written.value, list):
        for each in written.elements():
            if not any(target.organization == each.value for target in chosen):
                found = f"this flow offers nothing in {each.value}"
                draft.fault(
                    each, "nothing_offered", found, "", "give it a target, or take it out of the flow"
                )
    elif not chosen:
        found = "this flow reaches organizations, but offers nothing in them"
        draft.fault(written or item, "nothing_offered", found, "", "declare targets in the organizations")


def _decide(draft: Draft, block: Item, reach: Reach, kind: FlowKind) -> Decide:
    asked = block.item("ask")
    ask = draft.who(asked) if asked else MEMBERS
    rules: list[Rule] = []
    for item in block.elements("rules"):
        rule = _rule(draft, block, item, reach, kind)
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


def _rule(draft: Draft, block: Item, item: Item, reach: Reach, kind: FlowKind) -> Rule:
    if reach.complete:
        _known_in_rule(draft, item, reach)
    automatic = item.get("automatic") is True
    if not item.has("approve") and not automatic:
        draft.fault(item, "no_approval", "neither approve nor automatic: true", "who decides must be said")
    if item.has("approve") and automatic and not kind.has_code:
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


def _refuse_endless(draft: Draft, flow: Flow, item: Item) -> None:
    """Every grant has an end (I11): by its length, or at the organization's limit."""
    if flow.schedule_deescalation:
        return
    place = item.item("schedule_deescalation") or item
    for name in flow.organizations:
        if draft.organizations[name].max_duration is None:
            found = f"access in {name} would never end"
            draft.fault(place, "no_end", found, f"true, or a max_duration in organization {name}")
    if not flow.allow_revoke:
        found = "access could end neither by time nor by hand"
        draft.fault(place, "no_end", found, "one of schedule_deescalation, allow_revoke true")


def _refuse_lengths_that_never_fit(draft: Draft, flow: Flow, item: Item) -> None:
    field = flow.field("duration")
    if field is None or not flow.targets:
        return
    lengths = [each for each in field.allowed_values if isinstance(each, timedelta)]
    caps = {name: _widest(draft, flow, draft.targets[name]) for name in flow.targets}
    place = (item.item("fields") or item).item("duration") or item
    for name, cap in caps.items():
        if cap is not None and lengths and min(lengths) > cap:
            found = f"no length offered fits {name}, which is given for at most {format_duration(cap)}"
            draft.fault(place, "length", found, "", f"offer {format_duration(cap)} or less")
    limits = [cap for cap in caps.values() if cap is not None]
    longest = max(limits) if limits and len(limits) == len(caps) else None
    for length in lengths:
        if longest is not None and length > longest and _declared(field, item):
            found = f"{format_duration(length)} is longer than anything here is given for"
            draft.fault(place, "length", found, f"at most {format_duration(longest)}")


def _declared(field: Field, item: Item) -> bool:
    return any(name == field.name for name, _ in item.items("fields"))


def _widest(draft: Draft, flow: Flow, target: Target) -> timedelta | None:
    """The longest that any rule gives this target to anybody; None: no limit."""
    fixed = [target.max_duration, draft.organizations[target.organization].max_duration]
    ruled = [rule.max_duration for rule in flow.decide.rules if rule.about(target)]
    if ruled and None not in ruled:
        fixed.append(max(each for each in ruled if each is not None))
    known = [each for each in fixed if each is not None]
    return min(known) if known else None
