"""Builds what a handler is called with from the frozen JSON event (its shape: `gatepass.handlers.event`)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gatepass.sdk.event import Channel, Event, EventMeta, Payload
from gatepass.sdk.flow import Environment, Flow, Run
from gatepass.sdk.forms import FieldType, PromptField, SlackUserSelection, SymPromptForm
from gatepass.sdk.resource import SRN
from gatepass.sdk.secret import Secret, SecretSource
from gatepass.sdk.strategies import Integration
from gatepass.sdk.strategy import Strategy
from gatepass.sdk.target import AccessTarget
from gatepass.sdk.templates import Template
from gatepass.sdk.user import User

Json = Mapping[str, Any]

_PICKED = {FieldType.SLACK_USER.value, FieldType.SLACK_USER_LIST.value}


def build_event(seen: Json) -> Event:
    """The event; KeyError or ValueError when the JSON is not one that gatepass wrote."""
    people = {key: User(person) for key, person in seen["people"].items()}
    flow = build_flow(seen["flow"])
    payload = Payload(
        timestamp=datetime.fromisoformat(seen["at"]),
        fields=_fields(seen["fields"], seen["flow"].get("fields", {})),
        srn=SRN.parse(seen["srn"]),
        user=people[seen["user"]],
    )
    return Event(
        seen["step"],
        payload,
        flow,
        _run(seen["run"], people),
        _channel(seen["channel"]),
        template=Template(seen.get("template", Template.SRN_TEXT)),
        meta=EventMeta(seen.get("schema_version", 6)),
        outputs=seen.get("outputs", {}),
        written=seen,
    )


def build_integration(seen: Json) -> Integration:
    """One connection; settings that name a secret become `Secret` objects under the same key."""
    settings = {key: _setting(value) for key, value in seen.get("settings", {}).items()}
    return Integration(seen["srn"], seen["type"], seen["external_id"], settings, seen.get("id"))


def build_target(seen: Json) -> AccessTarget:
    """One target."""
    return AccessTarget(seen["srn"], seen["type"], seen.get("label"), seen.get("settings"), seen.get("id"))


def _setting(value: Any) -> Any:
    if isinstance(value, list):
        return [_setting(each) for each in value]
    if not (isinstance(value, Mapping) and "secret_id" in value):
        return value
    source = value.get("source", {})
    return Secret(
        id=value["secret_id"],
        path=value.get("path", ""),
        source=SecretSource(source.get("type", ""), source.get("settings", {})),
        settings=value.get("settings", {}),
    )


def build_form(seen: Json) -> SymPromptForm:
    """The form an `on_change` function is given."""
    fields = OrderedDict((field["name"], _prompt_field(field)) for field in seen["fields"])
    return SymPromptForm(
        fields=fields,
        flow_vars=seen.get("flow_vars", {}),
        additional_header_text=seen.get("additional_header_text"),
    )


def _prompt_field(seen: Json) -> PromptField:
    field = PromptField.parse_obj(seen)
    if field.type.value in _PICKED:
        field.value = _selection(field.value)
    return field


def build_flow(seen: Json) -> Flow:
    """The flow with its environment and strategy."""
    environment = seen["environment"]
    integrations = {
        word: build_integration(each) for word, each in environment.get("integrations", {}).items()
    }
    return Flow(
        seen["srn"],
        Environment(environment["srn"], integrations),
        seen.get("fields"),
        seen.get("vars"),
        _strategy(seen["strategy"]) if seen.get("strategy") else None,
        seen.get("label"),
    )


def _strategy(seen: Json) -> Strategy:
    return Strategy(
        id=seen["id"],
        type=seen["type"],
        name=seen["name"],
        label=seen.get("label"),
        integration=build_integration(seen["integration"]),
        targets=[build_target(each) for each in seen.get("targets", ())],
        settings=seen.get("settings", {}),
        srn=SRN.parse(seen["srn"]),
    )


def _run(seen: Json, people: Mapping[str, User]) -> Run:
    actors = {step: people[key] for step, key in seen.get("actors", {}).items()}
    return Run(seen["srn"], actors, seen.get("contexts", {}), _channel(seen["source_channel"]))


def _channel(seen: Json) -> Channel:
    return Channel(seen["type"], seen.get("identifier"))


def _fields(values: Json, declared: Json) -> dict[str, Any]:
    """The form's values as handlers see them: the target as an object, people picked in Slack as selections."""
    fields: dict[str, Any] = {}
    for name, value in values.items():
        kind = declared.get(name, {}).get("type") if isinstance(declared.get(name), Mapping) else None
        fields[name] = _selection(value) if kind in _PICKED else value
    target = values.get("target")
    if isinstance(target, Mapping):
        fields["target"] = build_target(target)
    return fields


def _selection(value: Any) -> Any:
    if isinstance(value, list):
        return [_selection(each) for each in value]
    return SlackUserSelection.parse_obj(value) if isinstance(value, Mapping) else value
