"""From YAML to what a flow reaches: organizations, strategies, targets."""

from __future__ import annotations

from dataclasses import dataclass

from gatepass.estate.format.shape import Item
from gatepass.estate.model import Target
from gatepass.estate.reading.draft import Draft
from gatepass.estate.reading.organizations import strategy_name
from gatepass.estate.reading.targets import add_short_target


@dataclass(frozen=True)
class Reach:
    """What a flow gives: its organizations and targets, and whether every name in them was understood."""

    organizations: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    complete: bool = True


def _organizations(draft: Draft, item: Item, tell: bool = True) -> list[str]:
    """The organizations a flow names, `all` resolved, that could be built; unknown names are told when `tell`."""
    written = item.item("organizations")
    if written is None or written.value == "all":
        return list(draft.organizations)
    for each in written.elements() if tell else ():
        draft.known(each, "organizations", draft.organizations, "organization")
    return [each.value for each in written.elements() if each.value in draft.organizations]


def bring_targets(draft: Draft, name: str, item: Item) -> None:
    """Build the targets that a flow brings along, one for each of its organizations."""
    for short, target in item.items("targets"):
        for organization in _organizations(draft, item, tell=False):
            if built := add_short_target(draft, draft.organizations[organization], short, target):
                draft.brought.setdefault(name, []).append(built)


def read_reach(draft: Draft, name: str, item: Item) -> Reach:
    """The organizations, strategies and targets of one flow."""
    if not any(item.has(key) for key in ("organizations", "strategies", "targets")):
        return Reach()
    before = len(draft.faults)
    organizations = _organizations(draft, item)
    strategies = [
        each.value
        for each in item.elements("strategies")
        if draft.known(each, "strategies", map(strategy_name, draft.implied), "strategy")
    ]
    offered = [
        draft.targets[name] for name in _offered(draft, name, item, strategies) if name in draft.targets
    ]
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


def _offered(draft: Draft, name: str, item: Item, strategies: list[str]) -> list[str]:
    """Names of all targets the flow may choose from, in order, before `targets` narrows them."""
    if item.has("strategies"):
        implied = {strategy_name(organization): names for organization, names in draft.implied.items()}
        built = {each.name: list(each.targets) for each in draft.strategies.values()}
        return [target for each in strategies for target in (built.get(each) or implied.get(each) or [])]
    if isinstance(item.get("targets"), dict):
        return draft.brought.get(name, [])
    named = set(item.values("targets"))
    others = {target for brought in draft.brought.values() for target in brought} - named
    return [target for target in draft.targets if target not in others]


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
