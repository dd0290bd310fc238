"""What every test may use."""

from __future__ import annotations

import re

from tests.postgres import postgres_database, postgres_socket

__all__ = ["postgres_database", "postgres_socket"]


def pytest_make_parametrize_id(val: object) -> str | None:
    """Ids without addresses in memory: every process of a run must collect the same tests."""
    text = repr(val)
    return re.sub(r" at 0x[0-9a-f]+", "", text) if " at 0x" in text else None
