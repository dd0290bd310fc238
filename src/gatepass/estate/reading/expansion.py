"""The long form of an estate: every entity by its own name, nothing implied (`gatepass check --expand`).

Loading what `expanded` writes, beside the same Python files, gives an equal estate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any

from gatepass.estate.drift import Drift
from gatepass.estate.durations import format_duration
from gatepass.estate.fields import MAX_LENGTH, Field, FieldValue
from gatepass.estate.format.estate import VERSION
from gatepass.estate.model import (
    SOURCES,
    Accounts,
    Approval,
    Connector,
    Decide,
    Estate,
    Flow,
    Organization,
    Person,
    Rule,
    Target,
    Who,
    normalise_email,
)
from gatepass.estate.notify import NOTICES, Notify, Reach
from gatepass.estate.reading.yaml import write

Entry = dict[str, Any]


def expanded(estate: Estate) -> str:
    """The estate in the long form, as YAML."""
    return write(long_form(estate))


def long_form(estate: Estate) -> Entry:
    """The estate in the long form, as plain data."""
    sections: Mapping[str, Mapping[str, Entry]] = {
        "people": {name: _person(each) for name, each in estate.people.items()},
        "organizations": {name: _organization(each) for name, each in estate.organizations.items()},
        "integrations": {
            name: _given(
                type=each.type, external_id=each.external_id, label=each.label, settings=dict(each.settings)
            )
            for name, each in estate.integrations.items()
        },
        "targets": {name: _target(each) for name, each in estate.targets.items()},
        "strategies": {
            name: _given(
                type=each.type,
                label=each.label,
                integration=each.integration,
                targets=list(each.targets),
                settings=dict(each.settings),
            )
            for name, each in estate.strategies.items()
        },
        "environments": {
            name: _given(label=each.label, integrations=dict(each.integrations))
            for name, each in estate.environments.items()
        },
        "flows": {name: _flow(each) for name, each in estate.flows.items()},
    }
    more = _given(teams=estate.teams, drift=_drift(estate.drift) if estate.drift else None)
    return {"gatepass": VERSION, **{name: dict(each) for name, each in sections.items() if each}, **more}


def _drift(drift: Drift) -> Entry:
    return _given(
        every=drift.every,
        notify=[_reach(each) for each in drift.notify],
        enter_by=drift.enter_by,
        managed_by=drift.managed_by,
        acknowledge=list(drift.acknowledge),
        context=drift.context,
    )


def _notify(notify: Notify) -> Entry:
    return _given(
        ask=[_reach(each) for each in notify.ask],
        tell=[{**_reach(each), **_events(each)} for each in notify.tell],
    )


def _reach(reach: Reach) -> Entry:
    slack = reach.slack[0] if len(reach.slack) == 1 else list(reach.slack)
    hook = {"url": reach.webhook.url, "secret": reach.webhook.secret} if reach.webhook else None
    return _given(slack=slack, mail=list(reach.mail), webhook=hook, timeout=reach.timeout)


def _events(reach: Reach) -> Entry:
    return {} if reach.events == frozenset(NOTICES) else {"events": sorted(reach.events)}


def _given(**values: Any) -> Entry:
    """Only what is there: no empty text, list or map, no None."""
    return {
        key: format_duration(value) if isinstance(value, timedelta) else value
        for key, value in values.items()
        if value is not None and value not in ("", [], {})
    }


def _person(person: Person) -> Entry:
    return _given(
        email=person.email,
        emails=sorted(person.emails - {normalise_email(person.email)}),
        label=person.label,
        role=person.role,
        groups=sorted(person.groups),
        identities={service: dict(stored) for service, stored in person.identities.items()},
        active=None if person.active else False,
    )


def _organization(organization: Organization) -> Entry:
    connector = {each.name: getattr(organization.connector, each.name) for each in fields(Connector)}
    return _given(
        label=organization.label, connector=_given(**connector), max_duration=organization.max_duration
    )


def _target(target: Target) -> Entry:
    return _given(
        type=target.type,
        label=target.label,
        settings=dict(target.settings),
        field_bindings=list(target.field_bindings),
        accounts=_accounts(target.accounts),
        max_duration=target.max_duration,
    )


def _accounts(accounts: Accounts | None) -> Entry | str | None:
    if accounts is None or accounts.all:
        return "all" if accounts else None
    return _given(ids=sorted(accounts.ids), units=sorted(accounts.units), tags=dict(accounts.tags))


def _flow(flow: Flow) -> Entry:
    entry = _given(
        label=flow.label,
        organizations=list(flow.organizations),
        strategies=list(flow.strategies),
        targets=list(flow.targets),
        fields={each.name: _field(each) for each in flow.fields},
        decide=_decide(flow.decide) if flow.declarative else None,
        environment=flow.environment,
        implementation=flow.implementation.path if flow.implementation else None,
        vars=dict(flow.vars),
        additional_header_text=flow.additional_header_text,
        notify=_notify(flow.notify),
    )
    if flow.hosts:
        entry["hosts"] = sorted(flow.hosts)
    if flow.allowed_sources != frozenset(SOURCES):
        entry["allowed_sources"] = sorted(flow.allowed_sources)
    standard = {each.name: each.default for each in fields(Flow)}
    switches = (
        "schedule_deescalation",
        "allow_revoke",
        "include_decision_message",
        "allow_guest_interaction",
    )
    return entry | {name: getattr(flow, name) for name in switches if getattr(flow, name) != standard[name]}


def _field(field: Field) -> Entry:
    return _given(
        type=field.type,
        label=field.label,
        required=None if field.required else False,
        default=None if field.default is None else _value(field.default),
        visible=None if field.visible else False,
        allowed_values=[_value(each) for each in field.allowed_values],
        prefetch=field.prefetch or None,
        on_change=field.on_change.path if field.on_change else None,
        pattern=field.pattern,
        max_length=None if field.max_length == MAX_LENGTH else field.max_length,
    )


def _value(value: FieldValue) -> Any:
    if isinstance(value, timedelta):
        return format_duration(value)
    return list(value) if isinstance(value, tuple) else value


def _decide(decide: Decide) -> Entry:
    return {"ask": _who(decide.ask), "rules": [_rule(each) for each in decide.rules]}


def _rule(rule: Rule) -> Entry:
    return _given(
        ask=_who(rule.ask) if rule.ask else None,
        targets=sorted(rule.targets),
        organizations=sorted(rule.organizations),
        approve=_approval(rule.approve) if rule.approve else None,
        automatic=rule.automatic or None,
        allow_self=rule.allow_self or None,
        max_duration=rule.max_duration,
        unanswered_after=rule.unanswered_after,
        accepted_lateness=rule.accepted_lateness,
    )


def _approval(approval: Approval) -> Entry:
    return {**_who(approval.who), "needed": approval.needed}


def _who(who: Who) -> Entry:
    return _given(groups=sorted(who.groups), people=sorted(who.people), roles=sorted(who.roles))
