"""Fifty seeded histories of the real desk, engine, store, strategies and door on virtual time (issue 2, H2)."""

from __future__ import annotations

import pytest
from tests.histories.history import run

_EACH = 5


@pytest.mark.parametrize("first", range(0, 50, _EACH))
def test_histories_keep_the_invariants(first: int) -> None:
    """I1-I7, I9, I11, I13, I16, I18, I20, from what AWS held and the exported audit alone."""
    for seed in range(first, first + _EACH):
        found, _ = run(seed)
        breaches = "; ".join(str(breach) for breach in found)
        assert not found, f"{breaches}. Again: python -m tests.histories --seed {seed}"


@pytest.mark.long
@pytest.mark.parametrize("first", range(1_000, 3_000, 50))
def test_many_more_histories(first: int) -> None:
    for seed in range(first, first + 50):
        found, _ = run(seed)
        assert not found, f"{found[0]}. Again: python -m tests.histories --seed {seed}"
