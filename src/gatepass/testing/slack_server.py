"""An address for the fake Slack: its Web API over HTTP and Socket Mode over a websocket, on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
import uuid
from concurrent.futures import Future
from types import TracebackType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from gatepass.testing.slack import MUST_ACK, PATIENCE, FakeSlack
from gatepass.testing.slack_limits import Json
from gatepass.testing.slack_pages import Pages

_JSON_ARGUMENTS = ("blocks", "view")


class SlackServer:
    """Serves one fake Slack while it is entered. `api_url` is the base for clients."""

    def __init__(self, slack: FakeSlack, port: int = 0) -> None:
        self.slack = slack
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/"
        """Of the page to play everybody on."""
        self.api_url = f"{self.url}api/"
        self._sockets: list[WebSocket] = []
        self._waiting: dict[str, Future[Json]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        routes = [
            Route("/api/{method}", self._api, methods=["GET", "POST"]),
            WebSocketRoute("/socket", self._socket),
            *Pages(lambda: self.slack, self.envelope).routes(),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes),
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, name="fake-slack", daemon=True
        )

    def __enter__(self) -> SlackServer:
        self.slack.socket_url = f"ws://127.0.0.1:{self.port}/socket"
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(5)
        self._listener.close()

    async def _api(self, request: Request) -> JSONResponse:
        arguments: Json = dict(request.query_params)
        if request.headers.get("content-type", "").startswith("application/json"):
            arguments |= json.loads(await request.body() or b"{}")
        elif request.method == "POST":
            arguments |= {
                key: value for key, value in (await request.form()).items() if isinstance(value, str)
            }
        for name in _JSON_ARGUMENTS:
            if isinstance(arguments.get(name), str):
                arguments[name] = json.loads(arguments[name])
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        method = request.path_params["method"]
        status, body, headers = await run_in_threadpool(self.slack.call, method, token, arguments)
        return JSONResponse(body, status, headers)

    async def _socket(self, connection: WebSocket) -> None:
        await connection.accept()
        self._loop = asyncio.get_running_loop()
        await connection.send_json({"type": "hello", "num_connections": 1})
        self._sockets.append(connection)
        try:
            while True:
                said = await connection.receive_json()
                waiting = self._waiting.pop(str(said.get("envelope_id")), None)
                if waiting is not None:
                    waiting.set_result(dict(said.get("payload") or {}))
        except WebSocketDisconnect:
            pass
        finally:
            self._sockets.remove(connection)

    def connected(self, seconds: float = PATIENCE) -> bool:
        """Wait for an app on the websocket."""
        until = time.monotonic() + seconds
        while not self._sockets and time.monotonic() < until:
            time.sleep(0.01)
        return bool(self._sockets)

    def envelope(self, kind: str, payload: Json, seconds: float = MUST_ACK) -> Json:
        """Deliver over Socket Mode and wait for the acknowledgement. TimeoutError when it does not come in time."""
        assert self._loop is not None
        envelope_id = str(uuid.uuid4())
        waiting: Future[Any] = Future()
        self._waiting[envelope_id] = waiting
        message = {
            "type": kind,
            "envelope_id": envelope_id,
            "payload": payload,
            "accepts_response_payload": True,
        }
        asyncio.run_coroutine_threadsafe(self._sockets[-1].send_json(message), self._loop)
        return dict(waiting.result(seconds))
