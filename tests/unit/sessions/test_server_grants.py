"""What the laptop makes of the server's answers: whose request is this session's, what is asked, until when (S-55)."""

from __future__ import annotations

from typing import Any

from gatepass.sessions.model import Grant
from gatepass.sessions.server import ServerGrants
from gatepass.sessions.sync.offered import plan_offered
from gatepass.sessions.workspace.reading import parse_workspace

START = "2026-03-01T00:00:00.000Z"


class FakeClient:
    """Answers from a list of requests; remembers what was posted."""

    def __init__(self, *requests: dict[str, Any], chooses: bool = True) -> None:
        self._requests, self._chooses = list(requests), chooses
        self.posted: list[tuple[str, dict[str, Any]]] = []

    def get(self, path: str, **query: object) -> dict[str, Any]:
        if path == "/v1/me":
            return {"id": "ana"}
        if path == "/v1/requests":
            return {"requests": self._requests}
        return next(r for r in self._requests if path.endswith(r["id"]))

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/v1/forms":
            return {"fields": [{"name": "reason"}, *([{"name": "account_id"}] if self._chooses else [])]}
        self.posted.append((path, body))
        self._requests.append(request("new", body["fields"].get("account_id"), "asked"))
        return {"id": "new"}


def request(number: str, account: str | None, state: str = "approved") -> dict[str, Any]:
    grant = {
        "state": "active",
        "starts_at": START,
        "no_new_sessions_after": "2026-03-01T01:00:00.000Z",
        "last_session_ends_by": "2026-03-01T02:00:00.000Z",
    }
    row = {"id": number, "state": state, "target": "bar-read", "organization": "bar", "account_id": account}
    return {**row, "asked_at": START, "grants": [grant] if state == "approved" else []}


def recipe(account: str | None) -> Grant:
    return Grant(flow="f", target="read", integration="bar", account_id=account, role_name="ReadOnly")


def grants(client: FakeClient) -> ServerGrants:
    return ServerGrants(client)  # type: ignore[arg-type]


def test_a_request_for_another_account_is_not_this_sessions() -> None:
    held = FakeClient(request("r1", "1" * 12))
    assert grants(held).find(recipe("1" * 12)).live
    other = grants(held).find(recipe("2" * 12))
    assert other.state == "none"
    assert other.request_command == f"gatepass request f --target read --field account_id={'2' * 12}"


def test_s55_the_servers_bound_is_kept() -> None:
    view = grants(FakeClient(request("r1", "1" * 12))).find(recipe("1" * 12))
    assert view.ends_at is not None
    assert view.sessions_end_by is not None
    assert (view.sessions_end_by - view.ends_at).total_seconds() == 3600
    assert (
        view.aftermath(view.ends_at)
        == "; credentials already handed out may live until 2026-03-01T02:00:00.000Z"
    )


def test_the_account_is_asked_for_only_where_it_is_chosen() -> None:
    for chooses in (True, False):
        client = FakeClient(chooses=chooses)
        grants(client).ask(recipe("3" * 12), "look", None)
        (_, body) = client.posted[0]
        assert ("account_id" in body["fields"]) is chooses
        assert body["fields"]["reason"] == "look"


# --- offers (S-57, S-58) ----------------------------------------------------------------------------------------------

WORKSPACE = """version = 1
[integration."mine"]
kind = "identity-center"
start_url = "https://d-1.awsapps.com/start/"
[session."foo/admin"]
kind = "process"
command = ["true"]
[session."old"]
kind = "grant"
flow = "f"
target = "foo-gone"
integration = "mine"
account_id = "999999999999"
role_name = "Gone"
source = "estate"
"""


def offer(short: str, account: str, flow: str = "f") -> dict[str, str]:
    return {
        "name": f"foo/{short}",
        "flow": flow,
        "target": f"foo-{short}",
        "organization": "foo",
        "account_id": account,
        "account": "",
        "role_name": "Role",
    }


def shown(*rows: dict[str, str], complete: bool = True) -> dict[str, Any]:
    login = {
        "organization": "foo",
        "label": "Foo",
        "start_url": "https://d-1.awsapps.com/start",
        "region": "eu-west-1",
    }
    return {"complete": complete, "logins": [login], "sessions": list(rows), "problems": []}


def planned(*rows: dict[str, str], prune: bool = False, complete: bool = True) -> list[str]:
    from pathlib import Path

    workspace = parse_workspace(WORKSPACE, Path("workspace.toml"))
    return list(plan_offered(workspace, shown(*rows, complete=complete), prune=prune).lines)


def test_s57_a_login_of_the_same_address_is_used_and_local_names_win() -> None:
    lines = planned(offer("admin", "1" * 12), offer("read", "1" * 12))
    assert not any("login" in line for line in lines)
    assert lines[0].startswith("= foo/admin")
    assert "+ foo/read" in lines


def test_s58_what_is_no_longer_offered_goes_only_when_asked_and_known() -> None:
    assert "- old   (kept; remove it with --prune)" in planned()
    assert "- old" in planned(prune=True)
    assert not any("old" in line for line in planned(prune=True, complete=False))
