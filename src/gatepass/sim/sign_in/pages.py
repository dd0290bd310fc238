"""What a browser sees: authorization, device approval, console sign-in by federation (spec/sessions.md 3.5, 3.8)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from html import escape
from urllib.parse import parse_qsl, urlencode

from gatepass.sim.sign_in.oidc import NotAuthorized, approve_as, authorization, grant_code, instance_of
from gatepass.sim.simulator import Simulator
from gatepass.sim.wire import Incoming, Outgoing
from gatepass.sim.world import World

_TOKEN_LIVES = timedelta(minutes=15)
_SHORTEST, _LONGEST, _CHAINED = 900, 43_200, 3600


class Pages:
    """Answers the paths that are for browsers: asks who approves, or takes `browser` of the sign-in state at once."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._known: dict[str, Callable[[dict[str, str], World, datetime], Outgoing]] = {
            "/authorize": self._authorize,
            "/device": self._device,
            "/federation": self._federation,
            "/oauth": self._oauth,
        }

    def handle(self, incoming: Incoming) -> Outgoing | None:
        """The page, or None when the path is none of these."""
        page = self._known.get(incoming.path)
        if page is None:
            return None
        asked = {**dict(parse_qsl(incoming.query, keep_blank_values=True)), **incoming.form()}
        with self._sim.held() as (world, now):
            try:
                return page(asked, world, now)
            except NotAuthorized as refused:
                return _html(400, f"<h1>Not authorized</h1><p>{escape(str(refused))}</p>")

    def _authorize(self, asked: dict[str, str], world: World, now: datetime) -> Outgoing:
        client = authorization(world, asked, now)
        user = asked.pop("user", world.sign_in.browser)
        if not user:
            return _choose(
                "Allow this laptop to use your AWS access?", "/authorize", asked, _users(world, client.issuer)
            )
        back = {"code": grant_code(world, client, asked, user, now), "state": asked["state"]}
        if asked.get("decision") == "deny":
            back = {"error": "access_denied", "state": asked["state"]}
        return _redirect(f"{asked['redirect_uri']}?{urlencode(back)}")

    def _device(self, asked: dict[str, str], world: World, now: datetime) -> Outgoing:
        wanted = asked.get("user_code", "")
        found = next(
            (d for d in world.sign_in.devices.values() if d.user_code == wanted and d.expires > now), None
        )
        if found is None:
            raise NotAuthorized("The code is not known, or it has expired.")
        if asked.get("decision") == "deny":
            found.denied = True
            return _html(200, "<h1>Refused</h1>")
        if not found.user and not (asked.get("user") and approve_as(world, found, asked["user"])):
            issuer = world.instances[found.instance].start_url
            return _choose(f"Allow the device with code {wanted}?", "/device", asked, _users(world, issuer))
        return _html(200, "<h1>Approved</h1><p>You may close this page.</p>")

    def _federation(self, asked: dict[str, str], world: World, now: datetime) -> Outgoing:
        if asked.get("Action") == "login":
            return self._login(asked, world, now)
        if asked.get("Action") != "getSigninToken":
            raise NotAuthorized("Action must be getSigninToken or login.")
        token = world.secret(200)
        world.sign_in.console[token] = (_federated(asked, world, now), now + _TOKEN_LIVES)
        return Outgoing(
            200, json.dumps({"SigninToken": token}).encode(), {"Content-Type": "application/json"}
        )

    def _login(self, asked: dict[str, str], world: World, now: datetime) -> Outgoing:
        arn, until = world.sign_in.console.pop(asked.get("SigninToken", ""), ("", now))
        if until <= now or not asked.get("Destination"):
            raise NotAuthorized("The sign-in token is not known or has expired, or Destination is missing.")
        where = escape(asked["Destination"])
        return _html(
            200, f"<h1>Console</h1><p>Signed in as {escape(arn)}.</p><p><a href='{where}'>{where}</a></p>"
        )

    def _oauth(self, asked: dict[str, str], world: World, now: datetime) -> Outgoing:
        if asked.get("Action") != "logout" or not asked.get("redirect_uri"):
            raise NotAuthorized("Action must be logout, with a redirect_uri.")
        return _redirect(asked["redirect_uri"])


def _federated(asked: dict[str, str], world: World, now: datetime) -> str:
    """Whose console session it becomes. Role sessions only, and an hour at most after a role chain (S-74, S-75)."""
    try:
        session = json.loads(asked.get("Session", ""))
        keys = (session["sessionId"], session["sessionKey"], session["sessionToken"])
    except (ValueError, KeyError, TypeError):
        raise NotAuthorized("Session must be JSON with sessionId, sessionKey and sessionToken.") from None
    found = world.credentials.get(keys[0])
    if found is None or (found.secret, found.token) != keys[1:] or (found.expires and found.expires <= now):
        raise NotAuthorized("The session is not known or has expired.")
    if found.principal.source in ("", "GetSessionToken"):
        raise NotAuthorized("Long-term keys and sessions of GetSessionToken cannot be used.")
    if "SessionDuration" in asked:
        _check_duration(asked["SessionDuration"], found.principal.chained, found.principal.source)
    return found.principal.arn


def _check_duration(text: str, chained: bool, source: str) -> None:
    if not text.isdigit() or not _SHORTEST <= int(text) <= _LONGEST:
        raise NotAuthorized(f"SessionDuration must be {_SHORTEST} to {_LONGEST} seconds.")
    if source == "GetFederationToken" or (chained and int(text) > _CHAINED):
        raise NotAuthorized("SessionDuration cannot be given for this kind of session.")


def _users(world: World, start_url: str) -> list[str]:
    instance = instance_of(world, start_url)
    if instance is None:
        return []
    return sorted(p.user_name for p in world.stores[world.instances[instance].store].users.values())


def _choose(question: str, path: str, asked: dict[str, str], users: list[str]) -> Outgoing:
    links = "".join(
        f"<li><a href='{path}?{escape(urlencode({**asked, 'user': user}))}'>yes, as {escape(user)}</a></li>"
        for user in users
    )
    no = escape(urlencode({**asked, "user": users[0] if users else "", "decision": "deny"}))
    return _html(200, f"<h1>{escape(question)}</h1><ul>{links}<li><a href='{path}?{no}'>no</a></li></ul>")


def _html(status: int, body: str) -> Outgoing:
    head = "<!doctype html><html lang='en'><meta charset='utf-8'><title>Simulated AWS</title>"
    text = f"{head}<body>{body}</body></html>"
    return Outgoing(
        status, text.encode(), {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}
    )


def _redirect(where: str) -> Outgoing:
    return Outgoing(302, b"", {"Location": where, "Cache-Control": "no-store"})
