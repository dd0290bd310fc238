"""The simulated Access Analyzer: our reader's faults under AWS's names; and `lint --aws` played against it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from gatepass.cli.main import main
from gatepass.clock import SystemClock
from gatepass.sim import Settings, Simulator, build, install, root_credential, two_tenants
from gatepass.sim.server import SimServer

ACCOUNT = "123456789012"
TRUST = "AWS::IAM::AssumeRolePolicyDocument"


@pytest.fixture(scope="module")
def sim() -> Simulator:
    return build(two_tenants(), SystemClock(), Settings(rates={}))


@pytest.fixture(scope="module")
def client(sim: Simulator) -> Any:
    own = botocore.session.Session(session_vars={"config_file": (None, None, "/dev/null", None)})
    install(own, sim)
    keys = root_credential(sim.world, ACCOUNT)
    return own.create_client(
        "accessanalyzer", region_name="us-east-1",
        aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret,
    )  # fmt: skip


def document(*statements: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


def allow(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **more}


def trust(principal: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more}


def codes(client: Any, text: str, *, is_trust: bool = False) -> list[tuple[str, str]]:
    kind: dict[str, Any] = {"policyType": "IDENTITY_POLICY"}
    if is_trust:
        kind = {"policyType": "RESOURCE_POLICY", "validatePolicyResourceType": TRUST}
    found = client.validate_policy(policyDocument=text, **kind)["findings"]
    return [(each["findingType"], each["issueCode"]) for each in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (document(allow()), []),
        ("{", [("ERROR", "JSON_SYNTAX_ERROR")]),
        (document(allow(Effect="Maybe")), [("ERROR", "INVALID_EFFECT")]),
        (document({"Action": "s3:*", "Resource": "*"}), [("ERROR", "MISSING_EFFECT")]),
        (document({"Effect": "Allow", "Resource": "*"}), [("ERROR", "MISSING_ACTION")]),
        (document({"Effect": "Allow", "Action": "s3:*"}), [("ERROR", "MISSING_RESOURCE")]),
        (document(allow(Action="everything")), [("ERROR", "INVALID_ACTION")]),
        (document(allow(Principal="*")), [("ERROR", "UNSUPPORTED_PRINCIPAL")]),
        (document(allow(Sid="a"), allow(Sid="a")), [("ERROR", "UNIQUE_SIDS_REQUIRED")]),
        (document(allow(Condition={"StringSame": {"a": "b"}})), [("ERROR", "INVALID_CONDITION_OPERATOR")]),
        (document(allow(), Versions=1), [("ERROR", "INVALID_POLICY_ELEMENT")]),
        (document(allow(), Version="2020-01-01"), [("ERROR", "INVALID_VERSION")]),
        (json.dumps({"Statement": allow()}), [("WARNING", "MISSING_VERSION")]),
        (document(allow(Action="iam:PassRole")), [("SECURITY_WARNING", "PASS_ROLE_WITH_STAR_IN_RESOURCE")]),
        (document(allow(Action="iam:*")), [("SECURITY_WARNING", "PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE")]),
        (document(allow(Action=["s3:Get*", "s3:GetObject"])), [("SUGGESTION", "REDUNDANT_ACTION")]),
        (document(allow(Action="iam:PassRole", Effect="Deny")), []),
    ],
)  # fmt: skip
def test_an_identity_policy_is_judged(client: Any, text: str, found: list[tuple[str, str]]) -> None:
    assert codes(client, text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (document(trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})), []),
        (document({"Effect": "Allow", "Action": "sts:AssumeRole"}), [("ERROR", "MISSING_PRINCIPAL")]),
        (document(trust({"AWS": "arn:aws:iam::1:role/*"})), [("ERROR", "UNSUPPORTED_WILDCARD_IN_PRINCIPAL")]),
        (document(trust({"Aws": ACCOUNT})), [("ERROR", "INVALID_PRINCIPAL_KEY")]),
        (document(trust({"AWS": "somebody"})), [("ERROR", "INVALID_PRINCIPAL_FORMAT")]),
        (document(trust({"AWS": ACCOUNT}, Resource="*")), [("ERROR", "INVALID_POLICY_ELEMENT")]),
        (document(trust({"AWS": ACCOUNT}, Action="s3:GetObject")), [("ERROR", "INVALID_ACTION")]),
    ],
)  # fmt: skip
def test_a_trust_policy_is_judged(client: Any, text: str, found: list[tuple[str, str]]) -> None:
    assert codes(client, text, is_trust=True) == found


def test_a_finding_says_where_and_pages_follow_each_other(client: Any) -> None:
    text = document(allow(Action="x"), allow(Action="y"), allow(Action="z"))
    answer = client.validate_policy(policyDocument=text, policyType="IDENTITY_POLICY", maxResults=2)
    assert len(answer["findings"]) == 2
    rest = client.validate_policy(
        policyDocument=text, policyType="IDENTITY_POLICY", maxResults=2, nextToken=answer["nextToken"]
    )
    (last,) = rest["findings"]
    assert "nextToken" not in rest
    (place,) = last["locations"]
    assert place["path"] == [{"value": "Statement"}, {"index": 2}, {"value": "Action"}]
    assert text[place["span"]["start"]["offset"] :].startswith('"z"')


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"policyType": "SERVICE_CONTROL_POLICY"}, "ValidationException"),
        ({"policyType": "NO_POLICY"}, "ValidationException"),
        ({"policyType": "IDENTITY_POLICY", "validatePolicyResourceType": TRUST}, "ValidationException"),
    ],
)
def test_input_is_strict(client: Any, params: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        client.validate_policy(policyDocument=document(allow()), **params)
    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("statement", "result"),
    [
        (trust("*"), "FAIL"),
        (trust({"AWS": "*"}), "FAIL"),
        (trust({"AWS": ACCOUNT}), "PASS"),
        (trust("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), "PASS"),
        (trust("*", Condition={"StringLike": {"aws:PrincipalOrgID": "*"}}), "FAIL"),
        (trust("*", Condition={"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}), "FAIL"),
        (trust("*", Effect="Deny"), "PASS"),
    ],
)
def test_public_is_who_lets_in_everybody(client: Any, statement: dict[str, Any], result: str) -> None:
    answer = client.check_no_public_access(policyDocument=document(statement), resourceType=TRUST)
    assert (answer["result"], bool(answer.get("reasons"))) == (result, result == "FAIL")


ESTATE = """
organizations:
  acme:
    identity_account: identity
    accounts: {identity: "111111111111", dev: "333333333333"}
    teams: {admin: {policies: [team_role_access]}}
    roles: {terraform: {accounts: [dev], trusted_teams: [admin], inline: {more: [{Effect: Allow, Action: "iam:PassRole", Resource: "*"}]}}}
"""  # noqa: E501


@pytest.fixture
def served(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    keys = root_credential(sim.world, ACCOUNT)
    with SimServer(sim) as server:
        for name, value in {
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            monkeypatch.setenv(name, value)
        yield sim
    sim.set_faults([])


def lint(folder: Path) -> Result:
    (folder / "teams.yaml").write_text(ESTATE)
    return CliRunner().invoke(main, ["teams", "lint", str(folder / "teams.yaml"), "--aws"])


def test_lint_aws_is_played_by_the_simulator(served: Simulator, tmp_path: Path) -> None:
    result = lint(tmp_path)
    assert result.exit_code == 0, result.output
    assert (
        "access-analyzer: inline policy more of terraform@dev: PASS_ROLE_WITH_STAR_IN_RESOURCE"
        in result.output
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"service": "accessanalyzer", "do": "deny"}, "may not be asked"),
        (
            {"service": "accessanalyzer", "do": "error", "code": "InternalServerException", "status": 500,
             "message": "<html><body>a long page</body></html>"},
            "does not answer",
        ),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line_and_what_to_do(
    served: Simulator, tmp_path: Path, fault: dict[str, Any], said: str
) -> None:
    served.set_faults([fault])
    result = lint(tmp_path)
    assert result.exit_code == 5, result.output
    first, second = result.stderr.strip().splitlines()[-2:]
    assert first.startswith(f"gatepass: IAM Access Analyzer {said}: accessanalyzer:ValidatePolicy: ")
    assert "<" not in first
    assert second.startswith("  next: ")
    assert "without --aws" in second
