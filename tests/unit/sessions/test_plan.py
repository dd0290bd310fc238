from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.sessions.arn import parse_role_arn
from gatepass.sessions.freshness import Verdict, judge, usable, window
from gatepass.sessions.model import IamUser, Role, Session, SsoRole
from gatepass.sessions.plan import plan, role_session_name

HOUR = timedelta(hours=1)
ARN = parse_role_arn("arn:aws:iam::222222222222:role/developer")
MFA = "arn:aws:iam::111111111111:mfa/dana"


def user(**more: object) -> Session:
    return Session("u", IamUser(mfa_serial=MFA, **more), "u")  # type: ignore[arg-type]


def role(name: str, via: str, duration: timedelta | None = None) -> Session:
    return Session(name, Role(role_arn=ARN, via=via), name, duration=duration)


def test_s13_plan_b_one_code_for_the_session_token() -> None:
    first, second = plan((user(), role("r", "u")), {})
    assert (first.call, first.lasts, first.mfa_serial) == ("sts:GetSessionToken", timedelta(hours=12), MFA)
    assert (second.call, second.lasts, second.mfa_serial) == ("sts:AssumeRole", HOUR, None)


def test_s13_plan_a_when_more_than_an_hour_was_asked() -> None:
    (only,) = plan((user(), role("r", "u", timedelta(hours=8))), {})
    assert (only.call, only.lasts, only.mfa_serial, only.from_keys) == (
        "sts:AssumeRole",
        timedelta(hours=8),
        MFA,
        "u",
    )


def test_s13_two_roles_are_always_plan_b_and_capped() -> None:
    steps = plan((user(), role("r", "u", timedelta(hours=8)), role("q", "r", timedelta(hours=8))), {})
    assert [s.call for s in steps] == ["sts:GetSessionToken", "sts:AssumeRole", "sts:AssumeRole"]
    assert all(s.lasts == HOUR for s in steps[1:])


def test_s12_auto_takes_what_was_learned_when_straight_from_keys() -> None:
    session = user(session_token=False)
    (only,) = plan((session, role("r", "u")), {str(ARN): timedelta(hours=4)})
    assert only.lasts == timedelta(hours=4)
    (only,) = plan((session, role("r", "u", timedelta(hours=8))), {str(ARN): HOUR})
    assert only.lasts == HOUR


def test_s12_a_role_after_sso_is_chained() -> None:
    sso = Session("s", SsoRole(integration="i", account_id="1" * 12, role_name="r"), "s")
    steps = plan((sso, role("r", "s", timedelta(hours=8))), {})
    assert [s.lasts for s in steps] == [None, HOUR]


@given(st.lists(st.none() | st.integers(900, 43200), min_size=1, max_size=6))
def test_s12_no_chained_hop_ever_asks_for_more_than_an_hour(durations: list[int | None]) -> None:
    names = ["u"] + [f"r{i}" for i in range(len(durations))]
    chain = [user()] + [
        role(names[i + 1], names[i], None if d is None else timedelta(seconds=d))
        for i, d in enumerate(durations)
    ]
    steps = plan(tuple(chain), {})
    chained = [s for s in steps if s.call == "sts:AssumeRole" and s.from_keys is None]
    assert all(s.lasts is not None and s.lasts <= HOUR for s in chained)
    assert sum(s.mfa_serial is not None for s in steps) == 1


@given(st.text(max_size=100))
def test_s14_session_names_are_what_sts_takes(identity: str) -> None:
    import re

    assert re.fullmatch(r"[\w+=,.@-]{2,64}", role_session_name(identity), re.ASCII)


def test_s14_the_identity_stays_readable() -> None:
    assert role_session_name("Dana Ruiz <dana@example.com>") == "Dana-Ruiz--dana@example.com"


@pytest.mark.parametrize(
    ("left", "lifetime", "verdict"),
    [
        (20.1, 60, Verdict.SERVE),
        (20, 60, Verdict.SERVE_AND_REFRESH),
        (5.1, 60, Verdict.SERVE_AND_REFRESH),
        (5, 60, Verdict.WAIT),
        (0, 60, Verdict.MINT),
        (-1, 60, Verdict.MINT),
        (6, 15, Verdict.SERVE),
        (5, 15, Verdict.WAIT),
        (21, 720, Verdict.SERVE),
    ],
)
def test_s19_to_s21_verdicts(left: float, lifetime: float, verdict: Verdict) -> None:
    assert judge(timedelta(minutes=left), timedelta(minutes=lifetime)) is verdict


def test_s21_old_sets_are_served_down_to_30_seconds() -> None:
    assert usable(timedelta(seconds=31))
    assert not usable(timedelta(seconds=30))


@given(st.integers(1, 12 * 3600))
def test_s22_what_is_served_without_refresh_has_16_minutes_when_it_lasts_an_hour(left: int) -> None:
    """botocore starts the process for every request below 15 min: above the window there are 20."""
    lifetime = timedelta(hours=12)
    if judge(timedelta(seconds=left), lifetime) is Verdict.SERVE:
        assert timedelta(seconds=left) >= timedelta(minutes=16)
    assert window(timedelta(seconds=90)) == timedelta(seconds=60)
