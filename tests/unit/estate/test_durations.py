from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.estate import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("10m", 600),
        ("1h", 3600),
        ("2d", 172800),
        ("1mo", 2592000),
        ("PT1H30M", 5400),
        ("P1D", 86400),
    ],
)
def test_both_forms_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "0m", "-1h", "1h30m", "1 h", "30", "PT", "P", "1.5h", "99999999999d", "1M", "PT0S"]
)
def test_everything_else_is_refused(text: str) -> None:
    assert parse_duration(text) is None


@given(st.integers(1, 3660 * 86400).map(lambda seconds: timedelta(seconds=seconds)))
def test_what_is_written_is_read_back(length: timedelta) -> None:
    assert parse_duration(format_duration(length)) == length
