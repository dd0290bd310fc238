"""The web rows of security.md 7, and its rules 16 to 22, each a test: refused, nothing changed, told to the log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.web.browsing import HERE, Browser, Portal, words

from gatepass.desk import Caller
from gatepass.web.headers import FIXED

CLEO = Caller("cleo", "test")


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    made = Portal(tmp_path_factory.mktemp("portal"))
    yield made
    made.close()


@pytest.fixture
def ana(portal: Portal) -> Browser:
    return portal.browser("ana")


def log(portal: Portal, kind: str) -> list[dict[str, Any]]:
    lines = portal.whole.parts.office.export(CLEO)
    said = [json.loads(json.loads(line)["body"]) for line in lines]
    return [each for each in said if each["kind"] == kind]


def count(portal: Portal) -> int:
    return len(portal.whole.parts.desk.requests(CLEO, limit=500).requests)


PAGES = [
    "/",
    "/ask",
    "/decide",
    "/requests",
    "/organizations",
    "/flows",
    "/audit",
    "/people",
    "/nope",
    "/login",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_the_headers(portal: Portal, path: str) -> None:
    """security.md 19: no inline script or style, no frames, no sniffing; also on errors and redirects."""
    for who in ("", "cleo"):
        answer = portal.browser(who).get(path)
        for name, value in FIXED.items():
            assert answer.headers[name] == value
        assert not re.search(r"<script(?![^>]* src=)|<style|\son[a-z]+=|\sstyle=", answer.text)
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "csrf"),
    [
        ({"Origin": "https://elsewhere.example"}, "right"),
        ({"Origin": "null"}, "right"),
        ({}, "right"),
        ({"Sec-Fetch-Site": "cross-site"}, "right"),
        ({"Origin": HERE}, "wrong"),
        ({"Origin": HERE}, ""),
    ],
    ids=["foreign-origin", "null-origin", "no-origin", "cross-site", "wrong-token", "no-token"],
)
def test_a_forged_form_changes_nothing_and_is_told(
    portal: Portal, ana: Browser, headers: dict[str, str], csrf: str
) -> None:
    """Web 5: CSRF token and Origin, both."""
    before, told = count(portal), len(log(portal, "security"))
    hidden = ana.hidden("/ask/form?flow=freeze-exception", "/ask/form")
    hidden["csrf"] = {"right": hidden["csrf"], "wrong": "x" * 43}.get(csrf, "")
    sent = {**hidden, "f.change": "x", "f.risk": "low"}
    answer = ana.client.post("/ask/form", data=sent, headers=headers)
    assert answer.status_code == 403
    assert count(portal) == before
    assert len(log(portal, "security")) == told + 1


def test_a_token_of_another_session_is_not_good(portal: Portal, ana: Browser) -> None:
    ben = portal.browser("ben")
    hidden = ben.hidden("/ask/form?flow=freeze-exception", "/ask/form")
    assert ana.post("/ask/form", **hidden, **{"f.change": "x", "f.risk": "low"}).status_code == 403


def test_a_get_never_decides(portal: Portal, ana: Browser) -> None:
    """Web 4: prefetchers and mail scanners open every address."""
    request = ana.ask()
    portal.whole.settle()
    ben = portal.browser("ben")
    for verb in ("answer", "end", "cancel", "extend"):
        assert ben.get(f"/requests/{request}/{verb}?answer=approve").status_code in (404, 405)
    assert portal.whole.parts.desk.show(CLEO, request).request.state == "pending"


def test_a_form_cannot_name_what_is_not_the_askers_to_choose(portal: Portal, ana: Browser) -> None:
    """Web 1: status, approver, requester, expiry, organization."""
    page = "/ask/form?flow=aws-access&target=tenant_foo-main"
    given = {"f.reason": "x", "f.duration": "1800s"}
    for name in ("f.status", "f.approver", "f.ends_at", "f.requester"):
        answer = ana.submit(page, "/ask/form", **given, **{name: "approved"})
        assert answer.status_code == 422, name
        assert "no such field" in words(answer.text)
    made = ana.submit(page, "/ask/form", **given, requester="ben", state="approved", status="approved")
    request_id = made.headers["location"].split("/")[2].split("?")[0]
    portal.whole.settle()
    request = portal.whole.parts.desk.show(CLEO, request_id).request
    assert (request.requester, request.state) == ("ana", "pending")
    other = ana.submit(page, "/ask/form", **{**given, "organization": "tenant_bar"})
    assert other.status_code == 404


def test_another_persons_request_is_not_there(portal: Portal, ana: Browser) -> None:
    """Web 2: the same answer as for one that does not exist."""
    request = ana.ask(flow="freeze-exception", target="", reason=None, duration=None, change="x", risk="low")
    dan = portal.browser("dan")
    hidden = dan.hidden("/", "/logout")
    theirs, none = dan.get(f"/requests/{request}"), dan.get("/requests/r22222222222r")
    assert (theirs.status_code, none.status_code) == (404, 404)
    assert words(theirs.text).replace(request, "") == words(none.text).replace("r22222222222r", "")
    for verb in ("answer", "end", "cancel", "extend"):
        sent = {"answer": "deny", "duration": "30m", "shown": "0" * 64}
        assert dan.post(f"/requests/{request}/{verb}", **hidden, **sent).status_code == 404
    assert request not in dan.page("/requests")


def test_a_form_that_is_sent_twice_asks_once(portal: Portal, ana: Browser) -> None:
    """Web 3, I9: a replayed form has the effect of one; the same key with another content is refused."""
    hidden = ana.hidden("/ask/form?flow=aws-access&target=tenant_foo-main", "/ask/form")
    sent = {**hidden, "f.reason": "once", "f.duration": "1800s"}
    before = count(portal)
    first, again = ana.post("/ask/form", **sent), ana.post("/ask/form", **sent)
    assert first.headers["location"] == again.headers["location"]
    assert count(portal) == before + 1
    assert ana.post("/ask/form", **{**sent, "f.reason": "something else"}).status_code == 422
    assert count(portal) == before + 1


def test_nobody_approves_their_own_or_what_they_did_not_see(portal: Portal, ana: Browser) -> None:
    """I4, I7: the answer is bound to the hash that was shown."""
    ben = portal.browser("ben")
    request = ben.ask()
    portal.whole.settle()
    shown = portal.whole.parts.desk.show(CLEO, request).request.content_hash
    hidden = ben.hidden("/", "/logout")
    own = ben.post(f"/requests/{request}/answer", **hidden, answer="approve", shown=shown)
    assert own.status_code == 403
    assert "yourself" in words(own.text)
    eve = portal.browser("eve")
    hidden = eve.hidden("/decide", f"/requests/{request}/answer")
    changed = eve.post(f"/requests/{request}/answer", **{**hidden, "shown": "0" * 64}, answer="approve")
    assert changed.status_code == 409
    longer = eve.post(f"/requests/{request}/answer", **hidden, answer="approve", duration="4h")
    assert longer.status_code == 403
    assert portal.whole.parts.desk.show(CLEO, request).request.state == "pending"


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/organizations/end", {"organization": "tenant_foo"}),
        ("/people/ben/disable", {"why": "x"}),
        ("/people/ben/enable", {}),
    ],
)
def test_admins_alone_press_the_red_button(
    portal: Portal, ana: Browser, path: str, sent: dict[str, str]
) -> None:
    hidden = ana.hidden("/", "/logout")
    assert ana.post(path, **hidden, **sent).status_code == 403


@pytest.mark.parametrize(
    "path", ["/organizations", "/flows", "/flows/aws-access", "/audit", "/audit/export", "/people"]
)
def test_admins_alone_see_the_office(ana: Browser, path: str) -> None:
    assert ana.get(path).status_code == 403


def test_what_people_write_stays_text(portal: Portal, ana: Browser) -> None:
    """security.md 16: reasons, messages, what stands in an address."""
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7777*7777}}"
    request = ana.ask(reason=evil)
    portal.whole.settle()
    ben = portal.browser("ben")
    pages = [ben.page("/decide"), ben.page(f"/requests/{request}"), ana.page("/")]
    pages += [
        ana.get(f"/ask?q={evil}").text,
        ana.get(f"/requests/{evil}").text,
        ana.get(f"/login?next={evil}").text,
    ]
    pages += [ana.get(f"/ask/form?flow={evil}").text, ana.get(f"/requests?state={evil}").text]
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "60481729" not in page


def test_a_sign_in_gives_a_new_id_and_signing_out_ends_it(portal: Portal) -> None:
    """security.md 17: session fixation."""
    browser = portal.browser()
    browser.client.cookies.set("gatepass", "fixed", domain="127.0.0.1")
    browser.post("/login/as", person="ana")
    mine = browser.client.cookies.get("gatepass", domain="127.0.0.1")
    assert mine != "fixed"
    thief = portal.browser()
    thief.client.cookies.set("gatepass", mine or "", domain="127.0.0.1")
    assert thief.get("/").status_code == 200
    browser.post("/login/as", person="ana")
    assert thief.get("/").headers["location"] == "/login", "signing in again ends the one before"
    again = browser.client.cookies.get("gatepass", domain="127.0.0.1")
    thief.client.cookies.set("gatepass", again or "", domain="127.0.0.1")
    assert thief.get("/").status_code == 200
    browser.submit("/", "/logout")
    assert thief.get("/").headers["location"] == "/login"


def test_sign_in_as_anybody_is_for_the_demo_only(portal: Portal) -> None:
    from gatepass.app.serve import application

    plain = Browser(application(portal.whole.parts))
    assert plain.post("/login/as", person="cleo").status_code in (404, 405)
    assert "Nobody can sign in here yet" in words(plain.page("/login"))
    forged = portal.browser().post(
        "/login/as", headers={"Origin": "https://elsewhere.example"}, person="cleo"
    )
    assert forged.status_code == 403


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1.elsewhere.example", "[::2]", ""])
def test_an_address_that_is_not_ours_is_refused(portal: Portal, host: str) -> None:
    """DNS rebinding: a page elsewhere that has its name point here."""
    assert portal.browser().get("/login", host=host).status_code == 421


def test_large_and_odd_bodies_are_refused(portal: Portal, ana: Browser) -> None:
    """Web 9: refused without growing."""
    hidden = ana.hidden("/", "/logout")
    assert ana.post("/ask/form", **hidden, **{"f.reason": "x" * (1 << 20)}).status_code == 413
    many = ana.client.post(
        "/ask/form",
        content="&".join(f"a{n}=1" for n in range(600)),
        headers={"Origin": HERE, "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert many.status_code == 400
    as_json = ana.client.post("/ask/form", json=hidden, headers={"Origin": HERE})
    assert as_json.status_code == 400
    files = ana.client.post("/ask/form", files={"f.reason": b"x"}, headers={"Origin": HERE})
    assert files.status_code == 400
    broken = ana.client.post(
        "/ask/form",
        content=b"f.reason=%ff%fe",
        headers={"Origin": HERE, "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert broken.status_code == 400


def test_files_are_those_of_the_portal_alone(portal: Portal) -> None:
    browser = portal.browser()
    assert browser.get("/static/x/gatepass.css").status_code == 200
    for name in ("../words.py", "..%2fwords.py", "%2e%2e/words.py", "gatepass.py"):
        assert browser.get(f"/static/x/{name}").status_code == 404


def test_a_fault_inside_is_a_page_in_words(
    portal: Portal, ana: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """No traceback leaves; the log has it."""

    def broken(*_: object) -> None:
        raise RuntimeError("the words of a traceback")

    office = portal.whole.parts.office
    cleo = portal.browser("cleo")
    office.everybody = broken  # type: ignore[method-assign, assignment]
    try:
        answer = cleo.get("/people")
    finally:
        del office.everybody  # type: ignore[method-assign]
    assert answer.status_code == 500
    assert "traceback" not in answer.text
    assert "the words of a traceback" in caplog.text


def test_machines_get_problems_not_pages(portal: Portal) -> None:
    answer = portal.browser().get("/v1/nothing-here")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_no_secret_stands_in_a_page_or_the_log(portal: Portal, ana: Browser) -> None:
    """I17: cookies and tokens of sessions appear nowhere but in their cookie and their forms."""
    mine = ana.client.cookies.get("gatepass", domain="127.0.0.1") or ana.client.cookies.get("gatepass")
    csrf = ana.hidden("/", "/logout")["csrf"]
    lines = "".join(portal.whole.parts.office.export(CLEO))
    assert mine
    assert mine not in ana.page("/")
    assert mine not in lines
    assert csrf not in lines
