"""What the handlers of a submission say: who may decide it, whom to tell, or that it is decided (architecture.md 3).

Pure but for `Hooks.call`, like `hooks`. A fault fails the request with its reason (I14).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from gatepass.estate.model import ADMINS, Who
from gatepass.handlers import reading
from gatepass.handlers.faults import Fault, visible
from gatepass.handlers.hooks import Hooks, Ran, Rules, Stepped, Then, before
from gatepass.handlers.reading import Notice, Permission
from gatepass.handlers.steps import GRANTING

Json = Mapping[str, Any]


class Fate(StrEnum):
    """What becomes of a request that was asked."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Requested:
    """What the handlers of a submission say. FAILED and CANCELLED carry the words for the requester."""

    fate: Fate
    words: str = ""
    by: str = ""
    permission: Permission | None = None
    """None: neither reducer is there. Combine with the flow's own rules by `narrowed`."""
    notices: tuple[Notice, ...] | None = None
    """None: no reducer gave any; the flow's default holds."""
    extra: Json = field(default_factory=dict)
    ran: tuple[Ran, ...] = ()
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()


def run_request_handlers(event: Json, hooks: Hooks, rules: Rules, people: Mapping[str, str]) -> Requested:
    """A submission: `on_request`, then the reducers. Any fault fails the request with its reason (I14).

    `people`: UUID of `event.person_id` -> id in the estate. `after_request` runs once the outcome is committed.
    """
    stepped = before("request", event, hooks, rules)
    made = Requested(Fate.PENDING, stepped.message, stepped.by, None, None, stepped.extra, stepped.ran)
    made = replace(made, faults=stepped.faults, notes=stepped.notes)
    if stepped.then is Then.REFUSE:
        return _failed(made, stepped.faults[-1])
    if stepped.then is Then.IGNORE:
        return replace(
            made, fate=Fate.CANCELLED, words=stepped.message or "the flow does not take this request"
        )
    if stepped.step == "deny":
        return replace(made, fate=Fate.DENIED, words=_reason(stepped) or "the flow's rules deny this")
    made = _with_permission(made, event, hooks, people)
    if made.fate is Fate.FAILED:
        return made
    if stepped.step in GRANTING:
        return replace(made, fate=Fate.APPROVED, words=_reason(stepped))
    return _with_notices(made, event, hooks)


def _reason(stepped: Stepped) -> str:
    words = str(stepped.extra.get("reason", "") or stepped.message)
    return visible(words[: reading.LONGEST_MESSAGE], keep="\n")


def _failed(made: Requested, fault: Fault) -> Requested:
    faults = made.faults if fault in made.faults else (*made.faults, fault)
    ran = made.ran if made.ran and made.ran[-1].handler == fault.handler else (*made.ran, Ran.into(fault))
    return replace(made, fate=Fate.FAILED, words=fault.for_requester(), by="", faults=faults, ran=ran)


def _with_permission(made: Requested, event: Json, hooks: Hooks, people: Mapping[str, str]) -> Requested:
    if "get_permissions" not in hooks.present:
        return _with_approvers(made, event, hooks)
    answer = hooks.call("get_permissions", event)
    found = answer if isinstance(answer, Fault) else reading.permission(answer, people)
    if isinstance(found, Fault):
        return _failed(made, found)
    return replace(made, permission=found, ran=(*made.ran, Ran("get_permissions", found.approve.words())))


def _with_approvers(made: Requested, event: Json, hooks: Hooks) -> Requested:
    """Legacy: who can read the message at the destinations may decide, besides admins."""
    if "get_approvers" not in hooks.present:
        return made
    answer = hooks.call("get_approvers", event)
    found = answer if isinstance(answer, Fault) else reading.approvers(answer)
    if isinstance(found, Fault):
        return _failed(made, found)
    places = tuple(place for notice in found for place in notice.destinations)
    allow_self = any(place.allow_self for place in places)
    permission = Permission(ADMINS, ADMINS, allow_self, places)
    ran = Ran("get_approvers", f"{len(places)} destinations")
    return replace(made, permission=permission, notices=found, ran=(*made.ran, ran))


def _with_notices(made: Requested, event: Json, hooks: Hooks) -> Requested:
    if "get_request_notifications" not in hooks.present:
        return made
    answer = hooks.call("get_request_notifications", event)
    found = answer if isinstance(answer, Fault) else reading.notifications(answer)
    if isinstance(found, Fault):
        return _failed(made, found)
    ran = Ran("get_request_notifications", f"{len(found)} notifications")
    return replace(made, notices=found, ran=(*made.ran, ran))


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Who may decide and see, by the flow's rules and its code together. A person must be in both where both speak."""

    approvers: Who
    also: Who | None
    """A second set the approver must belong to as well; None: no second condition."""
    view: Who
    allow_self: bool


def narrowed(approvers: Who, allow_self: bool, permission: Permission | None, declarative: bool) -> Narrowed:
    """The flow's rule and the code's permission combined: with a `decide` block code can only narrow it.

    Without one, the code's permission is the rule; without that, admins decide (sym.md 3.3).
    """
    if permission is None:
        return Narrowed(approvers, None, ADMINS, allow_self)
    code = Who(permission.approve.groups, permission.approve.people, permission.approve.roles | ADMINS.roles)
    view = Who(permission.view.groups, permission.view.people, permission.view.roles | ADMINS.roles)
    if not declarative:
        return Narrowed(code, None, view, permission.allow_self)
    also = None if permission.destinations else code
    return Narrowed(approvers, also, view, allow_self and permission.allow_self)
