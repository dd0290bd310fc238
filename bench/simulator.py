"""The simulated AWS: calls a second through each entrance beside moto in the same run; a world of 1,000."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from moto import mock_aws

from bench.figure import Figure
from gatepass.clock import SystemClock
from gatepass.sim import Settings, Simulator, build, install, root_credential, two_tenants
from gatepass.sim.onwire import install_on_wire
from gatepass.sim.server import SimServer
from gatepass.testing.clock import VirtualClock

_FOO = "123456789012"
_INSTANCE = "arn:aws:sso:::instance/ssoins-7223000000000000"
_SET = "arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000001"
_MOTO = "moto"
_SECONDS = 1.0


def figures() -> Iterator[Figure]:
    """About twelve seconds on a quiet machine with two cores."""
    with mock_aws():
        session = boto3.Session("test", "test", region_name="us-east-1")
        reference = _rates(session, {}, moto=True)
    sim = build(two_tenants(accounts=1000), SystemClock(), Settings(rates={}, keep_calls=1000))
    for name, enter in (("in process", install), ("on the wire", install_on_wire)):
        session = _session(sim)
        enter(session, sim)
        yield from _shown(name, _rates(session, {}), reference)
    with SimServer(sim) as server:
        yield from _shown(
            "http, same process", _rates(_session(sim), {"endpoint_url": server.url}), reference
        )
    began = time.perf_counter()
    build(two_tenants(accounts=1000), VirtualClock())
    yield Figure("a world of 1,000 accounts", (time.perf_counter() - began) * 1000, "ms")


def _session(sim: Simulator) -> Any:
    key = root_credential(sim.world, _FOO)
    return boto3.Session(key.access_key, key.secret, region_name="us-east-1")


def _shown(entrance: str, ours: dict[str, float], reference: dict[str, float]) -> Iterator[Figure]:
    for call, rate in ours.items():
        yield Figure(f"{call}, {entrance}", rate, "calls/s", reference.get(call), _MOTO)


def _rates(session: Any, place: dict[str, str], *, moto: bool = False) -> dict[str, float]:
    sts, sso = session.client("sts", **place), session.client("sso-admin", **place)
    questions: dict[str, Callable[[], object]] = {
        "sts GetCallerIdentity": sts.get_caller_identity,
        "sso-admin ListInstances": sso.list_instances,
    }
    if not moto:
        questions["sso-admin ListAccountAssignments"] = lambda: sso.list_account_assignments(
            InstanceArn=_INSTANCE, PermissionSetArn=_SET, AccountId="333333333333"
        )
    return {name: _rate(ask) for name, ask in questions.items()}


def _rate(ask: Callable[[], object]) -> float:
    ask()
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < _SECONDS:
        ask()
        calls += 1
    return calls / (time.perf_counter() - began)
