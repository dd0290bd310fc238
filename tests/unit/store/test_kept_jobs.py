"""What is asked of jobs of one kind: the newest word, since when there are any, and dropping the old ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.postgres import DatabaseMaker

from gatepass.store import Store, open_store
from gatepass.store.jobs import ItemState, Job, JobItem
from gatepass.testing.clock import VirtualClock

KIND, END = "watch", "conclusion"
CLOCK = VirtualClock()
"""Everybody's; it only goes on."""


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/a.db"
    if request.param == "postgresql":
        make: DatabaseMaker = request.getfixturevalue("postgres_database")
        url = make()
    opened = open_store(url, CLOCK, audit_key=b"k", exclusive=False)
    yield opened
    opened.close()


def made(
    store: Store, job: str, *, kind: str = KIND, complete: bool | None = True, over: bool = True
) -> None:
    """A job an hour younger than the one before; `complete` None: its end was given up."""
    CLOCK.advance(timedelta(hours=1))
    with store.write() as tx:
        tx.jobs.add(Job(job, kind, "test", {}, CLOCK.now()), [(0, "a"), (3, END)])
        if over:
            tx.jobs.end_item(JobItem(job, 0, "a", state=ItemState.ENDED, complete=True, worker="w"))
            said = JobItem(
                job, 3, END, state=ItemState.ENDED, complete=bool(complete), result={"of": job},
                worker=None if complete is None else "w",
            )  # fmt: skip
            tx.jobs.end_item(said)
            tx.jobs.end(job)


def last(store: Store, *, complete: bool = False) -> str | None:
    with store.read() as view:
        found = view.jobs.last(KIND, END, complete=complete)
    return None if found is None else found.job


def test_the_newest_word_of_a_kind_and_the_newest_good_one(store: Store) -> None:
    assert last(store) is None
    made(store, "j1")
    made(store, "j2", complete=False)
    made(store, "j3", complete=None)  # the engine gave up: nothing was said
    made(store, "j4", over=False)
    made(store, "other", kind="apply")
    assert (last(store), last(store, complete=True)) == ("j2", "j1")


def test_only_old_jobs_of_the_kind_that_are_over_are_dropped(store: Store) -> None:
    made(store, "open", over=False)
    made(store, "other", kind="apply")
    for number in range(4):
        made(store, f"j{number}")
    with store.read() as view:
        first = view.jobs.made(KIND)
    with store.write() as tx:
        assert tx.jobs.forget(KIND, 2) == 2
        assert tx.jobs.forget(KIND, 2) == 0
        kept = [job for job in ("open", "other", "j0", "j1", "j2", "j3") if tx.jobs.job(job) is not None]
        assert tx.jobs.items("j0") == ()
    assert kept == ["open", "other", "j2", "j3"]
    assert first is not None
    assert first[1] - first[0] == timedelta(hours=5)
    with store.read() as view:
        assert view.jobs.made("nothing") is None
