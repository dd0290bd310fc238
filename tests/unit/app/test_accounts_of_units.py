"""What a flow's code is told of the accounts below a unit (spec/sym.md 2.10), on a whole gatepass."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.installation import Whole

from gatepass.app.world import RealWorlds
from gatepass.aws.directory import Directory
from gatepass.desk.coding import About
from gatepass.handlers import Ask, Unanswered
from gatepass.sim.world import Unit

EMPTY = "ou-abcd-99999999"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    whole = Whole(tmp_path_factory.mktemp("units"))
    yield whole
    whole.close()


def listed(whole: Whole, unit: str) -> Any:
    """What `aws_sso.list_accounts(organizational_unit_id=unit)` answers in a flow of the second tenant."""
    parts = whole.parts
    worlds = RealWorlds(parts.store, parts.door, Directory(parts.door), lambda about: {})
    with parts.store.read() as view:
        version = parts.book.current(view)
    estate = version.estate
    about = About(version, estate.flows["account-by-choice"], "tenant_bar", estate.people["ana"])
    arguments = {"organizational_unit_id": unit}
    return worlds(about).ask(Ask("aws_sso.list_accounts", arguments, timedelta(seconds=60)))


def test_a_unit_without_accounts_is_an_empty_list(whole: Whole) -> None:
    home = next(o for o in whole.sim.world.organizations.values() if "ou-abcd-11111111" in o.units)
    home.units[EMPTY] = Unit(EMPTY, "empty", home.root)
    assert listed(whole, EMPTY) == []


@pytest.mark.parametrize("unit", ["ou-abcd-88888888", "no unit"])
def test_a_unit_that_is_not_there_is_the_named_error(whole: Whole, unit: str) -> None:
    with pytest.raises(Unanswered, match="there is no organizational unit") as refused:
        listed(whole, unit)
    assert refused.value.name == "OU_NOT_FOUND"


def test_a_unit_of_the_kept_list_costs_no_call(whole: Whole) -> None:
    before = whole.calls()
    assert {each["Name"] for each in listed(whole, "ou-abcd-11111111")} >= {"bar-staging"}
    assert whole.calls() == before
