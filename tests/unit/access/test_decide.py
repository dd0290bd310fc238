"""Who may ask, decide, end and extend: tables of verdicts, and the properties I4, I7, I8, I9, I11."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.access.decide import (
    Reason,
    Refused,
    approved,
    count,
    end,
    extended,
    fits,
    judge,
    may_cancel,
    may_decide,
    may_end,
    may_extend,
    may_see,
    reached,
    require,
)
from gatepass.access.facts import membership
from gatepass.access.requests import (
    Answer,
    Claim,
    Decision,
    Grant,
    Request,
    Terms,
    terms_from_json,
    terms_to_json,
)
from gatepass.access.states import (
    GRANT_STEPS,
    REQUEST_STEPS,
    GrantState,
    RequestState,
    check_step,
)
from gatepass.errors import Bug
from gatepass.estate.model import Person, Who

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FACT = membership("d-1234567890", "g-1", "u-1")


def person(name: str, *groups: str, role: str = "member", active: bool = True) -> Person:
    email = f"{name}@host.example"
    return Person(name, email, frozenset({email}), name, role, frozenset(groups), active=active)  # type: ignore[arg-type]


ANA, BEN, CLEO, DAN = (
    person("ana", "engineers"),
    person("ben", "oncall"),
    person("cleo", role="admin"),
    person("dan", "engineers"),
)
TERMS = Terms(
    "flow aws-access, rule 1",
    Who(groups=frozenset({"oncall"}), people=frozenset({"ana"})),
    max_duration=4 * HOUR,
)
REQUEST = Request(
    id="r1",
    flow="aws-access",
    estate_version=1,
    requester="ana",
    source="cli",
    asked_at=NOW,
    terms=TERMS,
    organization="tenant_foo",
    target="tenant_foo-admin",
    duration=HOUR,
    reason="deploy",
    state=RequestState.PENDING,
    claims=(Claim(FACT),),
)
GRANT = Grant(
    "g1",
    "r1",
    "ana",
    "tenant_foo",
    FACT,
    HOUR,
    NOW,
    NOW + HOUR,
    GrantState.ACTIVE,
    starts_at=NOW,
    ends_at=NOW + HOUR,
)


def approval(by: str, request: Request = REQUEST, **changes: object) -> Decision:
    made = Decision(f"d-{by}", request.id, request.round, request.content_hash, Answer.APPROVE, by, NOW)
    return replace(made, **changes)  # type: ignore[arg-type]


def verdict(who: Person, request: Request = REQUEST, **more: object) -> Reason | None:
    return judge(request, who, request.content_hash, (), **more).reason  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("who", "request_", "reason"),
    [
        (BEN, REQUEST, None),
        (ANA, REQUEST, Reason.IS_REQUESTER),
        (ANA, replace(REQUEST, terms=replace(TERMS, allow_self=True)), None),
        (DAN, REQUEST, Reason.NOT_AN_APPROVER),
        (CLEO, REQUEST, Reason.NOT_AN_APPROVER),
        (CLEO, replace(REQUEST, terms=replace(TERMS, approvers=Who(roles=frozenset({"admin"})))), None),
        (replace(BEN, active=False), REQUEST, Reason.NOT_ACTIVE),
        (BEN, replace(REQUEST, asked_by="ben"), Reason.IS_REQUESTER),
        (BEN, replace(REQUEST, state=RequestState.APPROVED), Reason.NOT_OPEN),
        (BEN, replace(REQUEST, state=RequestState.EXPIRED), Reason.NOT_OPEN),
        (BEN, replace(REQUEST, state=RequestState.APPROVED, extension=HOUR, round=2), None),
    ],
)
def test_who_may_answer(who: Person, request_: Request, reason: Reason | None) -> None:
    assert verdict(who, request_) is reason


def test_an_answer_to_what_was_shown_before_a_change_is_refused_I4() -> None:
    shown = REQUEST.content_hash
    changed = replace(REQUEST, duration=2 * HOUR)
    assert judge(changed, BEN, shown, ()).reason is Reason.CHANGED


def test_the_second_answer_of_a_person_is_refused_and_the_late_one_is_told_who_decided_I9() -> None:
    assert judge(REQUEST, BEN, REQUEST.content_hash, (approval("ben"),)).reason is Reason.ANSWERED
    late = judge(replace(REQUEST, state=RequestState.DENIED), BEN, REQUEST.content_hash, (approval("eva"),))
    assert "decided by eva" in late.words


@given(st.sampled_from([f.name for f in fields(Request)]))
def test_a_change_of_anything_an_approver_was_shown_changes_the_hash_I4(name: str) -> None:
    other: dict[str, object] = {
        "id": "r2",
        "flow": "other",
        "estate_version": 2,
        "requester": "dan",
        "organization": "tenant_bar",
        "target": "other",
        "account_id": "333333333333",
        "duration": 2 * HOUR,
        "reason": "other",
        "values": {"ticket": "A-1"},
        "round": 2,
        "extension": HOUR,
        "terms": replace(TERMS, needed=2),
        "claims": (Claim(membership("d-1234567890", "g-1", "u-2")),),
    }
    same = {
        "source",
        "asked_at",
        "state",
        "why",
        "expires_at",
        "decided_at",
        "asked_by",
        "context",
        "notices",
        "version",
    }
    assert set(other) | same == {f.name for f in fields(Request)}, (
        "say of a new field whether approvers are shown it"
    )
    if name in other:
        assert replace(REQUEST, **{name: other[name]}).content_hash != REQUEST.content_hash  # type: ignore[arg-type]


PEOPLE = {
    p.id: p for p in (ANA, BEN, CLEO, DAN, person("eva", "oncall"), person("fay", "oncall", active=False))
}


@given(st.lists(st.sampled_from(sorted(PEOPLE)), max_size=8), st.integers(1, 3), st.booleans())
def test_the_quorum_counts_distinct_people_still_entitled_and_never_the_requester_I7_I8(
    names: list[str], needed: int, stale: bool
) -> None:
    request = replace(REQUEST, terms=replace(TERMS, needed=needed))
    hashed = "stale" if stale else request.content_hash
    decisions = tuple(approval(n, request, content_hash=hashed) for n in names)
    counted = count(request, decisions, PEOPLE.get)
    assert set(counted) == (set() if stale else set(names) & {"ben", "eva"})
    assert reached(request, counted) == (len(counted) >= needed)
    assert "ana" not in counted


def test_somebody_who_lost_the_entitlement_counts_no_more_I8() -> None:
    decisions = (approval("ben"),)
    assert count(REQUEST, decisions, {"ben": person("ben")}.get) == ()
    assert count(REQUEST, decisions, {}.get) == ()


@given(
    st.timedeltas(min_value=-HOUR, max_value=10 * HOUR),
    st.timedeltas(min_value=timedelta(1), max_value=timedelta(2)),
)
def test_a_length_is_positive_and_capped_I11(length: timedelta, cap: timedelta) -> None:
    assert fits(length, cap).allowed == (timedelta(0) < length <= cap)
    assert fits(None, cap).reason is Reason.BAD_DURATION
    assert fits(length, None).reason is Reason.BAD_DURATION


@given(
    st.timedeltas(min_value=timedelta(0), max_value=9 * HOUR),
    st.timedeltas(min_value=timedelta(seconds=1), max_value=9 * HOUR),
    st.timedeltas(min_value=timedelta(0), max_value=HOUR),
)
def test_an_extension_never_brings_the_end_forward_nor_past_the_cap_from_now_I11(
    by: timedelta, cap: timedelta, passed: timedelta
) -> None:
    now = NOW + passed
    longer = extended(GRANT, by, cap, now)
    assert longer.ends_at is not None
    assert GRANT.ends_at is not None
    assert GRANT.ends_at <= longer.ends_at <= max(GRANT.ends_at, now + cap)


def test_an_approver_may_only_shorten() -> None:
    assert verdict(BEN, duration=HOUR / 2) is None
    assert verdict(BEN, duration=2 * HOUR) is Reason.TOO_LONG
    assert verdict(BEN, duration=timedelta(0)) is Reason.TOO_LONG
    done = approved(REQUEST, (approval("ben", duration=HOUR / 2), approval("eva")), NOW)
    assert (done.state, done.duration) == (RequestState.APPROVED, HOUR / 2)


@pytest.mark.parametrize(
    ("who", "allow_revoke", "allowed"),
    [
        (ANA, True, True),
        (BEN, True, True),
        (CLEO, True, True),
        (DAN, True, False),
        (ANA, False, False),
        (CLEO, False, True),
    ],
)
def test_who_may_end_early(who: Person, allow_revoke: bool, allowed: bool) -> None:
    request = replace(REQUEST, state=RequestState.APPROVED, terms=replace(TERMS, allow_revoke=allow_revoke))
    assert may_end(request, (GRANT,), who).allowed is allowed


def test_there_is_nothing_to_end_or_extend_when_nothing_is_live() -> None:
    over = replace(GRANT, state=GrantState.ENDED)
    assert may_end(REQUEST, (over,), ANA).reason is Reason.NOTHING_LIVE
    assert may_extend(REQUEST, (GRANT,), ANA, HOUR, NOW + HOUR).reason is Reason.NOTHING_LIVE
    assert may_extend(REQUEST, (GRANT,), ANA, HOUR, NOW).allowed
    assert may_extend(REQUEST, (GRANT,), BEN, HOUR, NOW).reason is Reason.NOT_ALLOWED
    assert may_extend(REQUEST, (GRANT,), ANA, 5 * HOUR, NOW).reason is Reason.TOO_LONG
    assert may_extend(replace(REQUEST, extension=HOUR), (GRANT,), ANA, HOUR, NOW).reason is Reason.ANSWERED


def test_cancel_and_see() -> None:
    assert may_cancel(REQUEST, ANA).allowed
    assert may_cancel(REQUEST, DAN).reason is Reason.NOT_ALLOWED
    assert may_cancel(replace(REQUEST, state=RequestState.APPROVED), ANA).reason is Reason.NOT_OPEN
    assert [may_see(REQUEST, who) for who in (ANA, BEN, CLEO, DAN)] == [True, True, True, False]
    with pytest.raises(Refused, match="requester or an admin"):
        require(may_cancel(REQUEST, DAN))
    assert may_decide(REQUEST, BEN).allowed


def test_what_has_not_begun_ends_at_once_and_what_has_is_taken_back() -> None:
    assert (
        end(replace(GRANT, state=GrantState.WAITING), why="leaver", by=None, now=NOW).state
        is GrantState.ENDED
    )
    assert end(GRANT, why="requester", by="ana", now=NOW).state is GrantState.ENDING


def test_terms_survive_json() -> None:
    terms = replace(
        TERMS, accepted_lateness=HOUR, approvers=Who(frozenset({"a"}), frozenset({"b"}), frozenset({"admin"}))
    )
    assert terms_from_json(terms_to_json(terms)) == terms


def test_the_tables_refuse_what_they_do_not_hold() -> None:
    check_step(RequestState.PENDING, RequestState.APPROVED)
    with pytest.raises(Bug, match="a request cannot go from denied to approved"):
        check_step(RequestState.DENIED, RequestState.APPROVED)
    with pytest.raises(Bug, match="a grant cannot go from ended to active"):
        check_step(GrantState.ENDED, GrantState.ACTIVE)
    finals = {
        RequestState.ENDED,
        RequestState.DENIED,
        RequestState.CANCELLED,
        RequestState.EXPIRED,
        RequestState.FAILED,
    }
    assert not [step for step in REQUEST_STEPS if step[0] in finals]
    assert not [s for s in GRANT_STEPS if s[0] in (GrantState.ENDED, GrantState.FAILED, GrantState.COVERED)]
