"""H1: killed with SIGKILL at every commit and AWS-call point, stopped past the lease and continued; AWS ends right."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.crash.crash_lab import Blow, CrashStory
from tests.postgres import DatabaseMaker

TOGETHER = 8


def _run(blows: list[Blow], folder: Path, urls: list[str]) -> list[str]:
    """Run these stories side by side; what went wrong, story by story."""
    stories = []
    for number, blow in enumerate(blows):
        place = folder / f"story{number}"
        place.mkdir()
        stories.append(CrashStory(place, urls[number] if urls else "", blow))
    with ThreadPoolExecutor(TOGETHER) as pool:
        found = list(pool.map(CrashStory.run, stories))
    return [f"{blow}: {'; '.join(wrong)}" for blow, wrong in zip(blows, found, strict=True) if wrong]


def _points(folder: Path) -> list[tuple[str, int]]:
    """Every point between approval and end of an undisturbed story, with counts."""
    place = folder / "undisturbed"
    place.mkdir()
    story = CrashStory(place)
    assert story.run() == []
    about_accounts = ("ListRoots", "ForParent")
    points = [each for each in story.points if not each[0].endswith(about_accounts)]
    names = {name for name, _ in points}
    assert {"before CreateAccountAssignment", "after CreateAccountAssignment", "before outcome"} <= names
    assert {"before DeleteAccountAssignment", "after DeleteAccountAssignment"} <= names
    return points


def _each_once(points: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The first coming to each point; the second too of those that granting and taking back both pass."""
    twice = ("commit of send", "before outcome", "ListAccountAssignments")
    return [(name, count) for name, count in points if count == 1 or (count == 2 and name.endswith(twice))]


def test_killed_at_each_point_on_sqlite_H1(tmp_path: Path) -> None:
    blows = [Blow(name, count, signal.SIGKILL) for name, count in _each_once(_points(tmp_path))]
    assert _run(blows, tmp_path, []) == []


def test_stopped_past_the_lease_and_continued_on_sqlite_H1(tmp_path: Path) -> None:
    calls = [
        "before CreateAccountAssignment",
        "after CreateAccountAssignment",
        "before DeleteAccountAssignment",
    ]
    assert _run([Blow(name, 1, signal.SIGSTOP) for name in calls], tmp_path, []) == []


SAMPLE = (
    Blow("after commit of send", 1, signal.SIGKILL),
    Blow("after CreateAccountAssignment", 1, signal.SIGKILL),
    Blow("after commit of send", 2, signal.SIGKILL),
    Blow("before DeleteAccountAssignment", 1, signal.SIGKILL),
    Blow("before CreateAccountAssignment", 1, signal.SIGSTOP),
    Blow("after DeleteAccountAssignment", 1, signal.SIGSTOP),
)


@pytest.mark.postgres
def test_one_of_two_workers_struck_on_postgresql_H1(tmp_path: Path, postgres_database: DatabaseMaker) -> None:
    urls = [postgres_database() for _ in SAMPLE]
    assert _run(list(SAMPLE), tmp_path, urls) == []


@pytest.mark.long
@pytest.mark.postgres
def test_one_of_two_workers_struck_at_every_point_H1(
    tmp_path: Path, postgres_database: DatabaseMaker
) -> None:
    points = _points(tmp_path)
    blows = [
        Blow(name, count, number) for number in (signal.SIGKILL, signal.SIGSTOP) for name, count in points
    ]
    assert _run(blows, tmp_path, [postgres_database() for _ in blows]) == []


@pytest.mark.long
def test_killed_and_stopped_at_every_point_on_sqlite_H1(tmp_path: Path) -> None:
    points = _points(tmp_path)
    blows = [
        Blow(name, count, number) for number in (signal.SIGKILL, signal.SIGSTOP) for name, count in points
    ]
    assert _run(blows, tmp_path, []) == []
