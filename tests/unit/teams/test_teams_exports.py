"""Exports and imports: what others read is what we mean, and what is taken in compiles to itself (T-89 to T-91, H2)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.unit.teams.declared import SEED, without_center
from tests.unit.teams.sim_iam import NUMBERS, SimIam
from tests.waiting import LONG

from gatepass.policy import same
from gatepass.teams.applying.running import apply_plan, plan_live
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.export.atmos import atmos_files
from gatepass.teams.export.cloudformation import cloudformation_files
from gatepass.teams.export.terraform import terraform_files
from gatepass.teams.importing.descriptions import from_cloudformation, from_terraform
from gatepass.teams.importing.imported import native_estate
from gatepass.teams.importing.live import Selection, import_live
from gatepass.teams.model import Account, Compiled, Finding, Resources
from gatepass.teams.nodes import parse_yaml
from gatepass.teams.planning.plan import Options

EXAMPLE = Path(__file__).parents[3] / "examples" / "teams" / "teams.yaml"
DEV = Account("plat-dev", "333333333333", "acme")


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    found = compile_wanted(Wanted((EXAMPLE,)))
    assert not found.faults
    return found


def _things(resources: Resources, account_id: str) -> dict[str, Any]:
    """Everything of one account by kind and name, comparable."""
    found: dict[str, Any] = {}
    for role in resources.roles:
        if role.account.id == account_id:
            inline = {name: json.dumps(value, sort_keys=True) for name, value in role.inline.items()}
            said = (
                role.path,
                role.description,
                role.max_session,
                sorted(role.policies),
                inline,
                dict(role.tags),
            )
            found[f"role {role.name}"] = (said, role.trust)
    for user in resources.users:
        if user.account.id == account_id:
            found[f"user {user.name}"] = (
                (user.path, sorted(user.groups), sorted(user.policies)),
                user.inline,
            )
    for group in resources.groups:
        if group.account.id == account_id:
            found[f"group {group.name}"] = ((group.path, sorted(group.policies)), group.inline)
    for policy in resources.policies:
        if policy.account.id == account_id:
            found[f"policy {policy.name}"] = ((policy.path,), policy.document)
    return found


def _equal(one: Resources, other: Resources, account_id: str) -> None:
    left, right = _things(one, account_id), _things(other, account_id)
    assert left.keys() == right.keys()
    for name, (said, document) in left.items():
        assert said == right[name][0], name
        assert document == right[name][1] or same(document, right[name][1]), name


@pytest.mark.parametrize("account_id", ["111111111111", "333333333333", "555555555555"])
def test_h2_cloudformation_says_what_is_compiled(compiled: Compiled, account_id: str) -> None:
    files = cloudformation_files(compiled)
    sets = json.loads(files["stacksets.json"])["stacksets"]
    ((stackset, account),) = [
        (one, item) for one in sets for item in one["accounts"] if item["id"] == account_id
    ]
    assert stackset["capabilities"] == ["CAPABILITY_NAMED_IAM"]
    findings: list[Finding] = []
    node = parse_yaml(files[stackset["template"]], "template.json", findings)
    read = from_cloudformation(node, Account("x", account_id), account["parameters"], findings)
    assert not findings
    _equal(compiled.resources, read, account_id)


def test_t90_accounts_that_are_alike_share_one_template(tmp_path: Path) -> None:
    path = tmp_path / "teams.yaml"
    path.write_text("""
organizations:
  acme:
    identity_account: identity
    accounts: {identity: "111111111111", a: "333333333333", b: "444444444444", c: "555555555555"}
    teams: {admin: {policies: [team_role_access]}}
    roles: {admin: {accounts: [a, b, c], trusted_teams: [admin]}, extra: {accounts: [c], trusted_teams: [admin]}}
""")
    files = cloudformation_files(compile_wanted(Wanted((path,))))
    sets = json.loads(files["stacksets.json"])["stacksets"]
    assert [[account["name"] for account in one["accounts"]] for one in sets] == [
        ["acme/identity"],
        ["acme/a", "acme/b"],
        ["acme/c"],
    ]


@pytest.mark.parametrize("account", ["core-root", pytest.param("core-identity", marks=pytest.mark.long)])
def test_cloudformation_passes_cfn_lint(compiled: Compiled, account: str) -> None:
    from cfnlint.api import lint_all

    for name, text in cloudformation_files(compiled).items():
        if account in name:
            assert [match for match in lint_all(text) if match.rule.id[0] in "EW"] == [], name


def test_terraform_has_the_addresses_of_upstream(compiled: Compiled) -> None:
    files = terraform_files(compiled, imports=True)
    value = json.loads(files["acme-core-identity/main.tf.json"])
    attachments = value["resource"]["aws_iam_role_policy_attachment"]["default"]["for_each"]
    assert set(attachments) == {"admin", "spacelift", "viewer"}
    assert {"to": 'aws_iam_role.default["admin"]', "id": "eg-core-gbl-identity-admin"} in value["import"]
    policies = value["resource"]["aws_iam_policy"]["default"]["for_each"]
    assert "$${aws:username}" in policies["self_service"]["policy"]  # T-60


@pytest.mark.terraform
@pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform binary")
def test_terraform_understands_every_file(compiled: Compiled, tmp_path: Path) -> None:
    """Without the provider, which a registry would have to give: the same files over Terraform's built-in resource, so
    that keys, references and escapes are worked out by Terraform itself."""
    text = terraform_files(compiled)["acme-core-identity/main.tf.json"]
    value = json.loads(text)
    resources = {}
    for kind, block in value["resource"].items():
        said = json.dumps({"for_each": block["default"]["for_each"], "input": "${each.value}"})
        resources[kind] = json.loads(
            re.sub(r"(aws_iam_\w+)\.default\[(.*?)\]\.(\w+)", r"terraform_data.\1[\2].output", said)
        )
    (tmp_path / "main.tf.json").write_text(json.dumps({"resource": {"terraform_data": resources}}))
    for words in (["init"], ["validate"], ["plan", "-input=false"]):
        done = subprocess.run(
            ["terraform", *words, "-no-color"], cwd=tmp_path, capture_output=True, text=True, timeout=LONG
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "will be created" in done.stdout
    assert "${aws:username}" in done.stdout


def test_t91_atmos_compiles_to_the_same_trust(tmp_path: Path) -> None:
    text = EXAMPLE.read_text().replace(
        "    identity_account:", "    trust_profile: cloudposse\n    identity_account:", 1
    )
    (tmp_path / "teams.yaml").write_text(text)
    native = compile_wanted(Wanted((tmp_path / "teams.yaml",)))
    files, notes = atmos_files(native)
    for name, said in files.items():
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(said)
    again = compile_wanted(
        Wanted((tmp_path / "out" / "stacks",), context=tmp_path / "out" / "account-map.json")
    )
    assert not again.faults, again.faults
    wanted = {role.arn: role for role in native.resources.roles if role.declared is not None}
    found = {role.arn: role for role in again.resources.roles}
    assert wanted.keys() == found.keys()
    assert all(role.trust == found[arn].trust for arn, role in wanted.items())
    assert all(role.policies == found[arn].policies for arn, role in wanted.items())
    assert {note.id for note in notes} == {"not-expressible"}  # the roles of people


def test_h2_import_of_live_accounts_compiles_to_what_they_hold(compiled: Compiled, tmp_path: Path) -> None:
    iam = SimIam()
    clock = iam.clock
    assert apply_plan(
        iam, clock, compiled, plan_live(iam, clock, without_center(compiled), Options("acme"))
    ).is_complete
    accounts = [account for account in compiled.resources.accounts if account.id in NUMBERS]
    found, live = import_live(iam, accounts, Selection())
    assert not live.unread
    path = tmp_path / "teams.yaml"
    path.write_text(json.dumps(native_estate("acme", found)))
    again = compile_wanted(Wanted((path,)))
    assert not again.faults, again.faults
    for account in accounts:
        _equal(compiled.resources, again.resources, account.id)


def test_t81_ignoring_wins(compiled: Compiled) -> None:
    iam = SimIam()
    clock = iam.clock
    apply_plan(iam, clock, compiled, plan_live(iam, clock, without_center(compiled), Options("acme")))
    found, _ = import_live(iam, [DEV], Selection(ignore=("FooApp*",), only_tags=(("Stage", "dev"),)))
    assert {role.name for role in found.roles} == {
        f"eg-plat-gbl-dev-{name}" for name in ("admin", "observer", "terraform")
    }


TEMPLATE = """
Parameters:
  Stage: {Type: String, Default: dev}
Resources:
  Developers:
    Type: AWS::IAM::Group
    Properties:
      GroupName: developers
      Policies:
        - PolicyName: assume
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Action: "sts:AssumeRole"
                Resource: !Sub "arn:${AWS::Partition}:iam::333333333333:role/Foo-${Stage}"
  Ana:
    Type: AWS::IAM::User
    Properties: {UserName: ana, Groups: [!Ref Developers], ManagedPolicyArns: [!Ref Basic]}
  Basic:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      ManagedPolicyName: BasicUserPolicy
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: "iam:ChangePassword"
            Resource: !Sub "arn:aws:iam::${AWS::AccountId}:user/${!aws:username}"
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Join ["-", [Foo, !Ref Stage]]
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: "sts:AssumeRole", Principal: {AWS: !GetAtt Ana.Arn}}]
  Later:
    Type: AWS::IAM::UserToGroupAddition
    Properties: {GroupName: auditors, Users: [ana]}
"""


def test_a2_cloudformation_templates_are_read() -> None:
    findings: list[Finding] = []
    found = from_cloudformation(parse_yaml(TEMPLATE, "t.yaml", findings), DEV, {}, findings)
    assert not findings
    (user,), (role,), (group,), (policy,) = found.users, found.roles, found.groups, found.policies
    assert (user.groups, user.policies) == (
        ("developers", "auditors"),
        ("arn:aws:iam::333333333333:policy/BasicUserPolicy",),
    )
    assert role.name == "Foo-dev"
    assert role.trust["Statement"][0]["Principal"]["AWS"] == "arn:aws:iam::333333333333:user/ana"
    assert group.inline["assume"]["Statement"][0]["Resource"] == "arn:aws:iam::333333333333:role/Foo-dev"
    assert policy.document["Statement"][0]["Resource"].endswith("user/${aws:username}")


def test_what_a_template_does_not_say_is_a_fault_with_its_place() -> None:
    findings: list[Finding] = []
    text = "Resources: {R: {Type: AWS::IAM::Role, Properties: {RoleName: !ImportValue x}}}"
    from_cloudformation(parse_yaml(text, "t.yaml", findings), DEV, {}, findings)
    assert [(finding.id, str(finding.place)) for finding in findings] == [
        ("template-unsupported", "t.yaml:1:62")
    ]


def _state(*resources: tuple[str, dict[str, Any]]) -> str:
    listed = [
        {"mode": "managed", "type": kind, "instances": [{"attributes": said}]} for kind, said in resources
    ]
    return json.dumps({"version": 4, "resources": listed})


def test_a2_terraform_states_are_read() -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    arn = "arn:aws:iam::333333333333"
    text = _state(
        ("aws_iam_user", {"name": "ana", "arn": f"{arn}:user/ana", "path": "/"}),
        ("aws_iam_group", {"name": "g", "arn": f"{arn}:group/g"}),
        (
            "aws_iam_role",
            {"name": "r", "arn": f"{arn}:role/r", "assume_role_policy": trust, "max_session_duration": 7200},
        ),
        (
            "aws_iam_role_policy_attachment",
            {"role": "r", "policy_arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
        ),
        ("aws_iam_group_policy", {"group": "g", "name": "p", "policy": trust}),
        ("aws_iam_group_membership", {"group": "g", "users": ["ana"]}),
    )
    findings: list[Finding] = []
    found = from_terraform(text, "plat-dev", findings)
    assert not findings
    assert found.users[0].groups == ("g",)
    assert (found.roles[0].max_session, found.roles[0].policies) == (
        7200,
        ("arn:aws:iam::aws:policy/ReadOnlyAccess",),
    )
    assert "p" in found.groups[0].inline
    from_terraform("[]", "x", findings)
    assert [finding.id for finding in findings] == ["type-mismatch"]


def test_the_seed_exports_too() -> None:
    compiled = compile_wanted(Wanted((SEED / "identity.yaml",), context=SEED / "context.json"))
    assert set(terraform_files(compiled)) == {"core-identity/main.tf.json"}
