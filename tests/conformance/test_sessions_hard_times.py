"""H7: each case of `hard_times_cases` by the real program, agent and simulator. One line, a stable code, in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.conformance.hard_times import ARRANGE, Laptop, deaf, laptop, lying, simulated
from tests.conformance.hard_times_cases import CASES, Case
from tests.waiting import LONG

from gatepass.sim.server import SimServer


@pytest.fixture(scope="module")
def aws() -> Iterator[SimServer]:
    with simulated() as server:
        yield server


def arranged(found: Laptop, wrong: str, ends: ExitStack) -> None:
    if wrong.startswith("lie:"):
        found.url = ends.enter_context(lying(wrong.removeprefix("lie:")))
    elif wrong == "deaf":
        found.url = ends.enter_context(deaf())
    else:
        ARRANGE[wrong](found)


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=c.name, marks=() if c.fast else pytest.mark.long) for c in CASES]
)
def test_h7_a_bad_day(case: Case, aws: SimServer) -> None:
    with ExitStack() as ends:
        found = ends.enter_context(laptop(aws))
        for wrong in case.wrong:
            arranged(found, wrong, ends)
        words = [str(found.paths.launcher) if w == "LAUNCHER" else w for w in case.typed.split()]
        said = found.run(words, case.entered.replace("CODE", found.code))
    text = said.out + said.err
    assert said.code == case.code, text
    for words_of_it in case.says:
        assert words_of_it in text, text
    assert "Traceback" not in text
    assert said.lasted < (
        LONG if case.fast else case.seconds
    )  # where the machine is shared, none is measured
    if case.code and "doctor" not in words:  # whose report is what was asked for
        assert len(said.err.splitlines()) == 1, text  # one line that says it all
        assert said.err.startswith("gatepass: ")
