"""H4, teams: compiling from cold, how the cost grows, questions to a warm reach (spec of teams, 11.7, T-97)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figure import Figure, milliseconds, p50
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.reach.explain import explain
from gatepass.teams.reach.questions import Reach
from gatepass.testing.terraform import missing, settings

GATEPASS = str(Path(sys.executable).parent / "gatepass")
PEOPLE, GROUPS, TEAMS = 1000, 20, 20
LABELS = {
    "namespace": "eg",
    "tenant": "plat",
    "environment": "gbl",
    "label_order": ["namespace", "tenant", "environment", "stage", "name", "attributes"],
    "descriptor_formats": {"account_name": {"format": "%v-%v", "labels": ["tenant", "stage"]}},
}


@dataclass(frozen=True)
class Used:
    """What one run of a command took: seconds by the wall and of CPU, and its peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def figures() -> Iterator[Figure]:
    """About a minute on a quiet machine with two cores."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "context.json").write_text(json.dumps(_context()))
        few = _compiled(_stacks(folder / "100", 1, 100), folder)
        yield Figure(
            "100 roles compiled, cold start",
            few.wall,
            "s",
            _terraform(folder, 100),
            "terraform plan of the same",
        )
        one = _compiled(_stacks(folder / "500", 1, 500), folder)
        yield Figure("500 roles compiled, cold start, < 0.5", one.wall, "s")
        yield Figure("500 roles compiled, CPU of it", one.cpu, "s")
        thousand = _compiled(_stacks(folder / "1000", 10, 100), folder)
        whole = _compiled(_stacks(folder / "10000", 100, 100), folder)
        yield Figure("10,000 roles compiled, cold start, < 10", whole.wall, "s")
        yield Figure("10,000 roles compiled, < 500", whole.memory, "MB")
        yield Figure("CPU per role at 10,000", whole.cpu / 10, "ms", thousand.cpu, "at 1,000, < 1.3")
        linted = _run("lint", folder / "10000", folder)
        yield Figure("10,000 roles linted, < 30", linted.wall, "s")
        yield from _questions(folder)


def _context() -> dict[str, Any]:
    accounts = {f"plat-a{number}": f"{200000000000 + number}" for number in range(100)}
    accounts["core-identity"] = "111111111111"
    return {
        "account_map": {
            "full_account_map": accounts,
            "identity_account_account_name": "core-identity",
            "aws_partition": "aws",
        },
        "trust_policy_quota": 4096,
    }


def _role(number: int) -> dict[str, Any]:
    return {
        "enabled": True,
        "max_session_duration": 3600,
        "role_description": f"role {number}",
        "role_policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        "aws_saml_login_enabled": False,
        "trusted_teams": [f"team{number % TEAMS}", "admin"],
        "denied_teams": ["viewer"],
        "trusted_permission_sets": ["ReadOnly"],
        "denied_permission_sets": [],
        "trusted_role_arns": [],
        "denied_role_arns": [],
    }


def _stacks(folder: Path, accounts: int, roles: int) -> Path:
    """Every account writes its roles out: nothing is shared, so everything is read."""
    folder.mkdir()
    for account in range(accounts):
        written = {f"role{number}": _role(number) for number in range(roles)}
        variables = {**LABELS, "stage": f"a{account}", "roles": written}
        tree = {"components": {"terraform": {"aws-team-roles": {"vars": variables}}}}
        (folder / f"a{account}.yaml").write_text(json.dumps(tree, indent=1))
    return folder


def _compiled(stacks: Path, folder: Path) -> Used:
    return _run("compile", stacks, folder, "--output", "json")


def _run(command: str, stacks: Path, folder: Path, *more: str) -> Used:
    """The fastest of three runs of the command, from starting the process."""
    best = Used(1e9, 1e9, 0.0)
    for _ in range(3):
        began = time.perf_counter()
        words = [GATEPASS, "teams", command, str(stacks), "--context", str(folder / "context.json"), *more]
        with (folder / "out").open("wb") as out:
            process = subprocess.Popen(words, stdout=out)
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"gatepass teams {command} ended with {process.returncode}")
        wall, cpu = time.perf_counter() - began, used.ru_utime + used.ru_stime
        best = Used(min(best.wall, wall), min(best.cpu, cpu), max(best.memory, used.ru_maxrss / 1024))
    return best


def _terraform(folder: Path, roles: int) -> float | None:
    """Terraform's own time to plan the roles of the same declaration as upstream writes them, a policy document, a role
    and an attachment each, with its aws provider, an empty state and no call. None where it cannot be run."""
    if missing():
        return None
    place = folder / "terraform"
    place.mkdir()
    written = json.loads((folder / "out").read_text())
    compiled = next(iter(written["components"].values()))["roles"]
    if len(compiled) != roles:
        raise SystemExit(f"{len(compiled)} roles were compiled, not {roles}")
    (place / "main.tf.json").write_text(json.dumps(_upstream(compiled)))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    environment |= {**settings(place), "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    quiet = {"cwd": place, "env": environment, "stdout": subprocess.DEVNULL}
    subprocess.run(["terraform", "init", "-input=false"], check=True, **quiet)  # type: ignore[call-overload]
    began = time.perf_counter()
    subprocess.run(["terraform", "plan", "-input=false"], check=True, **quiet)  # type: ignore[call-overload]
    return time.perf_counter() - began


def _upstream(roles: dict[str, Any]) -> dict[str, Any]:
    """Compiled roles as Terraform's resources."""
    said = {
        name: {
            "name": role["name"],
            "policy": role["policies"][0],
            "statements": [_statement(item) for item in role["trust_policy"]["Statement"]],
        }
        for name, role in roles.items()
    }
    within = {name: f"${{statement.value.{name}}}" for name in ("sid", "effect", "actions")}
    principals = {"type": "AWS", "identifiers": "${statement.value.principals}"}
    condition = {
        "test": "ArnLike",
        "variable": "aws:PrincipalArn",
        "values": "${statement.value.patterns}",
    }
    statement = {"for_each": "${each.value.statements}", "content": {**within, "principals": principals}}
    statement["content"] |= {"condition": condition}  # type: ignore[operator]
    document = {"for_each": "${local.roles}", "dynamic": {"statement": statement}}
    offline = ("skip_credentials_validation", "skip_requesting_account_id", "skip_region_validation")
    provided = {"region": "us-east-1", **dict.fromkeys(offline, True)}
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
        "provider": {"aws": {**provided, "skip_metadata_api_check": "true"}},
        "locals": {"roles": said},
        "data": {"aws_iam_policy_document": {"trust": document}},
        "resource": {
            "aws_iam_role": {
                "default": {
                    "for_each": "${local.roles}",
                    "name": "${each.value.name}",
                    "assume_role_policy": "${data.aws_iam_policy_document.trust[each.key].json}",
                }
            },
            "aws_iam_role_policy_attachment": {
                "default": {
                    "for_each": "${local.roles}",
                    "role": "${aws_iam_role.default[each.key].name}",
                    "policy_arn": "${each.value.policy}",
                }
            },
        },
    }


def _statement(item: dict[str, Any]) -> dict[str, Any]:
    def many(value: Any) -> list[str]:
        return [value] if isinstance(value, str) else list(value)

    return {
        "sid": item["Sid"],
        "effect": item["Effect"],
        "actions": many(item["Action"]),
        "principals": many(item["Principal"]["AWS"]),
        "patterns": many(item["Condition"]["ArnLike"]["aws:PrincipalArn"]),
    }


def _questions(folder: Path) -> Iterator[Figure]:
    """A hundred accounts with a hundred roles each, a thousand people in twenty groups, twenty teams."""
    (folder / "teams.yaml").write_text(json.dumps({"organizations": {"acme": _native()}}))
    compiled = compile_wanted(Wanted((folder / "teams.yaml",)))
    if compiled.faults:
        raise SystemExit(str(compiled.faults[0]))
    reach = Reach(compiled.resources)
    role, person = reach.role("role7@a50"), reach.principal("p7")
    reach.who_can(role)
    explain(reach, person, role)
    yield Figure(
        "who-can, warm, 10,000 roles, < 1000", p50(milliseconds(lambda: reach.who_can(role), 5)), "ms"
    )
    yield Figure(
        "explain, warm, 10,000 roles, < 50", p50(milliseconds(lambda: explain(reach, person, role), 5)), "ms"
    )
    other = reach.role("role8@a51")
    yield Figure(
        "who-can of another role, first time", milliseconds(lambda: reach.who_can(other), 1)[0], "ms"
    )


def _native() -> dict[str, Any]:
    accounts = {
        "identity": "111111111111",
        **{f"a{number}": f"{200000000000 + number}" for number in range(100)},
    }
    members: dict[str, list[str]] = {f"g{number}": [] for number in range(GROUPS)}
    for number in range(PEOPLE):
        members[f"g{number % GROUPS}"].append(f"p{number}")
    return {
        "identity_account": "identity",
        "accounts": accounts,
        "directory_groups": {name: {"members": people} for name, people in members.items()},
        "teams": {
            f"team{number}": {"policies": ["team_role_access"], "groups": [f"g{number % GROUPS}"]}
            for number in range(TEAMS)
        },
        "roles": {f"role{number}": {"trusted_teams": [f"team{number % TEAMS}"]} for number in range(100)},
    }
