"""`gatepass login` at the portal: authorization code with PKCE to a loopback port (security.md 22)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from tests.unit.web.browsing import Browser, Portal, words

from gatepass.desk import Caller

VERIFIER = "v" * 64
BACK = "http://127.0.0.1:45678/callback"
WISH = {
    "redirect_uri": BACK,
    "state": "s" * 32,
    "code_challenge": create_s256_code_challenge(VERIFIER),
    "code_challenge_method": "S256",
}


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    made = Portal(tmp_path_factory.mktemp("portal"))
    yield made
    made.close()


def allow(browser: Browser) -> str:
    """Let the command line in; the code that its port is given."""
    answer = browser.submit(f"/login/cli?{urlencode(WISH)}", "/login/cli")
    assert answer.status_code == 303, words(answer.text)
    goal = urlsplit(answer.headers["location"])
    assert f"{goal.scheme}://{goal.netloc}{goal.path}" == BACK
    query = parse_qs(goal.query)
    assert query["state"] == [WISH["state"]]
    return query["code"][0]


def exchange(browser: Browser, code: str, verifier: str = VERIFIER, back: str = BACK) -> Any:
    sent = {"code": code, "code_verifier": verifier, "redirect_uri": back}
    return browser.client.post("/login/cli/token", data=sent)


def test_a_person_lets_their_command_line_in(portal: Portal) -> None:
    signed_out = portal.browser().get(f"/login/cli?{urlencode(WISH)}")
    assert signed_out.headers["location"].startswith("/login?next=%2Flogin%2Fcli")
    code = allow(portal.browser("ana"))
    made = exchange(portal.browser(), code).json()
    assert made["person"] == "ana"
    bearer = {"Authorization": f"Bearer {made['token']}"}
    client = portal.browser().client
    assert client.get("/v1/me", headers=bearer).json()["id"] == "ana"
    assert client.get("/v1/organizations", headers=bearer).status_code == 403
    assert made["token"] not in "".join(portal.whole.parts.office.export(Caller("cleo", "test")))


def test_a_code_is_good_once_for_a_minute_and_for_its_own_command_line(portal: Portal) -> None:
    ana, program = portal.browser("ana"), portal.browser()
    code = allow(ana)
    assert exchange(program, code, verifier="w" * 64).status_code == 403
    assert exchange(program, code, back=BACK.replace("45678", "45679")).status_code == 403
    assert exchange(program, code + "x").status_code == 403
    assert exchange(program, "").status_code == 403
    assert exchange(program, code).status_code == 200
    assert exchange(program, code).status_code == 403


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "http://elsewhere.example:4567/callback"},
        {"redirect_uri": "http://127.0.0.1:4567/other"},
        {"redirect_uri": "https://127.0.0.1:4567/callback"},
        {"redirect_uri": "http://127.0.0.1.elsewhere.example:4567/callback"},
        {"redirect_uri": "http://127.0.0.1:4567@elsewhere.example/callback"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"state": ""},
    ],
)
def test_an_answer_goes_to_a_loopback_port_or_nowhere(portal: Portal, changed: dict[str, str]) -> None:
    ana = portal.browser("ana")
    assert ana.get(f"/login/cli?{urlencode({**WISH, **changed})}").status_code == 400
    hidden = ana.hidden("/", "/logout")
    assert ana.post("/login/cli", **{**hidden, **WISH, **changed}).status_code == 400


def test_opening_the_page_gives_nothing(portal: Portal) -> None:
    """A GET never decides: the person has to say yes, on a page that says what asks."""
    ana = portal.browser("ana")
    page = ana.get(f"/login/cli?{urlencode(WISH)}")
    assert "at port 45678" in words(page.text)
    assert "form-action 'self' http://127.0.0.1:45678;" in page.headers["content-security-policy"]
    assert "code=" not in page.text
    forged = ana.client.post("/login/cli", data=WISH, headers={"Origin": "http://127.0.0.1:45678"})
    assert forged.status_code == 403
