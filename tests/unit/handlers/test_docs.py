"""P7: the worked flows of the documentation do what it says, with the plug-in that it describes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from gatepass.handlers.hooks import Then
from gatepass.handlers.submission import Fate

DOCS = Path(__file__).parents[3] / "docs" / "flows-in-python.md"
PLUGIN = "gatepass.testing.pytest_plugin"
BLOCKS = dict(re.findall(r'```python\n"""(\w+\.py)"""\n(.*?)```', DOCS.read_text(), re.DOTALL))


@pytest.fixture
def flow(tmp_path: Path, gatepass_flow: Any) -> Any:
    def make(name: str, **options: Any) -> Any:
        (tmp_path / name).write_text(BLOCKS[name])
        made = gatepass_flow(tmp_path / name, **options)
        assert made.faults() == ()
        return made

    return make


def test_there_are_five_flows_and_a_test() -> None:
    assert sorted(BLOCKS) == [
        "account_by_choice.py",
        "four_eyes.py",
        "on_call.py",
        "test_on_call.py",
        "urgent.py",
        "working_hours.py",
    ]


def test_working_hours(flow: Any) -> None:
    made = flow("working_hours.py", vars={"on_call_group": "On call"}, groups={"On call": ["ben"]})
    assert made.request().outcome.permission.approve.roles == {"admin", "member"}  # a Monday at nine
    BLOCKS["at_night.py"] = BLOCKS["working_hours.py"].replace("time(8)", "time(10)")
    made = flow("at_night.py", vars={"on_call_group": "On call"}, groups={"On call": ["ben"]})
    assert made.request().outcome.permission.approve.people == {"ben"}
    del BLOCKS["at_night.py"]


@pytest.mark.parametrize(
    ("group", "count", "options", "fate"),
    [
        (["ana"], 0, {}, Fate.APPROVED),
        (["ana"], 3, {}, Fate.PENDING),
        (["ben"], 0, {}, Fate.PENDING),
        (["ana"], 0, {"declarative": True}, Fate.PENDING),
        (["ana"], 0, {"automatic": True}, Fate.APPROVED),
    ],
)
def test_on_call(flow: Any, group: list[str], count: int, options: dict[str, bool], fate: Fate) -> None:
    made = flow(
        "on_call.py",
        vars={"on_call_group": "On call"},
        groups={"On call": group},
        event_counts={"escalate": count},
        **options,
    )
    assert made.request().outcome.fate is fate


def test_account_by_choice(flow: Any) -> None:
    accounts = {
        "111111111111": "Production",
        "222222222222": "A test account with a name far too long for an option",
    }
    made = flow(
        "account_by_choice.py", vars={"unit": "ou-1"}, accounts=accounts, units={"ou-1": list(accounts)}
    )
    assert [option.value for option in made.options("account_id")] == ["222222222222", "111111111111"]
    assert max(len(option.label) for option in made.options("account_id")) == 55
    lost = flow("account_by_choice.py", vars={"unit": "ou-2"}, accounts=accounts)
    with pytest.raises(AssertionError, match="AWSSSO:OU_NOT_FOUND"):
        lost.options("account_id")


def test_four_eyes(flow: Any) -> None:
    both = {"vars": {"group": "Team"}, "groups": {"Team": ["ana", "ben"]}}
    one = {"vars": {"group": "Team"}, "groups": {"Team": ["ana"]}}
    assert (
        flow("four_eyes.py", **one).request(ticket="soon").outcome.words.startswith("Please name the ticket")
    )
    assert flow("four_eyes.py", **one).request(ticket="OPS-17").outcome.fate is Fate.PENDING
    assert flow("four_eyes.py", **one).approve().outcome.then is Then.GO
    ignored = flow("four_eyes.py", **both).approve().outcome
    assert (ignored.then, ignored.message) == (Then.IGNORE, "Somebody outside Team has to approve this.")
    unreadable = flow("four_eyes.py", vars={"group": "Other"}).approve().outcome
    assert unreadable.message == "Other could not be read: there is no group Other"


def test_urgent(flow: Any) -> None:
    notices = flow("urgent.py").request(urgent="yes").outcome.notices
    assert [notice.destinations[0].names for notice in notices] == [
        ("#access-urgent",),
        ("ana@host.example",),
    ]
    assert "on_change_urgent" in flow("urgent.py").runner.present(flow("urgent.py").implementation)


def test_the_plug_in_is_there_wherever_gatepass_is_installed() -> None:
    assert [each.value for each in entry_points(group="pytest11", name="gatepass")] == [PLUGIN]


def test_the_test_of_the_documentation_passes(tmp_path: Path) -> None:
    for name in ("on_call.py", "test_on_call.py"):
        (tmp_path / name).write_text(BLOCKS[name])
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # ten other plug-ins cost five seconds
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", PLUGIN]
    ran = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "2 passed" in ran.stdout or "2 skipped" in ran.stdout
