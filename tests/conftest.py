"""What every test may use."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from tests.canaries import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown
from tests.postgres import postgres_database, postgres_socket

settings.register_profile(
    "steady", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("searching", settings.get_profile("steady"), derandomize=False)
settings.load_profile("steady")
"""Every run sees the same examples, however long each takes; `make test-all` searches for new ones."""

__all__ = [
    "postgres_database",
    "postgres_socket",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
]
