"""Every address of the server, taken from the application itself, is tried as nobody, as somebody else, and with a
token that lacks the word for it. A new route must be put into these tables, which is when somebody thinks about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.installation import Whole
from tests.unit.api.test_api_story import Api
from tests.unit.web.browsing import Portal

from gatepass.app.portal import Pages
from gatepass.desk import Caller

Json = dict[str, Any]
ASKED: Json = {
    "flow": "aws-access",
    "target": "tenant_foo-main",
    "fields": {"reason": "x", "duration": "30m"},
}
HASH: Json = {"content_hash": "0" * 64}
NEEDS: dict[str, tuple[str, Json | None]] = {
    "GET /v1/me": ("", None),
    "GET /v1/offers": ("", None),
    "POST /v1/forms": ("", ASKED),
    "POST /v1/forms/{field}": ("", ASKED),
    "GET /v1/sessions": ("", None),
    "GET /v1/access": ("", None),
    "GET /v1/requests": ("", None),
    "GET /v1/tokens": ("", None),
    "POST /v1/requests": ("ask", ASKED),
    "GET /v1/requests/{request_id}": ("see", None),
    "POST /v1/requests/{request_id}/approve": ("decide", HASH),
    "POST /v1/requests/{request_id}/deny": ("decide", HASH),
    "POST /v1/requests/{request_id}/extend": ("ask", {"duration": "1h"}),
    "POST /v1/requests/{request_id}/revoke": ("see", None),
    "POST /v1/requests/{request_id}/cancel": ("see", None),
    "POST /v1/tokens": ("admin", {"person": "ben", "lasts": "1h"}),
    "DELETE /v1/tokens/{token_id}": ("admin", None),
    "POST /v1/estate": ("admin", {"files": {"people.yaml": "people: {}"}}),
    "GET /v1/organizations": ("admin", None),
    "POST /v1/end": ("admin", {"person": "ana"}),
    "GET /v1/people": ("admin", None),
    "POST /v1/people/{person_id}/disable": ("admin", {"why": "left"}),
    "POST /v1/people/{person_id}/enable": ("admin", None),
    "PUT /v1/people/{person_id}/identities": (
        "admin",
        {"service": "slack", "external_id": "T1", "identity": "U1"},
    ),
    "GET /v1/audit/export": ("admin", None),
    "POST /v1/teams/applies": ("admin", {"plan": {}, "files": {"a": "b"}}),
    "GET /v1/teams/applies/{job_id}": ("admin", None),
    "POST /v1/teams/applies/{job_id}/stop": ("admin", None),
    "GET /v1/teams/drift": ("admin", None),
    "POST /v1/teams/drift": ("admin", None),
}
OPEN = {"GET /healthz", "GET /readyz", "GET /metrics", "GET /openapi.json"}
PUBLIC_PAGES = {
    "GET /login",
    "POST /login/begin",
    "GET /login/callback",
    "POST /login/as",
    "POST /login/cli/token",
}
"""What the portal answers to nobody; everything else leads to the sign-in or says no."""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    made = Portal(tmp_path_factory.mktemp("routes"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def api(portal: Portal) -> Api:
    return Api(portal.whole)


def routes(app: Any) -> list[str]:
    """`METHOD path` of every route of an application, also of those that are in no description."""
    found = []
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            found += routes(inner)
        elif not isinstance(route, Pages):
            found += [f"{verb} {route.path}" for verb in sorted(route.methods or ()) if verb != "HEAD"]
    return found


def pages(portal: Portal) -> list[str]:
    (mounted,) = (each for each in portal.app.routes if isinstance(each, Pages))  # type: ignore[attr-defined]
    return routes(mounted.app)


def changes(portal: Portal) -> list[str]:
    """The log but for sign-ins and what it says of attacks: whatever had an effect is in it (I5)."""
    lines = portal.whole.parts.office.export(Caller("cleo", "test"))
    said = [json.loads(json.loads(line)["body"]) for line in lines]
    return [each["kind"] for each in said if each["kind"] not in ("security", "login", "audit.exported")]


def address(route: str, request: str) -> tuple[str, str]:
    verb, _, path = route.partition(" ")
    known = {"request_id": request, "id": request, "person_id": "ana", "token_id": "t1", "name": "aws-access"}
    return verb, re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], "x"), path)


def test_no_file_of_an_estate_is_read_for_who_is_no_admin(
    api: Api, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody's sign-in of the command line has the word `admin`, for it hangs on the person: whoever was no admin
    had the files parsed, and the code in them loaded, before that was looked at."""
    from gatepass.app import estates

    words = frozenset({"admin"})
    wide = portal.whole.parts.office.issue_token(Caller("ana", "test"), "ana", words, timedelta(hours=1))[1]
    monkeypatch.setattr(estates, "load", lambda files: pytest.fail("read"))
    monkeypatch.setattr(estates, "require_sound", lambda runner, estate: pytest.fail("run"))
    sent = {"files": {"estate.yaml": "gatepass: 1", "impl.py": "import os"}}
    answer = api.client.post("/v1/estate", json=sent, headers={"Authorization": f"Bearer {wide}"})
    assert (answer.status_code, answer.json()["reason"]) == (403, "not_allowed")


@pytest.fixture(scope="module")
def request_id(api: Api) -> str:
    return str(api.ask()["id"])


def test_no_route_is_missing_from_the_tables(portal: Portal) -> None:
    assert sorted(routes(portal.app)) == sorted([*NEEDS, *OPEN])


def test_nobody_gets_anything(portal: Portal, api: Api, request_id: str) -> None:
    before = changes(portal)
    for route, (_, body) in NEEDS.items():
        verb, path = address(route, request_id)
        for authorization in ("", "Bearer ", "Bearer gp_x_y", "Basic eDp5", f"Bearer {'g' * 5000}"):
            headers = {"Authorization": authorization} if authorization else {}
            answer = api.client.request(verb, path, json=body, headers=headers)
            assert answer.status_code == 401, (route, authorization, answer.text)
            assert answer.json()["code"] == "bad_token", "one answer, whatever was wrong with it"
    assert changes(portal) == before


@pytest.mark.parametrize("who", ["a token without the words", "a person without the right"])
def test_who_lacks_the_word_or_the_right_is_refused(
    portal: Portal, api: Api, request_id: str, who: str
) -> None:
    """An admin's token that only asks, one that only decides, and a requester's with every word there is."""
    office = portal.whole.parts.office
    narrow = {}
    for word in ("ask", "decide"):
        only = frozenset({word})
        narrow[word] = office.issue_token(Caller("cleo", "test"), "cleo", only, timedelta(hours=1))[1]
    words = frozenset({"ask", "decide", "admin"})
    wide = office.issue_token(Caller("ana", "test"), "ana", words, timedelta(hours=1))[1]
    before = changes(portal)
    for route, (needs, body) in NEEDS.items():
        verb, path = address(route, request_id)
        if needs in ("", "see"):
            continue
        if who == "a token without the words":
            tokens = [text for word, text in narrow.items() if word != needs]
        else:
            tokens = [wide] if needs == "admin" else []
        for token in tokens:
            answer = api.client.request(verb, path, json=body, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code in (403, 404), (route, answer.status_code, answer.text)
    assert changes(portal) == before


def test_somebody_elses_request_is_not_there_at_any_address(
    portal: Portal, api: Api, request_id: str
) -> None:
    """Web 2, I12: `dan` may neither see nor touch it, with whatever verb; and cannot tell it from one that is not."""
    before = changes(portal)
    for route, (_, body) in NEEDS.items():
        if "{request_id}" not in route:
            continue
        verb, path = address(route, request_id)
        theirs = api.send("dan", verb, path.removeprefix("/v1"), body)
        _, nowhere = address(route, "rnotthere00")
        none = api.send("dan", verb, nowhere.removeprefix("/v1"), body)
        assert theirs.status_code == 404, route
        assert theirs.text.replace(request_id, "R") == none.text.replace("rnotthere00", "R"), route
    assert changes(portal) == before


def test_every_page_leads_nobody_to_the_sign_in(portal: Portal, request_id: str) -> None:
    nobody = portal.browser()
    before = changes(portal)
    for route in pages(portal):
        verb, path = address(route, request_id)
        if route in PUBLIC_PAGES or path.startswith("/static/"):
            continue
        answer = nobody.get(path) if verb == "GET" else nobody.post(path, csrf="x")
        if path == "/events":
            assert answer.status_code == 401
            continue
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login"), route
    assert changes(portal) == before


def test_no_page_takes_a_form_that_is_not_its_own(portal: Portal, request_id: str) -> None:
    """An admin's browser is made to send every form there is: from elsewhere with the token, from here without."""
    cleo = portal.browser("cleo")
    token = cleo.hidden("/people", "/people/ana/disable")["csrf"]
    before = changes(portal)
    posts = [route for route in pages(portal) if route.startswith("POST") and route not in PUBLIC_PAGES]
    assert len(posts) > 8
    for route in posts:
        _, path = address(route, request_id)
        sent = {"person": "ana", "why": "x", "confirm": "ana", "answer": "approve"}
        forged = cleo.post(path, headers={"Origin": "https://elsewhere.example"}, csrf=token, **sent)
        bare = cleo.post(path, **sent)
        assert (forged.status_code, bare.status_code) == (403, 403), route
    assert changes(portal) == before


def test_no_address_changes_anything_by_get(portal: Portal, api: Api, request_id: str) -> None:
    """Web 4: an admin who opens every address that is read, and those that are not, has changed nothing."""
    cleo = portal.browser("cleo")
    before = changes(portal)
    for route in pages(portal):
        _, path = address(route, request_id)
        if path != "/events" and route not in PUBLIC_PAGES:
            assert cleo.get(path).status_code < 500, route
    for route in NEEDS:
        _, path = address(route, request_id)
        assert api.send("cleo", "GET", path.removeprefix("/v1")).status_code < 500, route
    assert changes(portal) == before


def test_what_is_a_persons_own_is_kept_by_no_cache(api: Api, request_id: str) -> None:
    for path in ("/me", "/requests", f"/requests/{request_id}", "/nowhere"):
        answer = api.send("ana", "GET", path)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON", "application/vnd.x+json", "text/plain", "", "a/b+JSON;x=y"],
)
@pytest.mark.parametrize(
    "body",
    [
        b'{"flow": "aws-access", "flow": "freeze-exception", "target": "tenant_foo-main", "fields": {}}',
        b'{"flow": "aws-access", "target": "tenant_foo-main", "fields": {"a": '
        + b"[" * 200
        + b"]" * 200
        + b"}}",
        b'{"flow": "aws-access", "target": "tenant_foo-main", "fields": {"a": "\\u0000"}}',
        b'{"flow": "aws-access", "target": "tenant_foo-main", "fields": {"a": NaN}}',
    ],
    ids=["twice", "deep", "nul", "nan"],
)
def test_no_kind_of_body_is_read_less_strictly(api: Api, kind: str, body: bytes) -> None:
    """Web 9: the framework takes more kinds for JSON than ours; what it reads is what we have looked at."""
    headers = {"Authorization": f"Bearer {api.tokens['ana']}", "Content-Type": kind}
    answer = api.client.post("/v1/forms", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_body")


def test_i13_what_a_leaver_issued_in_others_names_only_asks(tmp_path: Path) -> None:
    """Whoever issued a token knows its text. Gone, or no admin any more, they apply no estate as somebody else."""
    whole = Whole(tmp_path)
    api = Api(whole)
    try:
        words = ["ask", "decide", "admin", "on_behalf"]
        made = api.ok("cleo", "POST", "/tokens", {"person": "ben", "scopes": words, "lasts": "30d"})
        api.tokens["as ben"] = made["token"]
        again = api.ok("as ben", "POST", "/tokens", {"person": "ben", "scopes": words[:3], "lasts": "1d"})
        api.tokens["as ben, again"] = again["token"]
        assert set(api.ok("as ben", "GET", "/me")["scopes"]) == set(words)
        with whole.parts.store.write() as tx:
            tx.people.disable("cleo", "test", "left")
        for name in ("as ben", "as ben, again"):
            assert api.ok(name, "GET", "/me")["scopes"] == ["ask"]
            assert (
                api.send(name, "POST", "/tokens", {"person": "ben", "scopes": ["decide"]}).status_code == 403
            )
        assert api.send("ben", "GET", "/me").json()["scopes"] == ["ask", "decide"], "their own is as it was"
    finally:
        whole.close()


@pytest.mark.parametrize("wall", ["the person", "the session and the token"])
def test_i13_each_wall_before_a_leaver_holds_alone(tmp_path: Path, wall: str) -> None:
    """Web 7. Whom the estate calls inactive has rows that are as good as before; who was disabled here and is back has
    good standing and dead rows. Either is enough to be out."""
    portal = Portal(tmp_path)
    try:
        api, ana = Api(portal.whole), portal.browser("ana")
        assert (api.send("ana", "GET", "/me").status_code, ana.get("/").status_code) == (200, 200)
        parts, estate = portal.whole.parts, portal.whole.estate
        if wall == "the person":
            gone = {**estate.people, "ana": replace(estate.people["ana"], active=False)}
            parts.applying.apply("test", replace(estate, people=gone), end_grants=True)
        else:
            parts.office.disable(Caller("cleo", "test"), "ana", "left")
            parts.office.enable(Caller("cleo", "test"), "ana")
        assert api.send("ana", "GET", "/me").status_code == 401
        assert ana.get("/").headers["location"] == "/login"
    finally:
        portal.close()
