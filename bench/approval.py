"""Issue 2, H6: how soon after an approval the create call is on its way, beside what a bare list and create take.

A running engine with threads on SQLite, before the simulator over HTTP on loopback; every request its own account, so
that each is a first grant: read, intent, create.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3

from bench.figure import Figure, p50
from gatepass.access.requests import Answer, Request
from gatepass.app.build import Installation, build
from gatepass.app.keys import Keys
from gatepass.app.settings import Settings
from gatepass.clock import SystemClock
from gatepass.desk import Ask, Caller, Said
from gatepass.estate.model import Accounts, Estate
from gatepass.estate.reading.sources import load_directory
from gatepass.sim import Settings as SimSettings
from gatepass.sim import Simulator, two_tenants
from gatepass.sim import build as build_world
from gatepass.sim.server import SimServer
from gatepass.sim.worlds.of_seeds import ACCESS_KEY, BAR_ROLE, SECRET

EXAMPLE = Path(__file__).parent.parent / "examples" / "multi-organization"
LATENCY, OPERATION = 0.2, 0.5
"""Seconds; what AWS takes for a call and for an assignment."""
COUNT = 40
ANA, BEN = Caller("ana", "bench"), Caller("ben", "bench")


def figures() -> Iterator[Figure]:
    """About two minutes."""
    estate = _anywhere(load_directory(EXAMPLE))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        keys = Keys.open(settings.key)
        external = {n: keys.external_id(o.connector.instance_arn) for n, o in estate.organizations.items()}
        sim = build_world(
            two_tenants(external, accounts=200),
            SystemClock(),
            SimSettings(latency=LATENCY, operation_seconds=OPERATION),
        )
        with SimServer(sim) as server:
            os.environ.update(
                AWS_ENDPOINT_URL=server.url, AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET
            )
            parts = build(settings)
            try:
                parts.applying.apply("bench", estate)
                yield from _measured(parts, sim, external["tenant_bar"])
            finally:
                parts.close()


def _anywhere(estate: Estate) -> Estate:
    """The example, with a flow for any account of tenant bar."""
    flow = estate.flows["aws-access"]
    name = next(name for name in flow.targets if name.endswith("read-only"))
    wide = replace(estate.targets[name], name="anywhere", short="anywhere", accounts=Accounts(all=True))
    made = replace(flow, name="account-anywhere", targets=("anywhere",), organizations=("tenant_bar",))
    return replace(
        estate, targets={**estate.targets, "anywhere": wide}, flows={**estate.flows, made.name: made}
    )


def _measured(parts: Installation, sim: Simulator, external_id: str) -> Iterator[Figure]:
    stop = threading.Event()
    thread = threading.Thread(target=parts.engine.run, args=(stop,), daemon=True)
    thread.start()
    try:
        accounts = _accounts(parts)
        for account in accounts[:3]:  # warm: credentials, clients, permission set
            _create_after(parts, sim, account)
        gatepass = sorted(_create_after(parts, sim, account) for account in accounts[3 : 3 + COUNT])
        bare = sorted(_bare(external_id, accounts[60 : 60 + COUNT]))
    finally:
        stop.set()
        parts.store.wake()
        thread.join(20)
    against = "bare boto3 list + create"
    yield Figure("approval to create answered, p50", p50(gatepass), "ms", p50(bare), against)
    yield Figure("beyond the bare calls, p50 (50 ms wanted)", p50(gatepass) - p50(bare), "ms")
    yield Figure("beyond the bare calls, p99 (250 ms wanted)", gatepass[-1] - p50(bare), "ms")


def _accounts(parts: Installation) -> list[str]:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with parts.store.read() as view:
            known = [a.id for a in view.estates.accounts("tenant_bar") if a.status == "ACTIVE"]
        if len(known) > 150:
            return known
        time.sleep(0.2)
    raise SystemExit("the accounts were not listed in time")


def _create_after(parts: Installation, sim: Simulator, account: str) -> float:
    """Milliseconds from the approval's commit to the answer of the create call, for one new request."""
    request = _pending(parts, account)
    approved = time.time()
    parts.desk.answer(BEN, Said(request.id, Answer.APPROVE, request.content_hash))
    while True:
        for call in reversed(list(sim.calls)[-50:]):
            if call.operation == "CreateAccountAssignment" and call.params.get("TargetId") == account:
                answered = call.at.timestamp() + LATENCY / 2  # the record is of when it was applied
                return (answered - approved) * 1000
        time.sleep(0.002)


def _pending(parts: Installation, account: str) -> Request:
    fields = {"reason": "bench", "duration": "4h", "account_id": account}
    asked = parts.desk.ask(ANA, Ask("account-anywhere", target="anywhere", fields=fields))
    while True:
        request = parts.desk.show(ANA, asked.id).request
        if request.state == "pending":
            time.sleep(0.1)
            return request
        if request.state != "asked":
            raise SystemExit(f"the request {request.state}: {request.why}")
        time.sleep(0.01)


def _bare(external_id: str, accounts: list[str]) -> Iterator[float]:
    given = boto3.client("sts", region_name="eu-west-1").assume_role(
        RoleArn=BAR_ROLE, RoleSessionName="bench", ExternalId=external_id
    )["Credentials"]
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    admin = session.client("sso-admin", region_name="eu-west-1")
    store = admin.list_instances()["Instances"][0]
    sets = admin.list_permission_sets(InstanceArn=store["InstanceArn"])["PermissionSets"]
    user = session.client("identitystore", region_name="eu-west-1").list_users(
        IdentityStoreId=store["IdentityStoreId"]
    )["Users"][0]["UserId"]
    for account in accounts:
        began = time.time()
        admin.list_account_assignments(
            InstanceArn=store["InstanceArn"], AccountId=account, PermissionSetArn=sets[0]
        )
        admin.create_account_assignment(
            InstanceArn=store["InstanceArn"],
            TargetId=account,
            TargetType="AWS_ACCOUNT",
            PermissionSetArn=sets[0],
            PrincipalType="USER",
            PrincipalId=user,
        )
        yield (time.time() - began) * 1000
        time.sleep(0.6)
