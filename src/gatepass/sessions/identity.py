"""Who this person is to AWS and to gatepass: the name that role sessions carry (S-14). No secret."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from gatepass.sessions.errors import BadInput, SessionError
from gatepass.sessions.files import private_dir, read_private, replace
from gatepass.sessions.model import Settings


@dataclass(frozen=True)
class Known:
    """What the gatepass server said of the person at the last login."""

    url: str
    person: str
    """The id in the estate."""
    identity: str
    """The e-mail address, or the id of who has none."""


def keep(path: Path, known: Known) -> None:
    """Remember who logged in. May be repeated."""
    private_dir(path.parent)
    body = {"url": known.url, "person": known.person, "identity": known.identity}
    replace(path, json.dumps(body).encode())


def known_at(path: Path) -> Known | None:
    """Who logged in last, if anybody; a damaged file names nobody."""
    try:
        found = json.loads(read_private(path))
        return Known(str(found["url"]), str(found["person"]), str(found["identity"]))
    except (OSError, ValueError, KeyError, TypeError, SessionError):
        return None


def identity_of(settings: Settings, login: Path) -> str:
    """The configured identity, else that of the gatepass server, else login name and host."""
    if settings.identity:
        return settings.identity
    known = known_at(login)
    if known is not None:
        return known.identity
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, ImportError, OSError) as error:
        raise BadInput("this user has no name", advice="set identity in [settings]") from error
    return f"{user}@{socket.gethostname()}"
