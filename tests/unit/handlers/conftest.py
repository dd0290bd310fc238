"""One runner for all tests of implementer code: starting it costs more than calling it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.waiting import LONG

from gatepass.handlers import Deadlines, Implementation, Runner

_LONG = timedelta(seconds=LONG)
UNHURRIED = Deadlines(_LONG, _LONG, _LONG)
"""Whether an answer comes in time depends on the machine; where that is what is tested, the call says so."""


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    with Runner(deadlines=UNHURRIED) as started:
        if not started.level.floor:
            pytest.skip(f"this machine refuses the floor of isolation: {started.level}")
        yield started


@pytest.fixture(scope="session")
def implementation() -> object:
    """Makes an implementation of the text given, with the imports every one has."""

    def make(body: str, flow: str = "access") -> Implementation:
        return Implementation(
            flow, "impl.py", "from sym.sdk.annotations import hook, prefetch, reducer\n" + body
        )

    return make
