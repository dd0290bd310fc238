"""Sameness (T 11.3) and size (T-54) of documents."""

from __future__ import annotations

from typing import Any

import pytest

from gatepass.policy import dangling, minified, same, size

BASE: dict[str, Any] = {
    "Sid": "A",
    "Effect": "Allow",
    "Principal": {"AWS": ["arn:aws:iam::111111111111:root", "222222222222"]},
    "Action": ["sts:AssumeRole", "sts:TagSession"],
    "Condition": {"StringEquals": {"aws:PrincipalType": ["AssumedRole"]}, "Bool": {"a:b": "true"}},
}


def document(version: str = "2012-10-17", **changes: Any) -> dict[str, Any]:
    return {
        "Version": version,
        "Statement": [{key: v for key, v in (BASE | changes).items() if v is not None}],
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"Action": ["STS:tagsession", "sts:AssumeRole", "sts:assumerole"]},
        {"Principal": {"AWS": ["arn:aws:iam::222222222222:root", "111111111111"]}},
        {"Condition": {"bool": {"A:B": True}, "stringequals": {"AWS:principaltype": "AssumedRole"}}},
        {"Condition": {"Bool": {"a:b": ["True"]}, "StringEquals": {"aws:PrincipalType": "AssumedRole"}}},
    ],
)
def test_spellings_of_the_same_policy_are_equal(changes: dict[str, Any]) -> None:
    """T 11.3."""
    assert same(document(), document(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "2008-10-17"},
        {"Sid": "B"},
        {"Sid": None},
        {"Effect": "Deny"},
        {"Action": "sts:AssumeRole"},
        {"Action": None, "NotAction": BASE["Action"]},
        {"Principal": {"AWS": "111111111111"}},
        {"Principal": {"Service": ["111111111111", "222222222222"]}},
        {"Principal": {"AWS": ["AROAEXAMPLE000000001", "222222222222"]}},
        {"Condition": {"StringEquals": {"aws:PrincipalType": "assumedrole"}, "Bool": {"a:b": "true"}}},
        {
            "Condition": {
                "StringEqualsIfExists": {"aws:PrincipalType": "AssumedRole"},
                "Bool": {"a:b": "true"},
            }
        },
        {"Condition": None},
    ],
)
def test_different_policies_are_not_equal(changes: dict[str, Any]) -> None:
    """T 11.3: Version and Sid count; a unique id is never equal to an ARN."""
    assert not same(document(), document(**changes))


def test_one_statement_is_a_list_of_one_and_statements_are_counted() -> None:
    twice = {"Version": "2012-10-17", "Statement": [BASE, BASE]}
    assert same(document(), {"Version": "2012-10-17", "Statement": BASE})
    assert not same(document(), twice)


def test_star_and_aws_star_are_equal() -> None:
    assert same(document(Principal="*"), document(Principal={"AWS": ["*"]}))


def test_size_counts_blanks_in_strings_and_none_between_tokens() -> None:
    """T-54."""
    assert size('{ "Sid" : "a b" ,\n "Effect":"Allow" }') == len('{"Sid":"a b","Effect":"Allow"}')
    assert minified({"a": ["é", True]}) == '{"a":["é",true]}'
    assert size({"a": "é"}) == 9


def test_dangling_principals_are_listed() -> None:
    """T 13: where a role or user was deleted IAM shows its unique id."""
    body = document(Principal={"AWS": ["AROAEXAMPLE000000001", "AIDAEXAMPLE000000002", "111111111111"]})
    assert dangling(body) == ("AIDAEXAMPLE000000002", "AROAEXAMPLE000000001")
    assert dangling(document()) == ()
