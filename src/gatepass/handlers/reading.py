"""What the server makes of what came back: every return is checked anew, as if the worker had lied.

Each function gives a frozen value or the `Fault` that the answer is. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import ValidationError

from gatepass.estate.model import ADMINS, Role, Who
from gatepass.handlers.faults import Fault, Kind, visible
from gatepass.handlers.runner import Answer
from gatepass.handlers.steps import IGNORE, MOVES
from gatepass.sdk.forms import FieldOption
from gatepass.sdk.notifications import Notification
from gatepass.sdk.request_destination import (
    RequestDestination,
    RequestDestinationFallback,
    SlackChannelID,
    SlackChannelName,
    SlackUser,
    SlackUserGroup,
)
from gatepass.sdk.request_permission import PermissionLevel, RequestPermission
from gatepass.sdk.templates import Fired
from gatepass.sdk.user import User

T = TypeVar("T")

MOST_OPTIONS = 10_000
MOST_NOTICES = 100
LONGEST_MESSAGE = 2000
"""Characters of a message that a hook gives a person."""


class Unfit(Exception):
    """The value is not what its handler returns."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a message goes: `channel_id`, `channel_name`, `slack_users` (ids) or `person` (an e-mail address)."""

    kind: str
    names: tuple[str, ...]
    allow_self: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """One attempt to reach somebody; the next one follows when it fails."""

    destinations: tuple[Destination, ...]
    timeout: timedelta | None = None
    next_on_failure: bool = True
    next_on_timeout: bool = True


@dataclass(frozen=True, slots=True)
class Permission:
    """Who may see and decide, as the implementation says. Admins always may (sym.md 2.6)."""

    view: Who
    approve: Who
    allow_self: bool = False
    destinations: tuple[Destination, ...] = ()
    """Legacy `get_approvers`: who can read the message there may decide; resolved when they do (I8)."""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a prompt field."""

    value: str | int | bool
    label: str


def read(answer: Answer, expected: str, reader: Callable[[Any], T]) -> T | Fault:
    """What `reader` makes of the returned value, or the fault that it is none of `expected`."""
    try:
        return reader(answer.value)
    except ValidationError as unfit:
        reasons = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in unfit.errors()[:3]
        )
        return _wrong(answer, f"it returned a {expected} that is not valid ({reasons})")
    except (Unfit, ValueError, TypeError, KeyError, AttributeError, OverflowError) as unfit:
        found = str(unfit) if isinstance(unfit, Unfit) else f"something malformed ({unfit})"
        return _wrong(answer, f"it returned {found} where {expected} was expected")


def _wrong(answer: Answer, detail: str) -> Fault:
    of = answer.implementation
    return Fault(
        Kind.WRONG, of.flow, answer.handler, of.filename, visible(detail[:500]), answer.line, answer.usage
    )


def typed(value: Mapping[str, Any], *kinds: str) -> Any:
    """The value inside, when it says that it is one of these kinds; else `Unfit`."""
    found = value["type"]
    if found not in kinds:
        raise Unfit("nothing (None)" if found == "None" else f"a {found}")
    return value.get("value")


def _items(value: Mapping[str, Any], most: int) -> Sequence[Mapping[str, Any]]:
    items = typed(value, "list")
    if len(items) > most:
        raise Unfit(f"a list of {len(items)} elements (at most {most} are taken)")
    return list(items)


def permission(answer: Answer, people: Mapping[str, str]) -> Permission | Fault:
    """`get_permissions`. `people`: UUID -> id in the estate; an unknown UUID names nobody."""

    def of(value: Mapping[str, Any]) -> Permission:
        given = RequestPermission.parse_obj(typed(value, "RequestPermission"))
        return Permission(
            _who(given.webapp_view, people), _who(given.approve_deny, people), given.allow_self_approval
        )

    return read(answer, "RequestPermission", of)


def _who(given: PermissionLevel | list[Any], people: Mapping[str, str]) -> Who:
    if isinstance(given, PermissionLevel):
        levels: dict[PermissionLevel, tuple[Role, ...]] = {
            PermissionLevel.ADMIN: ("admin",),
            PermissionLevel.MEMBER: ("admin", "member"),
            PermissionLevel.ALL_USERS: ("admin", "member", "guest"),
        }
        return Who(roles=frozenset(levels[given]))
    known = frozenset(people[str(each)] for each in given if str(each) in people)
    return Who(people=known, roles=ADMINS.roles)


def notifications(answer: Answer) -> tuple[Notice, ...] | Fault:
    """`get_request_notifications`: in the order in which they are tried."""

    def of(value: Mapping[str, Any]) -> tuple[Notice, ...]:
        given = [Notification.parse_obj(typed(each, "Notification")) for each in _items(value, MOST_NOTICES)]
        return tuple(
            Notice(tuple(_destination(each) for each in one.destinations), _seconds(one.timeout))
            for one in given
        )

    return read(answer, "list of Notification", of)


def approvers(answer: Answer) -> tuple[Notice, ...] | Fault:
    """Legacy `get_approvers`: one destination, several at once, or a fallback."""

    def of(value: Mapping[str, Any]) -> tuple[Notice, ...]:
        if value["type"] == "RequestDestinationFallback":
            fallback = RequestDestinationFallback.parse_obj(value["value"])
            return tuple(
                Notice(
                    (_destination(each),),
                    _seconds(each.timeout),
                    fallback.continue_on_delivery_failure,
                    fallback.continue_on_timeout,
                )
                for each in fallback.destinations
            )
        each = _items(value, MOST_NOTICES) if value["type"] == "list" else [value]
        given = [RequestDestination.parse_obj(typed(one, "RequestDestination")) for one in each]
        if not given:
            raise Unfit("an empty list")
        timeouts = [one.timeout for one in given if one.timeout is not None]
        return (Notice(tuple(map(_destination, given)), _seconds(max(timeouts, default=None)), False, False),)

    return read(answer, "RequestDestination", of)


def _destination(given: RequestDestination | User) -> Destination:
    match given:
        case User():
            return Destination("person", (given.email or given.username,))
        case SlackChannelID():
            return Destination("channel_id", (given.channel_id,), given.allow_self)
        case SlackChannelName():
            return Destination("channel_name", (given.channel_name,), given.allow_self)
        case SlackUser():
            return Destination("slack_users", (given.user_id,), given.allow_self)
        case SlackUserGroup():
            return Destination("slack_users", tuple(user.user_id for user in given.users), given.allow_self)
    raise Unfit(f"a {type(given).__name__}")


def _seconds(timeout: int | None) -> timedelta | None:
    if timeout is not None and timeout <= 0:
        raise Unfit(f"a timeout of {timeout} s")
    return None if timeout is None else timedelta(seconds=timeout)


def fired(answer: Answer) -> Fired | Fault | None:
    """A hook: None, or the event it returned when the hook may move there."""

    def of(value: Mapping[str, Any]) -> Fired | None:
        if value["type"] == "None":
            return None
        given = typed(value, "Event")
        step = str(given["step"])
        allowed = MOVES[answer.handler]
        if step not in allowed:
            may = ", ".join(sorted(allowed)) or "nothing"
            raise Unfit(
                f"ApprovalTemplate.{step}, which {answer.handler} cannot move to (it may return {may}),"
            )
        message, extra, duration = given["message"], given["extra"], given["duration"]
        if not isinstance(extra, dict) or not (message is None or isinstance(message, str)):
            raise Unfit("an event with a malformed payload")
        if message is None and step == IGNORE:
            message = str(extra.get("reason", "")) or None
        return Fired(
            step,
            message and visible(message[:LONGEST_MESSAGE], keep="\n"),
            None if given["target_srn"] is None else str(given["target_srn"]),
            None if duration is None else int(duration),
            extra,
        )

    return read(answer, "None or an event of ApprovalTemplate", of)


def options(answer: Answer) -> tuple[Option, ...] | Fault:
    """A prefetch function: the options, each value once (the first label wins)."""

    def of(value: Mapping[str, Any]) -> tuple[Option, ...]:
        found: dict[str | int | bool, Option] = {}
        for each in _items(value, MOST_OPTIONS):
            given = FieldOption.parse_obj(typed(each, "FieldOption"))
            if not isinstance(given.value, str | int | bool):
                raise Unfit(f"an option whose value is a {type(given.value).__name__}")
            found.setdefault(given.value, Option(given.value, given.label))
        return tuple(found.values())

    return read(answer, "list of FieldOption", of)


def identity(answer: Answer) -> str | Fault | None:
    """`get_identity` and `get_identity_lookup`: a text, or None for "not known"."""

    def of(value: Mapping[str, Any]) -> str | None:
        if value["type"] == "None":
            return None
        text = str(typed(value, "str")).strip()
        if not text or len(text) > 256:
            raise Unfit(f"a text of {len(text)} characters")
        return text

    return read(answer, "str or None", of)


def flows(answer: Answer, shown: Sequence[str]) -> tuple[str, ...] | Fault:
    """`get_flows`: the names to show, of those there are. It hides; it forbids nothing (sym.md 9, no. 7)."""

    def of(value: Mapping[str, Any]) -> tuple[str, ...]:
        named = {str(typed(each, "Flow")) for each in _items(value, MOST_OPTIONS)}
        return tuple(name for name in shown if name in named)

    return read(answer, "list of flows", of)


def state(answer: Answer) -> Mapping[str, Any] | Fault:
    """What a custom strategy's step returned: a dictionary; None is an empty one."""

    def of(value: Mapping[str, Any]) -> Mapping[str, Any]:
        return {} if value["type"] == "None" else dict(typed(value, "dict"))

    return read(answer, "dict or None", of)
