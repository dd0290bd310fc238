from dataclasses import replace
from datetime import timedelta

import pytest

from gatepass.estate import (
    Accounts,
    Approval,
    Connector,
    Decide,
    Estate,
    Field,
    Flow,
    Organization,
    Person,
    Rule,
    Target,
    Who,
    check_fields,
)

HOUR = timedelta(hours=1)
ANA = Person(
    "ana", "Ana@host.example", frozenset({"ana@host.example"}), "Ana", groups=frozenset({"engineers"})
)
BEN = replace(
    ANA,
    id="ben",
    email="b@host.example",
    emails=frozenset({"b@host.example"}),
    groups=frozenset({"engineers", "oncall"}),
)
CLEO = replace(ANA, id="cleo", email="c@host.example", emails=frozenset({"c@host.example"}), role="admin")
FOO = Organization(
    "foo",
    "Foo",
    Connector("arn:aws:sso:::instance/ssoins-1", "us-east-1", "arn:aws:iam::111111111111:role/R"),
    "111111111111",
    max_duration=8 * HOUR,
)
READ = Target(
    "foo-read",
    "read",
    "Read",
    "aws_sso_permission_set",
    "foo",
    {"permission_set_name": "R"},
    ("account_id",),
    Accounts(ids=frozenset({"333333333333"})),
)
ADMIN = Target(
    "foo-admin",
    "admin",
    "Admin",
    "aws_sso_permission_set",
    "foo",
    {"permission_set_name": "A", "account_id": "333333333333"},
    max_duration=2 * HOUR,
)
ONCALL = Who(groups=frozenset({"oncall"}))
RULES = (
    Rule(targets=frozenset({"read"}), ask=ONCALL, automatic=True),
    Rule(targets=frozenset({"admin"}), approve=Approval(ONCALL, 2), max_duration=HOUR),
    Rule(approve=Approval(ONCALL)),
)
LENGTHS = Field("duration", "duration", "How long?", allowed_values=(HOUR, 4 * HOUR))
FLOW = Flow(
    "access",
    "Access",
    ("foo",),
    ("foo-read", "foo-admin"),
    (LENGTHS,),
    Decide(Who(groups=frozenset({"engineers"})), RULES),
)
ESTATE = Estate(
    people={"ana": ANA, "ben": BEN, "cleo": CLEO},
    organizations={"foo": FOO},
    integrations={},
    targets={"foo-read": READ, "foo-admin": ADMIN},
    strategies={},
    environments={},
    flows={"access": FLOW},
)


@pytest.mark.parametrize(
    ("person", "target", "index"), [(ANA, READ, 2), (BEN, READ, 0), (ANA, ADMIN, 1), (BEN, ADMIN, 1)]
)
def test_the_first_rule_that_matches_wins_whole(person: Person, target: Target, index: int) -> None:
    assert ESTATE.rule_for(FLOW, target, person) is RULES[index]


def test_who_may_not_ask_gets_no_rule() -> None:
    outsider = replace(ANA, groups=frozenset())
    assert ESTATE.rule_for(FLOW, READ, outsider) is None
    assert ESTATE.flows_for(outsider) == ()


def test_guests_never_ask() -> None:
    """spec/sym.md 3.3: whatever group a guest is in."""
    assert ESTATE.rule_for(FLOW, READ, replace(ANA, role="guest")) is None


def test_i13_somebody_inactive_belongs_to_nothing() -> None:
    assert ESTATE.rule_for(FLOW, READ, replace(ANA, active=False)) is None


def test_i11_the_cap_is_the_smallest_limit() -> None:
    caps = {offer.target.name: offer.cap for offer in ESTATE.offers(FLOW, ANA) if offer.target}
    assert caps == {"foo-read": 4 * HOUR, "foo-admin": HOUR}


def test_a_flow_closed_to_a_source_is_not_offered_there() -> None:
    closed = replace(ESTATE, flows={"access": replace(FLOW, allowed_sources=frozenset({"slack"}))})
    assert [flow.name for flow in closed.flows_for(ANA, "slack")] == ["access"]
    assert closed.flows_for(ANA, "api") == ()


def test_without_a_block_admins_decide() -> None:
    """spec/sym.md 3.3: no permission reducer, no block: admin only."""
    flow = Flow("ask", "Ask", (), (), ())
    rule = ESTATE.rule_for(flow, None, ANA)
    assert rule is not None
    assert rule.approvers.includes(CLEO)
    assert not rule.approvers.includes(BEN)
    assert ESTATE.rule_for(flow, None, replace(ANA, role="guest")) is None
    assert [offer.cap for offer in ESTATE.offers(flow, ANA)] == [None]


def test_the_form_asks_for_the_account_only_where_there_is_a_choice() -> None:
    assert [field.name for field in ESTATE.form(FLOW, ADMIN)] == ["duration"]
    account, *_ = ESTATE.form(FLOW, READ)
    assert (account.name, account.allowed_values, account.prefetch) == (
        "account_id",
        ("333333333333",),
        False,
    )
    by_unit = replace(READ, accounts=Accounts(units=frozenset({"ou-abcd-11111111"})))
    assert ESTATE.form(FLOW, by_unit)[0].prefetch


def test_i12_a_bound_permission_set_is_one_of_the_organizations_instance() -> None:
    target = replace(
        READ, settings={}, field_bindings=("permission_set_arn", "account_id"), accounts=Accounts(all=True)
    )
    form = ESTATE.form(FLOW, target)
    assert [field.name for field in form] == ["permission_set_arn", "account_id", "duration"]
    given = {"account_id": "333333333333", "duration": "1h"}
    offered = {"account_id": ["333333333333"]}
    own = "arn:aws:sso:::permissionSet/ssoins-1/ps-0000000000000001"
    assert check_fields(form, given | {"permission_set_arn": own}, offered).ok
    foreign = check_fields(form, given | {"permission_set_arn": own.replace("ssoins-1", "ssoins-2")}, offered)
    assert [fault.field for fault in foreign.faults] == ["permission_set_arn"]


def test_people_are_found_by_a_stored_identity() -> None:
    known = replace(ANA, identities={"slack": {"T1": "U1"}})
    estate = replace(ESTATE, people={"ana": known})
    assert estate.person_by_identity("slack", "T1", "U1") is known
    assert estate.person_by_identity("slack", "T2", "U1") is None
    assert known.identity("slack", "T1") == "U1"


def test_people_are_found_whatever_the_case_of_an_address() -> None:
    assert ESTATE.person_by_email(" ANA@HOST.example ") is ANA
    assert ESTATE.person_by_email("nobody@host.example") is None


def test_the_digest_is_of_the_content() -> None:
    assert ESTATE.digest == replace(ESTATE).digest
    assert ESTATE.digest != replace(ESTATE, organizations={"foo": replace(FOO, max_duration=HOUR)}).digest
    assert FLOW.digest != replace(FLOW, label="Other").digest
