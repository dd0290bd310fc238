"""Grants over the gatepass server's API. Blocking; every call may be repeated (`ask` carries an idempotency key)."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gatepass.client import ApiError, Client, NoServer, segment
from gatepass.errors import GatepassError
from gatepass.sessions.errors import BadInput, Denied, NeedsHuman, SessionError, Upstream
from gatepass.sessions.grants import GrantView, PortalAccess, RoleAccess
from gatepass.sessions.model import Grant

SECRET = "server/token"  # noqa: S105  the record's name
POLL_SECONDS = 2.0
ACCOUNT = "account_id"
_NOT_YET = {"asked", "pending"}
_REFUSED = {"denied", "cancelled", "expired", "failed"}
_MOVING = {"waiting", "granting"}


class ServerGrants:
    """The person's grants at one server."""

    def __init__(self, client: Client, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._sleep = sleep
        self._me: str | None = None

    def find(self, recipe: Grant) -> GrantView:
        """The grant of the recipe's request, or the newest of its flow and target."""
        number = recipe.request or self._newest(recipe)
        if number is None:
            return GrantView("", "none", request_command=command_for(recipe, account=self._chooses(recipe)))
        view = view_of(self._get(f"/v1/requests/{segment(number)}"), recipe)
        if view.live:
            return view
        return replace(view, request_command=command_for(recipe, account=self._chooses(recipe)))

    def watch(self, seen: GrantView, wait: timedelta) -> GrantView:
        """The grant after its next change, or as it is when `wait` is over."""
        ends = time.monotonic() + wait.total_seconds()
        while True:
            now = view_of(self._get(f"/v1/requests/{segment(seen.request)}"), None, seen)
            left = ends - time.monotonic()
            if now != seen or left <= 0:
                return now
            self._sleep(min(POLL_SECONDS, left))

    def ask(self, recipe: Grant, reason: str, lasts: timedelta | None) -> GrantView:
        """Make the request; the server's rules decide the rest."""
        fields: dict[str, object] = {"reason": reason} if reason else {}
        if lasts is not None:
            fields["duration"] = f"{int(lasts.total_seconds())}s"
        if recipe.account_id is not None and self._chooses(recipe):
            fields[ACCOUNT] = recipe.account_id
        body: dict[str, object] = {"flow": recipe.flow, "target": recipe.target, "fields": fields}
        made = self._call(lambda: self._client.post("/v1/requests", body))
        return view_of(self._get(f"/v1/requests/{segment(str(made['id']))}"), recipe)

    def _chooses(self, recipe: Grant) -> bool:
        """Whether the asker names the account: a target of one account has no such field."""
        if recipe.account_id is None or recipe.flow is None:
            return False
        body: dict[str, object] = {"flow": recipe.flow, "target": recipe.target, "fields": {}}
        form = self._call(lambda: self._client.post("/v1/forms", body))
        return any(field["name"] == ACCOUNT for field in form["fields"])

    def _newest(self, recipe: Grant) -> str | None:
        """A live or moving request of ours for this flow and target; else the last one that is over."""
        if self._me is None:
            self._me = str(self._get("/v1/me")["id"])
        rows = self._call(
            lambda: self._client.get("/v1/requests", flow=recipe.flow, requester=self._me, limit=50)
        )
        mine = [r for r in rows["requests"] if _is_target(r, recipe.target) and _is_account(r, recipe)]
        mine.sort(key=lambda r: (r["state"] in _NOT_YET | {"approved"}, r["asked_at"]), reverse=True)
        return str(mine[0]["id"]) if mine else None

    def _get(self, path: str) -> dict[str, Any]:
        return self._call(lambda: self._client.get(path))

    @staticmethod
    def _call(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return call()
        except ApiError as error:
            raise _explained(error) from error
        except NoServer as error:
            raise Upstream(error.message, advice=error.advice) from error


def _is_target(row: dict[str, Any], target: str | None) -> bool:
    """Targets go by their full name, or by their name within the request's organization."""
    return row["target"] in (target, f"{row.get('organization')}-{target}")


def _is_account(row: dict[str, Any], recipe: Grant) -> bool:
    """One target may open many accounts; a request for another one is not this session's."""
    return None in (recipe.account_id, row.get("account_id")) or row["account_id"] == recipe.account_id


def command_for(recipe: Grant, *, account: bool = False) -> str:
    """What a person runs to ask for it, naming the account where the flow asks for one. May be pasted as it is."""
    if recipe.flow is None:
        return "gatepass request FLOW"
    more = ["--field", f"{ACCOUNT}={recipe.account_id}"] if account else []
    return shlex.join(["gatepass", "request", recipe.flow, "--target", str(recipe.target), *more])


def view_of(shown: dict[str, Any], recipe: Grant | None, seen: GrantView | None = None) -> GrantView:
    """A request as the API shows it, as a grant of the laptop."""
    grants = [g for g in shown["grants"] if g["state"] != "failed"] or shown["grants"]
    grant = grants[0] if grants else {}
    state = _state(str(shown["state"]), str(grant.get("state", "")))
    command = seen.request_command if seen else command_for(recipe) if recipe else ""
    access = seen.access if seen else _access(recipe, shown) if recipe else None
    return GrantView(
        request=str(shown["id"]),
        state=state,
        starts_at=_moment(grant.get("starts_at")),
        ends_at=None
        if state == "active" and grant.get("covered_by")
        else _moment(grant.get("no_new_sessions_after")),
        sessions_end_by=_moment(grant.get("last_session_ends_by")),
        ended_by=grant.get("ended_by") or None,
        access=access,
        request_command=command,
    )


def _state(request: str, grant: str) -> str:
    if request in _NOT_YET:
        return "waiting"
    if request in _REFUSED:
        return request
    if grant in _MOVING or not grant:
        return "waiting" if request == "approved" else "ended"
    return "active" if grant == "covered" else grant


def _access(recipe: Grant, shown: dict[str, Any]) -> PortalAccess | RoleAccess:
    if recipe.role_arn is not None:
        return RoleAccess(str(recipe.role_arn))
    account = recipe.account_id or shown.get("account_id")
    if account is None or recipe.role_name is None:
        raise BadInput(
            "the session does not say which account or role the grant opens", advice="set account_id"
        )
    return PortalAccess(str(account), recipe.role_name)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _explained(error: ApiError) -> SessionError:
    if error.status == 401:
        return NeedsHuman(
            f"the gatepass server does not know this laptop: {error.message}", advice="run: gatepass login"
        )
    if error.status in (403, 404):
        return Denied(f"the gatepass server refuses: {error.message}", advice=error.advice)
    if error.status < 500:
        return BadInput(f"the gatepass server cannot use this: {error.message}", advice=error.advice)
    return Upstream(f"the gatepass server failed: {error.message}", advice="try again")


def grants_from(secret: dict[str, Any] | None) -> ServerGrants | None:
    """The grants behind a token from the vault; None when there is none. Raises `BadInput` for a bad address."""
    if secret is None:
        return None
    try:
        return ServerGrants(Client(str(secret["url"]), str(secret["token"]), agent="gatepass-agent"))
    except GatepassError as error:
        raise BadInput(error.message, advice=error.advice) from error
