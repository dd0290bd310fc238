"""Rows to the job engine and back, without DBOS: the loop before a runner that does the work at once, or never."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gatepass.engine.jobs.loop import CONCLUSION, GENERATIONS, Due, JobLoop, Pace
from gatepass.store import Store, open_store
from gatepass.store.jobs import ItemState, Job, JobItem
from gatepass.testing.clock import VirtualClock


class FakeRunner:
    """Keeps what it was given, by id; ends items when told to."""

    def __init__(self) -> None:
        self.given: dict[str, Due] = {}
        self.gone: set[str] = set()
        self.held_by: set[str] = set()
        self.resumed: list[str] = []
        self.forgotten: list[datetime] = []
        self.stopped = False

    def enqueue(self, due: Iterable[Due]) -> None:
        self.given |= {each.id: each for each in due}

    def broken(self, ids: Collection[str]) -> set[str]:
        return self.gone & set(ids)

    def holders(self) -> set[str]:
        return self.held_by

    def resume(self, executor: str) -> int:
        self.resumed.append(executor)
        return 1

    def forget(self, before: datetime) -> int:
        self.forgotten.append(before)
        return 0

    def stop(self) -> None:
        self.stopped = True


class Lab:
    """One process's loop on a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock()
        self.store: Store = open_store(f"sqlite:///{folder}/a.db", self.clock, audit_key=b"k" * 32)
        self.runner = FakeRunner()
        self.begun = 0
        self.loop = JobLoop(self.store, self.clock, "w1", self.begin, Pace(), shared=True)

    def begin(self) -> FakeRunner:
        self.begun += 1
        return self.runner

    def add(self, *items: tuple[int, str]) -> None:
        with self.store.write() as tx:
            assert tx.jobs.add(Job("j1", "kind", "cleo", {"n": 1}, self.clock.now()), items)

    def end(self, phase: int, item: str, *, complete: bool = True, stops: bool = False) -> bool:
        ended = JobItem("j1", phase, item, state=ItemState.ENDED, complete=complete, stops=stops)
        with self.store.write() as tx:
            return tx.jobs.end_item(ended)

    def round(self, seconds: float = 0) -> dict[tuple[int, str], JobItem]:
        self.clock.advance(timedelta(seconds=seconds))
        self.loop.once()
        with self.store.read() as view:
            return {(item.phase, item.item): item for item in view.jobs.items("j1")}

    @property
    def ids(self) -> list[str]:
        return sorted(self.runner.given)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.store.close()


def test_without_jobs_the_engine_is_never_begun(lab: Lab) -> None:
    lab.round(), lab.round(10)
    assert lab.begun == 0


def test_items_are_enqueued_by_deterministic_ids_and_phases_follow_each_other(lab: Lab) -> None:
    lab.add((1, "a"), (1, "b"), (2, "a"))
    lab.round()
    assert lab.ids == ["kind:j1/1/a:1", "kind:j1/1/b:1"]
    assert lab.end(1, "a")
    lab.round()
    assert len(lab.ids) == 2  # the second phase waits for all of the first
    lab.end(1, "b")
    assert lab.round()[2, "a"].state is ItemState.QUEUED
    lab.end(2, "a")
    lab.round()
    with lab.store.read() as view:
        job = view.jobs.job("j1")
    assert job is not None
    assert job.ended_at is not None
    assert lab.begun == 1


def test_a_process_lost_between_enqueueing_and_saying_so_enqueues_the_same_id_again(lab: Lab) -> None:
    class Dying(FakeRunner):
        def enqueue(self, due: Iterable[Due]) -> None:
            super().enqueue(due)
            raise RuntimeError("killed here")

    lab.add((1, "a"))
    dying = Dying()
    with pytest.raises(RuntimeError):
        JobLoop(lab.store, lab.clock, "w0", lambda: dying, Pace(), shared=True).once()
    assert lab.round()[1, "a"].state is ItemState.QUEUED
    assert lab.ids == sorted(dying.given) == ["kind:j1/1/a:1"]


def test_t79_nothing_is_revoked_where_grants_did_not_succeed(lab: Lab) -> None:
    lab.add((1, "a"), (1, "b"), (2, "a"), (2, "b"))
    lab.round()
    lab.end(1, "a", complete=False), lab.end(1, "b")
    items = lab.round()
    assert items[2, "a"].state is ItemState.SKIPPED
    assert items[2, "b"].state is ItemState.QUEUED


def test_t79_nothing_is_revoked_anywhere_when_a_team_could_not_be_made(lab: Lab) -> None:
    lab.add((1, "a"), (1, "b"), (2, "b"))
    lab.round()
    lab.end(1, "a", complete=False, stops=True), lab.end(1, "b")
    assert lab.round()[2, "b"].state is ItemState.SKIPPED


def test_an_item_the_engine_gave_up_on_gets_a_new_generation_and_at_last_an_end(lab: Lab) -> None:
    lab.add((1, "a"))
    for generation in range(1, GENERATIONS + 1):
        lab.round()
        lab.runner.gone.add(f"kind:j1/1/a:{generation}")
        lab.round(4)
    item = lab.round(4)[1, "a"]
    assert item.state is ItemState.ENDED
    assert not item.complete
    assert "gave up" in item.result["why"]
    assert lab.ids == [f"kind:j1/1/a:{n}" for n in range(1, GENERATIONS + 1)]


def test_the_first_word_about_an_item_counts(lab: Lab) -> None:
    lab.add((1, "a"))
    lab.round()
    assert lab.end(1, "a")
    assert not lab.end(1, "a", complete=False)  # a run that was taken for dead


def test_a_silent_workers_items_are_taken_over_and_only_then_is_its_row_gone(lab: Lab) -> None:
    lab.add((1, "a"))
    with lab.store.write() as tx:
        tx.fleet.beat("w1", "1", lab.clock.now())
        tx.fleet.beat("w0", "1", lab.clock.now())
    lab.round(), lab.round(9)
    assert lab.runner.resumed == []
    with lab.store.write() as tx:
        tx.fleet.beat("w1", "1", lab.clock.now())
    lab.round(4)
    assert lab.runner.resumed == ["w0"]
    with lab.store.read() as view:
        assert [worker.id for worker in view.fleet.workers()] == ["w1"]


def test_who_left_with_work_in_hand_is_expected_back_and_then_taken_over(lab: Lab) -> None:
    lab.add((1, "a"))
    lab.runner.held_by = {"w9", "w1"}
    lab.round()
    assert lab.runner.resumed == []
    lab.round(11)
    assert lab.runner.resumed == ["w9"]  # never our own


def test_what_is_over_is_tried_again_only_where_it_was_not_done(lab: Lab) -> None:
    lab.add((1, "a"), (1, "b"))
    lab.round()
    lab.end(1, "a"), lab.end(1, "b", complete=False)
    lab.round()
    with lab.store.write() as tx:
        assert tx.jobs.reopen("j1", "cleo") == 1
        assert tx.jobs.reopen("j1", "cleo") == 0  # it runs
    lab.round()
    assert "kind:j1/1/b:2" in lab.ids
    assert "kind:j1/1/a:2" not in lab.ids


def test_finished_work_is_forgotten_once_a_day(lab: Lab) -> None:
    lab.add((1, "a"))
    lab.round(), lab.round(60), lab.round(3600 * 24)
    assert len(lab.runner.forgotten) == 2


def test_the_conclusion_is_never_left_out_whatever_became_of_the_rest(lab: Lab) -> None:
    lab.add((1, "a"), (2, "a"), (3, CONCLUSION))
    lab.round()
    lab.end(1, "a", complete=False, stops=True)
    assert lab.round()[2, "a"].state is ItemState.SKIPPED
    assert lab.round()[3, CONCLUSION].state is ItemState.QUEUED


def test_what_is_scheduled_is_made_before_the_round_looks(lab: Lab) -> None:
    lab.loop = JobLoop(
        lab.store, lab.clock, "w1", lab.begin, Pace(), shared=True, schedule=lambda: lab.add((1, "a"))
    )
    assert lab.round()[1, "a"].state is ItemState.QUEUED
