"""H2, T-89: what was applied and exported is taken over by Terraform, which finds nothing to change in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.terraform import SIMULATED, Workspace, require

from gatepass.clock import SystemClock
from gatepass.sim import Settings, Simulator, build, root_credential, session
from gatepass.sim.server import SimServer
from gatepass.teams.applying.calls import Calls
from gatepass.teams.applying.entering import calls_for
from gatepass.teams.applying.running import apply_plan, plan_live
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.export.terraform import terraform_files
from gatepass.teams.export.terraform_center import center_files
from gatepass.teams.model import Compiled
from gatepass.teams.planning.plan import Options, Plan

pytestmark = pytest.mark.terraform
EXAMPLES = Path(__file__).parents[2] / "examples"
HOME = "222222222222"
READ = "arn:aws:iam::aws:policy/ReadOnlyAccess"
S3 = [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::*/${aws:username}"}]
EVERYTHING: dict[str, Any] = {
    "identity_account": "core-root",
    "apply_role": "",
    "accounts": {"core-root": {"id": HOME, "management": True}},
    "identity_center": {
        "instance_arn": "arn:aws:sso:::instance/ssoins-7223000000000000",
        "identity_store_id": "d-9067000000",
        "region": "us-east-1",
    },
    "saml_providers": {"own": {"account": "core-root", "metadata": "idp.xml"}},
    "oidc_providers": {
        "github": {"account": "core-root", "host": "token.actions.githubusercontent.com", "create": True}
    },
    "policies": {"own": S3},
    "teams": {
        "admin": {"policies": ["team_role_access"], "saml_login": True, "description": "It is %{all} ${here}"},
        "ops": {
            "policies": [READ], "trusted_teams": ["admin"], "max_session": "4h", "tags": {"cost": "1"},
            "inline": {"more": {"Version": "2012-10-17", "Statement": S3}}, "groups": ["Ops"],
        },
    },
    "roles": {
        "deploy": {
            "accounts": ["core-root"], "trusted_teams": ["admin"], "policies": [READ, "own"], "boundary": READ,
            "path": "/jobs/",
        }
    },
    "self_service": "hardened",
    "users": {"ana": {"policies": [READ]}, "ben": {}},
    "groups": {
        "g": {"members": ["ana", "ben"], "assume": ["core-root/Shared"], "policies": [READ]},
        "h": {"members": ["ana"], "assume": ["core-root/Shared"]},
    },
    "permission_sets": {
        "Read": {"managed_policies": [READ], "session": "8h", "tags": {"n": "1"}, "description": "reads"},
        "Write": {
            "customer_policies": ["own"], "inline": {"Version": "2012-10-17", "Statement": S3}, "boundary": READ,
            "relay_state": "https://console.aws.amazon.com/s3",
        },
        "Plain": {"boundary": "own"},
    },
    "directory_groups": {
        "Ops": {"members": ["ana", "ben"]}, "Empty": {"members": [], "description": "nobody"}, "Everybody": {},
    },
    "assignments": [
        {"permission_set": "Read", "group": "Ops", "accounts": ["core-root"]},
        {"permission_set": "Read", "group": "Everybody", "accounts": ["core-root"]},
        {"permission_set": "Plain", "user": "ana", "accounts": ["core-root"]},
    ],
}  # fmt: skip
METADATA = (
    f"<EntityDescriptor entityID='https://idp.host.example/okta'/><!-- {'long enough for IAM ' * 60}-->\n"
)


@dataclass
class World:
    """A simulated AWS with the example's accounts, and a declaration for them."""

    sim: Simulator
    compiled: Compiled

    def plan(self) -> Plan:
        return plan_live(self._calls, SystemClock(), self.compiled, Options("acme"))

    def apply(self) -> None:
        report = apply_plan(self._calls, SystemClock(), self.compiled, self.plan())
        assert report.is_complete, [(item.change.id, item.reason) for item in report.results if item.reason]

    def exported(self, *, imports: bool) -> dict[str, str]:
        return terraform_files(self.compiled, imports=imports) | center_files(self.compiled, imports=imports)

    @property
    def _calls(self) -> Calls:
        source = session(self.sim, self.sim.world.credentials["AKIAOPERATOR00000000"])
        return calls_for(self.compiled, SystemClock(), source=source)


def _world(declared: Path) -> World:
    compiled = compile_wanted(Wanted((declared,)))
    assert not compiled.faults, compiled.faults
    described = yaml.safe_load((EXAMPLES / "teams-world.yaml").read_text())
    return World(build(described, SystemClock(), Settings(rates={})), compiled)


def _everything(folder: Path) -> World:
    (folder / "idp.xml").write_text(METADATA)
    (folder / "teams.yaml").write_text(json.dumps({"organizations": {"acme": EVERYTHING}}))
    return _world(folder / "teams.yaml")


@contextmanager
def _terraform(sim: Simulator, folder: Path, text: str) -> Iterator[Workspace]:
    folder.mkdir(parents=True)
    (folder / "main.tf.json").write_text(text)
    (folder / "override.tf.json").write_text(json.dumps(SIMULATED))
    (account,) = json.loads(text)["provider"]["aws"]["allowed_account_ids"]
    credential = root_credential(sim.world, account)
    with SimServer(sim) as server:
        terraform = Workspace(folder, server.url, credential.access_key, credential.secret)
        terraform.run("init", "-input=false")
        yield terraform


def _taken_over(sim: Simulator, folder: Path, text: str) -> None:
    with _terraform(sim, folder, text) as terraform:
        terraform.run("validate")
        said = terraform.run("apply", "-auto-approve", "-input=false").stdout
        count = len(json.loads(text)["import"])
        assert f"{count} imported, 0 added, 0 changed, 0 destroyed" in said, said
        assert terraform.is_in_step()


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> World:
    require()
    world = _everything(tmp_path_factory.mktemp("declared"))
    world.apply()
    return world


@pytest.mark.slow
@pytest.mark.parametrize("part", ["acme-core-root", "acme-core-root-identity-center"])
def test_h2_terraform_takes_over_every_kind_of_thing_and_changes_nothing(
    everything: World, part: str, tmp_path: Path
) -> None:
    text = everything.exported(imports=True)[f"{part}/main.tf.json"]
    _taken_over(everything.sim, tmp_path / part, text)


@pytest.mark.long
def test_h2_terraform_takes_over_the_example(tmp_path: Path) -> None:
    require()
    world = _world(EXAMPLES / "teams" / "teams.yaml")
    world.apply()
    for name, text in world.exported(imports=True).items():
        _taken_over(world.sim, tmp_path / Path(name).parent.name, text)


@pytest.mark.long
def test_w3_terraform_makes_what_is_exported_and_we_find_nothing_to_change_in_it(tmp_path: Path) -> None:
    require()
    world = _everything(tmp_path)
    for name, text in world.exported(imports=False).items():
        with _terraform(world.sim, tmp_path / Path(name).parent.name, text) as terraform:
            terraform.run("apply", "-auto-approve", "-input=false")
            assert terraform.is_in_step()
    plan = world.plan()
    assert plan.is_empty, [
        (change.id, change.reason, change.fields) for change in plan.changes if change.fields
    ]
