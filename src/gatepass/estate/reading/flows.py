"""From YAML to flows: what they reach, their form, who decides."""

from __future__ import annotations

from datetime import timedelta

from gatepass.estate.durations import format_duration
from gatepass.estate.fields import Field
from gatepass.estate.format.shape import Item
from gatepass.estate.model import SOURCES, SYM_RULES, Flow, Target
from gatepass.estate.reading.draft import Draft, label_of
from gatepass.estate.reading.fields import FlowKind, read_fields
from gatepass.estate.reading.notify import read_notify
from gatepass.estate.reading.reach import bring_targets, read_reach
from gatepass.estate.reading.rules import read_decide


def read_flows(draft: Draft) -> None:
    """Build every flow. First all targets that flows bring along, so that names are known whatever the order."""
    for name, item in draft.root.items("flows"):
        bring_targets(draft, name, item)
    for name, item in draft.root.items("flows"):
        draft.flows[name] = _flow(draft, name, item)


def _flow(draft: Draft, name: str, item: Item) -> Flow:
    faults_before = len(draft.faults)
    reach = read_reach(draft, name, item)
    timed = item.get("schedule_deescalation") is not False
    gives = bool(reach.targets) or any(item.has(key) for key in ("targets", "strategies", "organizations"))
    kind = FlowKind(gives, timed, item.has("implementation"))
    fields = read_fields(draft, item, kind)
    block = item.item("decide")
    decide = read_decide(draft, block, reach, kind.has_code) if block else SYM_RULES
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
        hosts=frozenset(item.values("hosts")),
        allowed_sources=frozenset(item.values("allowed_sources") if item.has("allowed_sources") else SOURCES),
        schedule_deescalation=timed,
        allow_revoke=item.get("allow_revoke") is not False,
        include_decision_message=item.get("include_decision_message") is True,
        allow_guest_interaction=item.get("allow_guest_interaction") is True,
        additional_header_text=item.get("additional_header_text") or "",
        notify=read_notify(draft, item.item("notify")),
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
