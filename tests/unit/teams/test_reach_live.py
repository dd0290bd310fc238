"""Reach over live accounts (T-94), and against the STS of the strict simulator: every answer is tried for real."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError
from click.testing import CliRunner

from gatepass.cli.teams.group import teams
from gatepass.clock import SystemClock
from gatepass.sim import Settings, Simulator, build, session
from gatepass.sim.server import SimServer
from gatepass.teams.applying.entering import calls_for
from gatepass.teams.applying.running import apply_plan, plan_live
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Compiled
from gatepass.teams.planning.plan import Options
from gatepass.teams.reach.nodes import NodeKind
from gatepass.teams.reach.questions import Reach
from gatepass.teams.reach.states import live_state
from gatepass.testing.clock import VirtualClock

FOLDER = Path(__file__).parents[3] / "examples" / "teams"
OPERATOR = "AKIAOPERATOR00000000"


@dataclass
class Applied:
    sim: Simulator
    compiled: Compiled
    reach: Reach


def applied(clock: Any) -> Applied:
    """The example, applied to its simulated accounts, and what is live there then."""
    sim = build(yaml.safe_load((FOLDER.parent / "teams-world.yaml").read_text()), clock, Settings(rates={}))
    compiled = compile_wanted(Wanted((FOLDER / "teams.yaml",)))
    calls = calls_for(compiled, clock, source=session(sim, sim.world.credentials[OPERATOR]))
    plan = plan_live(calls, clock, compiled, Options(estate="acme"))
    assert apply_plan(calls, clock, compiled, plan).is_complete
    resources, unread = live_state(calls, compiled)
    assert not unread
    return Applied(sim, compiled, Reach(resources, now=clock.now()))


@pytest.fixture(scope="module")
def world() -> Applied:
    return applied(VirtualClock())


def test_the_live_state_reaches_what_was_declared_and_what_was_there(world: Applied) -> None:
    """T-94: names are those of the declaration; roles that nobody declares are there too."""
    desired = Reach(world.compiled.resources, now=world.reach._now)
    for name in ("terraform@plat-prod", "admin@core-identity", "developer@plat-dev", "observer@core-auto"):
        ways = {path[0].source.id for path in desired.who_can(desired.role(name))}
        live = {path[0].source.id for path in world.reach.who_can(world.reach.role(name))}
        assert {identifier for identifier in ways if identifier.startswith("person:")} <= live
    assert world.reach.role("OrganizationAccountAccessRole@plat-dev")
    assert world.reach.role("eg-ue2-auto-spacelift-worker-pool-admin@core-auto").kind is NodeKind.ROLE


def test_the_simulated_sts_agrees_with_every_answer(world: Applied) -> None:
    """W1: from sessions that exist, each role is assumed in earnest; allowed and refused are what reach says."""
    sim, reach = world.sim, world.reach
    graph = reach.graph
    start = graph.by_arn["arn:aws:iam::123456789012:role/eg-ue2-auto-spacelift-worker-pool-admin"]
    worker = session(sim, sim.world.credentials["AKIAWORKER0000000000"]).create_client(
        "sts", region_name="us-east-1"
    )
    seen, waiting = {start.id}, [(start, _keys(worker.assume_role(RoleArn=start.arn, RoleSessionName="ci")))]
    tried = 0
    while waiting:
        node, keys = waiting.pop()
        client = session(sim).create_client("sts", region_name="us-east-1", **keys)
        for identifier in sorted(graph.roles):
            target = graph.nodes[identifier]
            answer = _assume(client, target.arn)
            assert (answer is not None) == reach.hop(node, target).allowed, (node.label, target.label)
            tried += 1
            if answer is not None and identifier not in seen:
                seen.add(identifier)
                waiting.append((target, _keys(answer)))
    expected = {node.id for node, _ in reach.forward(start) if node.kind is NodeKind.ROLE}
    assert seen == expected
    assert len(seen) > 3
    assert tried > 40


def _assume(client: Any, arn: str) -> dict[str, Any] | None:
    try:
        return dict(client.assume_role(RoleArn=arn, RoleSessionName="ci"))
    except ClientError as refused:
        if refused.response["Error"]["Code"] != "AccessDenied":
            raise
        return None


def _keys(answer: Any) -> dict[str, str]:
    found = answer["Credentials"]
    return {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }


def test_both_states_are_shown_side_by_side(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """T-94: what applying would add is marked +, what it would take -. `diff` says the same of a plan that was kept."""
    made = applied(VirtualClock(SystemClock().now()))
    role = made.sim.world.iam_of("333333333333").roles["eg-plat-gbl-dev-terraform"]
    role.trust = role.trust.replace("eg-core-gbl-identity-spacelift", "eg-core-gbl-identity-viewer")
    credential = made.sim.world.credentials[OPERATOR]
    with SimServer(made.sim) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", OPERATOR)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", credential.secret)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        estate = ["-e", str(FOLDER / "teams.yaml")]

        def ask(*words: str) -> Any:
            return CliRunner().invoke(teams, [words[0], *estate, *words[1:]])

        both = ask("who-can", "terraform@plat-dev", "--state", "both")
        assert both.exit_code == 0, both.output
        lines = both.stdout.splitlines()
        assert any(
            line.startswith("+ ") and "spacelift@core-identity > terraform@plat-dev" in line for line in lines
        )
        assert any(line.startswith("  ana > Administrators") for line in lines)
        said = json.loads(ask("who-can", "terraform@plat-dev", "--state", "both", "--output", "json").stdout)
        assert {path["state"] for path in said["who"]} >= {"both", "desired"}
        sides = ask("can", "spacelift@core-identity", "terraform@plat-dev", "--state", "both")
        assert sides.stdout.startswith("desired: yes: spacelift@core-identity > terraform@plat-dev")
        assert sides.stdout.endswith("live: no\n")
        meaning = ask("diff", "--state", "both")
        assert meaning.exit_code == 2
        assert "+ spacelift@core-identity gains terraform@plat-dev" in meaning.stdout
        assert "observer@plat-dev" not in meaning.stdout
        kept = tmp_path / "plan.json"
        planned = CliRunner().invoke(teams, ["plan", str(FOLDER / "teams.yaml"), "--out", str(kept)])
        assert planned.exit_code == 0, planned.output
    recorded = ask("diff", str(kept))
    assert recorded.exit_code == 2
    assert "  + arn:aws:iam::111111111111:role/eg-core-gbl-identity-spacelift gains" in recorded.stdout
    assert "  - arn:aws:iam::111111111111:role/eg-core-gbl-identity-viewer loses" in recorded.stdout
    changes = json.loads(ask("diff", str(kept), "--output", "json").stdout)["changes"]
    moved = "333333333333/role/eg-plat-gbl-dev-terraform"
    assert [change["id"] for change in changes] == [f"{moved}+grant", moved]
