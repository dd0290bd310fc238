"""The main story, told on the terminal and read from the simulated AWS: ask, approve, hold, overlap, end, verify.

Runs `gatepass serve --demo` on the seeds' estate and then only the commands a person would type. What AWS holds is read
from AWS by boto3 through the connector's role, never from gatepass. The last line is one JSON object; exit 0 only when
everything in it is as it should be.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from gatepass.app.keys import Keys

ROOT = Path(__file__).resolve().parent.parent
ESTATE = Path("examples") / "multi-organization"
GATEPASS = str(Path(sys.executable).parent / "gatepass")
INSTANCE = "arn:aws:sso:::instance/ssoins-7223000000000000"
SET = "arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000001"
CONNECTOR = "arn:aws:iam::123456789012:role/sym/SymSSOTenant-Foo"
ACCOUNT = "333333333333"
SHORT, LONG = 6, 13
"""Seconds of the two grants; approvers may shorten what was asked for."""
ON_TIME = 5.0
"""Seconds after its end in which access must be gone from AWS."""


def say(words: str = "") -> None:
    print(words, flush=True)


class Server:
    """A server in demo mode and the addresses it said."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.log = data / "server.log"
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GATEPASS_"))
        }
        command = [GATEPASS, "serve", str(ESTATE), "--demo", "--port", "0", "--data-dir", str(data)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        self.url = self._said(r"serving on (http://\S+)")
        self.aws_url, self.access_key = self._said(r"AWS_ENDPOINT_URL=(\S+) AWS_ACCESS_KEY_ID=\S+"), ""

    def _said(self, pattern: str) -> str:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            found = re.search(pattern, self.log.read_text(errors="replace"))
            if found:
                return found.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.process.kill()
        sys.exit(f"the server did not start; it said:\n{self.log.read_text(errors='replace')}")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Person:
    """Somebody with a token, typing commands."""

    def __init__(self, name: str, server: Server, token: str) -> None:
        self.name = name
        self._environment = {**os.environ, "GATEPASS_URL": server.url, "GATEPASS_TOKEN": token}

    def types(self, *words: str, told: bool = True) -> str:
        if told:
            say(f"\n{self.name}$ gatepass {' '.join(_quoted(word) for word in words)}")
        done = subprocess.run([GATEPASS, *words], env=self._environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(
                f"`gatepass {' '.join(words)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def tries(self, *words: str) -> int:
        """The exit code of a command that should not succeed, and what it told."""
        say(f"\n{self.name}$ gatepass {' '.join(_quoted(word) for word in words)}")
        done = subprocess.run([GATEPASS, *words], env=self._environment, capture_output=True, text=True)
        say(done.stderr.rstrip())
        return done.returncode

    def reads(self, *words: str, told: bool = True) -> dict[str, Any]:
        answer = json.loads(self.types(*words, "--output", "json", told=told))
        assert isinstance(answer, dict)
        return answer


class Aws:
    """What tenant foo's AWS holds, asked of AWS itself through the connector's role."""

    def __init__(self, server: Server) -> None:
        from gatepass.sim.worlds.of_seeds import ACCESS_KEY, SECRET

        external_id = Keys.open(server.data / "installation.key").external_id(INSTANCE)
        place = {"endpoint_url": server.aws_url, "region_name": "us-east-1"}
        sts = boto3.client("sts", aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET, **place)
        given = sts.assume_role(RoleArn=CONNECTOR, RoleSessionName="demo", ExternalId=external_id)[
            "Credentials"
        ]
        session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        self._admin = session.client("sso-admin", **place)
        store = self._admin.list_instances()["Instances"][0]["IdentityStoreId"]
        directory = session.client("identitystore", **place)
        self._users = {
            user["UserName"].split("@")[0]: user["UserId"]
            for user in directory.list_users(IdentityStoreId=store)["Users"]
        }

    def holds(self, name: str) -> bool:
        pages = self._admin.get_paginator("list_account_assignments").paginate(
            InstanceArn=INSTANCE, AccountId=ACCOUNT, PermissionSetArn=SET
        )
        holders = {each["PrincipalId"] for page in pages for each in page["AccountAssignments"]}
        return self._users[name] in holders

    def until(self, name: str, wanted: bool, seconds: float) -> datetime | None:
        """The moment at which AWS was first read to hold (or not to hold) it; None: not in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.holds(name) is wanted:
                return datetime.now(UTC)
            time.sleep(0.1)
        return None


def ask_and_approve(asker: Person, approver: Person, seconds: int, reason: str) -> str:
    """A request for half an hour that its approver shortens to seconds; its id."""
    made = asker.reads(
        "request", "aws-access", "--target", "tenant_foo-main", "--for", "30m", "--reason", reason
    )
    request = str(made["id"])
    wait_for(lambda: asker.reads("show", request, told=False)["state"] == "pending")
    say(asker.types("show", request, told=False).rstrip())
    approver.types("approve", request, "--for", f"{seconds}s", "--yes")
    return request


def choose_an_account(ana: Person, ben: Person) -> bool:
    """The seed's dynamic flow: Python offers accounts, one is chosen and given, one that was not offered is refused."""
    say("\nA flow in Python offers the accounts of a unit, and nothing else:")
    wanted = ("request", "account-by-choice", "--for", "30m", "--reason", "look at logs", "--account")
    refused = ana.tries(*wanted, "888888888888")
    request = str(ana.reads(*wanted, "777777777777")["id"])
    wait_for(lambda: ana.reads("show", request, told=False)["state"] == "pending")
    ben.types("approve", request, "--yes")
    wait_for(lambda: grant_of(ana, request)["state"] == "active")
    ana.types("revoke", request)
    wait_for(lambda: grant_of(ana, request)["state"] == "ended")
    say(
        f"-> given for the account that was offered, and given back; the other refused: {_word(refused == 2)}"
    )
    return refused == 2


def grant_of(person: Person, request: str) -> dict[str, Any]:
    shown = person.reads("show", request, told=False)
    grants = shown["grants"]
    return dict(grants[0]) if grants else {"state": shown["state"]}


def wait_for(true: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            sys.exit("gatepass did not get there in time; see the server's log")
        time.sleep(0.15)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def tell(server: Server) -> dict[str, Any]:
    """The story; what was read from AWS on the way."""
    admin = Person("cleo", server, (server.data / "first-token").read_text().strip())
    people = {name: admin.types("token", "issue", name, told=False).strip() for name in ("ana", "ben")}
    ana, ben = Person("ana", server, people["ana"]), Person("ben", server, people["ben"])
    aws = Aws(server)
    standing_before = aws.holds("dan")
    say("Two customers' organizations, simulated; one gatepass. In tenant foo's production account dan holds")
    say(f"AdministratorAccess already (standing: {_word(standing_before)}); ana does not.")

    first = ask_and_approve(ana, ben, SHORT, "deploy 1.4")
    granted = aws.until("ana", True, 20) is not None
    say(f"-> AWS holds ana's assignment: {_word(granted)}")
    second = ask_and_approve(ana, ben, LONG, "deploy 1.5, overlapping")
    wait_for(lambda: grant_of(ana, second)["state"] == "active")
    say(ana.types("access").rstrip())

    wait_for(lambda: grant_of(ana, first)["state"] == "ended")
    kept = aws.holds("ana")
    say(f"\nthe first grant is over, the second still covers the access; AWS holds it: {_word(kept)}")

    ends_at = moment(grant_of(ana, second)["no_new_sessions_after"])
    gone_at = aws.until("ana", False, LONG + 30)
    lateness = (gone_at - ends_at).total_seconds() if gone_at else float("inf")
    ended = gone_at is not None and kept and lateness > -1.0
    wait_for(lambda: grant_of(ana, second)["state"] == "ended")
    say(f"the second is over; AWS holds it no more: {_word(ended)}, {lateness:.1f} s after its end")
    say(ana.types("show", second).rstrip())
    untouched = standing_before and aws.holds("dan")
    say(f"\ndan's standing access is still there: {_word(untouched)}")
    chosen = choose_an_account(ana, ben)
    verified = verify(admin, server.data)
    return {
        "granted": granted and chosen,
        "ended": ended,
        "standing_untouched": untouched,
        "audit_verified": verified,
        "lateness_s": round(max(lateness, 0.0), 2),
    }


def verify(admin: Person, data: Path) -> bool:
    """The audit log exported over the API and verified from the file alone."""
    export = data / "audit.jsonl"
    export.write_text(admin.types("audit", "export"))
    done = subprocess.run([GATEPASS, "audit", "verify", str(export)], capture_output=True, text=True)
    say(f"\ncleo$ gatepass audit verify audit.jsonl\n{(done.stdout + done.stderr).rstrip()}")
    return done.returncode == 0


@contextmanager
def running() -> Iterator[Server]:
    data = Path(tempfile.mkdtemp(prefix="gatepass-demo-"))
    server = Server(data)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(data, ignore_errors=True)


def main() -> int:
    with running() as server:
        result = tell(server)
        good = all(result[name] for name in ("granted", "ended", "standing_untouched", "audit_verified"))
        good = good and result["lateness_s"] < ON_TIME
        if sys.stdin.isatty() and sys.stdout.isatty():
            offer_to_stay(server)
        say()
        say(json.dumps(result))
    return 0 if good else 1


def offer_to_stay(server: Server) -> None:
    say(f"\nThe server is still there: {server.url}, a token in {server.data / 'first-token'}")
    try:
        input("Press Enter to stop it. ")
    except (EOFError, KeyboardInterrupt):
        say()


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[A-Za-z0-9._/:=-]+", word) else f"'{word}'"


def _word(true: bool) -> str:
    return "yes" if true else "NO"


if __name__ == "__main__":
    sys.exit(main())
