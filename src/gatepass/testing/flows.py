"""Tries out an implementation without a server: made-up events, every handler of a step, and what it comes to.

`gatepass handlers test` and the pytest plug-in are two faces of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gatepass.estate.durations import parse_duration
from gatepass.estate.fields import Field, FieldValue
from gatepass.estate.model import Environment, Estate, Flow, Integration, Person, Strategy, Target
from gatepass.handlers import Answer, Fault, Implementation, Runner, World, hooks, reading
from gatepass.handlers.event import Happening, event_json, person_id
from gatepass.handlers.hooks import Hooks, Rules, Stepped
from gatepass.handlers.names import STEPS, prefetch_name
from gatepass.handlers.reading import Option
from gatepass.handlers.submission import Requested, run_request_handlers

MOMENT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When made-up events happen: a Monday morning."""
_ARN = "arn:aws:sso:::instance/ssoins-7223000000000000"


def made_up_person(name: str, role: str = "member", groups: tuple[str, ...] = ()) -> Person:
    """Somebody of that name (or e-mail address), with identities in Slack and Identity Center."""
    email = name if "@" in name else f"{name}@host.example"
    short = email.partition("@")[0]
    known = {"slack": {"T0000000": f"U{short.upper()[:8]:0<8}"}, "aws_sso": {_ARN: f"user-{short}"}}
    assert role in ("admin", "member", "guest")
    return Person(short, email, frozenset({email}), short.capitalize(), role, frozenset(groups), known)  # type: ignore[arg-type]


ANA, BEN, CLEO = made_up_person("ana"), made_up_person("ben"), made_up_person("cleo", "admin")
PEOPLE = (ANA, BEN, CLEO)


@dataclass(frozen=True, slots=True)
class MadeUp:
    """What a made-up request is about."""

    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    requester: Person = ANA
    approver: Person = BEN
    duration: timedelta | None = timedelta(hours=1)
    vars: Mapping[str, str] = field(default_factory=dict)
    flow: str = "flow"
    context: Mapping[str, Any] | None = None
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def made_up_estate(made_up: MadeUp) -> tuple[Estate, Flow, Target]:
    """The smallest estate in which the request makes sense."""
    settings = {"account_id": "111111111111", "permission_set_arn": f"{_ARN}/ps-0000000000000001"}
    target = Target("target", "target", "Target", "aws_sso_permission_set", "organization", settings)
    context = Integration(
        "context", "permission_context", _ARN, "Context", {"instance_arn": _ARN, "region": "eu-west-1"}
    )
    slack = Integration("slack", "slack", "T0000000", "Slack")
    strategy = Strategy("strategy", "aws_sso", "Strategy", "context", ("target",), {"instance_arn": _ARN})
    fields = tuple(Field(name, _type_of(value), name) for name, value in made_up.fields.items())
    flow = Flow(
        made_up.flow,
        made_up.flow.capitalize(),
        ("organization",),
        ("target",),
        fields,
        strategies=("strategy",),
        environment="test",
        vars=made_up.vars,
    )
    estate = Estate(
        {person.id: person for person in (*PEOPLE, made_up.requester, made_up.approver)},
        {},
        {"context": context, "slack": slack},
        {"target": target},
        {"strategy": strategy},
        {"test": Environment("test", "Test", {"slack_id": "slack"})},
        {flow.name: flow},
    )
    return estate, flow, target


def _type_of(value: FieldValue) -> Any:
    if isinstance(value, bool):
        return "bool"
    return "int" if isinstance(value, int) else "string"


def made_up_event(step: str, made_up: MadeUp | None = None) -> dict[str, Any]:
    """The event of one step of a made-up request, those of the steps before it included. ValueError: no such step."""
    if step not in STEPS:
        raise ValueError(f"{step} is no step; known are {', '.join(STEPS)}")
    made_up = made_up or MadeUp()
    estate, flow, target = made_up_estate(made_up)
    decided = step in ("approve", "deny", "escalate", "deescalate")
    before = {} if step == "prompt" else {"request": made_up.requester}
    if step in ("escalate", "deescalate"):
        before |= {"approve": made_up.approver, "escalate": made_up.approver}
    happening = Happening(
        step,
        MOMENT,
        made_up.approver if decided else made_up.requester,
        flow,
        request="" if step == "prompt" else "00000000-0000-0000-0000-00000000000a",
        flow_version=1,
        target=None if step == "prompt" else target,
        values={} if step == "prompt" else made_up.fields,
        duration=None if step == "prompt" else made_up.duration,
        channel="slack",
        channel_id="C0000000",
        actors=before,
        contexts={"request": made_up.context} if made_up.context is not None else {},
        outputs=made_up.outputs,
    )
    return event_json(happening, estate)


def field_value(text: str) -> FieldValue:
    """A value from the command line: `true` and `false`, whole numbers, durations (`30m`), else text."""
    if text in ("true", "false"):
        return text == "true"
    if text.isdigit() and not text.startswith("0"):
        return int(text)
    return text


def duration_of(text: str) -> timedelta:
    """A length such as `30m`; ValueError when it is none."""
    length = parse_duration(text)
    if length is None:
        raise ValueError(f"{text} is no length of time; write 30m, 1h or 2d")
    return length


@dataclass(frozen=True, slots=True)
class Tried:
    """What one step of an implementation did."""

    step: str
    calls: tuple[tuple[str, Answer | Fault], ...]
    """Every handler that ran, in order, with what came of it."""
    outcome: Requested | Stepped
    """How the answers combine: what gatepass would do."""
    options: Mapping[str, tuple[Option, ...] | Fault] = field(default_factory=dict)
    """With `prompt`: each prefetch field's options."""

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What went wrong, in order."""
        broken = tuple(each for each in self.options.values() if isinstance(each, Fault))
        return (*self.outcome.faults, *broken)


def try_step(
    runner: Runner,
    implementation: Implementation,
    event: Mapping[str, Any],
    world: World,
    rules: Rules | None = None,
) -> Tried:
    """Run the handlers of the event's step, in their order, as a server would, the `after_` hook included."""
    calls: list[tuple[str, Answer | Fault]] = []
    real = hooks.hooks_of(runner, implementation, world)

    def call(handler: str, seen: Mapping[str, Any]) -> Answer | Fault:
        outcome = real.call(handler, seen)
        calls.append((handler, outcome))
        return outcome

    watched = Hooks(real.present, call)
    step = str(event["step"])
    outcome = _run(step, event, watched, rules or Rules())
    options = _options(runner, implementation, event, world, calls) if step == "prompt" else {}
    after = f"after_{step}"
    if after in real.present and not outcome.faults:
        call(after, event)
    return Tried(step, tuple(calls), outcome, options)


def _run(step: str, event: Mapping[str, Any], watched: Hooks, rules: Rules) -> Requested | Stepped:
    match step:
        case "prompt":
            return hooks.run_prompt_handlers(event, watched, rules)
        case "request":
            return run_request_handlers(
                event, watched, rules, {person_id(each.id): each.id for each in PEOPLE}
            )
        case "approve":
            return hooks.run_approve_handlers(event, watched, rules)
        case "deny":
            return hooks.run_deny_handlers(event, watched, rules)
        case "escalate":
            return hooks.run_escalate_handlers(event, watched)
        case "deescalate":
            return hooks.run_deescalate_handlers(event, watched)
        case "request_expire":
            return hooks.run_expire_handlers(event, watched, rules)
    return hooks.observe(f"on_{step}", event, watched)


def _options(
    runner: Runner,
    implementation: Implementation,
    event: Mapping[str, Any],
    world: World,
    calls: list[tuple[str, Answer | Fault]],
) -> dict[str, tuple[Option, ...] | Fault]:
    prefix = prefetch_name("")
    found: dict[str, tuple[Option, ...] | Fault] = {}
    for handler in runner.present(implementation).handlers:
        if handler.startswith(prefix):
            answer = runner.call(implementation, handler, event, world, runner.deadlines.prefetch)
            calls.append((handler, answer))
            found[handler.removeprefix(prefix)] = (
                answer if isinstance(answer, Fault) else reading.options(answer)
            )
    return found
