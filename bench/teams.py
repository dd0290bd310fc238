"""H4, teams: compiling from cold, how the cost grows, questions to a warm reach (spec of teams, 11.7, T-97)."""

from __future__ import annotations

import json
import os
import shutil
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
from gatepass.teams.reach import Reach
from gatepass.teams.reach_explain import explain

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
            "terraform plan of as many",
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
    """Terraform's own time to plan as many documents, made of locals and a built-in resource: no provider, no call."""
    if shutil.which("terraform") is None:
        return None
    place = folder / "terraform"
    place.mkdir()
    documents = {f"role{number}": _role(number) for number in range(roles)}
    kinds = 'for kind in ["Allow","Deny"]'
    trust = f"${{jsonencode([{kinds}: {{Effect=kind, Principal={{AWS=each.value.trusted_teams}}}}])}}"
    resource = {
        "for_each": documents,
        "input": {"name": "${each.key}", "trust": trust, "said": "${each.value}"},
    }
    (place / "main.tf.json").write_text(json.dumps({"resource": {"terraform_data": {"role": resource}}}))
    quiet = {"cwd": place, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["terraform", "init", "-input=false"], check=True, **quiet)  # type: ignore[call-overload]
    began = time.perf_counter()
    subprocess.run(["terraform", "plan", "-input=false"], check=True, **quiet)  # type: ignore[call-overload]
    return time.perf_counter() - began


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
