"""Text that cannot be written or kept is refused at the door (security.md 16, 20)."""

from __future__ import annotations

import pytest

from gatepass.api.guard import BadJson, strict_json


@pytest.mark.parametrize(
    "body", [b'"\\u0000"', b'{"reason": "a\\ud800b"}', b'{"\\udfff": 1}', b'{"a": [["\\u0000"]]}']
)
def test_nul_and_halves_of_pairs_are_refused(body: bytes) -> None:
    with pytest.raises(BadJson, match="NUL"):
        strict_json(body)


def test_whole_pairs_and_other_control_characters_pass() -> None:
    assert strict_json(b'{"a": "\\ud83d\\ude00 \\n \\\\u0000"}') == {"a": "\U0001f600 \n \\u0000"}
