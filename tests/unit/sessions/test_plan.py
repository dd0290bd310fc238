from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.sessions.arn import parse_role_arn
from gatepass.sessions.freshness import Verdict, judge, usable, window
from gatepass.sessions.learned import Learned, Lengths
from gatepass.sessions.model import IamUser, Role, Session, SsoRole, WebIdentity
from gatepass.sessions.plan import plan, role_session_name
from gatepass.testing.clock import VirtualClock

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
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
    (only,) = plan((session, role("r", "u")), {str(ARN): Lengths(4 * HOUR)})
    assert (only.lasts, "AWS has accepted" in only.why) == (4 * HOUR, True)
    (only,) = plan((session, role("r", "u", 8 * HOUR)), {str(ARN): Lengths(None, 8 * HOUR, NOW)})
    assert (only.lasts, "AWS refused 28800 s" in only.why) == (HOUR, True)
    (only,) = plan((session, role("r", "u")), {})
    assert (only.lasts, "not known" in only.why) == (HOUR, True)


@pytest.mark.parametrize(
    ("asked", "written", "said", "lasts"),
    [
        (None, 8, Lengths(), 8),
        (None, 8, Lengths(4 * HOUR), 8),
        (None, 2, Lengths(4 * HOUR), 4),
        (None, 8, Lengths(None, 8 * HOUR, NOW), 1),
        (None, 8, Lengths(2 * HOUR, 4 * HOUR, NOW), 2),
        (8, None, Lengths(4 * HOUR), 8),
        (8, None, Lengths(4 * HOUR, 6 * HOUR, NOW), 4),
        (5, None, Lengths(4 * HOUR, 6 * HOUR, NOW), 5),
        (8, 6, Lengths(), 6),
    ],
)
def test_s12_where_a_duration_comes_from(
    asked: int | None, written: int | None, said: Lengths, lasts: int
) -> None:
    """What AWS refused is not asked for again, what it accepted is a least, what was written down a most."""
    most = None if written is None else written * HOUR
    recipe = WebIdentity(role_arn=ARN, token_file="x", max_duration=most)
    session = Session("w", recipe, "w", duration=None if asked is None else asked * HOUR)
    (only,) = plan((session,), {str(ARN): said})
    assert only.lasts == lasts * HOUR
    assert only.why


def test_s12_what_was_learned_is_kept_and_a_refusal_holds_a_day(tmp_path: Path) -> None:
    clock = VirtualClock(NOW)
    learned = Learned(tmp_path / "s" / "learned.json", clock.now)
    learned.accept("a", HOUR)
    assert learned.lengths == {}
    learned.accept("a", 2 * HOUR)
    learned.refuse("a", 8 * HOUR)
    learned.refuse("a", 4 * HOUR)
    learned.accept("a", 90 * MINUTE)
    again = Learned(tmp_path / "s" / "learned.json", clock.now)
    assert again.lengths["a"] == Lengths(2 * HOUR, 4 * HOUR, NOW)
    clock.advance(24 * HOUR)
    assert again.lengths["a"] == Lengths(2 * HOUR)
    again.accept("a", 4 * HOUR)  # the maximum was raised
    assert Learned(tmp_path / "s" / "learned.json", clock.now).lengths["a"] == Lengths(4 * HOUR)
    again.refuse("a", 4 * HOUR)  # and lowered
    assert again.lengths["a"].accepted is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": 3600}', '{"a": {"accepted": "x"}}', '{"a": {"refused": 1}}']
)
def test_s12_a_damaged_or_older_file_says_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "learned.json"
    path.write_text(text)
    path.chmod(0o600)
    assert set(Learned(path, VirtualClock(NOW).now).lengths.values()) <= {Lengths()}


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
