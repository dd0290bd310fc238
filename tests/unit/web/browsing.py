"""People at the portal, without a browser: real pages, desk, engine, store and door on virtual time."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient
from tests.installation import Whole

from gatepass.app.portal import portal_parts
from gatepass.app.serve import application
from gatepass.web import Parts

HERE = "http://127.0.0.1:8080"


class Forms(HTMLParser):
    """The forms of a page: action -> (name, value) of every hidden input, and of a form's own submit buttons."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((given.get("action", ""), {}))
        elif tag == "input" and given.get("type") == "hidden" and self.found and "name" in given:
            self.found[-1][1][given["name"]] = given.get("value", "")


class Browser:
    """One person's browser: keeps cookies, sends Origin, fills in what a form hides."""

    def __init__(self, app: object, person: str = "", base: str = HERE) -> None:
        self.client = TestClient(app, base_url=base, follow_redirects=False)  # type: ignore[arg-type]
        self.origin = base
        if person:
            assert self.post("/login/as", person=person).status_code == 303

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=headers)

    def page(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, words(answer.text))
        return str(answer.text)

    def post(self, path: str, headers: dict[str, str] | None = None, **sent: Any) -> Any:
        given = {"Origin": self.origin} if headers is None else headers
        return self.client.post(path, data=sent, headers=given)

    def hidden(self, page: str, action: str) -> dict[str, str]:
        """What the page's form for this address hides."""
        return next(fields for where, fields in Forms(self.page(page)).found if where == action)

    def submit(self, page: str, action: str, **sent: Any) -> Any:
        """Fill in and send a form of a page."""
        return self.post(action, **{**self.hidden(page, action), **sent})

    def ask(self, target: str = "tenant_foo-main", flow: str = "aws-access", **fields: Any) -> str:
        """Ask, as far as the page of the new request; its id."""
        given = {"reason": "deploy", "duration": "1800s", **fields}
        page = f"/ask/form?flow={flow}" + (f"&target={target}" if target else "")
        named = {f"f.{name}": value for name, value in given.items() if value is not None}
        answer = self.submit(page, "/ask/form", **named)
        assert answer.status_code == 303, words(answer.text)
        return re.match(r"/requests/(\w+)", answer.headers["location"])[1]  # type: ignore[index]


class Portal:
    """A whole installation and its portal."""

    def __init__(self, folder: Path, **given: Any) -> None:
        self.whole = Whole(folder, **given)
        self.app = application(self.whole.parts, pick_a_person=True)

    @property
    def parts(self) -> Parts:
        """What the portal was built from."""
        return portal_parts(self.whole.parts, pick_a_person=True)

    def browser(self, person: str = "") -> Browser:
        return Browser(self.app, person)

    def close(self) -> None:
        self.whole.close()


def words(html: str) -> str:
    """A page as a person reads it."""
    body = html.partition("<body>")[2] or html
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)).strip()
