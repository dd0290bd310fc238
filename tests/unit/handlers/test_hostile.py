"""H2, I14: what hostile implementations do is contained, ends with the deadline and leaves nothing behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.waiting import LONG, until

from gatepass.handlers import Answer, Answers, Ask, Fault, Implementation, Runner

HOSTILE = sorted((Path(__file__).parents[2] / "assets" / "hostile").glob("*.py"))
DEADLINE = timedelta(seconds=0.5)
AMPLE = timedelta(seconds=LONG)
"""For what ends by itself, however slow the machine."""


@pytest.fixture
def world() -> Iterator[Answers]:
    """Lists groups slower than any deadline; knows nothing else."""
    ended = threading.Event()

    def slow(ask: Ask) -> list[object]:
        ended.wait(ask.within.total_seconds() + 0.05)
        return []

    yield Answers({"aws_sso.list_groups": slow})
    ended.set()


def processes_of_ours() -> int:
    """Processes forked from a zygote of this test process, itself included: they keep its command line."""
    found = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            found += b"gatepass.handlers.zygote" in line and str(os.getpid()).encode() in line
    return found


def expected_of(path: Path) -> set[str]:
    return set(path.read_text().partition("\n")[0].removeprefix("# expect: ").split())


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
def test_hostile_code_is_contained(path: Path, runner: Runner, world: Answers) -> None:
    before = processes_of_ours()
    expected = expected_of(path)
    deadline = DEADLINE if "hung" in expected else AMPLE
    outcome = runner.call(
        Implementation("flow", path.name, path.read_text()), "get_permissions", None, world, deadline
    )
    if isinstance(outcome, Fault):
        assert outcome.kind.value in expected, outcome
    elif expected == {"nothing"}:
        assert outcome.value == {"type": "str", "value": "nothing"}
    elif expected == {"kept"}:
        assert outcome.value["type"] == "RequestPermission"
    else:
        assert expected == {"unbelieved"}
        assert "everybody" in str(outcome.value)  # refused where it is read: test_outcomes
    until(lambda: processes_of_ours() <= before)


def test_there_are_at_least_twenty() -> None:
    assert len(HOSTILE) >= 20


def test_nothing_is_kept_between_calls(runner: Runner) -> None:
    path = next(path for path in HOSTILE if path.stem == "memory_between_calls")
    implementation = Implementation("flow", path.name, path.read_text())
    for _ in range(2):
        assert isinstance(runner.call(implementation, "get_permissions", None), Answer)


def test_other_flows_are_served_while_one_loops() -> None:
    """H2: a hostile call holds up nobody else's: theirs come and go while it still runs. The ratio of their medians is
    in `make bench BENCH=handlers`: a time would measure this machine."""
    kind = Implementation(
        "kind", "kind.py", "from sym.sdk import reducer\n@reducer\ndef get_permissions(e): pass\n"
    )
    loop = next(path for path in HOSTILE if path.stem == "endless_loop")
    with Runner() as runner:
        hostile = threading.Thread(
            target=lambda: runner.call(
                Implementation("flow", loop.name, loop.read_text()),
                "get_permissions",
                None,
                deadline=timedelta(minutes=5),
            )
        )
        hostile.start()
        for _ in range(10):
            outcome = runner.call(kind, "get_permissions", None, deadline=timedelta(seconds=60))
            assert isinstance(outcome, Answer), outcome
        assert hostile.is_alive()
    hostile.join(60)
    assert not hostile.is_alive()
