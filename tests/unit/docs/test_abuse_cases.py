"""Every row of the table of abuse cases is shown by tests that are there (issue 4, H3; security.md 7)."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROWS = re.findall(
    r"^\| ((?:Web|Slack|Impl) [0-9-]+) \|.*\|([^|]*)\|$",
    (ROOT / "docs" / "design" / "0801-abuse-cases.md").read_text(),
    re.M,
)


def test_no_row_is_missing() -> None:
    wanted = [*(f"Web {n}" for n in range(1, 10)), *(f"Slack {n}" for n in range(1, 9))]
    assert [row for row, _ in ROWS] == [*wanted, "Impl 1", "Impl 2-4", "Impl 5", "Impl 6", "Impl 7"]


def test_every_row_names_tests_that_are_there() -> None:
    for row, shown in ROWS:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", shown)
        assert named, row
        for file, name in named:
            assert f"def {name}(" in (ROOT / "tests" / "unit" / file).read_text(), (row, file, name)
