"""The world of the seeds: a provider's host account and two customers' organizations, as data for `builder.build`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HOST = "111111111111"
HOST_ROLE = f"arn:aws:iam::{HOST}:role/gatepass/Gatepass"
FOO_ROLE = "arn:aws:iam::123456789012:role/sym/SymSSOTenant-Foo"
BAR_ROLE = "arn:aws:iam::555555555555:role/gatepass/Connector"
ACCESS_KEY, SECRET = "AKIAGATEPASSDEMO0001", "gatepass-demo-key-of-the-simulator-00001"

CONNECTOR_ACTIONS = (
    "sso:CreateAccountAssignment",
    "sso:DeleteAccountAssignment",
    "sso:Describe*",
    "sso:List*",
    "identitystore:CreateGroupMembership",
    "identitystore:DeleteGroupMembership",
    "identitystore:Describe*",
    "identitystore:Get*",
    "identitystore:IsMemberInGroups",
    "identitystore:List*",
    "organizations:Describe*",
    "organizations:List*",
    "iam:GetRole",
    "iam:ListRoles",
    "iam:SimulatePrincipalPolicy",
)
"""What a connector role may do (spec/sym.md 4.4, and the tree of units that it lacks)."""

_PEOPLE = (
    ("ana", "Ana Almeida"),
    ("ben", "Ben Brandt"),
    ("cleo", "Cleo Chen"),
    ("dan", "Dan Duarte"),
    ("eve", "Eve Engel"),
)
_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
_READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def two_tenants(external_ids: Mapping[str, str] | None = None, accounts: int = 0) -> dict[str, Any]:
    """The seeds' world. `external_ids` are what the connector roles of `tenant_foo` and `tenant_bar` require;
    `accounts` adds so many accounts to tenant bar's tree, five units deep."""
    external = external_ids or {}
    return {
        "organizations": [_host(), _foo(), _bar(accounts)],
        "roles": [
            {"account": HOST, "name": "Gatepass", "path": "/gatepass/", "trusted_by": f"arn:aws:iam::{HOST}:root",
             "allow": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"], "max_session": 43_200},
            connector_role(FOO_ROLE, external.get("tenant_foo", "")),
            connector_role(BAR_ROLE, external.get("tenant_bar", "")),
        ],
        "users": [
            {"account": HOST, "name": "gatepass", "access_key": ACCESS_KEY, "secret": SECRET,
             "allow": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]},
        ],
    }  # fmt: skip


def _host() -> dict[str, Any]:
    return {"id": "o-hosthost00", "root": "r-host", "management": {"id": HOST, "name": "host"}}


def _people() -> list[dict[str, str]]:
    return [
        {"user_name": f"{name}@host.example", "email": f"{name}@host.example", "name": full}
        for name, full in _PEOPLE
    ]


def _foo() -> dict[str, Any]:
    return {
        "id": "o-tenantfoo0",
        "root": "r-foo0",
        "management": {"id": "123456789012", "name": "foo-management"},
        "accounts": [{"id": "333333333333", "name": "foo-production"}],
        "identity_center": {
            "instance": "ssoins-7223000000000000",
            "region": "us-east-1",
            "identity_store": "d-9067000000",
            "permission_sets": [
                {"id": "ps-0000000000000001", "name": "AdministratorAccess", "managed": [_ADMINISTRATOR]},
                {"id": "ps-0000000000000002", "name": "ReadOnly", "session": "PT4H", "managed": [_READ_ONLY]},
            ],
            "users": _people(),
            "groups": [{"name": "Auditors", "members": ["dan@host.example"]}],
            "assignments": [
                {"user": "dan@host.example", "permission_set": "AdministratorAccess", "accounts": ["333333333333"]},
                {"group": "Auditors", "permission_set": "ReadOnly", "accounts": ["333333333333"]},
            ],
        },
    }  # fmt: skip


def _bar(accounts: int) -> dict[str, Any]:
    deep = {
        "name": "europe",
        "accounts": [{"id": "999999999999", "name": "bar-berlin", "tags": {"stage": "production"}}],
    }
    for name in ("regions", "production"):
        deep = {"name": name, "units": [deep]}
    production = {"id": "888888888888", "name": "bar-production", "tags": {"stage": "production"}}
    staging = {"id": "777777777777", "name": "bar-staging", "tags": {"stage": "staging"}}
    closed = {"id": "666666666666", "name": "bar-closed", "status": "SUSPENDED"}
    workloads = {
        "id": "ou-abcd-11111111",
        "name": "workloads",
        "accounts": [staging, closed],
        "units": [{"id": "ou-abcd-22222222", "name": "critical", "accounts": [production]}, deep],
    }
    units = [workloads] + ([generated_tree(accounts)] if accounts else [])
    return {
        "id": "o-tenantbar0",
        "root": "r-abcd",
        "management": {"id": "555555555555", "name": "bar-management"},
        "units": units,
        "identity_center": {
            "instance": "ssoins-7223000000000001",
            "region": "eu-west-1",
            "identity_store": "d-9367000001",
            "permission_sets": [
                {"id": "ps-1111111111111111", "name": "ReadOnly", "session": "PT2H", "managed": [_READ_ONLY]},
                {"id": "ps-2222222222222222", "name": "Admin", "managed": [_ADMINISTRATOR]},
            ],
            "users": _people(),
            "groups": [{"name": "Incident Responders", "members": ["dan@host.example"]}],
            "assignments": [
                {"user": "cleo@host.example", "permission_set": "ReadOnly", "accounts": ["777777777777"]},
                {"group": "Incident Responders", "permission_set": "Admin", "accounts": ["888888888888"]},
            ],
        },
    }  # fmt: skip


def generated_tree(accounts: int, first: int = 200_000_000_000) -> dict[str, Any]:
    """A unit with so many accounts below it, ten to a unit, the units nested five deep."""
    top: dict[str, Any] = {"name": "generated", "units": []}
    for start in range(0, accounts, 50):
        unit: dict[str, Any] = {"name": f"division-{start // 50:03}"}
        top["units"].append(unit)
        for depth in range(5):
            numbers = range(start + depth * 10, min(start + depth * 10 + 10, accounts))
            unit["accounts"] = [{"id": str(first + n), "name": f"generated-{n:04}"} for n in numbers]
            below: dict[str, Any] = {"name": f"level-{depth + 2}"}
            if depth < 4:
                unit["units"] = [below]
            unit = below
    return top


def connector_role(arn: str, external_id: str) -> dict[str, Any]:
    """An organization's connector role, trusting the host account's role and user; no external id: none is asked."""
    account, path = arn.split(":")[4], arn.split(":role")[1]
    return {
        "account": account,
        "name": path.rpartition("/")[2],
        "path": path[: path.rindex("/") + 1],
        "trusted_by": [HOST_ROLE, f"arn:aws:iam::{HOST}:user/gatepass"],
        "external_id": external_id,
        "allow": list(CONNECTOR_ACTIONS),
    }
