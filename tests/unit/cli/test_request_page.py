"""One request and its moments, as the terminal shows them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gatepass.cli.moments import when, with_moments
from gatepass.cli.request_page import lines

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SHOWN = {
    "id": "r1",
    "state": "approved",
    "why": "",
    "target": "tenant_foo-main",
    "flow": "aws-access",
    "account_id": "333333333333",
    "organization": "tenant_foo",
    "duration": "30m",
    "extension": None,
    "requester": "ana",
    "asked_by": None,
    "reason": "a\x1b[31mred",
    "fields": {},
    "rule": "flow aws-access, rule 1",
    "approvers": "group oncall",
    "needed": 1,
    "may": ["end", "extend"],
    "session": "tenant_foo/main",
}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-03-01T12:29:10.123Z", "12:29 UTC, in 29 min"),
        ("2026-03-01T11:00:00Z", "11:00 UTC, 1 h ago"),
        ("2026-03-02T14:00:00.000Z", "2026-03-02 14:00 UTC, in 1 d 2 h"),
        ("never", "never"),
    ],
)
def test_moments_are_told_as_people_read_them(text: str, told: str) -> None:
    assert when(text, NOW) == told


def test_only_moments_of_a_row_are_told() -> None:
    (row,) = with_moments([{"at": "2020-01-01T00:00:00Z", "id": "2020-01-01", "gone": None}], "at", "gone")
    assert str(row["at"]).startswith("2020-01-01 00:00 UTC, ")
    assert (row["id"], row["gone"]) == ("2020-01-01", None)


def test_who_holds_access_is_told_how_to_use_it() -> None:
    assert any("gatepass exec tenant_foo/main" in line for line in lines(SHOWN))
    for other in ({"session": ""}, {"may": ["approve"]}):
        assert not any("gatepass exec" in line for line in lines({**SHOWN, **other}))


def test_text_of_people_reaches_the_terminal_without_control_characters() -> None:
    assert all(line.isprintable() for line in lines(SHOWN))
