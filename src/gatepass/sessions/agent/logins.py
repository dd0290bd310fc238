"""Tokens of integrations: kept, refreshed, or gained by a login; one login at a time for each (S-35, S-68)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from dataclasses import replace as with_changes
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gatepass.clock import Clock
from gatepass.sessions.agent.asker import NOBODY, Asker, logs_in
from gatepass.sessions.errors import BadInput, NeedsHuman, SessionError, Upstream
from gatepass.sessions.files import locked, private_dir
from gatepass.sessions.model import Integration
from gatepass.sessions.providers.transport import Transport
from gatepass.sessions.shown import Shown

if TYPE_CHECKING:
    from gatepass.sessions.providers.oidc import Oidc, Registration, Token

AUTO_LOGIN_LIMIT = timedelta(seconds=120)
"""A window that a tool opened and nobody looks at (S-49)."""
LOOK_SECONDS = 1.0
REFRESH_AT_MOST_EVERY = timedelta(seconds=60)
FINISH_SECONDS = 20.0
"""How long an orderly end waits for renewals: one call's time-outs (5 s to connect, 15 s to read)."""


class Secrets(Protocol):
    """Secrets by name."""

    def get(self, name: str) -> dict[str, Any] | None: ...
    def put(self, name: str, value: dict[str, Any]) -> None: ...


class SecretStore(Secrets, Protocol):
    """The vault as the agent uses it; raises `Locked` when it is closed."""

    def remove(self, names: list[str]) -> list[str]: ...

    def held(self) -> AbstractContextManager[Secrets]:
        """The secrets, readable and writable until the context ends, even when the store is locked meanwhile."""
        ...


class Logins:
    """The tokens of all integrations."""

    def __init__(
        self,
        store: SecretStore,
        transport: Transport,
        clock: Clock,
        locks: Path,
        headless: Callable[[], bool],
        cli_cache: Path,
    ) -> None:
        self._store, self._transport, self._clock = store, transport, clock
        self._locks, self._headless, self._cli_cache = locks, headless, cli_cache
        self._flights: dict[str, LoginFlight] = {}
        self._tried: dict[str, tuple[datetime, SessionError]] = {}
        """The last refresh, and what is said to those who want another too soon."""
        self._unsaved: dict[str, Token] = {}
        """Tokens that could not be written: the one they replaced is used up, so losing them would end the login."""
        self._dead: set[str] = set()
        self._renewals = Renewals()

    async def token(self, integration: Integration, asker: Asker) -> str:
        """An access token that should work. Raises `NeedsHuman` when only a person can help."""
        found = await asyncio.to_thread(self._kept, integration)
        if found is not None:
            return found.access_token
        if integration.name in self._flights:
            return (await self.login(integration, asker)).access_token
        if not logs_in(asker) and not integration.auto_login:
            from gatepass.sessions.providers.oidc import needs_login

            raise needs_login(integration, await asyncio.to_thread(self._stored, integration))
        return (await self.login(integration, asker)).access_token

    async def login(self, integration: Integration, asker: Asker) -> Token:
        """Log in anew; joins a login of this integration that is under way, which may be another terminal's."""
        if integration.kind != "identity-center":
            raise BadInput(
                f"integration {integration.name!r} is of kind {integration.kind}: "
                "there is no login, its sessions ask for an assertion"
            )
        flight = self._flights.get(integration.name)
        if flight is None:
            flight = self._flights[integration.name] = LoginFlight(asker)
            flight.task = asyncio.create_task(self._login(integration, asker, flight))
            flight.task.add_done_callback(lambda _: self._flights.pop(integration.name, None))
        assert flight.task is not None
        while not flight.task.done():
            if logs_in(asker) and flight.shown is not None and not flight.shown_to.present:
                flight.shown_to = asker  # whoever saw it has gone; one window for all others (S-49)
                await asker.show(flight.shown)
            await asyncio.wait({flight.task}, timeout=LOOK_SECONDS)
        return flight.task.result()

    def is_dead(self, access_token: str) -> None:
        """The portal refused this token, whatever its `expires_at` says (S-68)."""
        self._dead.add(_mark(access_token))

    async def logout(self, integration: Integration) -> bool:
        """End the token at the portal and forget it; whether there was one. May be repeated.

        Waits for a renewal under way, which would put the login back.
        """
        return await asyncio.to_thread(self._log_out, integration)

    def _log_out(self, integration: Integration) -> bool:
        from gatepass.sessions.providers.oidc import Token
        from gatepass.sessions.providers.portal import Portal

        with self._lock_of(integration):
            self._unsaved.pop(integration.name, None)
            value = self._store.get(_token_name(integration))
            if value is None:
                return False
            token = Token.from_json(value)
            portal = Portal(self._transport, integration.region, integration.name, token.access_token)
            try:
                portal.logout()
            finally:
                self._store.remove([_token_name(integration)])
            return True

    def finish(self) -> None:
        """Begin no further renewal; return when those under way are over and written, or after `FINISH_SECONDS`.

        Blocking.
        """
        self._renewals.finish(FINISH_SECONDS)

    async def expires_at(self, integration: Integration) -> datetime | None:
        """When the kept token ends, or None."""
        found = await asyncio.to_thread(self._stored, integration)
        return None if found is None else found.expires_at

    def _kept(self, integration: Integration) -> Token | None:
        """The token in the vault, refreshed when it is near its end; or one of the AWS CLI; or None."""
        found = self._usable(self._stored(integration))
        if found is not None:
            return found
        refreshed = self._refreshed(integration)
        if refreshed is not None:
            return refreshed
        return self._usable(self._from_cli(integration))

    def _usable(self, token: Token | None) -> Token | None:
        from gatepass.sessions.providers.oidc import EARLY

        if token is None or _mark(token.access_token) in self._dead:
            return None
        left = token.expires_at - self._transport.now()
        return token if left > (EARLY if token.refresh_token else timedelta(seconds=30)) else None

    def _stored(self, integration: Integration) -> Token | None:
        from gatepass.sessions.providers.oidc import Token

        value = self._store.get(_token_name(integration))  # first: a locked vault is locked
        unsaved = self._unsaved.get(integration.name)
        if unsaved is not None:
            return unsaved
        return None if value is None else Token.from_json(value)

    def _refreshed(self, integration: Integration) -> Token | None:
        """Refresh under the integration's lock, after reading again: refresh tokens are used up (S-66)."""
        with self._lock_of(integration):
            token = self._stored(integration)
            if self._usable(token) is not None or token is None:
                return token
            if not self._can_refresh(token):
                return None
            try:
                return self._refresh(integration, token)
            except SessionError as error:
                still = token.expires_at - self._transport.now() > timedelta(seconds=30)
                if still and _mark(token.access_token) not in self._dead:
                    return token
                if isinstance(error, NeedsHuman):
                    return None
                raise  # a dead network is no reason to log in again

    def _lock_of(self, integration: Integration) -> AbstractContextManager[None]:
        private_dir(self._locks)
        return locked(self._locks / f"integration-{_mark(integration.name)}.lock")

    def _keep(self, integration: Integration, token: Token, secrets: Secrets) -> None:
        """Write the token; when that fails, on a full disk, it is held in memory until the next can be written."""
        try:
            secrets.put(_token_name(integration), token.to_json())
        except (OSError, SessionError):
            self._unsaved[integration.name] = token
        else:
            self._unsaved.pop(integration.name, None)

    def _refresh(self, integration: Integration, token: Token) -> Token:
        """At most one try in 60 s (3.4); in between its outcome is the answer. Raises a `SessionError`."""
        from gatepass.sessions.providers.oidc import needs_login

        last = self._tried.get(integration.name)
        if last is not None and self._clock.now() - last[0] < REFRESH_AT_MOST_EVERY:
            raise last[1]
        try:
            with self._renewals.one(integration.name), self._store.held() as secrets:
                new = self._exchange(integration, token, secrets)
        except SessionError as error:
            self._tried[integration.name] = (self._clock.now(), error)
            raise
        self._tried[integration.name] = (self._clock.now(), needs_login(integration))
        return new

    def _exchange(self, integration: Integration, token: Token, secrets: Secrets) -> Token:
        """The refresh token for new ones, written before they are used.

        That it is sent is written first: whoever finds that and no new token, because a process was killed in
        between, tries once more and, where AWS takes the token no more, never again.
        """
        begun = with_changes(token, renewing_since=self._transport.now())
        with suppress(OSError):  # a full disk: what comes back is held in memory
            secrets.put(_token_name(integration), begun.to_json())
        try:
            new = self._oidc(integration).refresh(token)
        except NeedsHuman:
            self._keep(integration, with_changes(token, refresh_token=None), secrets)
            raise
        kept = with_changes(new, refresh_token=new.refresh_token or token.refresh_token)
        self._keep(integration, kept, secrets)
        return kept

    def _can_refresh(self, token: Token) -> bool:
        from gatepass.sessions.providers.oidc import EARLY

        if token.refresh_token is None or token.registration is None:
            return False
        return token.registration.expires_at - self._transport.now() >= EARLY

    async def _login(self, integration: Integration, asker: Asker, flight: LoginFlight) -> Token:
        loop = asyncio.get_running_loop()
        shower = asker if logs_in(asker) else _Opener()

        def show(shown: Shown) -> None:
            flight.shown, flight.shown_to = shown, shower
            asyncio.run_coroutine_threadsafe(shower.show(shown), loop).result()

        headless = asker.headless if logs_in(asker) else self._headless()
        limit = None if logs_in(asker) else AUTO_LOGIN_LIMIT
        token = await asyncio.to_thread(self._log_in, integration, show, headless, limit)
        self._dead.clear()
        self._tried.pop(integration.name, None)
        return token

    def _log_in(
        self, integration: Integration, show: Callable[[Shown], None], headless: bool, limit: timedelta | None
    ) -> Token:
        from gatepass.sessions.providers.oidc import is_invalid_client

        flow = integration.login_flow
        if flow == "auto":
            flow = "device" if headless else "pkce"
        oidc = self._oidc(integration, limit)
        try:
            token = self._flow(oidc, flow, self._registration(integration, oidc, flow, fresh=False), show)
        except SessionError as error:
            if not is_invalid_client(error):
                raise
            token = self._flow(oidc, flow, self._registration(integration, oidc, flow, fresh=True), show)
        self._keep(integration, token, self._store)
        self._share(integration, token)
        return token

    @staticmethod
    def _flow(oidc: Oidc, flow: str, registration: Registration, show: Callable[[Shown], None]) -> Token:
        if flow == "pkce":
            return oidc.pkce_login(registration, show)
        return oidc.device_login(registration, show)

    def _registration(self, integration: Integration, oidc: Oidc, flow: str, *, fresh: bool) -> Registration:
        """The kept client for this flow, or a new one; the two flows have their own (S-67)."""
        from gatepass.sessions.providers.oidc import EARLY, registration_from_json, registration_to_json

        name = f"integration/{integration.name}/client-{flow}"
        value = None if fresh else self._store.get(name)
        if value is not None:
            kept = registration_from_json(value)
            if kept.expires_at - self._transport.now() > EARLY:
                return kept
        made = oidc.register(flow)
        self._store.put(name, registration_to_json(made))
        return made

    def _oidc(self, integration: Integration, limit: timedelta | None = None) -> Oidc:
        from gatepass.sessions.providers.oidc import Oidc

        return Oidc(self._transport, self._clock, integration, *([limit] if limit else []))

    def _from_cli(self, integration: Integration) -> Token | None:
        """A token the AWS CLI holds for this start address or session name (S-65). A broken file is a miss."""
        from gatepass.sessions.providers.oidc import Token

        if integration.share_sso_cache == "off":
            return None
        for key in (integration.name, integration.start_url):
            value = _read_cli_token(self._cli_cache / f"{_sha1(key)}.json")
            if value is not None and value.get("startUrl") == integration.start_url:
                try:
                    expires_at = datetime.fromisoformat(value["expiresAt"].replace("UTC", "Z"))
                    return Token(str(value["accessToken"]), expires_at.astimezone(UTC), None, None)
                except (KeyError, ValueError, AttributeError):
                    continue
        return None

    def _share(self, integration: Integration, token: Token) -> None:
        """Publish the token for the AWS CLI when asked to; without what renews it unless `full` (S-65)."""
        if integration.share_sso_cache not in ("write", "full"):
            return
        from gatepass.sessions.files import replace

        body: dict[str, object] = {
            "startUrl": integration.start_url,
            "region": integration.region,
            "accessToken": token.access_token,
            "expiresAt": token.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if integration.share_sso_cache == "full" and token.registration is not None:
            body |= {
                "clientId": token.registration.client_id,
                "clientSecret": token.registration.client_secret,
                "registrationExpiresAt": token.registration.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "refreshToken": token.refresh_token,
            }
        self._cli_cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace(self._cli_cache / f"{_sha1(integration.name)}.json", json.dumps(body).encode())


class Renewals:
    """The exchanges of refresh tokens under way, which nothing orderly may cut off. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way = 0
        self._over = False

    @contextmanager
    def one(self, name: str) -> Iterator[None]:
        """One exchange, from before it is sent until its outcome is written. Raises `Upstream` after `finish`."""
        with self._changed:
            if self._over:
                raise Upstream(
                    f"integration {name!r}: the agent is about to end", advice="run the command again"
                )
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def finish(self, seconds: float) -> bool:
        """Let no other begin; wait for those under way, and say whether they are over. May be repeated."""
        with self._changed:
            self._over = True
            return self._changed.wait_for(lambda: self._under_way == 0, seconds)


@dataclass
class LoginFlight:
    """A login under way: what it shows and to whom, for those who come later."""

    shown_to: Asker
    task: asyncio.Task[Token] | None = None
    shown: Shown | None = None


class _Opener:
    """Opens the browser from the agent itself, for `auto_login`."""

    present = True
    headless = False

    async def ask(self, kind: str, text: str, command: str) -> str:
        return await NOBODY.ask(kind, text, command)

    async def show(self, shown: Shown) -> None:
        import webbrowser

        await asyncio.to_thread(webbrowser.open, shown.url)


def _read_cli_token(path: Path) -> dict[str, Any] | None:
    """The CLI writes in place: what does not parse is read again after 50 ms, then taken as missing (S-66)."""
    import time

    for pause in (0.05, 0.0):
        try:
            value = json.loads(path.read_bytes())
        except OSError:
            return None
        except ValueError:
            time.sleep(pause)
            continue
        return value if isinstance(value, dict) else None
    return None


def _token_name(integration: Integration) -> str:
    return f"integration/{integration.name}/token"


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
