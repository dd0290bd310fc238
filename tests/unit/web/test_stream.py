"""The stream of live updates on the wire: a real server, a real connection (architecture.md 9, I13)."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.browser.server import Server, serving
from tests.waiting import LONG

from gatepass.desk import Ask, Caller

pytestmark = pytest.mark.slow
CHANGE = {"change": "x", "risk": "low"}


class Stream:
    """One person's stream, read event by event."""

    def __init__(self, server: Server, person: str, after: str = "") -> None:
        where = urlsplit(server.url)
        self.connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=LONG)
        headers = {"Origin": server.url, "Content-Type": "application/x-www-form-urlencoded"}
        self.connection.request("POST", "/login/as", f"person={person}", headers)
        answer = self.connection.getresponse()
        answer.read()
        cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
        self.connection.request("GET", "/events", headers={"Cookie": cookie, "Last-Event-ID": after})
        self.answer = self.connection.getresponse()
        assert self.answer.getheader("content-type", "").startswith("text/event-stream")
        self.id = ""
        assert self.next()[0] == "begun"

    def next(self) -> tuple[str, str]:
        """The next event and its data; "end" when the server has closed."""
        event = data = ""
        while line := self.answer.readline().decode():
            name, _, value = line.strip().partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                data = value
            elif name == "id":
                self.id = value
            elif not name and event:
                return event, data
        return "end", ""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as running:
        yield running


def test_what_happens_is_told_and_a_leaver_hears_no_more(server: Server) -> None:
    desk = server.parts.desk
    ana, dan = Stream(server, "ana"), Stream(server, "dan")
    theirs = desk.ask(Caller("dan", "web"), Ask("freeze-exception", fields=CHANGE)).id
    mine = desk.ask(Caller("ana", "web"), Ask("freeze-exception", fields=CHANGE)).id
    event, data = ana.next()
    assert event == "changed"
    assert mine in data
    assert theirs not in data
    server.parts.office.disable(Caller("cleo", "web"), "ana", "left")
    while event == "changed":
        event, _ = ana.next()
    assert event == "over"
    assert dan.next()[0] == "changed"

    again = Stream(server, "dan", after=":0,tenant_foo:0")
    assert theirs in again.next()[1]


def test_stopping_ends_streams_and_does_not_wait_for_them(tmp_path: Path) -> None:
    """By its own word: a server that waited would break them off without one after its grace."""
    with serving(tmp_path) as server:
        stream = Stream(server, "ana")
    assert stream.next()[0] == "end"
