"""What the portal is built from: the desk it speaks to and the settings it needs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from gatepass.clock import Clock
from gatepass.desk import Desk
from gatepass.desk.office import Office
from gatepass.store import Store
from gatepass.web.address import Address
from gatepass.web.command_line import CommandLine
from gatepass.web.forms import Recent
from gatepass.web.heads import Heads
from gatepass.web.naming import AwsTells, NothingTold
from gatepass.web.sessions import Sessions


class SignIn(Protocol):
    """Who is there, as an issuer of identities says; filled by OpenID Connect, absent where none is configured."""

    @property
    def issuer(self) -> str:
        """Whose word is taken, for people to read."""
        ...

    def begin(self, request: Request, back_to: str) -> Response:
        """Send the browser to the issuer. Raises `Unavailable` when the issuer does not answer."""
        ...

    def finish(self, request: Request) -> tuple[str, str]:
        """The person (stable id) whom the issuer named, and the path to go to. Raises `LoginRefused`."""
        ...

    def forget(self, response: Response) -> None:
        """Take away what was kept in the browser between `begin` and `finish`."""
        ...


@dataclass(frozen=True)
class Parts:
    """Everything the pages hand words to, and what they must know of this installation."""

    desk: Desk
    office: Office
    store: Store
    """For portal sessions and the feed of what happened; never for deciding."""
    clock: Clock
    address: Address
    sessions: Sessions
    command_line: CommandLine
    heads: Heads
    recent: Recent
    """Options that forms were opened with, for typing."""
    aws: AwsTells = field(default_factory=NothingTold)
    """Names that the estate does not have."""
    sign_in: SignIn | None = None
    closing: threading.Event = field(default_factory=threading.Event)
    """Set when the process is about to stop: streams end then, and nobody waits for them."""
    pick_a_person: bool = False
    """The demo's sign-in: anybody may be anybody. Only ever on loopback."""
    problems: Callable[[], list[str]] = list
    """What is wrong with the process: why it is not ready, and every alarm. Empty: nothing."""
    late: Callable[[str, timedelta], timedelta] = lambda scope, after: timedelta(0)
    """How late access at this AWS instance would be taken back if it ended after so long (security.md 4)."""
    calls_per_second: int = 20
    outstanding: int = 10
