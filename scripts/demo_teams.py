"""Standing trust, told on the terminal: compile, plan, apply, assume-role allowed and refused and why, drift, repair.

Runs a simulated AWS with the accounts of `examples/teams` and then only the commands a person would type: gatepass, and
the AWS CLI where there is one (else boto3). The last line is one JSON object; exit 0 only when all in it is right.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.exceptions import ClientError

from gatepass.clock import SystemClock
from gatepass.sim import build
from gatepass.sim.server import SimServer

ROOT = Path(__file__).resolve().parent.parent
ESTATE = Path("examples") / "teams" / "teams.yaml"
GATEPASS = str(Path(sys.executable).parent / "gatepass")
REGION = "us-east-1"
OPERATOR = {"AWS_ACCESS_KEY_ID": "AKIAOPERATOR00000000", "AWS_SECRET_ACCESS_KEY": "simulated-operator-secret"}
WORKER = {"AWS_ACCESS_KEY_ID": "AKIAWORKER0000000000", "AWS_SECRET_ACCESS_KEY": "simulated-worker-secret"}
POOL = "arn:aws:iam::123456789012:role/eg-ue2-auto-spacelift-worker-pool-admin"
SPACELIFT = "arn:aws:iam::111111111111:role/eg-core-gbl-identity-spacelift"
TERRAFORM = "arn:aws:iam::333333333333:role/eg-plat-gbl-dev-terraform"
WATCH = "gatepass: 1\npeople: {cleo: {email: cleo@host.example, role: admin}}\ndrift: {every: 6h}\n"
ADMIN = "arn:aws:iam::333333333333:role/eg-plat-gbl-dev-admin"


def say(words: str = "") -> None:
    print(words, flush=True)


@dataclass
class Story:
    """The terminal: who types, where AWS is, and what came out right."""

    url: str
    folder: Path
    right: dict[str, bool] = field(default_factory=dict)
    server: dict[str, str] = field(default_factory=dict)
    """How the command line reaches the gatepass server, while there is one."""

    def environment(self, keys: dict[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        place = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return {
            **kept,
            **place,
            **keys,
            **self.server,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def gatepass(self, *words: str, wanted: int = 0, shown: int = 14) -> str:
        say(f"\n$ gatepass {' '.join(words)}")
        done = subprocess.run(
            [GATEPASS, *words], cwd=ROOT, env=self.environment(OPERATOR), capture_output=True, text=True
        )
        lines = (done.stdout + done.stderr).rstrip().splitlines()
        rest = len(lines) - shown
        say(
            "\n".join(
                lines if rest <= 2 else [*lines[: shown - 2], f"... {rest} more lines ...", *lines[-2:]]
            )
        )
        if done.returncode != wanted:
            sys.exit(f"ended with {done.returncode}, not {wanted}")
        return done.stdout

    def assume(self, keys: dict[str, str], role: str, who: str) -> dict[str, str] | None:
        """The credentials of the role, or None when AWS refuses."""
        name = role.rpartition("/")[2]
        say(f"\n{who}$ aws sts assume-role --role-arn {role} --role-session-name demo")
        given = self._by_cli(keys, role) if shutil.which("aws") else self._by_boto3(keys, role)
        if given is None:
            return None
        say(f"credentials of {name} until {given['Expiration']}")
        return {
            "AWS_ACCESS_KEY_ID": str(given["AccessKeyId"]),
            "AWS_SECRET_ACCESS_KEY": str(given["SecretAccessKey"]),
            "AWS_SESSION_TOKEN": str(given["SessionToken"]),
        }

    def _by_cli(self, keys: dict[str, str], role: str) -> dict[str, Any] | None:
        command = [
            "aws",
            "sts",
            "assume-role",
            "--role-arn",
            role,
            "--role-session-name",
            "demo",
            "--output",
            "json",
        ]
        done = subprocess.run(command, env=self.environment(keys), capture_output=True, text=True)
        if done.returncode != 0:
            say(done.stderr.strip())
            return None
        given: dict[str, Any] = json.loads(done.stdout)["Credentials"]
        return given

    def _by_boto3(self, keys: dict[str, str], role: str) -> dict[str, Any] | None:
        session = boto3.Session(
            keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], keys.get("AWS_SESSION_TOKEN"), REGION
        )
        try:
            answer = session.client("sts", endpoint_url=self.url).assume_role(
                RoleArn=role, RoleSessionName="demo"
            )
        except ClientError as error:
            say(str(error))
            return None
        return dict(answer["Credentials"])

    def check(self, name: str, right: bool) -> None:
        self.right[name] = right


def tell(story: Story) -> None:
    """The story, once through."""
    plan = str(story.folder / "plan.json")
    say(
        "One file says which teams there are and which roles trust them. It compiles to IAM, without any call to AWS."
    )
    compiled = story.gatepass("teams", "compile", str(ESTATE))
    story.check("compiled", "eg-core-gbl-identity-spacelift\t1303 of 2048" in compiled)

    say("\nWhat would change, in words, and who gains by it. Nothing changes yet.")
    planned = story.gatepass("teams", "plan", str(ESTATE), "--out", plan, shown=24)
    story.check("planned", "gains: arn:aws:iam::111111111111:role/eg-core-gbl-identity-admin" in planned)

    say("\nApply it: grants first, every step verified by reading it back.")
    story.gatepass("teams", "apply", plan)
    story.check("second_plan_is_empty", "no changes" in story.gatepass("teams", "plan", str(ESTATE)))

    say(
        "\nA machine goes its way: worker pool, team spacelift, role terraform in plat-dev. All real STS calls."
    )
    pool = story.assume(WORKER, POOL, "worker")
    team = story.assume(pool, SPACELIFT, "pool") if pool else None
    story.check("allowed", team is not None and story.assume(team, TERRAFORM, "spacelift") is not None)

    say("\nThe same team asks for admin in plat-dev, which trusts team admin only.")
    story.check("refused", team is not None and story.assume(team, ADMIN, "spacelift") is None)
    why = story.gatepass(
        "teams", "explain", "spacelift@core-identity", "admin@plat-dev", "-e", str(ESTATE), shown=20
    )
    story.check("explained", "eg-core-gbl-identity-spacelift" in why)

    say("\nSomebody edits a trust policy by hand: viewer may become admin in plat-dev.")
    _edit_by_hand(story)
    drift = story.gatepass("teams", "drift", str(ESTATE), wanted=2)
    story.check("drift_seen", "changed trust" in drift and "eg-plat-gbl-dev-admin" in drift)
    story.gatepass("teams", "plan", str(ESTATE), "--out", plan, shown=24)
    story.gatepass("teams", "apply", plan)
    story.check("repaired", "no drift" in story.gatepass("teams", "drift", str(ESTATE)))

    say(
        "\nA server looks by itself, every six hours or when it is asked; role admin is enforce: true in its estate."
    )
    with _serving(story):
        _edit_by_hand(story)
        looked = story.gatepass("teams", "drift", "--server")
    story.check("enforced", "repaired: changed trust" in looked and "no drift" in looked)
    story.check("still_repaired", "no drift" in story.gatepass("teams", "drift", str(ESTATE)))

    picture = story.folder / "matrix.svg"
    drawn = subprocess.run(
        [GATEPASS, "teams", "matrix", "-e", str(ESTATE), "--output", "svg"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    picture.write_text(drawn.stdout, encoding="utf-8")
    say(f"\n$ gatepass teams matrix -e {ESTATE} --output svg > matrix.svg")
    story.check("pictured", drawn.stdout.startswith("<svg"))


@contextmanager
def _serving(story: Story) -> Iterator[None]:
    """A gatepass server whose estate watches the teams of the demo."""
    estate, data = story.folder / "estate", story.folder / "data"
    (estate / "teams").mkdir(parents=True)
    declared = (ROOT / ESTATE).read_text(encoding="utf-8")
    enforced = declared.replace(
        "      admin:\n        accounts:", "      admin:\n        enforce: true\n        accounts:"
    )
    (estate / "teams" / "teams.yaml").write_text(enforced, encoding="utf-8")
    (estate / "estate.yaml").write_text(WATCH, encoding="utf-8")
    say(f"\n$ cat estate/estate.yaml\n{WATCH}\n$ gatepass serve estate")
    settings = {"GATEPASS_DATA_DIR": str(data), "GATEPASS_PORT": "0"}
    server = subprocess.Popen(
        [GATEPASS, "serve", str(estate)], env=story.environment({**OPERATOR, **settings}), text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert server.stderr is not None
    try:
        told = next((line for line in server.stderr if line.startswith("serving on")), "")
        if not told:
            sys.exit("the server did not start")
        token = (data / "first-token").read_text(encoding="utf-8").strip()
        story.server = {"GATEPASS_URL": told.split()[2], "GATEPASS_TOKEN": token}
        yield
    finally:
        story.server = {}
        server.terminate()
        server.wait(30)


def _edit_by_hand(story: Story) -> None:
    sts = boto3.Session(
        OPERATOR["AWS_ACCESS_KEY_ID"], OPERATOR["AWS_SECRET_ACCESS_KEY"], region_name=REGION
    ).client("sts", endpoint_url=story.url)
    role = "arn:aws:iam::333333333333:role/OrganizationAccountAccessRole"
    given = sts.assume_role(RoleArn=role, RoleSessionName="by-hand")["Credentials"]
    iam = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], REGION).client(
        "iam", endpoint_url=story.url
    )
    name = ADMIN.rpartition("/")[2]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    changed = json.dumps(trust).replace("eg-core-gbl-identity-admin", "eg-core-gbl-identity-viewer")
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=changed)


def main() -> None:
    """Starts the simulator on loopback, tells the story, stops it."""
    world = yaml.safe_load((ROOT / "examples" / "teams-world.yaml").read_text(encoding="utf-8"))
    with (
        tempfile.TemporaryDirectory(prefix="gatepass-teams-") as folder,
        SimServer(build(world, SystemClock())) as server,
    ):
        story = Story(server.url, Path(folder))
        tell(story)
    right = all(story.right.values())
    say(f"\n{json.dumps({**story.right, 'ok': right})}")
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
