"""One runner for all tests of implementer code: starting it costs more than calling it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gatepass.handlers import Implementation, Runner


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    with Runner() as started:
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
