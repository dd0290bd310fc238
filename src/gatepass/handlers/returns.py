"""What handlers return, on the wire and back: the worker writes it with its type, the server believes none of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gatepass.sdk.flow import Flow
from gatepass.sdk.forms import FieldOption, SymPromptForm
from gatepass.sdk.model import Model
from gatepass.sdk.notifications import Notification
from gatepass.sdk.request_destination import RequestDestination, RequestDestinationFallback
from gatepass.sdk.request_permission import RequestPermission
from gatepass.sdk.templates import Fired
from gatepass.sdk.user import User

_MODELS: tuple[type[Model], ...] = (
    RequestPermission,
    Notification,
    RequestDestinationFallback,
    RequestDestination,
    FieldOption,
    SymPromptForm,
)
MOST = 10_000
"""Elements of a list; more are refused where the list is read."""


def written(value: Any) -> dict[str, Any]:
    """The value with the name of its type, as JSON. A type that no handler may return keeps its name only."""
    if value is None:
        return {"type": "None"}
    for kind in _MODELS:
        if isinstance(value, kind):
            return {"type": kind.__name__, "value": value.model_dump(mode="json", warnings=False)}
    match value:
        case Fired():
            return {"type": "Event", "value": _fired(value)}
        case User():
            return {"type": "User", "value": value.as_json()}
        case Flow():
            return {"type": "Flow", "value": value.name}
        case bool() | int() | float() | str():
            return {"type": type(value).__name__, "value": value}
        case list() | tuple():
            return {"type": "list", "value": [written(each) for each in value]}
        case Mapping():
            return {"type": "dict", "value": dict(value)}
    return {"type": type(value).__name__[:80], "value": None}


def _fired(fired: Fired) -> dict[str, Any]:
    return {
        "step": fired.step,
        "message": fired.message,
        "target_srn": fired.target_srn,
        "duration": fired.duration,
        "extra": fired.extra,
    }
