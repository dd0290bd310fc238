"""A4 end to end: real server, simulated AWS, real laptop; ask, wait, run in one command, lose it on revocation."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from tests.canaries import private_place
from tests.waiting import LONG, until

from gatepass.client import Client
from gatepass.clock import iso

ROOT = Path(__file__).resolve().parents[2]
GATEPASS = str(Path(sys.executable).with_name("gatepass"))
START_URL = "https://d-9367000001.awsapps.com/start"


@dataclass
class Laptop:
    """Ana's laptop."""

    place: Path
    server: str
    sim: str

    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.place),
            "PATH": os.environ["PATH"],
            "GATEPASS_HOME": str(self.place / "g"),
            "GATEPASS_URL": self.server,
            "AWS_ENDPOINT_URL": self.sim,
            "BROWSER": f"{self.place / 'browser'} %s",
        }

    def run(self, *words: str, secrets: str = "", ok: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [GATEPASS, *words],
            input=secrets,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )
        assert not ok or done.returncode == 0, done.stderr
        return done


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, str, str]]:
    """The demo server: its address, the simulator's, and the administrator's token."""
    data = private_place()
    command = [GATEPASS, "serve", str(ROOT / "examples" / "multi-organization"), "--demo", "--port", "0"]
    environment = {**os.environ, "GATEPASS_DATA_DIR": str(data), "HOME": str(data)}
    process = subprocess.Popen(
        [*command, "--data-dir", str(data)], stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stderr is not None
    sim = url = ""
    try:
        for line in process.stderr:
            if found := re.search(r"simulated AWS on (http://\S+?):? ", line):
                sim = found.group(1)
            if found := re.search(r"serving on (http://\S+)", line):
                url = found.group(1)
                break
        assert sim, "no simulator"
        yield url, sim, (data / "first-token").read_text().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LONG)
        process.kill()
        process.stderr.close()


@pytest.fixture
def laptop(server: tuple[str, str, str]) -> Iterator[Laptop]:
    place = private_place()
    made = Laptop(place, server[0], server[1])
    (place / "browser").write_text(
        f"#!{sys.executable}\nimport sys, urllib.request as u, urllib.parse as p\n"
        "page = u.urlopen(sys.argv[1], timeout=60)\n"
        "asked = p.urlsplit(sys.argv[1])\n"
        "form = p.urlencode({**dict(p.parse_qsl(asked.query)), 'user': 'ana@host.example', 'user_name': "
        "'ana@host.example', 'answer': 'allow'}).encode()\n"
        "u.urlopen(u.Request(f'{asked.scheme}://{asked.netloc}{asked.path}', data=form), timeout=60).read()\n"
    )
    (place / "browser").chmod(0o700)
    yield made
    made.run("agent", "stop", ok=False)


def test_s57_the_server_says_what_the_laptop_may_ask_for(
    laptop: Laptop, server: tuple[str, str, str]
) -> None:
    """S-57, S-58: `sync` makes a login and a grant session of every offer; local ones stay as they are."""
    token = Client(server[0], server[2]).post("/v1/tokens", {"person": "ana", "scopes": ["ask"]})["token"]
    laptop.run("vault", "init", "--provider", "keyfile", "--key-file", str(laptop.place / "g" / "key"))
    laptop.run("login", secrets=token + "\n")
    laptop.run("session", "add", "tenant_bar/admin", "process", "command=true")
    shown = laptop.run("sync", "--server", "--yes")
    assert "+ login tenant_bar" in shown.stdout
    assert "= tenant_bar/admin   (there is such a session" in shown.stdout
    rows = {r["name"]: r for r in json.loads(laptop.run("session", "list", "--output", "json").stdout)}
    assert rows["tenant_bar/admin"]["kind"] == "process"
    offered = [row for row in rows.values() if row["source"] == "estate"]
    assert {row["kind"] for row in offered} == {"grant"}
    assert "777777777777" in {row["account_id"] for row in offered}
    assert "333333333333" in {row["account_id"] for row in offered if row["integration"] == "tenant_foo"}
    again = laptop.run("sync", "--server")
    assert "nothing to change" in again.stderr
    name = next(name for name in rows if name.endswith("/read-only.bar-staging"))
    refused = laptop.run("env", name, ok=False)
    assert refused.returncode == 3
    wanted = "gatepass request aws-access --target tenant_bar-read-only --field account_id=777777777777\n"
    assert refused.stderr.endswith(wanted)
    one = laptop.run("env", "tenant_foo/main", ok=False).stderr  # of one account: there is nothing to choose
    assert one.endswith("gatepass request aws-access --target tenant_foo-main\n")


def approve_first(approver: Client) -> None:
    """What a colleague on call does: answer the first question that comes."""
    while not (waiting := approver.get("/v1/requests", to_decide=True)["requests"]):
        time.sleep(0.1)
    approver.post(f"/v1/requests/{waiting[0]['id']}/approve", {"content_hash": waiting[0]["content_hash"]})


def test_a4_ask_wait_run_and_lose_it_on_revocation(laptop: Laptop, server: tuple[str, str, str]) -> None:
    """A4, S-51, S-53, T-8 against the real server."""
    admin = Client(server[0], server[2])
    token = admin.post("/v1/tokens", {"person": "ana", "scopes": ["ask", "decide"]})["token"]
    laptop.run("vault", "init", "--provider", "keyfile", "--key-file", str(laptop.place / "g" / "key"))
    assert "not known" in laptop.run("whoami").stdout
    laptop.run("login", secrets=token + "\n")
    who = laptop.run("whoami").stdout
    assert "person        ana (" in who
    assert "session name  ana@host.example" in who  # S-14: the gatepass identity, not the laptop's
    laptop.run("integration", "add", "bar", "identity-center", START_URL, "region=eu-west-1")
    laptop.run("login", "bar")
    keys = [
        "target=read-only",
        "flow=aws-access",
        "integration=bar",
        "account_id=777777777777",
        "role_name=ReadOnly",
    ]
    laptop.run("session", "add", "staging", "grant", *keys, "region=eu-west-1", "duration=1800")
    refused = laptop.run("env", "staging", ok=False)
    assert refused.returncode == 3
    assert "gatepass request aws-access --target read-only" in refused.stderr
    approver = threading.Thread(target=approve_first, args=(admin,), daemon=True)
    approver.start()
    code = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    done = laptop.run("exec", "staging", "--request", "--reason", "look", "--", sys.executable, "-c", code)
    assert ":777777777777:assumed-role/AWSReservedSSO_ReadOnly_" in done.stdout
    assert "waits for approval" in done.stderr
    found = json.loads(laptop.run("env", "staging", "--format", "process").stdout)
    held = Client(server[0], token).get("/v1/access")["access"][0]
    ends_at = datetime.fromisoformat(held["no_new_sessions_after"])
    assert datetime.fromisoformat(found["Expiration"]) <= ends_at  # S-52
    Client(server[0], token).post(f"/v1/requests/{held['request']}/revoke")

    def refused_now() -> subprocess.CompletedProcess[str] | None:
        tried = laptop.run("env", "staging", ok=False)
        return tried if tried.returncode else None

    answer = until(refused_now)  # within 5 s, as the agent asks every 4: test_keeper
    assert answer is not None
    assert answer.returncode == 4
    assert "was ended" in answer.stderr
    assert f"may live until {after_end(server[0], token, held['request'])}" in answer.stderr  # S-55
    for text in (laptop.place / "g").rglob("*"):
        assert not text.is_file() or token.encode() not in text.read_bytes()


def after_end(server: str, token: str, request: str) -> str:
    """The server's `last_session_ends_by`, as the laptop writes it."""
    shown = Client(server, token).get(f"/v1/requests/{request}")["grants"][0]["last_session_ends_by"]
    return iso(datetime.fromisoformat(shown))


def test_h7_a_wrong_server_token_is_one_line(laptop: Laptop) -> None:
    done = laptop.run("login", secrets="wrong\n", ok=False)
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert urllib.parse.quote("Traceback") not in done.stderr
