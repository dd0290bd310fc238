"""What the screen needs of the agent, each call on a connection of its own. Blocking; the screen runs it in threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from gatepass.cli.laptop import places
from gatepass.sessions.client import Person, conversation
from gatepass.sessions.delivery.browser import open_browser, open_secretly

Row = dict[str, Any]
Ask = Callable[[str, str], str]
"""Asks the person at the screen: kind and text; the answer."""


class Backend(Protocol):
    """The abilities the screen shows. Every call raises `SessionError`s only."""

    def rows(self) -> list[Row]: ...
    def start(self, name: str, ask: Ask) -> None: ...
    def stop(self, name: str) -> None: ...
    def console(self, name: str, ask: Ask) -> None: ...


class _AtScreen(Person):
    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def ask(self, kind: str, text: str) -> str:
        return self._ask(kind, text)

    def show(self, url: str, code: str | None) -> None:
        open_browser(url)


class AgentBackend:
    """The real one."""

    def rows(self) -> list[Row]:
        """Every session with its state, as `gatepass status` shows it."""
        with conversation(places()) as talk:
            found: list[Row] = talk.call("status")
        return found

    def start(self, name: str, ask: Ask) -> None:
        """Mint now."""
        with conversation(places(), _AtScreen(ask)) as talk:
            talk.call("start", name=name)

    def stop(self, name: str) -> None:
        """Drop and refuse."""
        with conversation(places()) as talk:
            talk.call("stop", name=name)

    def console(self, name: str, ask: Ask) -> None:
        """Open the console in the browser."""
        with conversation(places(), _AtScreen(ask)) as talk:
            url = talk.call("console", name=name)
        open_secretly(url)
