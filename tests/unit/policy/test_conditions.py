"""Every condition operator on values that do, do not and cannot compare (T-42, T-43; AWS, condition operators)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gatepass.policy import Kind, Request, Ruling, Value, evaluate, parse, role_session, service, user

JOHN = user(
    "arn:aws:iam::111111111111:user/team/john", unique_id="AIDAEXAMPLE000000001", tags={"Team": "red"}
)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def holds(operator: str, wanted: Any, *found: str, key: str = "x:key") -> bool:
    """Whether the condition holds when the key has these values; none: the key is missing."""
    context: dict[str, Value] = {key: found} if found else {}
    return _holds({operator: {key: wanted}}, context)


def _holds(
    condition: dict[str, Any],
    context: dict[str, Value] | None = None,
    caller: Any = JOHN,
    version: str = "2012-10-17",
    now: datetime | None = None,
) -> bool:
    body = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    policy = parse({"Version": version, "Statement": body}, Kind.IDENTITY)
    request = Request(caller, "s3:GetObject", "arn:aws:s3:::bucket/key", context or {}, now)
    return evaluate(policy, request).ruling is Ruling.ALLOWED


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "expected"),
    [
        ("StringEquals", "abc", "abc", True),
        ("StringEquals", "abc", "ABC", False),
        ("StringEquals", "a*", "abc", False),
        ("StringEquals", ["x", "abc"], "abc", True),
        ("StringNotEquals", ["x", "abc"], "abc", False),
        ("StringNotEquals", ["x", "y"], "abc", True),
        ("StringEqualsIgnoreCase", "ABC", "abc", True),
        ("StringNotEqualsIgnoreCase", "ABC", "abc", False),
        ("StringLike", "a?c*", "abcdef", True),
        ("StringLike", "a?c", "ac", False),
        ("StringLike", "*", "", True),
        ("StringNotLike", "a*", "abc", False),
        ("stringlike", "a*", "abc", True),
        ("NumericEquals", 10, "10.0", True),
        ("NumericNotEquals", "10", "11", True),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", "10", "11", True),
        ("NumericGreaterThanEquals", "10", "9.99", False),
        ("NumericLessThan", "10", "nine", False),
        ("DateEquals", "2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00", True),
        ("DateNotEquals", "2026-01-31T12:00:00Z", "2026-01-31T12:00:01Z", True),
        ("DateLessThan", "2026-02-01", "2026-01-31T23:59:59Z", True),
        ("DateLessThanEquals", "2026-02-01", "2026-02-01T00:00:00Z", True),
        ("DateGreaterThan", "1769860800", "2026-01-31T12:00:01Z", True),
        ("DateGreaterThanEquals", "2026-01-31T12:00:00Z", "1769860800", True),
        ("DateLessThan", "2026-02-01", "yesterday", False),
        ("Bool", "true", "True", True),
        ("Bool", True, "true", True),
        ("Bool", "false", "true", False),
        ("Bool", "true", "1", False),
        ("BinaryEquals", "QUJD", "QUJD", True),
        ("BinaryEquals", "QUJD", "QUJE", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.9", True),
        ("IpAddress", "203.0.113.7", "203.0.113.9", False),
        ("IpAddress", ["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", True),
        ("IpAddress", "10.0.0.0/8", "no address", False),
        ("NotIpAddress", "203.0.113.0/24", "203.0.113.9", False),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", True),
        ("ArnLike", "arn:aws:iam::*:role/ops-*", "arn:aws:iam::1:role/ops-x/y", True),
        ("ArnEquals", "arn:aws:iam::*:role/ops-*", "arn:aws:iam::1:role/ops-x/y", True),
        ("ArnLike", "arn:*", "arn:aws:iam::1:role/x", False),
        ("ArnLike", "arn:aws:*:role/x", "arn:aws:iam::1:role/x", False),
        ("ArnLike", "arn:aws:sns:*:*:a:b", "arn:aws:sns:eu-west-1:1:a:b", True),
        ("ArnLike", "arn:aws:iam::1:role/X", "arn:aws:iam::1:role/x", False),
        ("ArnLike", "arn:aws:iam::1:role/x", "x", False),
        ("ArnLike", "*:*:*:*:*:*", "a:b:c:d:e:f", False),
        ("ArnLike", "*:*:*:*:*:*", "arn:b:c:d:e:f", True),
        ("ArnNotEquals", "arn:aws:iam::1:role/x", "arn:aws:iam::1:role/y", True),
        ("ArnNotLike", "arn:aws:iam::1:role/*", "arn:aws:iam::1:role/y", False),
    ],
)
def test_one_value_against_one_key(operator: str, wanted: Any, found: str, expected: bool) -> None:
    """T-26, T-42."""
    assert holds(operator, wanted, found) is expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringEqualsIfExists", True),
        ("StringNotEqualsIfExists", True),
        ("ArnNotEquals", True),
        ("ArnLike", False),
        ("NotIpAddress", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAllValues:StringNotEquals", True),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ],
)
def test_a_missing_key(operator: str, expected: bool) -> None:
    """T-43."""
    wanted = {"A": "arn:aws:iam::1:role/x", "N": "10.0.0.0/8"}.get(operator[0], "x")
    assert holds(operator, wanted) is expected


def test_null_tests_presence() -> None:
    """T-43."""
    assert holds("Null", "true")
    assert not holds("Null", "false")
    assert holds("Null", "false", "anything")
    assert not holds("Null", "true", "anything")


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "expected"),
    [
        ("ForAnyValue:StringEquals", ["a", "b"], ["b", "z"], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["y", "z"], False),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
        ("ForAllValues:StringLike", ["a*", "b"], ["a1", "b", "c"], False),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ["a", "z"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ["a", "b"], False),
        ("ForAllValues:StringNotEquals", ["a", "b"], ["y", "z"], True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ["a", "z"], False),
    ],
)
def test_sets_of_values(operator: str, wanted: list[str], found: list[str], expected: bool) -> None:
    assert holds(operator, wanted, *found) is expected


def test_operators_of_a_statement_are_joined_by_and_values_by_or() -> None:
    """T-26."""
    condition = {"StringEquals": {"a:one": ["1", "2"], "a:two": "x"}, "Bool": {"a:three": "true"}}
    full: dict[str, Value] = {"a:one": "2", "a:two": "x", "A:Three": True}
    assert _holds(condition, full)
    for key in full:
        assert not _holds(condition, {**full, key: "false"})


@pytest.mark.parametrize(
    ("pattern", "version", "expected"),
    [
        ("${aws:username}", "2012-10-17", True),
        ("${AWS:UserName}", "2012-10-17", True),
        ("x-${aws:username}", "2012-10-17", False),
        ("${aws:username}", "2008-10-17", False),
        ("${aws:PrincipalTag/Absent, 'john'}", "2012-10-17", True),
        ("${aws:PrincipalTag/Absent}", "2012-10-17", False),
        ("joh${?}", "2012-10-17", False),
    ],
)
def test_variables_in_conditions(pattern: str, version: str, expected: bool) -> None:
    """T-60: `${aws:username}` is filled in; without value and default it matches nothing."""
    assert _holds({"StringLike": {"x:key": pattern}}, {"x:key": "john"}, version=version) is expected


def test_the_value_of_a_variable_is_never_a_wildcard() -> None:
    star = user("arn:aws:iam::111111111111:user/john", tags={"team": "*"})
    assert not _holds({"StringLike": {"x:key": "${aws:PrincipalTag/team}"}}, {"x:key": "red"}, star)
    assert _holds({"StringLike": {"x:key": "${aws:PrincipalTag/team}"}}, {"x:key": "*"}, star)
    assert _holds({"StringLike": {"x:key": "${*}${?}${$}"}}, {"x:key": "*?$"})


def test_variables_in_resources() -> None:
    """T 9.3: `arn:P:iam::*:user/${aws:username}`; a colon in a value does not move the parts of an ARN."""

    def allowed(resource: str, caller: Any = JOHN, element: str = "Resource") -> bool:
        body = {
            "Effect": "Allow",
            "Action": "iam:ChangePassword",
            element: "arn:aws:iam::*:user/${aws:username}",
        }
        policy = parse({"Version": "2012-10-17", "Statement": body}, Kind.IDENTITY)
        return evaluate(policy, Request(caller, "iam:ChangePassword", resource)).ruling is Ruling.ALLOWED

    assert allowed("arn:aws:iam::111111111111:user/john")
    assert not allowed("arn:aws:iam::111111111111:user/jane")
    assert not allowed(
        "arn:aws:iam::111111111111:user/john", role_session("arn:aws:iam::111111111111:role/x")
    )
    assert not allowed("arn:aws:iam::111111111111:user/john", element="NotResource")


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("aws:PrincipalArn", "arn:aws:iam::111111111111:user/team/john"),
        ("aws:PrincipalType", "User"),
        ("aws:PrincipalAccount", "111111111111"),
        ("aws:userid", "AIDAEXAMPLE000000001"),
        ("aws:username", "john"),
        ("aws:PrincipalTag/team", "red"),
        ("aws:ResourceAccount", None),
        ("aws:MultiFactorAuthPresent", None),
        ("aws:SourceIdentity", None),
        ("aws:PrincipalOrgID", None),
    ],
)
def test_keys_of_a_user(key: str, values: str | None) -> None:
    """T 7.1."""
    assert _holds({"Null": {key: "true" if values is None else "false"}})
    if values is not None:
        assert _holds({"StringEquals": {key.upper(): values}})


def test_keys_of_a_session() -> None:
    """T 7.1: the role's ARN with its path; no user name; no MFA unless the call that made it passed it."""
    session = role_session(
        "arn:aws:iam::111111111111:role/path/ops",
        "john",
        unique_id="AROAEXAMPLE000000001",
        source_identity="john",
        issued_at=NOON,
        organization="o-1",
    )
    equal = {
        "aws:PrincipalArn": "arn:aws:iam::111111111111:role/path/ops",
        "aws:PrincipalType": "AssumedRole",
        "aws:userid": "AROAEXAMPLE000000001:john",
        "aws:SourceIdentity": "john",
        "aws:PrincipalOrgID": "o-1",
    }
    assert _holds({"StringEquals": equal, "Null": {"aws:username": "true"}}, caller=session)
    assert _holds({"Null": {"aws:MultiFactorAuthPresent": "true"}}, caller=session)
    older = {"DateLessThan": {"aws:TokenIssueTime": "2026-01-31T12:00:01Z"}}
    assert _holds(older, caller=session)
    assert not _holds(older, caller=role_session(session.arn, issued_at=NOON + timedelta(seconds=2)))
    assert session.session_arn == "arn:aws:sts::111111111111:assumed-role/ops/john"


def test_time_and_service_keys() -> None:
    until = {"DateLessThan": {"aws:CurrentTime": "2026-01-31T12:30:00Z"}}
    assert _holds(until, now=NOON)
    assert not _holds(until, now=NOON + timedelta(hours=1))
    assert not _holds(until)
    assert _holds({"NumericLessThanEquals": {"aws:EpochTime": 1769860800}}, now=NOON)
    ec2 = service("ec2.amazonaws.com")
    assert _holds({"Bool": {"aws:PrincipalIsAWSService": "true"}}, caller=ec2)
    assert _holds({"StringEquals": {"aws:PrincipalServiceName": "ec2.amazonaws.com"}}, caller=ec2)
    assert not _holds({"Bool": {"aws:PrincipalIsAWSService": "true"}})
