"""Signing in by OpenID Connect before a fake issuer; security.md 17, and 7: Web 6 and 7; I7, I13."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.installation import Whole
from tests.unit.web.browsing import HERE, Browser, words

from gatepass.app.serve import application
from gatepass.app.settings import SettingsError
from gatepass.desk import Caller
from gatepass.testing.oidc import FakeIssuer

ANA = {"sub": "subject-of-ana", "email": "Ana@Host.Example", "email_verified": True, "groups": ["staff"]}


class Place:
    """A portal whose people sign in at a fake issuer."""

    def __init__(self, folder: Path, issuer: FakeIssuer, **settings: Any) -> None:
        given = {"oidc_issuer": issuer.url, "oidc_client_id": "gatepass", **settings}
        self.issuer = issuer
        self.whole = Whole(folder, settings=given)
        issuer.clock = self.whole.clock
        self.app = application(self.whole.parts)

    def sign_in(self, **person: Any) -> tuple[Browser, Any]:
        """One person's browser, all the way through; the last answer."""
        self.issuer.person = {**ANA, **person}
        browser = Browser(self.app)
        return browser, browser.get(self.back(browser))

    def back(self, browser: Browser, to: str = "/") -> str:
        """Through the issuer; the address it sends the browser back to."""
        begun = browser.post("/login/begin", next=to)
        assert begun.status_code == 303, words(begun.text)
        query = {n: v[0] for n, v in parse_qs(urlsplit(begun.headers["location"]).query).items()}
        return self.issuer.authorize(query)


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    with FakeIssuer() as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, issuer: FakeIssuer) -> Iterator[Place]:
    made = Place(tmp_path, issuer)
    yield made
    made.whole.close()


def test_a_person_signs_in_and_out(place: Place, issuer: FakeIssuer) -> None:
    browser = Browser(place.app)
    refused = browser.get("/requests?state=pending")
    assert refused.headers["location"] == "/login?next=%2Frequests%3Fstate%3Dpending"
    assert urlsplit(issuer.url).hostname in browser.page("/login")  # type: ignore[operator]

    issuer.person = ANA
    came = browser.get(place.back(browser, "/requests?state=pending"))
    assert came.headers["location"] == "/requests?state=pending"
    asked = issuer.asked[-1]
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{HERE}/login/callback"
    assert {"state", "nonce"} <= asked.keys()
    assert "Ana" in words(browser.page("/"))

    assert browser.submit("/", "/logout").headers["location"] == "/login"
    assert browser.get("/").headers["location"] == "/login"


def test_the_cookie_is_for_this_host_alone(tmp_path: Path, issuer: FakeIssuer) -> None:
    """security.md 17: `__Host-`, HttpOnly, Secure, SameSite; a new id at every sign-in."""
    place = Place(tmp_path, issuer, public_url="https://gate.example")
    issuer.person = ANA
    browser = Browser(place.app, base="https://gate.example")
    before = browser.client.cookies.set("__Host-gatepass", "chosen by somebody else")
    answer = browser.get(place.back(browser))
    session = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-gatepass="))
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= {part.strip() for part in session.split(";")}
    assert "chosen" not in session
    assert before is None
    assert "max-age=" in answer.headers["strict-transport-security"]
    place.whole.close()


@pytest.mark.parametrize(
    ("lie", "header", "algorithm"),
    [
        ({"aud": "another client"}, {}, "RS256"),
        ({"aud": ["gatepass", "another client"]}, {}, "RS256"),
        ({"iss": "https://elsewhere.example"}, {}, "RS256"),
        ({"exp": 1}, {}, "RS256"),
        ({"nonce": "of another sign-in"}, {}, "RS256"),
        ({"iat": None}, {}, "RS256"),
        ({"sub": None}, {}, "RS256"),
        ({}, {"typ": "at+jwt"}, "RS256"),
        ({}, {}, "none"),
        ({}, {}, "HS256"),
    ],
    ids=[
        "audience",
        "azp",
        "issuer",
        "expired",
        "nonce",
        "no-iat",
        "no-sub",
        "type",
        "none",
        "shared-secret",
    ],
)
def test_an_identity_that_is_not_right_is_not_believed(
    shared: Place, lie: dict[str, Any], header: dict[str, Any], algorithm: str
) -> None:
    """security.md 7, Web 6."""
    issuer = shared.issuer
    issuer.lie, issuer.header, issuer.algorithm = lie, header, algorithm
    try:
        browser, answer = shared.sign_in()
    finally:
        issuer.lie, issuer.header, issuer.algorithm = {}, {}, "RS256"
    assert answer.status_code == 403, words(answer.text)
    assert browser.get("/").headers["location"] == "/login"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One place for tests in which nobody gets in."""
    with FakeIssuer() as running:
        made = Place(tmp_path_factory.mktemp("shared"), running)
        yield made
        made.whole.close()


def test_another_browser_cannot_finish_a_sign_in(shared: Place) -> None:
    """Login CSRF: state is bound to the browser that began, and a code is good once."""
    shared.issuer.person = ANA
    mine, other = Browser(shared.app), Browser(shared.app)
    address = shared.back(mine)
    assert other.get(address).status_code == 403
    shared.back(other)
    for browser, brought in ((other, address), (mine, address.replace("state=", "state=x"))):
        refused = browser.get(brought)
        assert refused.status_code == 403
        # said before the issuer is asked: its own refusal of our verifier would be the second wall, not the first
        assert "not begun in this browser" in words(refused.text)


def test_an_answer_in_another_issuers_name_is_not_taken(shared: Place) -> None:
    """Mix-up (RFC 9207): who answers says who they are; another's name ends the sign-in before the code is sent on."""
    shared.issuer.person = ANA
    browser = Browser(shared.app)
    refused = browser.get(shared.back(browser) + "&iss=https%3A%2F%2Felsewhere.example")
    assert refused.status_code == 403
    assert "another issuer" in words(refused.text)


def test_a_code_is_good_once(place: Place) -> None:
    place.issuer.person = ANA
    browser = Browser(place.app)
    address = place.back(browser)
    kept = dict(browser.client.cookies)
    assert browser.get(address).status_code == 303
    again = Browser(place.app)
    again.client.cookies.update(kept)
    assert again.get(address).status_code == 403


def test_after_the_first_time_the_address_is_never_looked_at(place: Place) -> None:
    """I7: addresses are given to other people; who somebody is, is issuer and subject."""
    assert place.sign_in()[1].status_code == 303
    stranger = place.sign_in(sub="somebody new with the same address")[1]
    assert stranger.status_code == 403
    assert "does not know you" in words(stranger.text)
    assert place.sign_in(email="changed@host.example")[1].status_code == 303


def test_an_address_that_is_not_verified_finds_nobody(shared: Place) -> None:
    assert shared.sign_in(email_verified=False)[1].status_code == 403
    assert shared.sign_in(email_verified="true")[1].status_code == 403


def test_new_keys_are_found_and_groups_are_asked(tmp_path: Path, issuer: FakeIssuer) -> None:
    place = Place(tmp_path, issuer, oidc_groups="staff, guests")
    assert place.sign_in()[1].status_code == 303
    place.whole.settle(60, step=30)
    issuer.new_key("k2")
    assert place.sign_in()[1].status_code == 303
    assert place.sign_in(groups=["others"])[1].status_code == 403
    place.whole.close()


def test_i8_a_session_is_no_older_than_the_issuers_word_about_groups_may_be(
    tmp_path: Path, issuer: FakeIssuer
) -> None:
    place = Place(tmp_path, issuer, oidc_groups="staff", oidc_groups_every=timedelta(minutes=15))
    browser, _ = place.sign_in()
    place.whole.clock.sleep(14 * 60)
    assert browser.get("/").status_code == 200
    place.whole.clock.sleep(2 * 60)
    assert browser.get("/").headers["location"] == "/login"
    assert place.sign_in(groups=["others"])[1].status_code == 403
    place.whole.close()


def test_a_leaver_is_out_at_once(place: Place) -> None:
    """I13; security.md 7, Web 7: a session after disablement."""
    browser, _ = place.sign_in()
    assert browser.get("/").status_code == 200
    hidden = browser.hidden("/ask/form?flow=freeze-exception", "/ask/form")
    place.whole.parts.office.disable(Caller("cleo", "test"), "ana", "left")
    assert browser.get("/").headers["location"] == "/login"
    sent = browser.post("/ask/form", **hidden, **{"f.change": "x", "f.risk": "low"})
    assert sent.headers["location"] == "/login"
    assert place.sign_in()[1].status_code == 403


def test_sessions_end_by_idling_and_at_last(place: Place) -> None:
    browser, _ = place.sign_in()
    for _ in range(15):
        place.whole.clock.sleep(50 * 60)
        last = browser.get("/")
        if last.status_code != 200:
            break
    assert last.headers["location"] == "/login"  # after twelve hours, though it was used all the time
    idle, _ = place.sign_in()
    place.whole.clock.sleep(61 * 60)
    assert idle.get("/").headers["location"] == "/login"


@pytest.mark.parametrize(
    "settings",
    [
        {"oidc_client_id": ""},
        {"oidc_algorithms": "none"},
        {"oidc_algorithms": "HS256"},
        {"oidc_algorithms": ""},
        {"oidc_scopes": "email"},
    ],
)
def test_a_half_configured_issuer_stops_the_start(tmp_path: Path, settings: dict[str, str]) -> None:
    """security.md 17: refusal to start."""
    given = {"oidc_issuer": "https://issuer.example", "oidc_client_id": "gatepass", **settings}
    whole = Whole(tmp_path, settings=given)
    with pytest.raises(SettingsError):
        application(whole.parts)
    whole.close()


def test_a_sign_in_goes_nowhere_else(shared: Place) -> None:
    """An address to go to afterwards is ours or none: no open redirect."""
    for path in ("https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "javascript:x"):
        page = (
            Browser(shared.app)
            .get(
                "/login",
            )
            .text
        )
        assert "elsewhere" not in page
        answer = Browser(shared.app).get(f"/login?next={path}").text
        assert 'name="next" value="/"' in answer
