"""Who is told: from a flow's `notify`, or its code's notifications, to channels of the outbox. Pure.

A channel is `<sink>:<recipient>`. Recipients in Slack: `#name`, an id of Slack's, `@person` of the estate, several with
`+` between them for a group message; `dm-person` is a person's own thread of news.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from gatepass.access.decide import may_decide
from gatepass.access.requests import Request
from gatepass.estate.model import Estate, Flow, Reach

SLACK, MAIL, WEBHOOK = "slack", "mail", "webhook"
MOST_APPROVERS = 20
"""People who are asked one by one where a flow names no destination; more need a channel."""


@dataclass(frozen=True, slots=True)
class Step:
    """One try to reach people who decide: all channels side by side."""

    channels: tuple[str, ...]
    timeout: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """Which channels there are."""

    sinks: frozenset[str]
    """Sinks that are configured; what is not is left out."""
    in_slack: Callable[[str], bool]
    """Whether a person of the estate is known in the Slack workspace."""
    default: str = ""
    """The Slack channel of flows that name none; empty: the deciders themselves."""

    def steps(self, estate: Estate, request: Request) -> tuple[Step, ...]:
        """Where a decision is asked for, in order; never empty steps."""
        flow = estate.flows.get(request.flow)
        named = flow.notify.ask if flow is not None else ()
        found = [Step(self.channels(estate, each, request), each.timeout) for each in named]
        found = [each for each in found if each.channels]
        return tuple(found) or self._default(estate, request)

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
        if SLACK in self.sinks and self.in_slack(person_id):
            return f"{SLACK}:@{person_id}" if card else f"{SLACK}:dm-{person_id}"
        person = estate.people.get(person_id)
        if MAIL in self.sinks and person is not None and person.email:
            return f"{MAIL}:{person.email}"
        return None


def unique(channels: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order."""
    return tuple(dict.fromkeys(channels))
