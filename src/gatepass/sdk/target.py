"""One thing a person can be given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gatepass.sdk.resource import SymResource


class AccessTarget(SymResource):
    """A target with its settings, those bound to prompt fields filled in."""

    def __init__(
        self,
        srn: str,
        type: str,
        label: str | None = None,
        settings: Mapping[str, Any] | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(srn)
        self.id = id
        self.type = type
        self.label = label
        self.settings: dict[str, Any] = dict(settings or {})

    def as_json(self) -> dict[str, Any]:
        """Without its resource name, as it is nested in a strategy's JSON."""
        return {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            "label": self.label,
            "settings": self.settings,
        }
