"""H6, the engine's share: how fast an approval reaches AWS, and how well a limited instance is used.

Against the simulator over HTTP in a process of its own, 0.2 s a call and 0.5 s an operation. The window of the second
is 30 s; `GATEPASS_BENCH_SECONDS=120` is what docs/performance.md records.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import botocore.session

from bench.figure import Figure
from bench.store import _postgresql
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
from gatepass.sim.seed_world import ACCESS_KEY, BAR_ROLE, SECRET
from gatepass.sim.server import SimServer
from gatepass.store import Store, open_store
from gatepass.strategies.plugins import load

_INSTANCE = "arn:aws:sso:::instance/ssoins-7223000000000001"
_SET = "arn:aws:sso:::permissionSet/ssoins-7223000000000001/ps-1111111111111111"
_REACH = Reach("tenant_bar", BAR_ROLE, "bench", "eu-west-1", _INSTANCE, "d-9367000001")
_SECONDS = int(os.environ.get("GATEPASS_BENCH_SECONDS", "30"))
_ACCOUNTS, _LONE = 500, 40
_SPAWN = multiprocessing.get_context("spawn")
_CLOCK = SystemClock()


def figures() -> Iterator[Figure]:
    """About a minute and the window on a quiet machine with two cores."""
    with _aws({}) as aws, tempfile.TemporaryDirectory() as place:
        yield from _lone_approvals(aws, f"sqlite:///{place}/gatepass.db")
    with _aws({"sso-admin": 20.0}) as aws, _postgresql() as url:
        yield from _saturated(aws, url)


# -- the simulated AWS, in a process of its own


class _Aws:
    """Where it is, who is in it, and what it was called."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.url, self.users, self.accounts = pipe.recv()

    def calls(self) -> list[tuple[datetime, str, str]]:
        """Every call to sso-admin: when, what, how it went."""
        self._pipe.send("calls")
        found: list[tuple[datetime, str, str]] = self._pipe.recv()
        return found


@contextmanager
def _aws(rates: dict[str, float]) -> Iterator[_Aws]:
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_serve_aws, args=(theirs, rates), daemon=True)
    process.start()
    try:
        aws = _Aws(ours)
        os.environ.update(_environment(aws.url))
        yield aws
    finally:
        ours.send("stop")
        process.join(10)


def _serve_aws(pipe: Connection, rates: dict[str, float]) -> None:
    settings = SimSettings(latency=0.2, operation_seconds=0.5, rates=rates)
    sim = build(two_tenants({"tenant_bar": "bench"}, accounts=_ACCOUNTS), _CLOCK, settings)
    with SimServer(sim) as server:
        users = sorted(sim.world.stores["d-9367000001"].users)
        generated = [a for a in sim.world.organizations["o-tenantbar0"].accounts if a.startswith("2000")]
        pipe.send((server.url, users, sorted(generated)))
        while pipe.recv() == "calls":
            pipe.send([(r.at, r.operation, r.outcome) for r in list(sim.calls) if r.service == "sso-admin"])


def _environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


# -- gatepass


class _Bar:
    """Reaches of the bench: one organization."""

    def reach(self, organization: str) -> Reach:
        return _REACH


def _engine(store: Store, worker: str, point: Point = nothing) -> tuple[Engine, Door]:
    settings = EngineSettings(worker=worker, threads=8)
    core = EngineCore.of(store, _CLOCK, settings, alone())
    door = Door(_Bar(), _CLOCK, pacer=core.pacer, watch=core.timekeeper, point=point)
    return Engine(core, load(door), alone(), point=point), door


def _give(store: Store, keys: list[FactKey], lasts: timedelta) -> None:
    """What the desk commits when somebody approves, for many at once."""
    now = _CLOCK.now()
    terms = Terms(rule="bench", automatic=True, needed=0, max_duration=timedelta(hours=12))
    with store.write() as tx:
        tx.facts.lock(dict.fromkeys(keys, "tenant_bar"))
        for key in keys:
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


# -- one approval at a time


def _lone_approvals(aws: _Aws, url: str) -> Iterator[Figure]:
    keys = [assignment(_INSTANCE, account, _SET, aws.users[0]) for account in aws.accounts[: 2 * _LONE + 1]]
    bare = _bare(keys[: _LONE + 1])
    created = threading.Event()

    def point(name: str) -> None:
        if name == "after CreateAccountAssignment":
            created.set()

    store = open_store(url, _CLOCK, audit_key=b"bench")
    engine, door = _engine(store, "w1", point)
    door.call("tenant_bar", "sso-admin", "DescribeInstance", InstanceArn=_INSTANCE)  # warm
    stop = threading.Event()
    thread = threading.Thread(target=engine.run, args=(stop,))
    thread.start()
    lasted = []
    for key in keys[_LONE + 1 :]:
        created.clear()
        began = time.perf_counter()
        _give(store, [key], timedelta(hours=1))
        created.wait(30)
        lasted.append((time.perf_counter() - began) * 1000)
        time.sleep(1.5)  # idle again: its polls are over
    stop.set()
    thread.join(30)
    store.close()
    beyond = sorted(each - bare for each in lasted)
    yield Figure("approval to create, beyond boto3's, p50", statistics.median(beyond), "ms", 50, "the bound")
    yield Figure(
        "approval to create, beyond boto3's, p99", beyond[int(len(beyond) * 0.99)], "ms", 250, "the bound"
    )


def _bare(keys: list[FactKey]) -> float:
    """What list and create take with nothing but the SDK, in ms: the median."""
    session = botocore.session.get_session()
    given = session.create_client("sts").assume_role(
        RoleArn=BAR_ROLE, RoleSessionName="bench", ExternalId="bench", SourceIdentity="bench"
    )["Credentials"]
    client: Any = session.create_client(
        "sso-admin",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    lasted = []
    for key in keys:
        account, permission_set, user = key.parts
        began = time.perf_counter()
        client.list_account_assignments(
            InstanceArn=_INSTANCE, AccountId=account, PermissionSetArn=permission_set
        )
        client.create_account_assignment(
            InstanceArn=_INSTANCE,
            TargetId=account,
            TargetType="AWS_ACCOUNT",
            PermissionSetArn=permission_set,
            PrincipalType="USER",
            PrincipalId=user,
        )
        lasted.append((time.perf_counter() - began) * 1000)
    return statistics.median(lasted[1:])


# -- a saturated instance, two workers, one killed


def _saturated(aws: _Aws, url: str) -> Iterator[Figure]:
    store = open_store(url, _CLOCK, audit_key=b"bench")
    keys = [assignment(_INSTANCE, account, _SET, user) for account in aws.accounts for user in aws.users]
    _give(store, keys, timedelta(hours=4))
    with tempfile.TemporaryDirectory() as place:
        flag = Path(place) / "stop"
        workers = [_SPAWN.Process(target=_work, args=(url, f"w{n}", flag, aws.url)) for n in (1, 2)]
        for worker in workers:
            worker.start()
        while len(aws.calls()) < 100:
            time.sleep(0.5)
        began = _CLOCK.now()
        time.sleep(_SECONDS / 2)
        pid = workers[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        time.sleep(_SECONDS / 2)
        window = [c for c in aws.calls() if began <= c[0] < began + timedelta(seconds=_SECONDS)]
        flag.touch()
        for worker in workers:
            worker.join(30)
    store.close()
    throttled = [c for c in window if "Throttl" in c[2]]
    served = len(window) - len(throttled)
    name = f"20/s instance over {_SECONDS} s, one of two killed"
    yield Figure(name, served / _SECONDS, "/s", 20, "what AWS allows, >= 0.95")
    yield Figure("  throttled meanwhile", len(throttled), "calls")


def _work(url: str, worker: str, flag: Path, aws: str) -> None:
    os.environ.update(_environment(aws))
    store = open_store(url, _CLOCK, audit_key=b"bench")
    engine, _ = _engine(store, worker)
    stop = threading.Event()
    thread = threading.Thread(target=engine.run, args=(stop,))
    thread.start()
    while not flag.exists():
        time.sleep(0.2)
    stop.set()
    thread.join(30)
    store.close()
