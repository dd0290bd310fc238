"""The flow a request follows, its environment, and what has happened in the request so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gatepass.sdk.resource import SymResource
from gatepass.sdk.strategies import Integration
from gatepass.sdk.strategy import Strategy
from gatepass.sdk.user import User

if TYPE_CHECKING:
    from gatepass.sdk.event import Channel


class Environment(SymResource):
    """The connections that flows share, by the word of the service: `integrations["slack"]`."""

    def __init__(self, srn: str, integrations: Mapping[str, Integration]) -> None:
        super().__init__(srn)
        self.integrations: dict[str, Integration] = dict(integrations)


class Flow(SymResource):
    """What was asked through: its fields, its variables (text to text) and its strategy, if it has one."""

    def __init__(
        self,
        srn: str,
        environment: Environment,
        fields: Mapping[str, Any] | None = None,
        vars: Mapping[str, str] | None = None,
        strategy: Strategy | None = None,
        label: str | None = None,
    ) -> None:
        super().__init__(srn)
        self.environment = environment
        self.fields: dict[str, Any] = dict(fields or {})
        self.vars: dict[str, str] = dict(vars or {})
        self.strategy = strategy
        self.label = label


class Run(SymResource):
    """One request: who caused which step, and the context each came with."""

    def __init__(
        self,
        srn: str,
        actors: Mapping[str, User],
        contexts: Mapping[str, dict[str, Any]],
        source_channel: Channel,
    ) -> None:
        super().__init__(srn)
        self.actors: dict[str, User] = dict(actors)
        self.contexts: dict[str, dict[str, Any]] = dict(contexts)
        self.source_channel = source_channel
