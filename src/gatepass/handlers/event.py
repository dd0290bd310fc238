"""The frozen JSON event that a handler is called with, made of the estate's and the request's own values.

Ids are stable: a person or target has the same UUID in every event, made from the name that the estate gives it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gatepass.clock import iso
from gatepass.estate.fields import FieldValue, plain
from gatepass.estate.model import Estate, Flow, Integration, Person, Strategy, Target
from gatepass.estate.reading.secrets import REFERENCE

ORG = "gatepass"
"""The organization part of every resource name."""
_IDS = uuid.UUID("6f1f6e0e-0a53-5d0e-9d5e-7a1c35c7b0a4")
Json = Mapping[str, Any]


def person_id(person: str) -> str:
    """The UUID of a person of the estate, as handlers know them."""
    return str(uuid.uuid5(_IDS, f"person:{person}"))


def target_id(target: str) -> str:
    """The UUID of a target of the estate."""
    return str(uuid.uuid5(_IDS, f"target:{target}"))


def target_srn(target: Target) -> str:
    """The resource name of a target: what `ApprovalTemplate.approve(target_srn=...)` takes."""
    return f"{ORG}:access_target:{target.type}:{target.name}:latest:{target_id(target.name)}"


def person_json(person: Person) -> dict[str, Any]:
    """A person as `gatepass.sdk.user.User` is built from."""
    first, _, last = person.label.partition(" ")
    return {
        "id": person_id(person.id),
        "username": person.email or person.id,
        "email": person.email or None,
        "type": "normal" if person.email else "bot",
        "first_name": first or None,
        "last_name": last or None,
        "role": person.role,
        "identities": [
            {"service": service, "service_id": external, "user_id": known}
            for service, of_service in person.identities.items()
            for external, known in of_service.items()
        ],
    }


@dataclass(frozen=True, slots=True)
class Happening:
    """One step of one request (or of none yet: `prompt` and prefetch), from which an event is made."""

    step: str
    at: datetime
    by: Person
    """Who caused it: the requester, the approver, the person who ended it."""
    flow: Flow
    request: str = ""
    """The request's id; empty before there is one."""
    flow_version: int = 0
    """The estate's version."""
    target: Target | None = None
    values: Mapping[str, FieldValue] = field(default_factory=dict)
    """The form's values, checked; bound fields included."""
    duration: timedelta | None = None
    channel: str = "sym"
    """`slack`, `sym` (portal, command line, API), `sdk` (a hook), `internal` (a timer)."""
    channel_id: str | None = None
    actors: Mapping[str, Person] = field(default_factory=dict)
    """Step -> who caused it, of the steps so far; this step is added."""
    contexts: Mapping[str, Json] = field(default_factory=dict)
    """Step -> the context it came with (an API request's `context`)."""
    outputs: Mapping[str, Json] = field(default_factory=dict)
    """Step -> what the strategy returned there."""


def event_json(happening: Happening, estate: Estate) -> dict[str, Any]:
    """The event. The same happening gives the same JSON."""
    actors = {**happening.actors, happening.step: happening.by}
    people = {person_id(person.id): person_json(person) for person in actors.values()}
    channel = {"type": happening.channel, "identifier": happening.channel_id}
    return {
        "step": happening.step,
        "at": iso(happening.at),
        "srn": step_srn(happening.step),
        "user": person_id(happening.by.id),
        "people": people,
        "channel": channel,
        "flow": flow_json(happening.flow, estate, happening.flow_version, happening.target),
        "run": {
            "srn": f"{ORG}:run:{happening.flow.name}:{_version(happening.flow_version)}:{happening.request or 'new'}",
            "actors": {step: person_id(person.id) for step, person in actors.items()},
            "contexts": {step: dict(context) for step, context in happening.contexts.items()},
            "source_channel": channel,
        },
        "fields": _fields(happening),
        "outputs": {step: dict(output) for step, output in happening.outputs.items()},
    }


def moved(event: Json, step: str, extra: Json) -> dict[str, Any]:
    """The event that a hook fires instead: another step, from channel `sdk`, with `extra` in its payload.

    What the person asked for is not overwritten: keywords of a hook only add (I10).
    """
    return {
        **event,
        "step": step,
        "srn": step_srn(step),
        "channel": {"type": "sdk", "identifier": None},
        "fields": {**extra, **event["fields"]},
        "run": {**event["run"], "actors": {**event["run"]["actors"], step: event["user"]}},
    }


def step_srn(step: str) -> str:
    """The resource name of a step."""
    return f"sym:event-spec:approval:1.0.0:{step}"


def flow_json(flow: Flow, estate: Estate, version: int = 0, target: Target | None = None) -> dict[str, Any]:
    """The flow with its environment and the strategy that gives `target` (the first, when none is chosen yet)."""
    environment = estate.environments.get(flow.environment or "")
    words = environment.integrations if environment else {}
    strategy = _strategy_of(flow, estate, target)
    return {
        "srn": f"{ORG}:flow:{flow.name}:{_version(version)}",
        "label": flow.label,
        "fields": {
            each.name: {"type": each.type, "label": each.label, "required": each.required}
            for each in flow.fields
        },
        "vars": dict(flow.vars),
        "environment": {
            "srn": f"{ORG}:environment:{environment.name if environment else 'default'}:latest",
            "integrations": {
                word.removesuffix("_id"): integration_json(estate.integrations[name])
                for word, name in words.items()
            },
        },
        "strategy": strategy and _strategy_json(strategy, estate),
    }


def integration_json(integration: Integration) -> dict[str, Any]:
    """A connection; settings that refer to a secret become the secret's name, never its value (I17)."""
    return {
        "id": str(uuid.uuid5(_IDS, f"integration:{integration.name}")),
        "srn": f"{ORG}:integration:{integration.type}:{integration.name}:latest",
        "type": integration.type,
        "external_id": integration.external_id,
        "settings": {
            key: _setting(integration.name, key, value) for key, value in integration.settings.items()
        },
    }


def _setting(integration: str, key: str, value: str) -> Any:
    if not REFERENCE.fullmatch(value):
        return value
    kind, _, path = value.partition(":")
    return {"secret_id": f"{integration}.{key}", "path": path, "source": {"type": kind}}


def _strategy_of(flow: Flow, estate: Estate, target: Target | None) -> Strategy | None:
    known: Iterable[Strategy] = (
        estate.strategies[name] for name in flow.strategies if name in estate.strategies
    )
    return next((each for each in known if target is None or target.name in each.targets), None)


def _strategy_json(strategy: Strategy, estate: Estate) -> dict[str, Any]:
    identifier = str(uuid.uuid5(_IDS, f"strategy:{strategy.name}"))
    return {
        "id": identifier,
        "srn": f"{ORG}:access_strategy:{strategy.type}:{strategy.name}:latest:{identifier}",
        "type": strategy.type,
        "name": strategy.name,
        "label": strategy.label,
        "integration": integration_json(estate.integrations[strategy.integration]),
        "targets": [target_json(estate.targets[name]) for name in strategy.targets if name in estate.targets],
        "settings": dict(strategy.settings),
    }


def target_json(target: Target, values: Mapping[str, object] | None = None) -> dict[str, Any]:
    """A target; with the form's `values`, its bound settings filled in."""
    bound = {name: str(values[name]) for name in target.field_bindings if values and name in values}
    return {
        "id": target_id(target.name),
        "srn": target_srn(target),
        "type": target.type,
        "label": target.label,
        "settings": {**target.settings, **bound},
    }


def _fields(happening: Happening) -> dict[str, Any]:
    fields: dict[str, Any] = {name: plain(value) for name, value in happening.values.items()}
    if happening.target is not None:
        fields["target"] = target_json(happening.target, happening.values)
        fields["target_id"] = target_id(happening.target.name)
    if happening.duration is not None:
        fields["duration"] = int(happening.duration.total_seconds())
    return fields


def _version(version: int) -> str:
    """Three numbers of at most three digits, as resource names have them."""
    return f"{version // 1000 % 1000}.{version % 1000}.0"
