"""Faults of documents: each is found, all at once, with its place and what is allowed instead."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gatepass.policy import Kind, PolicyError, examine, parse

GOOD: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
    "Action": "sts:AssumeRole",
}


def found(statement: dict[str, Any], kind: Kind = Kind.TRUST) -> list[str]:
    """`path: what was found` of each fault of a document of this one statement."""
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return [f"{fault.where}: {fault.found}" for fault in examine(document, kind)[1]]


def without(*keys: str, **more: Any) -> dict[str, Any]:
    return {key: value for key, value in (GOOD | more).items() if key not in keys}


@pytest.mark.parametrize(
    "statement",
    [
        GOOD,
        without(Principal="*"),
        without(Principal={"AWS": "*"}),
        without(
            Principal={
                "AWS": ["111111111111", "arn:aws:iam::111111111111:role/path/x", "AROAEXAMPLE000000001"]
            }
        ),
        without(Principal={"AWS": "arn:aws-us-gov:sts::111111111111:assumed-role/x/john"}),
        without(Principal={"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}),
        without(Principal={"Federated": "arn:aws:iam::111111111111:saml-provider/okta"}),
        without(Principal={"Federated": "cognito-identity.amazonaws.com"}),
        without("Principal", Effect="Deny", NotPrincipal={"AWS": "111111111111"}),
        without(Condition={"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": ["a", "b"]}}),
        without(Condition={"NumericLessThan": {"aws:MultiFactorAuthAge": 3600}, "Bool": {"a:b": True}}),
        without(Sid="Abc1"),
        without("Action", NotAction=["sts:TagSession"]),
    ],
)
def test_what_iam_saves_is_accepted(statement: dict[str, Any]) -> None:
    assert found(statement) == []


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        (without("Effect"), "Statement[0].Effect: found nothing"),
        (without(Effect="allow"), "Statement[0].Effect: found 'allow'"),
        (without("Action"), "Statement[0]: Action and NotAction: neither is there"),
        (without(NotAction="sts:*"), "Statement[0]: Action and NotAction: both are there"),
        (without(Action=[]), "Statement[0].Action: found an empty list"),
        (without(Action=["sts:AssumeRole", 3]), "Statement[0].Action[1]: found 3"),
        (without(Action="s3:GetObject"), "Statement[0].Action: found 's3:GetObject'"),
        (without(Action="*"), "Statement[0].Action: found '*'"),
        (without(Action="AssumeRole"), "Statement[0].Action: found 'AssumeRole'"),
        (without("Principal"), "Statement[0]: Principal and NotPrincipal: neither is there"),
        (without(NotPrincipal="*"), "Statement[0]: Principal and NotPrincipal: both are there"),
        (without("Principal", NotPrincipal="*"), "Statement[0].NotPrincipal: NotPrincipal with Allow"),
        (without(Principal="x"), "Statement[0].Principal: found 'x'"),
        (without(Principal={}), "Statement[0].Principal: found {}"),
        (without(Principal={"Aws": "*"}), "Statement[0].Principal.Aws: unknown principal type 'Aws'"),
        (without(Principal={"AWS": ""}), "Statement[0].Principal.AWS: found ''"),
        (
            without(Principal={"AWS": ["*", "arn:aws:iam::*:root"]}),
            "Statement[0].Principal.AWS[1]: found 'arn:aws:iam::*:root'",
        ),
        (without(Principal={"AWS": "john"}), "Statement[0].Principal.AWS: found 'john'"),
        (without(Principal={"Federated": ""}), "Statement[0].Principal.Federated: found ''"),
        (without(Principal={"Service": "ec2"}), "Statement[0].Principal.Service: found 'ec2'"),
        (without(Resource="*"), "Statement[0].Resource: Resource in a trust policy"),
        (without(Sid="no blanks"), "Statement[0].Sid: found 'no blanks'"),
        (without(sid="x"), "Statement[0].sid: unknown key 'sid'"),
        (without(Condition=[]), "Statement[0].Condition: found []"),
        (
            without(Condition={"StringIs": {"a": "b"}}),
            "Statement[0].Condition.StringIs: unknown operator 'StringIs'",
        ),
        (
            without(Condition={"NullIfExists": {"a": "true"}}),
            "Statement[0].Condition.NullIfExists: unknown operator 'NullIfExists'",
        ),
        (without(Condition={"StringLike": {}}), "Statement[0].Condition.StringLike: found {}"),
        (without(Condition={"Bool": {"a:b": "yes"}}), "Statement[0].Condition.Bool.a:b: found 'yes'"),
        (
            without(Condition={"IpAddress": {"a:b": "here"}}),
            "Statement[0].Condition.IpAddress.a:b: found 'here'",
        ),
        (
            without(Condition={"DateLessThan": {"a:b": "soon"}}),
            "Statement[0].Condition.DateLessThan.a:b: found 'soon'",
        ),
        (
            without(Condition={"NumericEquals": {"a:b": [1, "NaN"]}}),
            "Statement[0].Condition.NumericEquals.a:b[1]: found 'NaN'",
        ),
        (
            without(Condition={"StringLike": {"a:b": []}}),
            "Statement[0].Condition.StringLike.a:b: found an empty list",
        ),
    ],
)
def test_each_fault_is_named_with_its_path(statement: dict[str, Any], fault: str) -> None:
    assert found(statement) == [fault]


def test_other_kinds_have_resources_and_no_principal() -> None:
    assert found({"Effect": "Allow", "Action": "*", "Resource": "*"}, Kind.IDENTITY) == []
    assert found({"Effect": "Allow", "Action": "*"}, Kind.SESSION) == [
        "Statement[0]: Resource and NotResource: neither is there"
    ]
    assert found({**GOOD, "Resource": "bucket"}, Kind.BOUNDARY) == [
        "Statement[0].Principal: Principal in a policy of kind boundary",
        "Statement[0].Resource: found 'bucket'",
    ]
    assert found({**GOOD, "Resource": "*"}, Kind.RESOURCE) == []


def test_all_faults_come_at_once_with_line_and_column() -> None:
    text = """{
  "Version": "2012-10-18",
  "Statement": [
    {"Effect": "Permit",
     "Principal": {"AWS": "*"},
     "Action": "sts:AssumeRole",
     "Action": "sts:TagSession",
     "Condition": {"StringLIke": {"a:b": "c"}, "Bool": {"a:b": ["true", "maybe"]}}}
  ]
}"""
    with pytest.raises(PolicyError) as caught:
        parse(text, Kind.TRUST, name="trust of dev")
    lines = [str(fault) for fault in caught.value.faults]
    assert lines == [
        "7:16 Statement[0].Action: key 'Action' stands twice; write each key once; IAM reads only one of them",
        "2:14 Version: found '2012-10-18'; allowed: 2012-10-17, 2008-10-17",
        "4:16 Statement[0].Effect: found 'Permit'; allowed: Allow, Deny",
        "8:73 Statement[0].Condition.Bool.a:b[1]: found 'maybe'; Bool cannot compare that",
    ]
    assert caught.value.code == "policy_invalid"
    assert "trust of dev is no valid policy document" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", (1, 1)),
        ("{", (1, 2)),
        ('{"Version" "x"}', (1, 12)),
        ('{"a": 1,}', (1, 9)),
        ('{"a": [1 2]}', (1, 10)),
        ("{\n 'a': 1}", (2, 2)),
        ('{"a": tru}', (1, 7)),
        ("{} x", (1, 4)),
        ("[" * 60, (1, 42)),
    ],
)
def test_text_that_is_no_json_says_where_it_stops_being_so(text: str, place: tuple[int, int]) -> None:
    policy, faults = examine(text, Kind.TRUST)
    assert policy is None
    assert faults[0].place is not None
    assert (faults[0].place.line, faults[0].place.column) == place


def test_repeated_sids_and_foreign_characters_are_faults() -> None:
    """T 13: documents hold tab, LF, CR and U+0020 to U+00FF."""
    document = {"Version": "2012-10-17", "Statement": [GOOD | {"Sid": "A"}, GOOD | {"Sid": "A"}]}
    assert [fault.where for fault in examine(document, Kind.TRUST)[1]] == ["Statement[1].Sid"]
    text = json.dumps({"Statement": [GOOD], "Id": "→"}, ensure_ascii=False)
    assert [fault.found for fault in examine(text, Kind.TRUST)[1]] == ["character '→'"]


def test_a_document_without_version_is_of_2008() -> None:
    assert parse({"Statement": GOOD}, Kind.TRUST).version == "2008-10-17"
    assert parse({"Statement": GOOD}, Kind.TRUST).statements[0].label == "statement 1"
