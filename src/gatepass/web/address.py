"""Under which address the portal is reached: what an Origin must say, what cookies are called, which Host is ours."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from gatepass.errors import GatepassError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class WrongAddress(GatepassError):
    """The portal was reached by an address that is not its own."""

    code = "wrong_address"


@dataclass(frozen=True, slots=True)
class Address:
    """`public_url` is how people reach the server; empty: loopback only, under any port (security.md 17-19)."""

    public_url: str = ""

    @property
    def secure(self) -> bool:
        """Whether browsers reach the portal by https: only then are cookies bound to the host by their name."""
        return self.public_url.startswith("https://")

    def cookie(self, name: str) -> str:
        """The name of a cookie; `__Host-` makes browsers refuse one that another host or plain http set."""
        return f"__Host-{name}" if self.secure else name

    def origin(self, request: Request) -> str:
        """What the browser's Origin must be. Raises `WrongAddress` for a Host that is not ours (DNS rebinding)."""
        host = request.headers.get("host", "")
        if self.public_url:
            ours = urlsplit(self.public_url)
            if host.lower() == ours.netloc.lower():
                return f"{ours.scheme}://{ours.netloc}".lower()
            raise WrongAddress("this portal has another address", advice=f"open {self.public_url}")
        if (urlsplit(f"//{host}").hostname or "") not in LOOPBACK:
            raise WrongAddress(
                "this portal is reached by an address it was not told of", advice="set GATEPASS_PUBLIC_URL"
            )
        return f"http://{host}".lower()
