"""What every test may use."""

from __future__ import annotations

from tests.postgres import postgres_database, postgres_socket

__all__ = ["postgres_database", "postgres_socket"]
