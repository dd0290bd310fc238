"""S-90: what the budgets rest on, held on every change. `make bench` measures the budgets themselves: here a machine
may be busy, so a cost is held against another of the same moment, by a wide margin."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from bench.sessions import Laptop, beside, run_process, world
from tests.canaries import private_place
from tests.waiting import until

from gatepass.clock import SystemClock
from gatepass.sessions.launcher.install import interpreter
from gatepass.sessions.launcher.thin import ask, connect
from gatepass.sim import Settings, build
from gatepass.sim.server import SimServer

BASE0 = [interpreter(), "-I", "-S", "-c", "pass"]


@pytest.fixture(scope="module")
def laptop() -> Iterator[tuple[Laptop, SimServer]]:
    place = private_place()
    with SimServer(build(world(), SystemClock(), Settings(latency=0.25))) as server:
        made = Laptop(place, server.url)
        yield made, server
        made.end()


def test_s90_a_hundred_cold_processes_are_one_mint(laptop: tuple[Laptop, SimServer]) -> None:
    made, server = laptop
    made.take("dev")
    before = sum(record.operation == "AssumeRole" for record in server.sim.calls)
    clients = [subprocess.Popen([made.launcher, "crowd"], stdout=subprocess.PIPE, env={}) for _ in range(100)]
    answers = {client.communicate()[0] for client in clients}
    assert len(answers) == 1
    assert answers.pop().startswith(b'{"Version": 1')
    assert sum(record.operation == "AssumeRole" for record in server.sim.calls) - before == 1


def test_s90_the_warm_launcher_costs_what_an_interpreter_costs(laptop: tuple[Laptop, SimServer]) -> None:
    made, _ = laptop
    made.take("dev")

    def ratio() -> float:
        base, warm = beside(lambda: run_process(BASE0), lambda: made.take("dev"))
        return warm / base

    assert until(lambda: ratio() < 4)  # 1.35; with the agent's imports it would be ten


def test_s90_a_round_trip_takes_less_than_starting_an_interpreter(laptop: tuple[Laptop, SimServer]) -> None:
    made, _ = laptop
    made.take("dev")
    socket = str(made.paths.socket)

    def ratio() -> float:
        base, asked = beside(lambda: run_process(BASE0), lambda: ask(connect(socket), b"get dev\n"))
        return asked / base

    assert until(lambda: ratio() < 1)  # 0.1


def test_s64_a_warm_answer_needs_neither_disk_nor_network(laptop: tuple[Laptop, SimServer]) -> None:
    """The vault is gone and AWS is not asked: the answer comes from memory."""
    made, server = laptop
    made.take("dev")
    calls = len(server.sim.calls)
    hidden = made.paths.vault.with_name("hidden")
    made.paths.vault.rename(hidden)
    try:
        answer = ask(connect(str(made.paths.socket)), b"get dev\n")
    finally:
        hidden.rename(made.paths.vault)
    assert answer.startswith(b'0 {"Version": 1')
    assert len(server.sim.calls) == calls


def test_6_2_the_idle_agent_is_small(laptop: tuple[Laptop, SimServer]) -> None:
    """<= 40 MiB resident as long as no AWS SDK was needed."""
    from bench.sessions import resident

    made, _ = laptop
    made.end()
    assert resident(made.pid()) <= 40
