"""H1: each testable rule of the specification of teams has a test that cites its number; every id has one.

A rule is cited as T-31 (or H-2) in a docstring, or as t31 in a test's name.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
SOURCE = Path(__file__).parents[3] / "src" / "gatepass"
ERRORS = """
    attribute-missing type-mismatch null-list duplicate-team duplicate-policy unknown-account
    unknown-policy-key malformed-arn session-out-of-range role-name-invalid role-name-too-long
    role-name-collision label-invalid import-cycle import-refused template-unsupported
    yaml-duplicate-key github-entry-invalid github-org-missing oidc-without-provider partition-mismatch
    trust-too-long lockout
"""
LINTS = """
    star-team deny-exempted unknown-team unknown-permission-set derived-set-collision
    set-prefix-ambiguous set-name-too-long trusted-and-denied deny-bypass team-cannot-leave
    team-enabled-ignored arn-template-mismatch saml-without-provider foreign-account user-trusted
    assumed-role-arn wildcard-account cross-partition-arn github-wildcard-org admin-from-many
    chained-long-session trust-near-limit list-override-drops self-lock
"""
_CITED = re.compile(r"\b([TH]-\d+)\b")


def _tests() -> str:
    files = (path for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(files))


def _in_names(text: str) -> set[str]:
    names = re.findall(r"def test_((?:[a-z]\d+_)+)", text)
    return {f"T-{number}" for name in names for number in re.findall(r"t(\d+)_", name)}


def test_every_rule_is_cited() -> None:
    text = _tests()
    cited = {*_CITED.findall(text), *_in_names(text)}
    rules = {f"T-{number}" for number in range(1, 99)} | {f"H-{number}" for number in range(1, 8)}
    assert sorted(rules - cited) == []


@pytest.mark.parametrize("identifier", [*ERRORS.split(), *LINTS.split()])
def test_every_id_of_section_15_is_given_and_tested(identifier: str) -> None:
    assert identifier in _tests()
    given = (path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    assert any(f'"{identifier}"' in text for text in given)
