"""What the tests of the compiler share: golden worlds, small declarations, one call to compile them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Compiled, Role

GOLDEN = Path(__file__).parents[2] / "golden" / "teams"
SEED = GOLDEN / "seed"
LABELS: dict[str, Any] = {
    "namespace": "eg",
    "tenant": "core",
    "environment": "gbl",
    "stage": "identity",
    "region": "us-east-2",
    "label_order": ["namespace", "tenant", "environment", "stage", "name", "attributes"],
    "descriptor_formats": {"account_name": {"format": "%v-%v", "labels": ["tenant", "stage"]}},
}
DEV = {"tenant": "plat", "stage": "dev"}
IDENTITY_ID, DEV_ID = "111111111111", "333333333333"


def account_map() -> dict[str, Any]:
    """The account map of the worked examples (specification, 6)."""
    accounts: dict[str, Any] = json.loads((SEED / "context.json").read_text())["account_map"]
    return accounts


def attributes(**more: Any) -> dict[str, Any]:
    """A complete entry of `teams_config` that trusts nobody."""
    lists = ("teams", "permission_sets", "role_arns")
    return {
        **{f"{verb}_{name}": [] for verb in ("trusted", "denied") for name in lists},
        "role_policy_arns": ["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"],
        "role_description": "a role",
        "max_session_duration": 3600,
        "aws_saml_login_enabled": False,
        **more,
    }


def team_roles(**more: Any) -> dict[str, Any]:
    """A complete entry of `roles`."""
    return attributes(**{"enabled": True, **more})


def stack(component: str, variables: dict[str, Any]) -> dict[str, Any]:
    """A stack with one component."""
    return {"components": {"terraform": {component: {"vars": variables}}}}


def compile_stack(
    folder: Path, tree: dict[str, Any], context: dict[str, Any] | None = None, **more: Any
) -> Compiled:
    """Writes the stack and its context, and compiles them."""
    (folder / "stack.yaml").write_text(json.dumps(tree))
    (folder / "context.json").write_text(json.dumps(context or {"account_map": account_map()}))
    return compile_wanted(Wanted((folder / "stack.yaml",), context=folder / "context.json", **more))


def compile_teams(
    folder: Path, config: dict[str, Any], context: dict[str, Any] | None = None, **more: Any
) -> Compiled:
    """Teams in the identity account; `more` are variables beside `teams_config`."""
    return compile_stack(folder, stack("aws-teams", {**LABELS, "teams_config": config, **more}), context)


def compile_roles(
    folder: Path, roles: dict[str, Any], context: dict[str, Any] | None = None, **more: Any
) -> Compiled:
    """Team roles in plat-dev."""
    return compile_stack(folder, stack("aws-team-roles", {**LABELS, **DEV, "roles": roles, **more}), context)


def role(compiled: Compiled, short: str) -> Role:
    """The compiled role of a short name."""
    return next(role for part in compiled.components for role in part.roles if role.short == short)


def statement(compiled: Compiled, short: str, sid: str) -> dict[str, Any] | None:
    """A statement of a role's trust policy by its Sid."""
    found = [item for item in role(compiled, short).trust["Statement"] if item.get("Sid") == sid]
    return found[0] if found else None


def ids(compiled: Compiled) -> list[str]:
    """Ids of all findings, in order."""
    return [finding.id for finding in compiled.findings]


def without_center(compiled: Compiled) -> Compiled:
    """Without Identity Center, where a test is about IAM alone."""
    resources = replace(
        compiled.resources,
        organizations=tuple(replace(item, instance_arn="") for item in compiled.resources.organizations),
        permission_sets=(),
        assignments=(),
        directory_groups=(),
    )
    return replace(compiled, resources=resources)


def copy_seed(folder: Path) -> Path:
    """The seed's stacks as a folder of their own."""
    shutil.copytree(SEED, folder / "stacks")
    return folder / "stacks"
