"""Issue 4, H4: submits at an even rate to real servers on PostgreSQL, to a declarative flow and to one with code.

The servers, the database, the simulated AWS and the load generator share the machine's cores. Latencies are counted
from when a submit was due. `GATEPASS_BENCH_SECONDS=60` is what docs/performance.md records; the usual window is 20 s.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg

from bench._load import generate
from bench._serving import Servers, serving
from bench.figure import Figure, p50, p95

RATE = float(os.environ.get("GATEPASS_BENCH_RATE", "100"))
CODED_RATE = float(os.environ.get("GATEPASS_BENCH_CODED_RATE", "10"))
SECONDS = float(os.environ.get("GATEPASS_BENCH_SECONDS", "20"))
SERVERS = int(os.environ.get("GATEPASS_BENCH_SERVERS", "2"))
PEOPLE = 20
_DECLARED = (
    {"flow": "aws-access", "organization": "tenant_foo"},
    {"flow": "aws-access", "target": "admin", "organization": "tenant_bar"},
)
_CODED = ({"flow": "account-by-choice", "target": "read-only-anywhere"},)


def figures() -> Iterator[Figure]:
    """About twice the window."""
    with serving(PEOPLE, SERVERS) as servers:
        tokens = [servers.token(f"p{number}") for number in range(PEOPLE)]
        declared = _posts(tokens, _DECLARED, {"reason": "deploy {n}", "duration": "30m"})
        generate(list(servers.urls), 20, 2, declared, 202)  # warm: pools, connectors, statements
        yield from _told("declarative flow", servers, RATE, declared)
        choice = {"reason": "look {n}", "duration": "30m", "account_id": _offered(tokens[0], servers)}
        coded = _posts(tokens, _CODED, choice)
        yield from _told("flow with code", servers, CODED_RATE, coded)


def _posts(
    tokens: list[str], asks: tuple[dict[str, Any], ...], fields: dict[str, str]
) -> list[dict[str, Any]]:
    return [
        {
            "path": "/v1/requests",
            "headers": {
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                "Idempotency-Key": f"{ask['flow']}-{os.getpid()}-{time.time_ns()}-{{n}}",
            },
            "body": json.dumps({**ask, "fields": fields}),
        }
        for token in tokens
        for ask in asks
    ]


def _offered(token: str, servers: Servers) -> str:
    answer = httpx.post(
        f"{servers.urls[0]}/v1/forms",
        json={"flow": "account-by-choice", "target": "read-only-anywhere"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    answer.raise_for_status()
    options: list[dict[str, str]] = answer.json()["options"]["account_id"]["options"]
    return options[0]["value"]


def _told(name: str, servers: Servers, rate: float, posts: list[dict[str, Any]]) -> Iterator[Figure]:
    outcome = generate(list(servers.urls), rate, SECONDS, posts, 202)
    prepared = _caught_up(servers)
    lasted = outcome.lasted
    yield Figure(
        f"{name}, {SERVERS} servers: submits", len(lasted) / outcome.seconds, "/s", rate, "asked for"
    )
    yield Figure(f"{name}: answers that were not 202", sum(outcome.wrong.values()), "")
    for what, count in outcome.wrong.items():
        yield Figure(f"  {what}", count, "")
    yield Figure(f"{name}: p50", p50(lasted), "ms")
    yield Figure(f"{name}: p95", p95(lasted), "ms", 500.0, "allowed")
    yield Figure(f"{name}: p99", lasted[int(len(lasted) * 0.99)], "ms")
    yield Figure(f"{name}: last one put to people after the last submit", prepared, "s")
    yield Figure(f"{name}: the generator's own CPU", outcome.cpu / outcome.seconds * 100, "% of a core")


def _caught_up(servers: Servers) -> float:
    """How long the engines take after the last submit until nothing is waiting to be prepared."""
    begun = time.perf_counter()
    address = servers.database.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(address, autocommit=True) as rows:
        while True:
            found = rows.execute("SELECT count(*) FROM requests WHERE state = 'asked'").fetchone()
            if found == (0,) or time.perf_counter() - begun > 300:
                return time.perf_counter() - begun
            time.sleep(0.1)
