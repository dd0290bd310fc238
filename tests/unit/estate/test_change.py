"""I18: what a new version takes away is named, and what still needs the old one is found."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gatepass.estate import Estate, load, read_sources
from gatepass.estate.change import Held, buried, changes, orphans

SOURCES = read_sources(Path(__file__).parents[3] / "examples" / "multi-organization")
TEXT = SOURCES["estate.yaml"]
OLD = load(SOURCES)
UNIT = "accounts: {unit: ou-abcd-11111111}"

FOO = Held("g1", "ana", "aws-access", "tenant_foo", "tenant_foo-main", "333333333333")
ADMIN = Held("g2", "ana", "aws-access", "tenant_bar", "tenant_bar-admin", "888888888888")
READ = Held("g3", "ana", "aws-access", "tenant_bar", "tenant_bar-read-only", "777777777777")
GROUP = Held("g4", "ana", "aws-access", "tenant_bar", "tenant_bar-responders")
CHOICE = Held("g5", "ana", "account-by-choice", "tenant_bar", "tenant_bar-read-only-anywhere", "777777777777")
ALL = (FOO, ADMIN, READ, GROUP, CHOICE)


def _changed(*replacements: tuple[str, str]) -> Estate:
    text = TEXT
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return load({**SOURCES, "estate.yaml": text})


def _without(start: str, end: str) -> Estate:
    return load({**SOURCES, "estate.yaml": TEXT[: TEXT.index(start)] + TEXT[TEXT.index(end) :]})


def test_nothing_changed() -> None:
    assert changes(OLD, load(SOURCES)) == ()
    assert orphans(OLD, OLD, ALL) == ()
    assert buried(OLD, OLD) == ()


CASES: dict[str, tuple[Callable[[], Estate], dict[str, str]]] = {
    "an organization is taken away": (
        lambda: _without("  tenant_foo:", "  tenant_bar:"),
        {"g1": "organization tenant_foo is taken away"},
    ),
    "an organization is renamed": (
        lambda: _changed(("  tenant_foo:", "  tenant_new:")),
        {"g1": "organization tenant_foo is taken away"},
    ),
    "an organization gets another instance": (
        lambda: _changed(("ssoins-7223000000000000", "ssoins-7223000000000009")),
        {"g1": "gets another instance"},
    ),
    "a connector gets another role": (
        lambda: _changed(("role/gatepass/Connector", "role/gatepass/Other")),
        {},
    ),
    "a target is taken away": (
        lambda: _changed(("      responders: {group: Incident Responders}\n", "")),
        {"g4": "target tenant_bar-responders is taken away"},
    ),
    "a target is renamed": (
        lambda: _changed(("      responders: {", "      helpers: {")),
        {"g4": "target tenant_bar-responders is taken away"},
    ),
    "a target gives another permission set": (
        lambda: _changed(("{permission_set: Admin", "{permission_set: Owner")),
        {"g2": "gives something else"},
    ),
    "a target lies in another account": (
        lambda: _changed(('"888888888888"', '"888888888889"')),
        {"g2": "account 888888888888 is no longer among"},
    ),
    "a target gets more accounts": (
        lambda: _changed(('account: "888888888888"', 'accounts: ["888888888888", "888888888889"]')),
        {},
    ),
    "a target gets more units": (
        lambda: _changed((UNIT, "accounts: {units: [ou-abcd-11111111, ou-abcd-22222222]}")),
        {},
    ),
    "a target gets another unit": (
        lambda: _changed((UNIT, "accounts: {unit: ou-abcd-22222222}")),
        {"g3": "account 777777777777 is no longer among"},
    ),
    "a target gets named accounts": (
        lambda: _changed((UNIT, 'accounts: ["777777777777", "777777777778"]')),
        {},
    ),
    "a flow is taken away": (
        lambda: _without("  account-by-choice:", "  freeze-exception:"),
        {"g5": "target tenant_bar-read-only-anywhere is taken away"},
    ),
    "a flow is renamed": (
        lambda: _changed(("  aws-access:", "  access:")),
        dict.fromkeys(("g1", "g2", "g3", "g4"), "flow aws-access is taken away"),
    ),
    "a flow reaches fewer organizations": (
        lambda: _changed(("organizations: all  ", "organizations: [tenant_bar]  ")),
        {"g1": "flow aws-access no longer offers target tenant_foo-main"},
    ),
    "rules and lengths change": (
        lambda: _changed(("needed: 2", "needed: 1"), ("max_duration: 1h", "max_duration: 30m")),
        {},
    ),
    "a person leaves": (
        lambda: _changed(("  ana:  {email: ana@host.example, groups: [engineers]}\n", "")),
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_i18_what_live_grants_need_is_found(name: str) -> None:
    make, expected = CASES[name]
    found = {orphan.held.grant: orphan.why for orphan in orphans(OLD, make(), ALL)}
    assert found.keys() == expected.keys()
    assert all(words in found[grant] for grant, words in expected.items())


def test_i18_the_connector_of_a_lost_organization_is_kept() -> None:
    assert buried(OLD, _without("  tenant_foo:", "  tenant_bar:")) == (OLD.organizations["tenant_foo"],)
    moved = _changed(("ssoins-7223000000000000", "ssoins-7223000000000009"))
    assert buried(OLD, moved) == (OLD.organizations["tenant_foo"],)
    assert buried(OLD, _changed(("role/gatepass/Connector", "role/gatepass/Other"))) == ()


def test_changes_are_said_in_words() -> None:
    new = _changed(
        ("needed: 2", "needed: 1"), ("      responders: {", "      helpers: {"), ("  dan: ", "  fay: ")
    )
    said = [str(change) for change in changes(OLD, new)]
    assert "~ flow aws-access\n" in "".join(f"{each}\n" for each in said)
    assert any("decide.rules[1].approve.needed: 2 -> 1" in each for each in said)
    assert "~ target tenant_bar-responders is now called tenant_bar-helpers" in said
    assert "- person dan" in said
    assert "+ person fay" in said


def test_code_that_changes_is_a_change_without_its_text() -> None:
    path = "impls/account_by_choice.py"
    new = load({**SOURCES, path: SOURCES[path] + "\nSECRET_PLAN = 1\n"})
    (change,) = changes(OLD, new)
    assert change.name == "account-by-choice"
    assert change.details[0].startswith("implementation.sha256: ")
    assert "SECRET_PLAN" not in str(change)
