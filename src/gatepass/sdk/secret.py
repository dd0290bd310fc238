"""Secrets by reference: the value is fetched when asked for and never part of an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gatepass.sdk import link


@dataclass(frozen=True)
class SecretSource:
    """The store that a secret lies in."""

    type: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Secret:
    """One entry of a store."""

    id: str
    path: str
    source: SecretSource
    settings: Mapping[str, Any] = field(default_factory=dict)

    def retrieve_value(self) -> str:
        """The value, fetched anew. Do not print, keep or return it."""
        return str(link.ask("secret.retrieve_value", secret_id=self.id))
