"""The faces as a story sees them: each turns a step into what a person of that face does, and says how it went."""

from __future__ import annotations

import json
import re
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import uvicorn
from click.testing import CliRunner
from starlette.testclient import TestClient
from tests.installation import Whole
from tests.unit.web.browsing import Browser
from tests.waiting import LONG, until

from gatepass.access.decide import Refused
from gatepass.access.requests import Answer
from gatepass.app.serve import application
from gatepass.cli.main import main
from gatepass.desk import Ask, Caller, Said
from gatepass.errors import GatepassError
from gatepass.estate.durations import parse_duration

Step = Mapping[str, Any]


@dataclass(frozen=True)
class Went:
    """How a step went: the request and its state, or why it was refused."""

    request: str = ""
    state: str = ""
    refused: str = ""


class Face(Protocol):
    """One way to the desk."""

    def do(self, step: Step, request: str) -> Went:
        """Do what the step says, about `request` where there is one already."""
        ...


def _form(step: Step) -> dict[str, str]:
    return {"reason": "story", "duration": str(step["for"])}


class DeskFace:
    """The desk itself."""

    def __init__(self, whole: Whole) -> None:
        self._desk = whole.parts.desk

    def do(self, step: Step, request: str) -> Went:
        caller = Caller(str(step["by"]), "story")
        try:
            made = self._call(caller, step, request)
        except Refused as refused:
            return Went(request, refused=str(refused.verdict.reason))
        except GatepassError as wrong:
            return Went(request, refused=wrong.code)
        return Went(made.id, made.state)

    def _call(self, caller: Caller, step: Step, request: str) -> Any:
        match step["do"]:
            case "ask":
                return self._desk.ask(caller, Ask("aws-access", step["target"], fields=_form(step)))
            case "approve" | "deny" as word:
                shown = self._desk.show(Caller("cleo", "story"), request).request.content_hash
                lasts = parse_duration(step["for"]) if "for" in step else None
                said = Said(request, Answer(word), shown, step.get("message", ""), lasts)
                return self._desk.answer(caller, said)
            case "extend":
                by = parse_duration(step["for"])
                assert by is not None
                return self._desk.extend(caller, request, by)
            case "revoke":
                return self._desk.end(caller, request)
        return self._desk.cancel(caller, request)


class ApiFace:
    """The HTTP API, with a token for each person."""

    def __init__(self, whole: Whole) -> None:
        self._client = TestClient(application(whole.parts))  # type: ignore[arg-type]
        self._tokens = {name: whole.token(name) for name in ("ana", "ben", "cleo", "dan", "eve")}

    def _send(self, who: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self._tokens[who]}"}
        return self._client.request(method, f"/v1{path}", json=body, headers=headers)

    def do(self, step: Step, request: str) -> Went:
        path, body = self._words(step, request)
        answer = self._send(str(step["by"]), "POST", path, body)
        said = answer.json()
        if answer.status_code >= 400:
            return Went(request, refused=said.get("reason") or said["code"])
        return Went(said["id"], said["state"])

    def _words(self, step: Step, request: str) -> tuple[str, Any]:
        match step["do"]:
            case "ask":
                return "/requests", {"flow": "aws-access", "target": step["target"], "fields": _form(step)}
            case "approve" | "deny" as word:
                shown = self._send("cleo", "GET", f"/requests/{request}").json()["content_hash"]
                body = {"content_hash": shown, "message": step.get("message", "")}
                lasts = {"duration": step["for"]} if "for" in step else {}
                return f"/requests/{request}/{word}", {**body, **lasts}
            case "extend":
                return f"/requests/{request}/extend", {"duration": step["for"]}
        return f"/requests/{request}/{step['do']}", None


class CliFace:
    """The command line, against a server on loopback."""

    EXITS: Mapping[str, int] = {
        "is_requester": 4,
        "not_an_approver": 4,
        "answered": 3,
        "not_open": 3,
        "bad_fields": 2,
        "not_found": 2,
    }

    def __init__(self, whole: Whole, url: str) -> None:
        self._url = url
        self._tokens = {name: whole.token(name) for name in ("ana", "ben", "cleo", "dan", "eve")}

    def do(self, step: Step, request: str) -> Went:
        environment = {"GATEPASS_URL": self._url, "GATEPASS_TOKEN": self._tokens[str(step["by"])]}
        done = CliRunner().invoke(main, [*self._words(step, request), "--output", "json"], env=environment)
        if done.exit_code != 0:
            assert "Traceback" not in done.output
            wanted = str(step.get("refused", ""))
            right = self.EXITS.get(wanted) == done.exit_code
            return Went(request, refused=wanted if right else f"exit {done.exit_code}: {done.stderr}")
        said = json.loads(done.stdout)
        return Went(said["id"], said["state"])

    def _words(self, step: Step, request: str) -> list[str]:
        lasts = ["--for", str(step["for"])] if "for" in step else []
        match step["do"]:
            case "ask":
                return ["request", "aws-access", "--target", step["target"], *lasts, "--reason", "story"]
            case "approve" | "deny" as word:
                shown = CliRunner().invoke(
                    main,
                    ["show", request, "--output", "json"],
                    env={"GATEPASS_URL": self._url, "GATEPASS_TOKEN": self._tokens["cleo"]},
                )
                message = ["--message", step["message"]] if "message" in step else []
                hashed = json.loads(shown.stdout)["content_hash"]
                return [word, request, *lasts, *message, "--content-hash", hashed]
        return [str(step["do"]), request, *lasts]


class WebFace:
    """The portal: pages and forms, as a browser without JavaScript sends them."""

    STATUS: Mapping[str, tuple[int, ...]] = {
        "is_requester": (403,),
        "answered": (409,),
        "not_open": (409,),
        "bad_fields": (422,),
        "not_found": (404,),
    }

    def __init__(self, whole: Whole) -> None:
        self._app = application(whole.parts, pick_a_person=True)
        self._desk = whole.parts.desk

    def do(self, step: Step, request: str) -> Went:
        browser = Browser(
            self._app, str(step["by"])
        )  # signed in anew: stories last longer than a session idles
        hidden = {"csrf": browser.hidden("/", "/logout")["csrf"], "key": secrets.token_hex(8)}
        lasts = parse_duration(step["for"]) if "for" in step else None
        if step["do"] == "ask":
            seconds = int(lasts.total_seconds()) if lasts else 0
            given = {"flow": "aws-access", "target": step["target"], "f.reason": "story"}
            answer = browser.post("/ask/form", **hidden, **given, **{"f.duration": f"{seconds}s"})
        elif step["do"] in ("approve", "deny"):
            shown = self._desk.show(Caller("cleo", "story"), request).request.content_hash
            given = {"answer": step["do"], "shown": shown, "message": step.get("message", "")}
            given |= {"duration": step["for"]} if lasts else {}
            answer = browser.post(f"/requests/{request}/answer", **hidden, **given)
        elif step["do"] == "extend":
            answer = browser.post(f"/requests/{request}/extend", **hidden, duration=step["for"])
        else:
            word = {"revoke": "end"}.get(str(step["do"]), str(step["do"]))
            answer = browser.post(f"/requests/{request}/{word}", **hidden)
        if answer.status_code >= 400:
            wanted = str(step.get("refused", ""))
            right = answer.status_code in self.STATUS.get(wanted, ())
            return Went(request, refused=wanted if right else f"status {answer.status_code}")
        place = re.match(r"/requests/(\w+)", answer.headers["location"])
        return Went(place[1] if place else request)


@contextmanager
def served(whole: Whole) -> Iterator[str]:
    """The application of an installation on a port of loopback; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application(whole.parts), log_level="error", access_log=False)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(LONG)
        listener.close()
