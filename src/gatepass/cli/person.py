"""The person at this terminal, as the agent may ask and show things (S-48, S-50)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gatepass.cli.laptop import read_secret, say
from gatepass.sessions.client import Person
from gatepass.sessions.errors import NeedsHuman

if TYPE_CHECKING:
    from gatepass.sessions.shown import Shown


class Terminal(Person):
    """Prompts on /dev/tty when there is one, so that pipes stay clean; otherwise reads stdin."""

    def __init__(self, *, fd: int | None = None, browser: bool = True) -> None:
        from gatepass.sessions.agent.headless import is_headless

        self._fd = fd
        self.headless = not browser or is_headless()

    def ask(self, kind: str, text: str) -> str:
        """The typed answer; passphrases and assertions are not echoed."""
        if self._fd is not None or not sys.stdin.isatty():
            if self._fd is None and sys.stdin.isatty() is False and kind == "confirm":
                raise NeedsHuman(text)
            return read_secret(text, self._fd)
        import click

        return str(click.prompt(text, hide_input=kind != "mfa" and kind != "confirm", err=True))

    def note(self, text: str) -> None:
        """One line."""
        say(text)

    def show(self, url: str, code: str | None) -> None:
        """Open the browser, or print where to go where there is none."""
        if code is not None:
            say(f"compare this code with the one in the browser: {code}")
        if self.headless:
            say(f"open this address: {url}")
            return
        import webbrowser

        say("opening the browser to log in")
        if not webbrowser.open(url):
            say(f"no browser could be opened; open this address: {url}")


class Here:
    """The terminal as the agent's parts see it, when they run in this process."""

    present = True

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.headless = terminal.headless

    async def ask(self, kind: str, text: str, command: str) -> str:
        """The typed answer."""
        return self._terminal.ask(kind, text)

    async def show(self, shown: Shown) -> None:
        """Open the browser or print the address."""
        self._terminal.show(shown.url, shown.code)
