"""Security.md rule 35: a literal that looks like a key is found wherever it stands, and looking costs little."""

from __future__ import annotations

import pytest
from tests.waiting import busy

from gatepass.estate.reading.secrets import looks_like, redact

KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize("text", [KEY, f"AWS_SECRET_ACCESS_KEY={KEY}", f"key: {KEY}.", f'"{KEY}"'])
def test_an_aws_secret_key_is_found_in_what_it_is_written_into(text: str) -> None:
    assert looks_like(text)
    assert KEY not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:iam::111111111111:role/Admin",
        "a" * 40,
        "/very/long/path/of/lower/case/letters/only/x",
        "0" * 64,
    ],
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert not looks_like(text)


@pytest.mark.parametrize("piece", ["59:", "eyJ", "xoxb-", "gho_", "-----BEGIN ", "Aa1", "AKIA", "Aa1="])
def test_a_long_text_is_looked_through_in_one_go(piece: str) -> None:
    """A megabyte of `59:59:...` once took an hour: each of its places was looked at to the end of the text."""
    assert busy(lambda: looks_like(piece * (200_000 // len(piece)))) < 5
