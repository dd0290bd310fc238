"""A plan sent to a server: the command line, HTTP, rows, DBOS on a temporary SQLite file, AWS simulated."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from click.testing import CliRunner
from starlette.testclient import TestClient
from tests.crash.jobs_lab import Json, installation, numbers, planned, world
from tests.waiting import until

from gatepass.app.build import Installation
from gatepass.app.serve import _listen, application
from gatepass.cli.main import main
from gatepass.desk import Caller
from gatepass.sim import Simulator
from gatepass.store.jobs import ItemState

ADMIN = Caller("cleo", "test")
COUNT = 6


@dataclass
class Server:
    """One server on SQLite with its jobs, and what was planned for it."""

    folder: Path
    parts: Installation
    sim: Simulator
    sent: Json

    def token(self, person: str, *scopes: str) -> str:
        return self.parts.office.issue_token(ADMIN, person, frozenset(scopes), timedelta(days=1))[1]

    def post(self, body: Json, person: str = "cleo", *scopes: str) -> Any:
        client = TestClient(application(self.parts), raise_server_exceptions=False)  # type: ignore[arg-type]
        bearer = {"Authorization": f"Bearer {self.token(person, *(scopes or ('admin',)))}"}
        return client.post("/v1/teams/applies", json=body, headers=bearer)


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which nothing is changed."""
    folder = tmp_path_factory.mktemp("idle")
    sim = world(folder, 2)
    parts = installation(folder, sim)
    yield Server(folder, parts, sim, planned(folder, sim, 2))
    parts.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    sim = world(tmp_path, COUNT)
    parts = installation(tmp_path, sim)
    yield Server(tmp_path, parts, sim, planned(tmp_path, sim, COUNT))
    parts.close()


def test_a_plan_is_applied_by_the_server_and_followed_from_the_command_line(server: Server) -> None:
    stop = threading.Event()
    jobs = threading.Thread(target=server.parts.jobs.run, args=(stop,))
    listener = _listen(server.parts.settings)
    http = uvicorn.Server(uvicorn.Config(application(server.parts), log_level="error"))  # type: ignore[arg-type]
    serving = threading.Thread(target=http.run, kwargs={"sockets": [listener]})
    jobs.start(), serving.start()
    environment = {
        "GATEPASS_URL": f"http://127.0.0.1:{listener.getsockname()[1]}",
        "GATEPASS_TOKEN": server.token("cleo", "admin"),
    }
    words = ["teams", "apply", str(server.folder / "plan.json"), "--server", "--wait", "--output", "json"]
    try:
        until(lambda: http.started)
        told = CliRunner().invoke(main, words, env=environment)
        assert told.exit_code == 0, told.output
        job = json.loads(told.stdout)
        again = CliRunner().invoke(main, words, env=environment)
    finally:
        stop.set(), server.parts.jobs.wake()
        http.should_exit = True
        jobs.join(), serving.join()
    assert (job["state"], job["complete"], job["by"]) == ("ended", True, "cleo")
    assert job["progress"] == {"done": COUNT + 1, "whole": COUNT + 1}
    assert {account["account"] for account in job["accounts"]} >= set(numbers(COUNT).values())
    assert all(account["writes"] > 0 for account in job["accounts"])
    assert f"{COUNT + 1} of {COUNT + 1} accounts and phases done" in told.stderr
    assert json.loads(again.stdout)["ended_at"] == job["ended_at"]  # the same plan is the same job
    for account in numbers(COUNT).values():
        assert any(role.name == "deployer" for role in server.sim.world.iam_of(account).roles.values())
    with server.parts.store.read() as view:
        text = "".join(view.entries.export([None]))
    assert text.count("teams.write") == sum(account["writes"] for account in job["accounts"])  # T-87
    assert "job.asked" in text
    assert "job.ended" in text


def test_a_job_is_stopped_and_goes_on_when_the_plan_is_sent_again(server: Server) -> None:
    job = server.post(server.sent).json()
    client = TestClient(application(server.parts), raise_server_exceptions=False)  # type: ignore[arg-type]
    path = f"/v1/teams/applies/{job['id']}/stop"
    assert client.post(path, headers=_bearer(server, "ana", "ask")).status_code == 403
    for _ in range(2):
        stopped = client.post(path, json={}, headers=_bearer(server, "cleo", "admin")).json()
        assert {account["why"] for account in stopped["accounts"]} == {"stopped by cleo"}
    with server.parts.store.write() as tx:  # a worker that had begun an account ends it
        begun = next(item for item in tx.jobs.items(job["id"]) if item.item == "600000000000")
        assert tx.jobs.end_item(replace(begun, state=ItemState.ENDED, complete=True, result={"writes": 3}))
        assert tx.jobs.end(job["id"])  # as the next sweep would
    shown = server.parts.applies.show(ADMIN, job["id"])
    assert (shown["state"], shown["complete"]) == ("ended", False)
    assert [account["account"] for account in shown["accounts"] if account["complete"]] == ["600000000000"]
    assert not any(record.operation == "CreateRole" for record in server.sim.calls)
    server.post(server.sent)
    _jobs_until_over(server, job["id"])
    assert server.parts.applies.show(ADMIN, job["id"])["complete"]


def _bearer(server: Server, person: str, scope: str) -> Json:
    return {"Authorization": f"Bearer {server.token(person, scope)}"}


def _jobs_until_over(server: Server, job: str) -> None:
    stop = threading.Event()
    jobs = threading.Thread(target=server.parts.jobs.run, args=(stop,))
    jobs.start()
    try:
        until(lambda: server.parts.applies.show(ADMIN, job)["state"] == "ended", 300)
    finally:
        stop.set(), server.parts.jobs.wake()
        jobs.join()


def test_only_admins_apply(idle: Server) -> None:
    assert idle.post(idle.sent, "cleo", "ask").status_code == 403
    refused = idle.post(idle.sent, "ana", "admin")
    assert refused.status_code == 403, refused.text


def test_t76_a_declaration_that_is_not_the_planned_one_is_refused_before_anything_is_kept(
    idle: Server,
) -> None:
    (name,) = idle.sent["files"]
    other = {name: idle.sent["files"][name].replace("platform", "plotform")}
    refused = idle.post({**idle.sent, "files": other})
    assert (refused.status_code, refused.json()["code"]) == (409, "stale_plan")
    with idle.parts.store.read() as view:
        assert view.jobs.open() == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"files": {"../../etc/passwd": "x"}}, "leads out of the folder"),
        ({"files": {".": "x"}}, "no file can be called"),
        ({"files": {"": "x"}}, "no file can be called"),
        ({"files": {"a": "x", "a/b": "y"}}, "no file can be called"),
        ({"files": {"n" * 300: "x"}}, "no file can be called"),
        ({"plan": {"gatepass_plan": 2}}, "no plan file"),
        ({"plan": {"changes": [{"id": 3, "action": "create"}]}}, "no plan document"),
    ],
)
def test_h5_what_is_no_plan_is_refused_in_words(idle: Server, change: Json, said: str) -> None:
    refused = idle.post({**idle.sent, **change})
    assert refused.status_code == 422, refused.text
    assert said in refused.json()["detail"]
    assert str(idle.folder) not in refused.text
    assert "/tmp/gatepass" not in refused.text


def test_nothing_of_the_servers_disk_is_read(idle: Server) -> None:
    secret = idle.folder / "installation.key"
    plan = {**idle.sent["plan"], "wanted": {**idle.sent["plan"]["wanted"], "paths": [str(secret)]}}
    refused = idle.post({**idle.sent, "plan": plan})
    assert refused.status_code in {409, 422}
    assert secret.read_text(errors="replace")[:10] not in refused.text
