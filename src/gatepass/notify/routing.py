"""Who is told: from a flow's `notify`, or its code's notifications, to channels of the outbox. Pure.

A channel is `<sink>:<recipient>`. Recipients in Slack: `#name`, an id of Slack's, `@person` of the estate, several with
`+` between them for a group message; `dm-person` is a person's own thread of news.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from gatepass.access.decide import may_decide
from gatepass.access.requests import Request
from gatepass.estate.model import Estate, Flow
from gatepass.estate.notify import Reach
from gatepass.store import Tx, View

SLACK, MAIL, WEBHOOK = "slack", "mail", "webhook"
DIRECT = "dm-"
MOST_APPROVERS = 20
"""People who are asked one by one where a flow names no destination; more need a channel."""


@dataclass(frozen=True, slots=True)
class Step:
    """One try to reach people who decide: all channels side by side."""

    channels: tuple[str, ...]
    timeout: timedelta | None = None
    on_failure: bool = True
    """Whether the next is asked when none of these can be reached."""
    on_timeout: bool = True


@dataclass(frozen=True, slots=True)
class Routing:
    """Which channels there are."""

    sinks: frozenset[str]
    """Sinks that are configured; what is not is left out."""
    in_slack: Callable[[str], str | None]
    """The Slack user that a person of the estate is linked to."""
    default: str = ""
    """The Slack channel of flows that name none; empty: the deciders themselves."""

    def steps(self, estate: Estate, request: Request) -> tuple[Step, ...]:
        """Where a decision is asked for, in order: as the flow's code says, else as the estate says; no empty steps."""
        if request.notices is not None:
            coded = tuple(self._coded(estate, each, request) for each in request.notices)
            coded = tuple(each for each in coded if each.channels)
            return coded or self._default(estate, request)
        flow = estate.flows.get(request.flow)
        named = flow.notify.ask if flow is not None else ()
        found = [Step(self.channels(estate, each, request), each.timeout) for each in named]
        found = [each for each in found if each.channels]
        return tuple(found) or self._default(estate, request)

    def _coded(self, estate: Estate, notice: Mapping[str, object], request: Request) -> Step:
        """One notification of the flow's code, as it is kept with the request."""
        found: list[str] = []
        destinations = notice.get("destinations")
        for each in destinations if isinstance(destinations, list) else ():
            names = [str(name) for name in each["names"]]
            found += self._destination(estate, str(each["kind"]), names, bool(each["allow_self"]), request)
        seconds = notice.get("timeout_s")
        return Step(
            unique(found),
            timedelta(seconds=seconds) if isinstance(seconds, int) else None,
            notice.get("next_on_failure") is not False,
            notice.get("next_on_timeout") is not False,
        )

    def _destination(
        self, estate: Estate, kind: str, names: list[str], allow_self: bool, request: Request
    ) -> list[str]:
        if kind == "person":
            people = (estate.person_by_email(name) for name in names)
            channels = (self.person(estate, p.id, card=True) for p in people if p is not None)
            return [each for each in channels if each is not None]
        if SLACK not in self.sinks:
            return []
        if kind == "channel_name":
            return [f"{SLACK}:#{name.lstrip('#')}" for name in names]
        own = self.in_slack(request.requester)
        if kind == "slack_users" and len(names) == 1 and names[0] == own and not allow_self:
            return []
        return [f"{SLACK}:{'+'.join(names)}"]

    def _default(self, estate: Estate, request: Request) -> tuple[Step, ...]:
        if self.default and SLACK in self.sinks:
            return (Step((f"{SLACK}:{self.default}",)),)
        deciders = [p.id for p in estate.people.values() if may_decide(request, p).allowed]
        reached = (self.person(estate, each, card=True) for each in sorted(deciders)[:MOST_APPROVERS])
        channels = tuple(each for each in reached if each is not None)
        return (Step(channels),) if channels else ()

    def told(self, flow: Flow | None, estate: Estate, request: Request, event: str) -> tuple[str, ...]:
        """Channels that are told of this event beside requester and deciders."""
        if flow is None:
            return ()
        found: list[str] = []
        for number, each in enumerate(flow.notify.tell):
            if event not in each.events:
                continue
            found += self.channels(estate, each, request)
            if each.webhook is not None and WEBHOOK in self.sinks:
                found.append(f"{WEBHOOK}:{number}")
        return tuple(dict.fromkeys(found))

    def channels(self, estate: Estate, reach: Reach, request: Request) -> tuple[str, ...]:
        """The channels of one way to reach somebody; the requester is not asked about their own request."""
        found = []
        if reach.slack and SLACK in self.sinks:
            people = [self._recipient(estate, each) for each in reach.slack]
            alone = f"@{request.requester}"
            people = people if request.terms.allow_self else [each for each in people if each != alone]
            if people:
                found.append(f"{SLACK}:{'+'.join(people)}")
        if MAIL in self.sinks:
            found += [f"{MAIL}:{address}" for address in reach.mail]
        return tuple(found)

    def _recipient(self, estate: Estate, name: str) -> str:
        return f"@{name}" if name in estate.people else name

    def person(self, estate: Estate, person_id: str, *, card: bool = False) -> str | None:
        """How a person is told things: in Slack where they are known there, else by mail, else not at all."""
        if SLACK in self.sinks and self.in_slack(person_id) is not None:
            return f"{SLACK}:@{person_id}" if card else f"{SLACK}:{DIRECT}{person_id}"
        person = estate.people.get(person_id)
        if MAIL in self.sinks and person is not None and person.email:
            return f"{MAIL}:{person.email}"
        return None


def alone_in_slack(channel: str) -> str | None:
    """The one person of the estate whom a channel reaches in Slack; None: it reaches others, or elsewhere."""
    sink, _, recipient = channel.partition(":")
    if sink != SLACK or "+" in recipient:
        return None
    if recipient.startswith(DIRECT):
        return recipient.removeprefix(DIRECT)
    return recipient[1:] if recipient.startswith("@") else None


RoutingIn = Callable[[View | Tx], Routing]
"""The routing as rows of one transaction have it."""


def unique(channels: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order."""
    return tuple(dict.fromkeys(channels))
