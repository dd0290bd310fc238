"""The person at this terminal, as the agent may ask and show things (S-48, S-50)."""

from __future__ import annotations

import sys

from gatepass.cli.laptop import NothingEntered, read_secret, say
from gatepass.sessions.client import Person
from gatepass.sessions.errors import NeedsHuman


class Terminal(Person):
    """Asks on the terminal, or reads a descriptor; stdin only where it is not meant for somebody else."""

    def __init__(self, *, fd: int | None = None, browser: bool = True, stdin: bool = True) -> None:
        """`stdin` False: what is piped in belongs to a child or a program, so ask on /dev/tty or nobody (S-48)."""
        from gatepass.sessions.agent.headless import is_headless

        self._fd, self._stdin = fd, stdin
        self.headless = not browser or is_headless()

    def ask(self, kind: str, text: str) -> str:
        """The typed answer; passphrases and assertions are not echoed."""
        if self._fd is not None or (self._stdin and not sys.stdin.isatty() and kind != "confirm"):
            try:
                return read_secret(text, self._fd)
            except NothingEntered as error:  # code 3: a person must act
                raise NeedsHuman(f"{text}: nothing was entered", advice=error.advice) from error
        try:
            return _on_terminal(text, hidden=kind not in ("mfa", "confirm"))
        except (OSError, EOFError) as error:
            raise NeedsHuman(
                text, advice="run the command on a terminal, or name a descriptor with --fd"
            ) from error

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


def _on_terminal(text: str, *, hidden: bool) -> str:
    """Ask on the controlling terminal or console, whatever stdin and stdout are. Raises OSError without one."""
    asks, answers = ("CONOUT$", "CONIN$") if sys.platform == "win32" else ("/dev/tty", "/dev/tty")
    if hidden:
        from getpass import getpass

        # getpass would fall back to stdin and echo, or wait for ever for the keys of a console that is not there
        with open(answers, "rb", buffering=0):
            return getpass(f"{text}: ")
    with open(asks, "w", encoding="utf-8") as out, open(answers, encoding="utf-8") as into:
        out.write(f"{text}: ")
        out.flush()
        return into.readline().strip()
