"""Conversations: JSON lines both ways on one connection, in which the agent may ask the person (S-34).

Request `{"id", "op", ...}`; answers `{"id", "ok": true, "result"}` or `{"id", "ok": false, "error"}`; in between
`{"id", "ask": {"n", "kind", "text"}}`, answered by `{"answer": n, "value"}`, `{"id", "show": {"url", "code"}}`, and
`{"id", "note"}` to tell the person how things go.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from gatepass.clock import iso
from gatepass.errors import GatepassError
from gatepass.sessions.agent.asker import NOBODY
from gatepass.sessions.agent.peer import Peer
from gatepass.sessions.agent.service import Service
from gatepass.sessions.errors import (
    BadInput,
    Locked,
    NeedsHuman,
    SessionError,
    Upstream,
    plain,
    scrub,
    system_refused,
)
from gatepass.sessions.model import Credentials, Grant, IamUser, Role
from gatepass.sessions.plan import Step
from gatepass.sessions.shown import Shown
from gatepass.sessions.workspace.reading import require

Message = dict[str, Any]
UNREAD_BYTES = 4 * 1024 * 1024


class Control:
    """One conversation."""

    def __init__(
        self,
        service: Service,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        peer: Peer,
        quit_: Callable[[], None],
    ) -> None:
        self._service, self._reader, self._writer = service, reader, writer
        self._peer, self._quit = peer, quit_
        self._questions: dict[int, asyncio.Future[str | None]] = {}
        self._asked = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: list[Callable[[], None]] = []
        self.gone = False
        """Whether the other end has left."""

    async def run(self) -> None:
        """Until the other end goes; then its endpoints, watches, open questions and waits end too.

        What others wait for as well goes on: mints and logins belong to no conversation.
        """
        try:
            while line := await self._reader.readline():
                self._take(line)
        except ValueError:  # a line longer than any message
            self._send({"id": None, "ok": False, "error": _shown(BadInput("a message is too long"))})
        finally:
            self.gone = True
            for task in self._tasks:
                task.cancel()
            for question in self._questions.values():
                if not question.done():
                    question.set_result(None)
            for end in self._ends:
                end()

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            if not isinstance(message, dict):
                raise TypeError("not an object")
        except (ValueError, TypeError, RecursionError):
            self._send({"id": None, "ok": False, "error": _shown(BadInput("a message is one JSON object"))})
            return
        if "answer" in message:
            number = message["answer"]
            question = self._questions.pop(number, None) if isinstance(number, int) else None
            if question is not None and not question.done():
                value = message.get("value")
                question.set_result(value if isinstance(value, str) else None)
            return
        task = asyncio.create_task(self._handle(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, message: Message) -> None:
        number = message.get("id")
        asker = Person(self, number, headless=bool(message.get("headless")))
        try:
            operation = OPERATIONS.get(str(message.get("op")))
            if operation is None:
                raise BadInput(f"unknown operation {str(message.get('op'))[:40]!r}")
            result = await operation(self, message, asker)
        except GatepassError as error:
            self._send({"id": number, "ok": False, "error": _shown(error)})
        except (KeyError, TypeError, ValueError) as error:
            wrong = BadInput(
                f"operation {message.get('op')!r}: {type(error).__name__} {scrub(str(error))[:80]}"
            )
            self._send({"id": number, "ok": False, "error": _shown(wrong)})
        except OSError as error:
            self._send({"id": number, "ok": False, "error": _shown(system_refused(error))})
        except Exception as error:  # noqa: BLE001  the outer edge: a conversation goes on whatever a request did
            sys.stderr.write(f"gatepass agent: {type(error).__name__}: {scrub(str(error))}\n")
            failed = Upstream(f"the agent failed ({type(error).__name__})", advice="look into its log")
            self._send({"id": number, "ok": False, "error": _shown(failed)})
        else:
            self._send({"id": number, "ok": True, "result": result})

    def _send(self, message: Message) -> None:
        if self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > UNREAD_BYTES:
            self._writer.transport.abort()  # whoever does not read shall not fill our memory
            return
        self._writer.write(json.dumps(message).encode() + b"\n")

    async def ask(self, number: object, kind: str, text: str, command: str) -> str:
        """Put a question to the other end; no answer is `NeedsHuman`."""
        self._asked += 1
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._questions[self._asked] = future
        self._send({"id": number, "ask": {"n": self._asked, "kind": kind, "text": plain(text)}})
        value = await future
        if value is None:
            return await NOBODY.ask(kind, text, command)
        return value

    def show(self, number: object, shown: Shown) -> None:
        """Let the other end open an address."""
        self._send({"id": number, "show": {"url": shown.url, "code": shown.code}})

    # --- operations ----------------------------------------------------------------------------------------------

    async def _status(self, message: Message, asker: Person) -> Any:
        return self._service.status(message.get("name"))

    async def _start(self, message: Message, asker: Person) -> Any:
        name = str(message["name"])
        try:
            entry = await self._service.start(name, self._peer, asker)
        except Locked:
            await self._service.unlocked(asker)
            entry = await self._service.start(name, self._peer, asker)
        return {"name": entry.chain[-1].name, "expires_at": iso(entry.expires_at)}

    async def _request(self, message: Message, asker: Person) -> Any:
        """Ask for a grant session's access; answers when it is there, or was refused."""
        await self._service.unlocked(asker)
        number = message.get("id")
        view = await self._service.keeper.request(
            str(message["name"]),
            str(message.get("reason") or ""),
            lambda text: self._send({"id": number, "note": scrub(text)}),
        )
        return {
            "request": view.request,
            "ends_at": iso(view.ends_at) if view.ends_at else None,
            "lives_until": iso(view.sessions_end_by) if view.sessions_end_by else None,
        }

    async def _await(self, message: Message, asker: Person) -> Any:
        """Wait until what was asked for is there, or refused (S-51)."""
        await self._service.unlocked(asker)
        session = require(self._service.workspace(), str(message["name"]))
        if isinstance(session.recipe, Grant):
            await self._service.keeper.grant(session, session.recipe)

    async def _server_token(self, message: Message, asker: Person) -> Any:
        """The gatepass server's token, for this user's own command line."""
        from gatepass.sessions.server import SECRET

        await self._service.unlocked(asker)
        return await asyncio.to_thread(self._service.strongbox.get, SECRET)

    async def _stop(self, message: Message, asker: Person) -> Any:
        return self._service.keeper.stop(str(message["name"]), self._peer)

    async def _get(self, message: Message, asker: Person) -> Any:
        """Credentials for the caller: `env`, `exec` and files of other formats."""
        name = str(message["name"])
        try:
            payload = await self._service.payload(name, self._peer, asker)
        except Locked:
            await self._service.unlocked(asker)
            payload = await self._service.payload(name, self._peer, asker)
        return json.loads(payload)

    async def _unlock(self, message: Message, asker: Person) -> Any:
        await self._service.unlocked(asker, explicit=True)
        return None

    async def _lock(self, message: Message, asker: Person) -> Any:
        self._service.lock()

    async def _forget_key(self, message: Message, asker: Person) -> Any:
        """The vault was made anew or got another key."""
        self._service.strongbox.lock(keep_shut=False)

    async def _login(self, message: Message, asker: Person) -> Any:
        await self._service.unlocked(asker)
        integration = self._service.integration(str(message["name"]))
        token = await self._service.logins.login(integration, asker)
        self._service.keeper.person_acted()
        return {"expires_at": iso(token.expires_at)}

    async def _logout(self, message: Message, asker: Person) -> Any:
        await self._service.unlocked(asker)
        integration = self._service.integration(str(message["name"]))
        there = await self._service.logins.logout(integration)
        for session in self._service.workspace().sessions.values():
            if session.integration == integration.name:
                self._service.keeper.end(session.name, f"logged out of {integration.name}", self._peer)
        return there

    async def _discover(self, message: Message, asker: Person) -> Any:
        """Accounts and roles behind an integration; progress is kept for the next try (S-69)."""
        from gatepass.sessions.sync.discovery import discover

        await self._service.unlocked(asker)
        integration = self._service.integration(str(message["name"]))
        token = await self._service.logins.token(integration, asker)
        found = await asyncio.to_thread(discover, self._service.transport, integration, token)
        return {
            "roles": [role.to_json() for role in found.roles],
            "complete": found.complete,
            "failed": list(found.failed),
        }

    async def _put_secret(self, message: Message, asker: Person) -> Any:
        """Put a secret into the vault. There is no operation that reads one out."""
        await self._service.unlocked(asker)
        value = message["value"]
        if not isinstance(value, dict):
            raise TypeError("value must be an object")
        await asyncio.to_thread(self._service.strongbox.put, str(message["name"]), value)
        self._service.keeper.end(str(message["name"]).rpartition("/")[2], "its secret changed")

    async def _remove_secrets(self, message: Message, asker: Person) -> Any:
        await self._service.unlocked(asker)
        return await asyncio.to_thread(self._service.strongbox.remove, [str(n) for n in message["names"]])

    async def _caller(self, message: Message, asker: Person) -> Any:
        """Who AWS says the session is."""
        from gatepass.sessions.agent.minter import region_of
        from gatepass.sessions.providers.sts import Sts

        entry = await self._service.entry(str(message["name"]), self._peer, asker)
        session = entry.chain[-1]
        region = region_of(self._service.workspace(), session)
        sts = Sts(self._service.transport, region)
        return await asyncio.to_thread(sts.caller, entry.credentials, session.name)

    async def _console(self, message: Message, asker: Person) -> Any:
        """A sign-in address for the console: a bearer credential for 15 minutes."""
        from gatepass.sessions.delivery.console import ConsoleWish, check_length, console_url, duration_for

        seconds = message.get("duration")
        check_length(require(self._service.workspace(), str(message["name"])), seconds)
        wish = ConsoleWish(
            destination=message.get("destination"),
            service=message.get("service"),
            region=message.get("region"),
            duration_seconds=seconds,
            logout_first=bool(message.get("logout_first")),
        )
        try:
            steps, credentials = await self._console_set(message, asker)
        except Locked:
            await self._service.unlocked(asker)
            steps, credentials = await self._console_set(message, asker)
        workspace = self._service.workspace()
        if (
            seconds is not None
            and isinstance(steps[-1].session.recipe, Role)
            and duration_for(steps, seconds) is None
        ):
            text = "--duration is left out: AWS ends the console session of a chained role within an hour"
            self._send({"id": message.get("id"), "note": text})
        url = await asyncio.to_thread(
            console_url, self._service.transport, workspace, steps, credentials, wish
        )
        self._service.events.issued(steps[-1].session.name, "console", credentials.expires_at, self._peer)
        return url

    async def _console_set(self, message: Message, asker: Person) -> tuple[tuple[Step, ...], Credentials]:
        """How the console is opened and with what: the session's own set, or what is made for it of an IAM user."""
        workspace, name = self._service.workspace(), str(message["name"])
        if isinstance(require(workspace, name).recipe, IamUser):
            seconds = message.get("duration")
            lasts = timedelta(seconds=int(seconds)) if seconds is not None else None
            step, credentials = await self._service.federated(name, lasts, self._peer, asker)
            return (step,), credentials
        await self._service.start(name, self._peer, asker)
        entry = await self._service.entry(name, self._peer, asker)
        return self._service.keeper.steps(workspace, entry.chain[-1]), entry.credentials

    async def _rotate_iam_key(self, message: Message, asker: Person) -> Any:
        from gatepass.sessions.providers.iam import rotate_key

        await self._service.unlocked(asker)
        name = str(message["name"])
        entry = await self._service.entry(name, self._peer, asker)
        new = await asyncio.to_thread(
            rotate_key, self._service.transport, self._service.strongbox, entry.chain[-1], entry.credentials
        )
        return {"access_key_id": new}

    async def _endpoint(self, message: Message, asker: Person) -> Any:
        """Open a container endpoint for sessions; it closes with this conversation (S-71)."""
        from gatepass.sessions.agent.endpoint import open_endpoint

        names = [str(n) for n in message["names"]]
        for name in names:
            await self._service.entry(name, self._peer, asker)
        host, port = str(message.get("host") or "127.0.0.1"), int(message.get("port") or 0)
        if message.get("imds"):
            from gatepass.sessions.agent.imds import open_imds

            endpoint = await open_imds(self._service, names[0], self._peer, host, port)
        else:
            endpoint = await open_endpoint(self._service, names, self._peer, host, port)
        self._ends.append(endpoint.close)
        return {"port": endpoint.port, "token": endpoint.token, "host": endpoint.host}

    async def _forward(self, message: Message, asker: Person) -> Any:
        """Open a socket that gives these sessions only, to be carried elsewhere (S-47); ends with the conversation."""
        from gatepass.sessions.agent.forward import open_forward

        names = [str(n) for n in message["names"]]
        forward = await open_forward(self._service, names, Path(str(message["place"])))
        self._ends.append(forward.close)

    async def _files_write(self, message: Message, asker: Person) -> Any:
        """Put a set into the shared credentials file (S-44)."""
        entry = await self._service.entry(str(message["name"]), self._peer, asker)
        ends = self._service.handouts.write(entry, Path(str(message["path"])))
        self._service.events.issued(entry.chain[-1].name, "credentials file", entry.expires_at, self._peer)
        return {"profile": entry.chain[-1].profile, "expires_at": iso(ends)}

    async def _files_remove(self, message: Message, asker: Person) -> Any:
        names = [str(n) for n in message.get("names") or self._service.handouts.names]
        return [name for name in names if self._service.handouts.take_back(name)]

    async def _files_list(self, message: Message, asker: Person) -> Any:
        return list(self._service.handouts.names)

    async def _watch(self, message: Message, asker: Person) -> Any:
        """Events from now on; with `confirm`, questions about prod sessions come here too."""
        self._ends.append(self._service.events.watch(lambda event: self._send({"event": event})))
        if message.get("confirm"):
            self._service.present.append(asker)
            self._ends.append(lambda: self._service.present.remove(asker))

    async def _agent(self, message: Message, asker: Person) -> Any:
        """How the agent is."""
        import os

        return {
            "pid": os.getpid(),
            "vault": "open" if self._service.strongbox.is_open else "locked",
            "held": len(self._service.keeper.entries),
            "skew_seconds": round(self._service.transport.skew.total_seconds(), 1),
        }

    async def _quit_op(self, message: Message, asker: Person) -> Any:
        await self._service.finish()
        self._quit()

    async def _integrations(self, message: Message, asker: Person) -> Any:
        """Every integration and when its login ends."""
        rows = []
        for integration in self._service.workspace().integrations.values():
            try:
                ends = await self._service.logins.expires_at(integration)
            except SessionError:
                ends = None
            rows.append({"name": integration.name, "expires_at": iso(ends) if ends else None})
        return rows


class Person:
    """The person behind one request of a conversation."""

    def __init__(self, control: Control, number: object, *, headless: bool) -> None:
        self._control, self._number, self.headless = control, number, headless

    @property
    def present(self) -> bool:
        """Until the conversation ends."""
        return not self._control.gone

    async def ask(self, kind: str, text: str, command: str) -> str:
        return await self._control.ask(self._number, kind, text, command)

    async def show(self, shown: Shown) -> None:
        self._control.show(self._number, shown)


OPERATIONS: dict[str, Callable[[Control, Message, Person], Awaitable[Any]]] = {
    "status": Control._status,
    "start": Control._start,
    "request": Control._request,
    "await": Control._await,
    "server_token": Control._server_token,
    "stop": Control._stop,
    "get": Control._get,
    "unlock": Control._unlock,
    "lock": Control._lock,
    "forget_key": Control._forget_key,
    "login": Control._login,
    "logout": Control._logout,
    "discover": Control._discover,
    "put_secret": Control._put_secret,
    "remove_secrets": Control._remove_secrets,
    "caller": Control._caller,
    "console": Control._console,
    "rotate_iam_key": Control._rotate_iam_key,
    "endpoint": Control._endpoint,
    "forward": Control._forward,
    "files_write": Control._files_write,
    "files_remove": Control._files_remove,
    "files_list": Control._files_list,
    "watch": Control._watch,
    "agent": Control._agent,
    "quit": Control._quit_op,
    "integrations": Control._integrations,
}


def _shown(error: GatepassError) -> Message:
    status = error.status if isinstance(error, SessionError) else NeedsHuman.status
    return {
        "code": error.code,
        "status": status,
        "message": scrub(error.message),
        "advice": scrub(error.advice),
    }
