"""What benches of the engine stand on: a simulated AWS in a process of its own, engines before it, grants to give."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

import botocore.session

from gatepass.access.events import Event
from gatepass.access.facts import FactKey, assignment
from gatepass.access.requests import Grant, Request, Terms
from gatepass.access.states import RequestState
from gatepass.aws.door import Door, Reach
from gatepass.clock import SystemClock
from gatepass.engine.loop import Engine, EngineCore
from gatepass.engine.points import Point, nothing
from gatepass.engine.ports import alone
from gatepass.engine.settings import EngineSettings
from gatepass.sim import Settings as SimSettings
from gatepass.sim import build, two_tenants
from gatepass.sim.server import SimServer
from gatepass.sim.worlds.of_seeds import ACCESS_KEY, BAR_ROLE, SECRET
from gatepass.store import Store
from gatepass.strategies.plugins import load

INSTANCE = "arn:aws:sso:::instance/ssoins-7223000000000001"
SET = "arn:aws:sso:::permissionSet/ssoins-7223000000000001/ps-1111111111111111"
OPERATION = 0.5
"""Seconds that AWS works on an assignment; each call takes it 0.2 s."""
CLOCK = SystemClock()
SPAWN = multiprocessing.get_context("spawn")
_STORE = "d-9367000001"
_REACH = Reach("tenant_bar", BAR_ROLE, "bench", "eu-west-1", INSTANCE, _STORE)
_ACCOUNTS = 500


class Aws:
    """Where it is, who is in it, and what it was called."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.url, self.users, self.accounts = pipe.recv()

    def key(self, account: str, user: str) -> FactKey:
        return assignment(INSTANCE, account, SET, user)

    def calls(self) -> list[tuple[datetime, str, str, str]]:
        """Every call to sso-admin: when, what, how it went, and for whom where."""
        self._pipe.send("calls")
        found: list[tuple[datetime, str, str, str]] = self._pipe.recv()
        return found


@contextmanager
def simulated(rates: dict[str, float]) -> Iterator[Aws]:
    """AWS, warm: what a simulator does once at its first calls is no figure of ours."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_serve, args=(theirs, rates), daemon=True)
    process.start()
    try:
        aws = Aws(ours)
        os.environ.update(environment(aws.url))
        _warm(aws)
        yield aws
    finally:
        ours.send("stop")
        process.join(10)


def _serve(pipe: Connection, rates: dict[str, float]) -> None:
    settings = SimSettings(latency=0.2, operation_seconds=OPERATION, rates=rates)
    sim = build(two_tenants({"tenant_bar": "bench"}, accounts=_ACCOUNTS), CLOCK, settings)
    with SimServer(sim) as server:
        users = sorted(sim.world.stores[_STORE].users)
        generated = [a for a in sim.world.organizations["o-tenantbar0"].accounts if a.startswith("2000")]
        gc.freeze()
        gc.disable()  # a pause of the simulator's would be told as a throttle of ours
        pipe.send((server.url, users, sorted(generated)))
        while pipe.recv() == "calls":
            pipe.send(
                [
                    (
                        r.at,
                        r.operation,
                        r.outcome,
                        f"{r.params.get('TargetId')} {r.params.get('PrincipalId')}",
                    )
                    for r in list(sim.calls)
                    if r.service == "sso-admin"
                ]
            )


def environment(url: str) -> dict[str, str]:
    """What leads any SDK to the simulator."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def client() -> Any:
    """sso-admin of the organization, with nothing but the SDK."""
    session = botocore.session.get_session()
    given = session.create_client("sts").assume_role(
        RoleArn=BAR_ROLE, RoleSessionName="bench", ExternalId="bench", SourceIdentity="bench"
    )["Credentials"]
    return session.create_client(
        "sso-admin",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def list_and_create(sso: Any, key: FactKey) -> str:
    """What a grant needs at least, by hand; the operation."""
    account, permission_set, user = key.parts
    sso.list_account_assignments(InstanceArn=INSTANCE, AccountId=account, PermissionSetArn=permission_set)
    answer = sso.create_account_assignment(
        InstanceArn=INSTANCE,
        TargetId=account,
        TargetType="AWS_ACCOUNT",
        PermissionSetArn=permission_set,
        PrincipalType="USER",
        PrincipalId=user,
    )
    return str(answer["AccountAssignmentCreationStatus"]["RequestId"])


def _warm(aws: Aws) -> None:
    sso = client()
    operation = list_and_create(sso, aws.key(aws.accounts[-1], aws.users[-1]))
    sso.list_account_assignment_creation_status(InstanceArn=INSTANCE)
    sso.describe_account_assignment_creation_status(
        InstanceArn=INSTANCE, AccountAssignmentCreationRequestId=operation
    )


# -- gatepass


class _Bar:
    """Reaches of the bench: one organization."""

    def reach(self, organization: str) -> Reach:
        return _REACH


def engine_on(store: Store, worker: str, point: Point = nothing) -> tuple[Engine, Door]:
    """An engine with the settings of production."""
    core = EngineCore.of(store, CLOCK, EngineSettings(worker=worker), alone())
    door = Door(_Bar(), CLOCK, pacer=core.pacer, watch=core.timekeeper, point=point)
    return Engine(core, load(door), alone(), point=point), door


def give(store: Store, keys: dict[FactKey, timedelta]) -> None:
    """What the desk commits when somebody approves, for many at once: each for so long."""
    now = CLOCK.now()
    terms = Terms(rule="bench", automatic=True, needed=0, max_duration=timedelta(hours=12))
    with store.write() as tx:
        tx.facts.lock(dict.fromkeys(keys, "tenant_bar"))
        for key, lasts in keys.items():
            name = f"{key.parts[0]}-{key.parts[2][-6:]}"
            request = Request(f"r-{name}", "bench", 1, "ana", "api", now, terms, organization="tenant_bar")
            tx.requests.add(request)
            tx.requests.save(replace(request, state=RequestState.APPROVED, duration=lasts))
            grant = Grant(
                f"g-{name}", request.id, "ana", "tenant_bar", key, lasts, now, now + timedelta(hours=1)
            )
            said = {"request": request.id, "grant": grant.id, "fact": key.text, "person": "ana"}
            tx.requests.add_grant(grant, Event("grant.made", "tenant_bar", said))
        tx.facts.touch(keys, now)
    store.wake()
