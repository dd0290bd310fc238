"""What changes between two versions of an estate, and what of the old one is still needed (I18). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from gatepass.estate.canonical import canonical
from gatepass.estate.model import Accounts, Estate, Organization, Target

SECTIONS = ("people", "organizations", "integrations", "targets", "strategies", "environments", "flows")
_SINGULAR = {
    "people": "person",
    "organizations": "organization",
    "integrations": "integration",
    "targets": "target",
    "strategies": "strategy",
    "environments": "environment",
    "flows": "flow",
    "drift": "the watch for drift",
}


@dataclass(frozen=True)
class Change:
    """One entity that differs."""

    kind: Literal["added", "removed", "changed", "renamed"]
    section: str
    name: str
    details: tuple[str, ...] = ()
    """What differs, `path: old -> new`; for a renamed entity its new name."""

    def __str__(self) -> str:
        sign = {"added": "+", "removed": "-", "changed": "~", "renamed": "~"}[self.kind]
        text = f"{sign} {_SINGULAR[self.section]} {self.name}"
        if self.kind == "renamed":
            return f"{text} is now called {self.details[0]}"
        return "\n".join([text, *(f"    {each}" for each in self.details)])


@dataclass(frozen=True)
class Held:
    """A live or waiting grant in the estate's names: what a new version must not lose sight of."""

    grant: str
    """Its id, to name it."""
    person: str
    flow: str
    organization: str
    target: str
    """The full name."""
    account_id: str | None = None
    """For access in an account."""


@dataclass(frozen=True)
class Orphan:
    """A grant that the new version could not have given, and why."""

    held: Held
    why: str

    def __str__(self) -> str:
        where = f" in {self.held.account_id}" if self.held.account_id else ""
        return f"grant {self.held.grant} of {self.held.person} on {self.held.target}{where}: {self.why}"


def changes(old: Estate, new: Estate) -> tuple[Change, ...]:
    """Everything that differs, section by section. Empty exactly when the digests are equal."""
    found = [change for section in SECTIONS for change in _in_section(section, old, new)]
    if old.teams != new.teams:
        found.append(Change("changed", "environments", "teams", (f"directory: {old.teams} -> {new.teams}",)))
    if old.drift != new.drift:
        kind: Literal["added", "removed", "changed"] = "added" if old.drift is None else "changed"
        details = (
            () if old.drift is None else tuple(_differences("", canonical(old.drift), canonical(new.drift)))
        )
        gone = new.drift is None
        found.append(Change("removed" if gone else kind, "drift", "of teams", () if gone else details))
    return tuple(found)


def orphans(old: Estate, new: Estate, held: Iterable[Held]) -> tuple[Orphan, ...]:
    """The grants that `new` orphans: apply is refused while there are any, or ends them first (I18).

    A grant keeps the rule, the length and the decision it was given under: only what it gives, where, and through
    which flow must still be there. A person who left is not looked at here: leavers lose access anyway (I13).
    """
    reasons = ((each, _why(old, new, each)) for each in held)
    return tuple(Orphan(each, why) for each, why in reasons if why)


def buried(old: Estate, new: Estate) -> tuple[Organization, ...]:
    """Organizations whose old connector must be kept until their last fact is gone (tombstones, architecture.md 6)."""
    return tuple(
        organization
        for name, organization in old.organizations.items()
        if _moved(organization, new.organizations.get(name))
    )


def _why(old: Estate, new: Estate, held: Held) -> str:
    before = old.organizations.get(held.organization)
    now = new.organizations.get(held.organization)
    if now is None:
        return f"organization {held.organization} is taken away"
    if before and _moved(before, now):
        return f"organization {held.organization} gets another instance, {now.connector.instance_arn}"
    was, target = old.targets.get(held.target), new.targets.get(held.target)
    if target is None:
        return f"target {held.target} is taken away"
    if was and (_given(was) != _given(target)):
        return f"target {held.target} gives something else"
    if held.account_id and not _holds(was, target, held.account_id):
        return f"account {held.account_id} is no longer among the accounts of target {held.target}"
    flow = new.flows.get(held.flow)
    if flow is None:
        return f"flow {held.flow} is taken away"
    if held.target not in flow.targets:
        return f"flow {held.flow} no longer offers target {held.target}"
    return ""


def _moved(old: Organization, new: Organization | None) -> bool:
    return new is None or new.connector.instance_arn != old.connector.instance_arn


def _given(target: Target) -> object:
    """What a target gives, wherever it gives it."""
    what = {key: value for key, value in target.settings.items() if key != "account_id"}
    return target.type, target.organization, what


def _holds(was: Target | None, target: Target, account: str) -> bool:
    """Whether the account is still one of the target's, as far as the estate alone can tell.

    An account found by unit or tag counts as long as the new accounts cover the old ones.
    """
    if target.settings.get("account_id") == account:
        return True
    if target.accounts is None:
        return False
    if target.accounts.all or account in target.accounts.ids:
        return True
    return was is not None and was.accounts is not None and _covers(target.accounts, was.accounts, account)


def _covers(new: Accounts, old: Accounts, account: str) -> bool:
    named_only = account in old.ids and not old.units and not old.tags
    tags = not old.tags or (bool(new.tags) and new.tags.items() <= old.tags.items())
    return not named_only and not old.all and old.units <= new.units and tags


def _in_section(section: str, old: Estate, new: Estate) -> Iterator[Change]:
    before: Mapping[str, object] = getattr(old, section)
    now: Mapping[str, object] = getattr(new, section)
    added = {name: _nameless(section, now[name]) for name in now if name not in before}
    for name, each in before.items():
        if name in now:
            details = tuple(_differences("", canonical(each), canonical(now[name])))
            if details:
                yield Change("changed", section, name, details)
            continue
        twin = next((other for other, content in added.items() if content == _nameless(section, each)), None)
        if twin:
            del added[twin]
            yield Change("renamed", section, name, (twin,))
        else:
            yield Change("removed", section, name)
    for name in added:
        yield Change("added", section, name)


def _nameless(section: str, entity: object) -> object:
    """The content by which a renamed entity is known again. A person under another id is another person."""
    content = canonical(entity)
    assert isinstance(content, dict)
    names = () if section == "people" else ("name", "short", "label")
    return {key: value for key, value in content.items() if key not in names}


def _differences(path: str, old: object, new: object) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict) and not {"seconds"} & {*old, *new}:
        for key in dict.fromkeys((*old, *new)):
            if key != "text":  # of code: its hash says that it changed
                yield from _differences(f"{path}.{key}" if path else str(key), old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(f"{path}[{index}]", one, other)
    else:
        yield f"{path}: {_short(old)} -> {_short(new)}"


def _short(value: object) -> str:
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, dict) and set(value) == {"seconds"}:
        return f"{value['seconds']} s"
    text = str(value)
    return text if len(text) <= 100 else text[:97] + "..."
