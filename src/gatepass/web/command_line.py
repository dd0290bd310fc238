"""Letting the command line in: an authorization code with PKCE, to a loopback port of the person's own machine.

The code is signed, not stored: it names the person, the challenge and the port, lives a minute and is good once.
The token that it is exchanged for goes to the command line only; no page and no address ever holds it.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gatepass.desk import Caller
from gatepass.desk.office import Office
from gatepass.errors import GatepassError
from gatepass.store import Store, Token
from gatepass.web.headers import CSP

if TYPE_CHECKING:
    from gatepass.web.visit import Visit

CODE_SECONDS = 60
TOKEN_LASTS = timedelta(hours=12)
ROUTE = "login/cli"
_BACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]):[0-9]{4,5}/callback")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_STATE = re.compile(r"[A-Za-z0-9_-]{16,100}")


class BadCode(GatepassError):
    """A code that is unknown, used, too old, or of another command line."""

    code = "refused"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a command line asks for: where its answer goes, and what it will prove itself by."""

    redirect_uri: str
    state: str
    challenge: str


def read_wish(given: Mapping[str, str]) -> Wish:
    """A checked wish. Raises `GatepassError`: an answer goes to a loopback port or nowhere (security.md 22)."""
    back, state = given.get("redirect_uri", ""), given.get("state", "")
    challenge = given.get("code_challenge", "")
    fits = _BACK.fullmatch(back) and _STATE.fullmatch(state) and _CHALLENGE.fullmatch(challenge)
    if not fits or given.get("code_challenge_method") != "S256":
        raise GatepassError("this is not a sign-in of the command line", advice="run: gatepass login")
    return Wish(back, state, challenge)


class CommandLine:
    """Makes codes and takes them. Any process takes the codes of any other."""

    def __init__(self, store: Store, office: Office, key: bytes) -> None:
        self._store = store
        self._office = office
        self._serializer = URLSafeTimedSerializer(key, salt="gatepass command line")

    def code(self, person: str, wish: Wish) -> str:
        """A code for this person's command line."""
        said = {"p": person, "c": wish.challenge, "r": wish.redirect_uri, "n": secrets.token_urlsafe(12)}
        return str(self._serializer.dumps(said))

    def take(self, code: str, verifier: str, redirect_uri: str) -> tuple[Token, str]:
        """The token for a code. Raises `BadCode`; a code is good once, whoever brings it first."""
        refused = BadCode("this sign-in is over or not yours", advice="run: gatepass login")
        try:
            said = self._serializer.loads(code[:2000], max_age=CODE_SECONDS)
        except BadSignature:
            raise refused from None
        proof = create_s256_code_challenge(verifier[:200])
        if not hmac.compare_digest(proof, said["c"]) or redirect_uri != said["r"]:
            raise refused
        person = str(said["p"])
        with self._store.write() as tx:
            if tx.once.result(person, ROUTE, said["n"], said["c"]) is not None:
                raise refused
            tx.once.keep(person, ROUTE, said["n"], said["c"], "taken")
        scopes = frozenset(
            {"ask", "decide", "admin"}
        )  # a person's own rights bound what any of them is good for
        return self._office.issue_token(Caller(person, "web"), person, scopes, TOKEN_LASTS, "gatepass login")


def ask(visit: Visit) -> Response:
    """Whether this person's command line may act as them. A page; nothing happens yet."""
    wish = read_wish(dict(visit.request.query_params))
    port = wish.redirect_uri.rpartition("/")[0]
    response = visit.page("command_line.html", wish=wish, port=port.rpartition(":")[2], lasts=TOKEN_LASTS)
    response.headers["Content-Security-Policy"] = CSP.replace(
        "form-action 'self'", f"form-action 'self' {port}"
    )
    return response


def allow(visit: Visit) -> Response:
    """The person said yes: the code goes to their loopback port."""
    wish = read_wish({name: values[0] for name, values in visit.sent.items()})
    code = visit.parts.command_line.code(visit.person.id, wish)
    return visit.go(f"{wish.redirect_uri}?{urlencode({'code': code, 'state': wish.state})}")


def token(command_line: CommandLine, request: Request, sent: Mapping[str, list[str]]) -> Response:
    """What a command line exchanges its code for; no cookie takes part, so no page can make a browser do it."""

    def one(name: str) -> str:
        return (sent.get(name) or [""])[0]

    made, text = command_line.take(one("code"), one("code_verifier"), one("redirect_uri"))
    return JSONResponse({"token": text, "person": made.person, "expires_at": made.expires_at.isoformat()})
