"""The strategy of a flow, as its handlers see it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field, field_serializer

from gatepass.sdk.model import Model
from gatepass.sdk.resource import SRN
from gatepass.sdk.strategies import Integration
from gatepass.sdk.target import AccessTarget


class Strategy(Model):
    """A way of granting: its type, its connection and what can be given."""

    id: UUID
    type: str
    name: str
    label: str | None = None
    integration: Integration
    targets: list[AccessTarget] = Field(default_factory=list)
    settings: dict[str, str] = Field(default_factory=dict)
    srn: SRN

    @field_serializer("integration")
    def _nested(self, value: Integration) -> dict[str, Any]:
        return value.as_json()

    @field_serializer("targets")
    def _each_nested(self, value: list[AccessTarget]) -> list[dict[str, Any]]:
        return [target.as_json() for target in value]
