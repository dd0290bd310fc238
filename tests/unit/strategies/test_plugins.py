"""Which strategies there are."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from gatepass.aws.door import Door
from gatepass.strategies import plugins


class Other:
    kind = "other"

    def __init__(self, door: Door) -> None:
        self.door = door


class Twin(Other):
    kind = "aws_sso_assignment"


def install(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    points = [EntryPoint(name.lower(), f"{__name__}:{name}", plugins.GROUP) for name in names]
    monkeypatch.setattr(EntryPoint, "load", lambda point: globals()[point.attr])
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)


def test_ours_are_there_whatever_became_of_the_installations_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """I20: a process that finds no entry point, in the middle of an upgrade, still takes back what was given."""
    install(monkeypatch)
    assert set(plugins.load(None)) == {"aws_sso_assignment", "aws_sso_membership"}  # type: ignore[arg-type]


def test_strangers_join_them(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "Other")
    assert isinstance(plugins.load(None)["other"], Other)  # type: ignore[arg-type]


def test_two_for_one_kind_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "Twin")
    with pytest.raises(plugins.StrategyClash, match="Twin and gatepass are both strategies"):
        plugins.load(None)  # type: ignore[arg-type]
