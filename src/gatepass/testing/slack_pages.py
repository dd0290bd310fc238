"""A page to play everybody of the fake Slack on: commands, modals, buttons. Loopback only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from gatepass.slack.drawing import read
from gatepass.testing.slack import FakeSlack, Posted
from gatepass.testing.slack_hands import Hands
from gatepass.testing.slack_limits import Json

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:60rem;padding:0 1rem;color:#222;background:#fff}
nav a{margin-right:.8rem}nav b{margin-right:.8rem}h2{font-size:1rem;margin:1.5rem 0 .3rem}
.message,.modal{border:1px solid #ccc;border-radius:6px;padding:.6rem .9rem;margin:.5rem 0;white-space:pre-line}
.modal{border-color:#35c;box-shadow:0 2px 12px #0002}.reply{margin-left:2rem;font-size:.9em;color:#555}
.only{border-style:dashed;color:#555}.small{font-size:.85em;color:#555}.fault{color:#a11}
label{display:block;margin:.5rem 0 .1rem}input,select{font:inherit;min-width:16rem}
button{font:inherit;margin:.3rem .3rem 0 0}
form{display:inline}
@media (prefers-color-scheme:dark){body{background:#181a1d;color:#ddd}.small,.only,.reply{color:#aaa}}
"""
_MANY = ("multi_static_select", "multi_external_select", "multi_users_select")


class Pages:
    """The pages of one workspace; `deliver` hands interactions to the app."""

    def __init__(self, slack: Callable[[], FakeSlack], deliver: Callable[[str, Json], Json]) -> None:
        self._workspace = slack
        self._deliver = deliver
        self._closed: set[str] = set()
        self._faults: dict[str, Mapping[str, str]] = {}

    @property
    def _slack(self) -> FakeSlack:
        return self._workspace()

    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/", self.look), Route("/act", self.act, methods=["POST"])]

    async def look(self, request: Request) -> Response:
        """What one user sees."""
        people = [u for u in self._slack.users if not self._slack.users[u].get("is_bot")]
        user = request.query_params.get("as") or (people[0] if people else "")
        return HTMLResponse("".join(self._page(user, people)))

    async def act(self, request: Request) -> Response:
        """What one user does."""
        form = await request.form()
        given = {key: [str(v) for v in form.getlist(key)] for key in form}
        user = given["as"][0]
        await run_in_threadpool(self._do, user, given)
        return RedirectResponse(f"/?as={user}", 303)

    def _do(self, user: str, given: Mapping[str, list[str]]) -> None:
        hands = Hands(self._slack, user, lambda body, headers: (500, {}), socket=self._deliver)
        what = given["what"][0]
        if what == "slash":
            hands.slash(given["text"][0])
        elif what == "press":
            message = next(m for m in self._slack.posted if m.ts == given["ts"][0])
            hands.click(message, given["action"][0])
        elif what == "close":
            self._closed.add(given["view"][0])
        else:
            self._send(hands, self._slack.views[given["view"][0]], given)

    def _send(self, hands: Hands, view: Json, given: Mapping[str, list[str]]) -> None:
        if "press" in given:
            hands.press(view, given["press"][0])
            return
        values: dict[str, Any] = {}
        for block in view["blocks"]:
            name = str(block.get("block_id", "")).partition("/")[0]
            texts = [text for text in given.get(f"field {name}", []) if text]
            if block["type"] == "input" and texts:
                values[name] = texts if block["element"]["type"] in _MANY else texts[0]
        if "change" in given:
            name = given["change"][0]
            hands.choose(view, name, values.pop(name, None), values)
            return
        answer = hands.submit(view, values)
        self._faults[view["id"]] = answer.get("errors", {})
        if not answer or answer.get("response_action") == "clear":
            self._closed.add(view["id"])

    # -- what is seen

    def _page(self, user: str, people: list[str]) -> Iterator[str]:
        views = [
            v for v in self._slack.views.values() if v.get("user") == user and v["id"] not in self._closed
        ]
        yield "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        if not any(b["type"] == "input" for v in views for b in v["blocks"]):
            yield "<meta http-equiv=refresh content=2>"
        yield f"<title>Fake Slack</title><style>{_STYLE}</style><h1>Fake Slack</h1><nav>you are "
        for each in people:
            name = escape(str(self._slack.users[each]["name"]))
            yield f"<b>{name}</b>" if each == user else f"<a href='/?as={each}'>{name}</a>"
        yield "</nav>"
        words = (
            "<label for=text>Command</label><input id=text name=text value='req'> <button>/gatepass</button>"
        )
        yield _form(user, "slash", words)
        for view in views:
            yield self._modal(user, view)
        yield from self._channels(user)

    def _channels(self, user: str) -> Iterator[str]:
        for channel in list(self._slack.channels.values()):
            direct = channel["id"][0] in "DG"
            if direct and user not in channel["members"]:
                continue
            found = [
                m for m in self._slack.posted if m.channel == channel["id"] and m.only_for in (None, user)
            ]
            if found:
                others = [self._slack.users[u]["name"] for u in channel["members"]]
                name = "direct: " + ", ".join(others) if direct else "#" + channel["name"]
                yield f"<h2>{escape(name)}</h2>"
            for message in [m for m in found if m.thread_ts is None]:
                yield self._message(user, message)
                for reply in [m for m in found if m.thread_ts == message.ts]:
                    yield f"<div class=reply>{escape(read(reply.text))}</div>"

    def _message(self, user: str, message: Posted) -> str:
        lines = [escape(read(text)) for block in message.blocks for text in _texts(block)] or [
            escape(read(message.text))
        ]
        buttons = [
            _form(user, "press", f"<button>{escape(b['text']['text'])}</button>", ts=message.ts, action=name)
            for name, b in message.buttons().items()
        ]
        only = " only" if message.only_for else ""
        return f"<div class='message{only}'>" + "\n".join(lines) + "\n" + "".join(buttons) + "</div>"

    def _modal(self, user: str, view: Json) -> str:
        faults = self._faults.get(view["id"], {})
        rows = [row for block in view["blocks"] for row in self._block(block, faults)]
        submit = f"<button>{escape(view['submit']['text'])}</button>" if "submit" in view else ""
        form = _form(user, "submit", "".join(rows) + submit, view=view["id"])
        close = _form(user, "close", "<button>Close</button>", view=view["id"])
        return f"<section class=modal><strong>{escape(view['title']['text'])}</strong>{form}{close}</section>"

    def _block(self, block: Json, faults: Mapping[str, str]) -> Iterator[str]:
        if block["type"] == "input":
            yield from self._input(block, faults.get(block["block_id"], ""))
        elif block["type"] == "actions":
            for each in block["elements"]:
                yield f"<button name=press value='{escape(each['action_id'])} {escape(each['value'])}'>"
                yield f"{escape(each['text']['text'])}</button>"
        else:
            for text in _texts(block):
                yield f"<div class=small>{escape(read(text))}</div>"

    def _input(self, block: Json, fault: str) -> Iterator[str]:
        element, name = block["element"], str(block["block_id"]).partition("/")[0]
        field = f"field {escape(name)}"
        yield f"<label>{escape(block['label']['text'])}</label>"
        options = element.get("options")
        if element["type"].endswith("users_select"):
            options = [
                {"value": u, "text": {"text": self._slack.users[u]["name"]}} for u in self._slack.users
            ]
        chosen = element.get("initial_option") or {}
        if options is None:
            initial = element.get("initial_value") or chosen.get("value") or ""
            yield f"<input name='{field}' value='{escape(str(initial))}'>"
        else:
            many = " multiple" if element["type"] in _MANY else ""
            yield f"<select name='{field}'{many}><option value=''></option>"
            for each in options:
                marked = " selected" if each["value"] == chosen.get("value") else ""
                yield f"<option value='{escape(each['value'])}'{marked}>{escape(each['text']['text'])}</option>"
            yield "</select>"
        if block.get("dispatch_action"):
            yield f"<button name=change value='{escape(name)}'>choose</button>"
        if fault:
            yield f"<div class=fault>{escape(fault)}</div>"


def _form(user: str, what: str, inner: str, **hidden: str) -> str:
    fields = {"as": user, "what": what, **hidden}
    kept = "".join(
        f"<input type=hidden name='{key}' value='{escape(value)}'>" for key, value in fields.items()
    )
    return f"<form method=post action=/act>{kept}{inner}</form>"


def _texts(block: Json) -> list[str]:
    if block["type"] == "section":
        if "text" in block:
            return [str(block["text"]["text"])]
        return [str(each["text"]).replace("\n", ": ", 1) for each in block["fields"]]
    return [str(each["text"]) for each in block["elements"]] if block["type"] == "context" else []
