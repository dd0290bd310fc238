"""What the desk runs of a flow's Python: options, forms, who decides, and the hooks around every step.

Always outside of any transaction, bounded by a deadline, and never before a take-back (I14, I15). A result is for the
version of the request it was worked out for; whoever applies it compares (architecture.md 3).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gatepass.access.decide import HANDLER
from gatepass.access.events import Event
from gatepass.access.requests import Request, Terms
from gatepass.desk.book import Version
from gatepass.estate.fields import FieldValue, read_value
from gatepass.estate.model import ADMINS, Flow, Person, Target, Who
from gatepass.handlers import Fault, Implementation, Runner, World
from gatepass.handlers.event import Happening, event_json, person_id, person_json
from gatepass.handlers.hooks import (
    Hooks,
    Ran,
    Rules,
    Stepped,
    Then,
    hooks_of,
    run_approve_handlers,
    run_deny_handlers,
    run_escalate_handlers,
)
from gatepass.handlers.looking import implementation_of
from gatepass.handlers.reading import Destination, Option, identity, options
from gatepass.handlers.submission import Requested, narrowed, run_request_handlers

log = logging.getLogger("gatepass.flows")
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """Which flow's code runs, for whom, in which organization: what a `World` answers within."""

    version: Version
    flow: Flow
    organization: str | None
    person: Person
    target: str | None = None
    request: str | None = None
    """The request it is about; None while there is only a form."""


Worlds = Callable[[About], World]
"""Makes what the SDK's functions may ask during one call (app fills it)."""


@dataclass(frozen=True, slots=True)
class CodedAnswer:
    """What the hooks said about one person's answer, for the request at `version`."""

    version: int
    step: Stepped | None = None
    """None: the flow has no code."""
    escalate: Stepped | None = None
    """Said beforehand, for when this answer is the one that decides."""

    @property
    def refusal(self) -> str:
        """Why the answer does not count; empty: it does."""
        if self.step is None or self.step.then not in (Then.IGNORE, Then.REFUSE):
            return ""
        return self.step.message or "the flow's rules do not take this answer"

    @property
    def denies(self) -> bool:
        return self.step is not None and self.step.then is Then.MOVE and self.step.step == "deny"

    @property
    def stops_granting(self) -> str:
        """Why nothing may be granted although it is approved; empty: it may."""
        if self.escalate is None or self.escalate.then is not Then.REFUSE:
            return ""
        return self.escalate.message or "the flow's rules could not be evaluated"

    @property
    def ran(self) -> tuple[Ran, ...]:
        steps = [each for each in (self.step, self.escalate) if each is not None]
        return tuple(ran for each in steps for ran in each.ran)

    @property
    def faults(self) -> tuple[Fault, ...]:
        steps = [each for each in (self.step, self.escalate) if each is not None]
        return tuple(fault for each in steps for fault in each.faults)


UNCODED = CodedAnswer(-1)
Readers = Callable[[About, tuple[Destination, ...]], frozenset[str]]
"""The people of the estate who can read the messages at these places now. Raises `Unavailable` to be asked again."""


def no_readers(about: About, places: tuple[Destination, ...]) -> frozenset[str]:
    """Where there is nothing to read in."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Coding:
    """Runs flows' code. Thread-safe."""

    runner: Runner
    worlds: Worlds
    readers: Readers = no_readers

    def implementation(self, flow: Flow) -> Implementation | None:
        """The flow's file, or None."""
        return implementation_of(flow)

    def hooks(self, about: About, deadline: timedelta | None = None) -> Hooks | None:
        """The flow's handlers as they are called for this person; None where there is no code."""
        implementation = self.implementation(about.flow)
        if implementation is None:
            return None
        return hooks_of(self.runner, implementation, self.worlds(about), deadline)

    # -- the form

    def options(
        self, about: About, name: str, source: str, now: datetime
    ) -> tuple[Option, ...] | Fault | None:
        """What the flow's code offers this person for a field now; None: no function gives options for it."""
        hooks = self.hooks(about, self.runner.deadlines.prefetch)
        handler = f"prefetch:{name}"
        if hooks is None or handler not in hooks.present:
            return None
        happening = Happening(
            "prompt",
            now,
            about.person,
            about.flow,
            flow_version=about.version.number,
            channel=_channel(source),
        )
        answer = hooks.call(handler, event_json(happening, about.version.estate))
        return answer if isinstance(answer, Fault) else options(answer)

    def identity(self, about: About, service: str, external_id: str, now: datetime) -> str | Fault | None:
        """Who the person is in a service by the flow's `get_identity`; None: it does not say."""
        implementation = self.implementation(about.flow)
        if implementation is None or "get_identity" not in self.runner.present(implementation):
            return None
        happening = Happening("request", now, about.person, about.flow, flow_version=about.version.number)
        answer = self.runner.call(
            implementation,
            "get_identity",
            event_json(happening, about.version.estate),
            self.worlds(about),
            arguments={
                "service_type": service,
                "external_id": external_id,
                "user": person_json(about.person),
            },
        )
        return answer if isinstance(answer, Fault) else identity(answer)

    # -- the steps

    def requested(self, about: About, request: Request) -> Requested | None:
        """What the code makes of a submission; None where there is no code."""
        hooks = self.hooks(about)
        if hooks is None:
            return None
        event = self.event(about, request, "request", about.person, request.asked_at)
        people = {person_id(each): each for each in about.version.estate.people}
        made = run_request_handlers(event, hooks, rules(about.flow, request), people)
        return self._with_readers(about, made)

    def _with_readers(self, about: About, made: Requested) -> Requested:
        """Legacy `get_approvers`: whoever can read the message may decide, besides admins (spec/sym.md 2.3)."""
        permission = made.permission
        if permission is None or not permission.destinations or about.flow.declarative:
            return made
        reading = Who(people=self._deciders(about, permission.destinations), roles=ADMINS.roles)
        return replace(made, permission=replace(permission, view=reading, approve=reading))

    def _deciders(self, about: About, places: tuple[Destination, ...]) -> frozenset[str]:
        """Of those who read there: members; guests where the flow lets them press buttons."""
        people = about.version.estate.people
        found = (people[each] for each in self.readers(about, places) if each in people)
        guests = about.flow.allow_guest_interaction
        return frozenset(each.id for each in found if each.role != "guest" or guests)

    def _reads_still(self, about: About, request: Request, by: Person) -> bool:
        """I8: who was one of the readers when it was asked must be one when they decide."""
        places = readers_of(request)
        if not places or about.flow.declarative or ADMINS.includes(by):
            return True
        return by.id in self._deciders(about, places)

    def approving(self, about: About, request: Request, by: Person, now: datetime) -> CodedAnswer:
        """What the code makes of a person's approval, and of granting should it be the deciding one."""
        hooks = self.hooks(about)
        if hooks is None:
            return replace(UNCODED, version=request.version)
        if not self._reads_still(about, request, by):
            return CodedAnswer(request.version, Stepped(Then.REFUSE, "approve", NOT_A_READER))
        said = rules(about.flow, request)
        step = run_approve_handlers(self.event(about, request, "approve", by, now), hooks, said)
        if step.then is not Then.GO or request.extension is not None:
            return CodedAnswer(request.version, step)
        return CodedAnswer(request.version, step, self.escalating(about, request, by, now))

    def escalating(self, about: About, request: Request, by: Person, now: datetime) -> Stepped | None:
        """What the code says before granting; None where there is none."""
        hooks = self.hooks(about)
        if hooks is None:
            return None
        return run_escalate_handlers(self.event(about, request, "escalate", by, now), hooks)

    def denying(self, about: About, request: Request, by: Person, now: datetime) -> CodedAnswer:
        """What the code makes of a person's denial."""
        hooks = self.hooks(about)
        if hooks is None:
            return replace(UNCODED, version=request.version)
        if not self._reads_still(about, request, by):
            return CodedAnswer(request.version, Stepped(Then.REFUSE, "deny", NOT_A_READER))
        event = self.event(about, request, "deny", by, now)
        return CodedAnswer(request.version, run_deny_handlers(event, hooks, rules(about.flow, request)))

    def event(
        self,
        about: About,
        request: Request,
        step: str,
        by: Person,
        now: datetime,
        actors: Mapping[str, Person] | None = None,
    ) -> dict[str, Any]:
        """The frozen event of one step of a request."""
        estate = about.version.estate
        target = estate.targets.get(request.target) if request.target is not None else None
        happening = Happening(
            step=step,
            at=now,
            by=by,
            flow=about.flow,
            request=request.id,
            flow_version=request.estate_version,
            target=target,
            values=_values(about.flow, request, target),
            duration=request.duration,
            channel=_channel(request.source),
            actors={"request": about.person, **(actors or {})},
            contexts={"request": dict(request.context)} if request.context else {},
        )
        return event_json(happening, estate)


def about(version: Version, request: Request, person: Person) -> About:
    """What a request's code is about. The flow is the one of the version it was made under."""
    flow = version.estate.flows[request.flow]
    return About(version, flow, request.organization, person, request.target, request.id)


def rules(flow: Flow, request: Request) -> Rules:
    """What the flow's own rules say, as far as code has to mind them."""
    return Rules(declarative=flow.declarative, automatic=request.terms.automatic)


def narrow(flow: Flow, terms: Terms, made: Requested) -> Terms:
    """The terms with what the code said of them: narrower under a `decide` block, else the code's own."""
    found = narrowed(terms.approvers, terms.allow_self, made.permission, flow.declarative)
    return replace(
        terms, approvers=found.approvers, also=found.also, view=found.view, allow_self=found.allow_self
    )


NOT_A_READER = "you are not among those whom this was sent to any more; who is, or an admin, may decide"


def notices_json(made: Requested) -> tuple[Json, ...] | None:
    """Whom the code wants told, as it is kept with the request; `readers`: they are also who may decide."""
    if made.notices is None:
        return None
    deciding = {"readers": True} if made.permission is not None and made.permission.destinations else {}
    return tuple(
        {
            **deciding,
            "destinations": [
                {"kind": d.kind, "names": list(d.names), "allow_self": d.allow_self}
                for d in each.destinations
            ],
            "timeout_s": None if each.timeout is None else int(each.timeout.total_seconds()),
            "next_on_failure": each.next_on_failure,
            "next_on_timeout": each.next_on_timeout,
        }
        for each in made.notices
    )


def readers_of(request: Request) -> tuple[Destination, ...]:
    """The places whose readers may decide this request; none where it is not legacy code that says who."""
    places: list[Any] = []
    for notice in request.notices or ():
        if notice.get("readers") is True:
            named = notice["destinations"]
            places += named if isinstance(named, list) else ()
    return tuple(Destination(each["kind"], tuple(each["names"]), each["allow_self"]) for each in places)


def actor(flow: Flow, version: int) -> str:
    """Who decides where a hook does: never a person."""
    return f"{HANDLER}{flow.name}@{version}"


def code_hash(flow: Flow) -> str | None:
    return None if flow.implementation is None else flow.implementation.sha256


def events(flow: Flow, request: Request, ran: tuple[Ran, ...], faults: tuple[Fault, ...]) -> Iterator[Event]:
    """The audit entries of handlers that ran; faults go to the operator's log as well."""
    about_it = {"request": request.id, "flow": flow.name, "code_hash": code_hash(flow)}
    for each in ran:
        yield Event(
            "handler.outcome",
            request.organization,
            {**about_it, "handler": each.handler, "result": each.result},
        )
    for fault in faults:
        log.error("request %s: %s", request.id, fault.for_operator())
        fields = {**about_it, "handler": fault.handler, "why": fault.for_operator()[:500]}
        yield Event("handler.fault", request.organization, fields)


def _channel(source: str) -> str:
    return "slack" if source == "slack" else "sym"


def _values(flow: Flow, request: Request, target: Target | None) -> dict[str, FieldValue]:
    """The form's values as they were checked; bound fields included."""
    kinds = {each.name: each.type for each in flow.fields}
    found: dict[str, FieldValue] = {}
    for name, raw in request.values.items():
        value = read_value(kinds.get(name, "string"), raw)
        if value is not None:
            found[name] = value
    if request.reason:
        found["reason"] = request.reason
    if request.account_id is not None and (target is None or "account_id" not in target.settings):
        found["account_id"] = request.account_id
    return found
