"""The HTTP API on a whole gatepass: real routes, desk, engine, store and door before the simulator, virtual time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.installation import Whole
from tests.waiting import until

from gatepass.app.serve import application
from gatepass.clock import iso

Json = dict[str, Any]
PREFETCH = """from sym.sdk.annotations import prefetch


@prefetch("account_id")
def options(event):
    return []
"""


class Api:
    """The API as people with tokens see it."""

    def __init__(self, whole: Whole) -> None:
        self.whole = whole
        self.client = TestClient(application(whole.parts), raise_server_exceptions=False)  # type: ignore[arg-type]
        self.tokens = {name: whole.token(name) for name in ("ana", "ben", "dan", "eve")}
        self.tokens["cleo"] = whole.token("cleo", "ask", "decide", "admin", "on_behalf")

    def send(self, who: str, method: str, path: str, body: Json | None = None, **headers: str) -> Any:
        bearer = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        return self.client.request(method, f"/v1{path}", json=body, headers={**bearer, **headers})

    def ok(self, who: str, method: str, path: str, body: Json | None = None, **headers: str) -> Json:
        answer = self.send(who, method, path, body, **headers)
        assert answer.status_code < 300, answer.text
        return dict(answer.json()) if answer.content else {}

    def ask(self, who: str = "ana", **fields: str) -> Json:
        target = fields.pop("target", "tenant_foo-main")
        given = {"reason": "deploy", "duration": "30m", **fields}
        made = self.ok(who, "POST", "/requests", {"flow": "aws-access", "target": target, "fields": given})
        self.whole.settle()
        return self.ok(who, "GET", f"/requests/{made['id']}")

    def approve(self, who: str, request: Json, **more: str) -> Any:
        body = {"content_hash": request["content_hash"], **more}
        return self.send(who, "POST", f"/requests/{request['id']}/approve", body)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    whole = Whole(tmp_path)
    yield Api(whole)
    whole.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One installation for tests in which nothing is changed."""
    whole = Whole(tmp_path_factory.mktemp("shared"))
    yield Api(whole)
    whole.close()


def test_the_whole_way_over_http(api: Api) -> None:
    request = api.ask()
    assert request["state"] == "pending"
    assert request["facts"] == [
        "aws_sso_assignment|arn:aws:sso:::instance/ssoins-7223000000000000|333333333333|"
        "arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000001|"
        + request["facts"][0].split("|")[-1]
    ]
    assert api.approve("ben", request).json()["state"] == "approved"
    api.whole.settle(5)
    held = api.ok("ana", "GET", "/access")["access"]
    assert [(each["state"], each["target"]) for each in held] == [("active", "tenant_foo-main")]
    assert held[0]["last_session_ends_by"] > held[0]["no_new_sessions_after"]
    offered = until(lambda: {each["name"] for each in api.ok("ana", "GET", "/sessions")["sessions"]})
    assert held[0]["session"] in offered, "what a page tells to type is what `gatepass sync` makes"
    assert api.whole.holds("ana")
    api.whole.settle(1800, 30)
    assert not api.whole.holds("ana")
    assert api.ok("ana", "GET", f"/requests/{request['id']}")["state"] == "ended"
    assert api.whole.holds("dan"), "standing access is untouched (I3)"


def test_an_account_below_a_unit_is_offered_and_given(api: Api) -> None:
    form = api.ok("ana", "POST", "/forms", {"flow": "aws-access", "target": "tenant_bar-read-only"})
    assert {each["value"] for each in form["options"]["account_id"]["options"]} >= {
        "888888888888",
        "999999999999",
    }
    assert "666666666666" not in {each["value"] for each in form["options"]["account_id"]["options"]}, (
        "suspended"
    )
    request = api.ask(target="tenant_bar-read-only", account_id="999999999999")
    api.approve("ben", request)
    api.whole.settle(5)
    assert api.whole.holds("ana", "999999999999")


def test_a_group_is_given_and_taken_back(api: Api) -> None:
    request = api.ask(target="tenant_bar-responders")
    api.approve("ben", request)
    api.whole.settle(5)
    assert [g["state"] for g in api.ok("ana", "GET", f"/requests/{request['id']}")["grants"]] == ["active"]
    api.ok("ana", "POST", f"/requests/{request['id']}/revoke")
    api.whole.settle(5)
    assert [g["state"] for g in api.ok("ana", "GET", f"/requests/{request['id']}")["grants"]] == ["ended"]


@pytest.mark.parametrize("field", ["status", "state", "approver", "requester_id", "ends_at", "tenant"])
def test_a_body_cannot_say_what_is_not_the_asker_s_to_say(shared: Api, field: str) -> None:
    body = {"flow": "aws-access", "target": "tenant_foo-main", "fields": {"duration": "30m"}, field: "x"}
    answer = shared.send("ana", "POST", "/requests", body)
    assert answer.status_code == 422
    assert field in answer.json()["detail"]
    assert shared.ok("ana", "GET", "/requests")["requests"] == []


def test_every_fault_of_a_form_at_once(shared: Api) -> None:
    body = {
        "flow": "aws-access",
        "target": "tenant_foo-main",
        "fields": {"duration": "9d", "ticket": "x", "who": "y"},
    }
    answer = shared.send("ana", "POST", "/requests", body)
    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["faults"]} == {"duration", "ticket", "who", "reason"}


def test_who_may_not_is_told_why_with_a_stable_reason(api: Api) -> None:
    request = api.ask("ben")
    refused = api.approve("ben", request)
    assert (refused.status_code, refused.json()["reason"]) == (403, "is_requester")
    assert api.approve("dan", request).status_code == 404
    changed = api.approve("eve", {**request, "content_hash": "0" * 64})
    assert (changed.status_code, changed.json()["reason"]) == (409, "changed")
    assert api.approve("eve", request).status_code == 200
    late = api.approve("cleo", request)
    assert (late.status_code, late.json()["reason"]) == (409, "not_open")
    assert "decided by eve" in late.json()["detail"]


def test_other_people_s_requests_are_not_found(api: Api) -> None:
    request = api.ask()
    for method, path in (("GET", ""), ("POST", "/revoke"), ("POST", "/cancel")):
        assert api.send("dan", method, f"/requests/{request['id']}{path}").status_code == 404


def test_a_replay_under_one_key_is_one_request(api: Api) -> None:
    body = {"flow": "aws-access", "target": "tenant_foo-main", "fields": {"reason": "x", "duration": "30m"}}
    first = api.ok("ana", "POST", "/requests", body, **{"Idempotency-Key": "k1"})
    again = api.ok("ana", "POST", "/requests", body, **{"Idempotency-Key": "k1"})
    assert first["id"] == again["id"]
    other = api.send(
        "ana", "POST", "/requests", {**body, "flow": "freeze-exception"}, **{"Idempotency-Key": "k1"}
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(api.ok("ana", "GET", "/requests")["requests"]) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"flow": "aws-access", "flow": "other"}', 400),
        (b'{"flow": NaN}', 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 40 + b"1" + b"}" * 40, 400),
        (b'{"flow": "' + b"x" * (1 << 20) + b'"}', 413),
        (b"{", 400),
        (b'"text"', 422),
    ],
)
def test_hostile_bodies(shared: Api, body: bytes, status: int) -> None:
    headers = {"Authorization": f"Bearer {shared.tokens['ana']}", "Content-Type": "application/json"}
    answer = shared.client.post("/v1/requests", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_tokens_are_hashed_scoped_listed_and_revoked(api: Api) -> None:
    made = api.ok(
        "ana", "POST", "/tokens", {"person": "ana", "scopes": ["ask"], "lasts": "1h", "label": "ci"}
    )
    api.tokens["ci"] = made["token"]
    assert api.ok("ci", "GET", "/me")["scopes"] == ["ask"]
    assert api.send("ci", "POST", f"/requests/{'x'}/approve", {"content_hash": "0" * 64}).status_code == 403
    listed = api.ok("ana", "GET", "/tokens")["tokens"]
    assert made["id"] in {each["id"] for each in listed}
    assert not any("token" in each for each in listed)
    assert {each["person"] for each in listed} == {"ana"}
    assert api.send("dan", "DELETE", f"/tokens/{made['id']}").status_code == 404
    assert api.send("ana", "DELETE", f"/tokens/{made['id']}").status_code == 204
    assert api.send("ci", "GET", "/me").status_code == 401
    assert api.send("", "GET", "/me").status_code == 401
    assert api.send("ana", "POST", "/tokens", {"person": "ben", "lasts": "1h"}).status_code == 403
    assert (
        api.send("ana", "POST", "/tokens", {"person": "ana", "scopes": ["admin"], "lasts": "1h"}).status_code
        == 403
    )


def test_a_token_reaches_no_further_than_its_scopes_although_its_person_is_an_admin(api: Api) -> None:
    """Otherwise a token for asking could be turned into somebody else's, and answer as them (I7)."""
    theirs = api.ok("ana", "POST", "/tokens", {"person": "ana", "lasts": "1h"})
    for scopes in (["ask"], ["decide"]):
        made = api.ok("cleo", "POST", "/tokens", {"person": "cleo", "scopes": scopes, "lasts": "1h"})
        api.tokens["narrow"] = made["token"]
        other = {"person": "ben", "scopes": scopes, "lasts": "1h"}
        assert api.send("narrow", "POST", "/tokens", other).status_code == 403
        assert api.send("narrow", "DELETE", f"/tokens/{theirs['id']}").status_code == 403
        assert {each["person"] for each in api.ok("narrow", "GET", "/tokens")["tokens"]} == {"cleo"}
        assert api.send("narrow", "DELETE", f"/tokens/{made['id']}").status_code == 204
    assert api.send("cleo", "DELETE", f"/tokens/{theirs['id']}").status_code == 204


def test_a_token_for_asking_ends_only_what_is_ones_own(api: Api) -> None:
    for name in ("cleo", "ana"):
        made = api.ok(name, "POST", "/tokens", {"person": name, "scopes": ["ask"], "lasts": "1h"})
        api.tokens[f"{name} asks"] = made["token"]
    request = api.ask()
    assert api.send("cleo asks", "POST", f"/requests/{request['id']}/cancel").status_code == 403
    api.approve("ben", request)
    api.whole.settle(5)
    assert api.send("cleo asks", "POST", f"/requests/{request['id']}/revoke").status_code == 403
    assert api.send("ana asks", "POST", f"/requests/{request['id']}/revoke").status_code == 200


def test_a_token_issued_through_another_ends_no_later_and_dies_with_it(api: Api) -> None:
    first = api.ok("ana", "POST", "/tokens", {"person": "ana", "lasts": "1h"})
    api.tokens["first"] = first["token"]
    second = api.ok("first", "POST", "/tokens", {"person": "ana", "lasts": "30d"})
    assert second["expires_at"] == first["expires_at"]
    assert second["issued_through"] == first["id"]
    api.tokens["second"] = second["token"]
    third = api.ok("second", "POST", "/tokens", {"person": "ana", "lasts": "1m"})
    api.tokens["third"] = third["token"]
    api.ok("ana", "DELETE", f"/tokens/{first['id']}")
    for name in ("first", "second", "third"):
        assert api.send(name, "GET", "/me").status_code == 401


def test_who_issues_tokens_for_others_does_not_reach_quorum_alone_I7(api: Api) -> None:
    """An answer is its person's own: neither an issued token counts, nor one that was issued through it."""
    request = api.ask()
    issued = api.ok("cleo", "POST", "/tokens", {"person": "ben", "lasts": "1h"})
    assert (issued["person"], issued["issued_by"]) == ("ben", "cleo")
    api.tokens["as ben"] = issued["token"]
    again = api.ok("as ben", "POST", "/tokens", {"person": "ben", "lasts": "1h"})
    assert again["issued_by"] == "cleo"
    api.tokens["as ben again"] = again["token"]
    for name in ("as ben", "as ben again"):
        refused = api.approve(name, request)
        assert (refused.status_code, refused.json()["reason"]) == (403, "not_signed_in")
    assert api.approve("ben", request).status_code == 200


def test_the_first_token_issues_lasting_ones_that_decide_nothing(tmp_path: Path) -> None:
    """Who reads the data directory begins an installation; that is not signing in."""
    whole = Whole(tmp_path)
    made = whole.parts.office.first_token()
    assert made is not None
    api = Api(whole)
    api.tokens["first"] = made[1]
    lasting = api.ok("first", "POST", "/tokens", {"person": "cleo", "scopes": ["decide"], "lasts": "30d"})
    assert lasting["issued_by"] == "installation"
    assert lasting["expires_at"] > iso(made[0].expires_at)
    request = api.ask(target="tenant_foo-main")
    api.tokens["lasting"] = lasting["token"]
    assert api.approve("lasting", request).json()["reason"] == "not_signed_in"
    whole.close()


def test_a_token_ends_with_its_time(api: Api) -> None:
    made = api.ok("ana", "POST", "/tokens", {"person": "ana", "lasts": "1h"})
    api.tokens["short"] = made["token"]
    api.whole.settle(3700, 3700)
    assert api.send("short", "GET", "/me").status_code == 401


def test_a_bot_asks_on_behalf_and_cannot_approve_it(api: Api) -> None:
    body = {
        "flow": "aws-access",
        "target": "tenant_foo-main",
        "requester": "ana",
        "fields": {"reason": "x", "duration": "30m"},
    }
    assert api.send("ben", "POST", "/requests", body).status_code == 403
    made = api.ok("cleo", "POST", "/requests", body)
    assert (made["requester"], made["asked_by"]) == ("ana", "cleo")
    api.whole.settle()
    refused = api.approve("cleo", api.ok("cleo", "GET", f"/requests/{made['id']}"))
    assert refused.json()["reason"] == "is_requester"


def test_the_red_button_and_leavers(api: Api) -> None:
    for target in ("tenant_foo-main", "tenant_bar-responders"):
        api.approve("ben", api.ask(target=target))
    api.whole.settle(5)
    assert api.send("ana", "POST", "/end", {"person": "ana"}).status_code == 403
    assert api.send("cleo", "POST", "/end", {}).status_code == 400
    assert api.ok("cleo", "POST", "/end", {"organization": "tenant_foo"}) == {"ended": 1}
    api.whole.settle(5)
    assert not api.whole.holds("ana")
    assert api.ok("cleo", "POST", "/people/ana/disable", {"why": "left"}) == {"ended": 1}
    api.whole.settle(5)
    assert api.send("ana", "GET", "/me").status_code == 401
    assert all(each["live_grants"] == 0 for each in api.ok("cleo", "GET", "/organizations")["organizations"])


def test_an_estate_is_applied_whole_or_not_at_all(api: Api) -> None:
    api.approve("ben", api.ask())
    api.whole.settle(5)
    text = (Path(__file__).parents[3] / "examples/multi-organization/estate.yaml").read_text()
    code = {"impls/account_by_choice.py": PREFETCH}
    start, end = text.index("  tenant_foo:"), text.index("  tenant_bar:")
    without = {"estate.yaml": text[:start] + text[end:], **code}
    refused = api.send("cleo", "POST", "/estate", {"files": without})
    assert (refused.status_code, refused.json()["code"]) == (409, "estate_in_use")
    assert "grant" in refused.json()["detail"]
    broken = api.send(
        "cleo", "POST", "/estate", {"files": {"estate.yaml": "gatepass: 1\npeople: 3\nflows: 4\n"}}
    )
    assert broken.status_code == 422
    assert "people" in broken.text
    assert "flows" in broken.text
    typo = {**without, "impls/account_by_choice.py": PREFETCH.replace("(event)", "()")}
    unsound = api.send("cleo", "POST", "/estate", {"files": typo, "end_grants": True})
    assert unsound.status_code == 422
    assert "impls/account_by_choice.py:4 flow=account-by-choice" in unsound.json()["detail"]
    done = api.ok("cleo", "POST", "/estate", {"files": without, "end_grants": True})
    assert done["ended"] == 1
    assert done["kept_connectors"] == ["tenant_foo"]
    api.whole.settle(5)
    assert not api.whole.holds("ana"), "taken back with the connector of the version before (I18)"
    assert api.send("dan", "POST", "/estate", {"files": without}).status_code == 403


def test_the_log_is_exported_and_whole(api: Api) -> None:
    api.approve("ben", api.ask())
    api.whole.settle(5)
    lines = api.send("cleo", "GET", "/audit/export").text.splitlines()
    kinds = [json.loads(json.loads(line)["body"])["kind"] for line in lines]
    assert {"request.asked", "request.decision", "attempt.intent", "grant.active", "token.issued"} <= set(
        kinds
    )
    assert "deploy" not in "".join(lines), "free text is kept as a keyed hash"
    assert api.send("ana", "GET", "/audit/export").status_code == 403


def test_pages_of_requests(api: Api) -> None:
    for _ in range(3):
        api.ask()
    page = api.ok("ana", "GET", "/requests?limit=2")
    assert len(page["requests"]) == 2
    rest = api.ok("ana", "GET", f"/requests?limit=2&cursor={page['next']}")
    assert len(rest["requests"]) == 1
    assert len(api.ok("ben", "GET", "/requests?to_decide=true")["requests"]) == 3
    assert api.send("ana", "GET", "/requests?cursor=nonsense").status_code == 422
    assert api.send("ana", "GET", "/requests?limit=100000").status_code == 422


def test_health_metrics_and_description(shared: Api) -> None:
    assert shared.client.get("/healthz").text == "ok\n"
    assert shared.client.get("/readyz").json() == {"ready": True, "problems": []}
    assert "gatepass_steps_total" in shared.client.get("/metrics").text
    description = shared.client.get("/openapi.json").json()
    assert "/v1/requests/{request_id}/approve" in description["paths"]
    assert shared.client.get("/v1/nothing").json()["code"] == "not_found"
