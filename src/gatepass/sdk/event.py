"""The event a handler is called with. Provided by gatepass, never made by an implementation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gatepass.sdk.flow import Flow, Run
from gatepass.sdk.resource import SRN, SymResource
from gatepass.sdk.templates import Template
from gatepass.sdk.user import User


@dataclass(frozen=True)
class Channel:
    """Where an event came from: `slack`, `sym` (API and portal), `sdk` (a hook), `internal` (a timer)."""

    type: str
    identifier: str | None = None


@dataclass(frozen=True)
class EventMeta:
    """How the event is written."""

    schema_version: int = 6


@dataclass(frozen=True)
class Payload:
    """What the event carries. `fields` adds `target`, `target_id` and `duration` (seconds) to the form's fields."""

    timestamp: datetime
    fields: dict[str, Any]
    srn: SRN
    user: User


class Event(SymResource):
    """One step of one request."""

    def __init__(
        self,
        name: str,
        payload: Payload,
        flow: Flow,
        run: Run,
        channel: Channel,
        *,
        template: Template | None = None,
        meta: EventMeta | None = None,
        outputs: Mapping[str, dict[str, Any]] | None = None,
        written: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(payload.srn)
        self._name = name
        self.payload = payload
        self.flow = flow
        self.run = run
        self.channel = channel
        self.template = template or Template()
        self.meta = meta or EventMeta()
        self._outputs = dict(outputs or {})
        self._written = dict(written or {})

    @property
    def name(self) -> str:
        """The step: `request`, `approve`, `escalate` ..."""
        return self._name

    @property
    def user(self) -> User:
        """Who caused this event."""
        return self.payload.user

    def get_actor(self, event_name: str) -> User | None:
        """Who caused that step of this request, or None when it has not happened."""
        return self.run.actors.get(_step(event_name))

    def get_context(self, event_name: str) -> dict[str, Any] | None:
        """The context that step came with (an API request's `context`), or None."""
        return self.run.contexts.get(_step(event_name))

    def output_of(self, step: str) -> dict[str, Any]:
        """What a strategy returned in `step`; empty when nothing. Use `get_step_output`."""
        return self._outputs.get(step, {})

    def as_json(self) -> dict[str, Any]:
        """The JSON this event was built from: what crosses when an implementation hands the event on."""
        return self._written


def _step(name: object) -> str:
    return str(getattr(name, "value", name))
