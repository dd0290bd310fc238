"""How the agent reaches a person, if there is one."""

from __future__ import annotations

from typing import Protocol

from gatepass.sessions.errors import NeedsHuman
from gatepass.sessions.shown import Shown


class Asker(Protocol):
    """A person at the other end of a control connection. `present` False: nobody, and `ask` raises."""

    headless: bool
    """Whether a browser cannot be opened where the person is (S-50)."""

    @property
    def present(self) -> bool: ...

    async def ask(self, kind: str, text: str, command: str) -> str:
        """The answer to `text`; `kind` is mfa, passphrase, assertion or confirm. `command` is for nobody there."""
        ...

    async def show(self, shown: Shown) -> None:
        """Let the person open an address."""
        ...


class Nobody:
    """Turns every question into the command that a person must run (S-49)."""

    present = False
    headless = True

    async def ask(self, kind: str, text: str, command: str) -> str:
        raise NeedsHuman(
            text, advice=f"run: {command}", state="needs-mfa" if kind == "mfa" else "needs-login"
        )

    async def show(self, shown: Shown) -> None:
        raise NeedsHuman("a login is needed", advice="run: gatepass login")


NOBODY = Nobody()


def logs_in(asker: Asker) -> bool:
    """Whether a login may begin for this person's sake; questions in between are another matter (S-49)."""
    return asker.present and not getattr(asker, "only_questions", False)
