"""What can go wrong on the laptop. Each error knows the wire status the agent answers with and the exit code.

The wire statuses are those of the agent's protocol (2 unknown, 3 needs a human, 4 denied, 5 upstream, 6 locked); the
exit codes are those of every gatepass command (1 failure, 2 usage, 3 needs a human, 4 denied, 5 AWS or network).
"""

from __future__ import annotations

import errno
import re
from typing import ClassVar

from gatepass.errors import GatepassError

# Access keys are unmistakable; long unbroken runs of base64 are tokens or secret keys (S-30).
_KEY_ID = re.compile(r"\bA[KS]IA[A-Z0-9]{16}\b")
_LONG = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_=-]{40,}(?![A-Za-z0-9+/_=-])")
_HEX = re.compile(r"[a-z]*=?(?:[0-9a-f]{40,}|[0-9A-F]{40,})")


def scrub(text: str) -> str:
    """`text` without anything that looks like an access key, a secret key or a token (S-30), on one line."""
    text = _KEY_ID.sub("<access key>", text)
    text = _LONG.sub(_hide_unless_readable, text)
    return plain(text)


def plain(text: str) -> str:
    """`text` as one line that a terminal shows and does not obey: no control characters (security.md 32)."""
    return "".join(c if c.isprintable() else " " for c in text)


def _hide_unless_readable(match: re.Match[str]) -> str:
    """Paths and dashed names are long too; a secret mixes cases and digits, or is hexadecimal."""
    run = match.group()
    mixed = any(c.islower() for c in run) and any(c.isupper() for c in run) and any(c.isdigit() for c in run)
    return "<secret>" if mixed or len(run) > 200 or _HEX.fullmatch(run) else run


class SessionError(GatepassError):
    """Root of what the laptop side reports; a failure of our own making unless a subclass says otherwise."""

    code = "session_failed"
    status: ClassVar[int] = 5
    exit_code: ClassVar[int] = 1

    def line(self) -> str:
        """The one line a person sees: scrubbed, no line breaks."""
        return scrub(str(self))


class BadInput(SessionError):
    """The person typed or configured something that cannot work. Nothing was changed."""

    code = "bad_input"
    status = 2
    exit_code = 2


class UnknownSession(BadInput):
    """No session or profile of this name is in the workspace."""

    code = "unknown_session"


class NeedsHuman(SessionError):
    """A login, an MFA code or a start is needed; `advice` is the command to run."""

    code = "needs_human"
    status = 3
    exit_code = 3

    def __init__(self, message: str, *, advice: str = "", state: str = "needs-login") -> None:
        super().__init__(message, advice=advice)
        self.state = state


class Denied(SessionError):
    """AWS or the gatepass server says no, or the grant has ended."""

    code = "denied"
    status = 4
    exit_code = 4

    def __init__(self, message: str, *, advice: str = "", state: str = "denied") -> None:
        super().__init__(message, advice=advice)
        self.state = state


class Upstream(SessionError):
    """AWS or the network failed; trying again later is safe."""

    code = "upstream"
    status = 5
    exit_code = 5


class StaleParent(Upstream):
    """AWS refused the credentials that were used to ask: the hop above must be made anew (S-24)."""

    code = "stale_parent"


class Locked(SessionError):
    """The vault cannot be opened now: keychain locked or absent, or the passphrase is not known."""

    code = "vault_locked"
    status = 6
    exit_code = 3


class Tampered(SessionError):
    """A file of ours was changed by somebody else, or cut short. Nothing in it is used."""

    code = "tampered"


class Unsafe(SessionError):
    """A file or directory is a link, belongs to someone else, or lets others in. It is not used."""

    code = "unsafe_file"


class Busy(SessionError):
    """Another process holds a lock for longer than we wait (120 s)."""

    code = "busy"


class SystemRefused(SessionError):
    """The machine would not: a full disk, a read-only place, a file of the wrong kind."""

    code = "system_refused"


_BY_ERRNO = {
    errno.ENOSPC: "free some space, then run the command again",
    getattr(errno, "EDQUOT", errno.ENOSPC): "free some space, then run the command again",
    errno.EROFS: "make it writable, or let GATEPASS_HOME name a directory that is",
    errno.EMFILE: "too many files are open: raise ulimit -n, or end some programs",
}


def system_refused(error: OSError, doing: str = "") -> SystemRefused:
    """What the system refused, where, and what to do about it."""
    what = error.strerror or type(error).__name__
    place = f"{error.filename}: " if error.filename is not None else ""
    known = _BY_ERRNO.get(error.errno or 0)
    usual = "see that it is yours, of the right kind, and can be read and written"
    advice = known or (usual if place else "run: gatepass doctor")
    return SystemRefused(f"{doing}{': ' if doing else ''}{place}{what}", advice=advice)
