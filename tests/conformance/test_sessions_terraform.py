"""H4: Terraform's aws provider takes a session by credential_process and by the container endpoint (S-38, S-41).

Only where terraform and the provider are on this machine; starting the provider takes long, so limits are generous.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.canaries import private_place
from tests.conformance.test_sessions_clients import KEY_ID, SECRET, TRUSTER, world
from tests.terraform import LIMIT, require

from gatepass.clock import SystemClock
from gatepass.sim import Settings, build
from gatepass.sim.server import SimServer
from gatepass.testing.terraform import settings

GATEPASS = str(Path(sys.executable).with_name("gatepass"))
MAIN = """
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
provider "aws" {
  region                      = "eu-west-1"
  skip_metadata_api_check     = true
  skip_region_validation      = true
}
data "aws_caller_identity" "me" {}
output "arn" { value = data.aws_caller_identity.me.arn }
"""


@pytest.fixture
def place() -> Path:
    made = private_place()
    (made / "home").mkdir(mode=0o700)
    return made


@pytest.mark.slow
@pytest.mark.terraform
@pytest.mark.parametrize("by", ["profile", pytest.param("endpoint", marks=pytest.mark.long)])
def test_h4_terraform_takes_a_session(place: Path, by: str) -> None:
    require()
    with SimServer(build(world(), SystemClock(), Settings())) as server:
        environment = {
            "HOME": str(place / "home"),
            "PATH": os.environ["PATH"],
            "GATEPASS_HOME": str(place / "g"),
            "AWS_ENDPOINT_URL": server.url,
            **settings(place),
        }

        def run(*words: str, secrets: str = "", **more: str) -> str:
            done = subprocess.run(
                words,
                input=secrets,
                cwd=place,
                env={**environment, **more},
                capture_output=True,
                text=True,
                timeout=LIMIT,
                check=False,
            )
            assert done.returncode == 0, (words, done.stdout, done.stderr)
            return done.stdout

        (place / "main.tf").write_text(MAIN)
        run(GATEPASS, "vault", "init", "--provider", "keyfile", "--key-file", str(place / "g" / "key"))
        run(GATEPASS, "session", "add", "gateway", "iam-user", secrets=f"{KEY_ID}\n{SECRET}\n")
        role = f"role_arn=arn:aws:iam::{TRUSTER}:role/developer"
        run(GATEPASS, "session", "add", "dev", "role", role, "via=gateway", "external_id=wall-7")
        run(GATEPASS, "profiles", "install")
        try:
            run("terraform", "init", "-no-color")
            plan = ("terraform", "plan", "-no-color")
            wanted = f"arn:aws:sts::{TRUSTER}:assumed-role/developer/"
            if by == "endpoint":
                assert wanted in run(GATEPASS, "exec", "dev", "--", *plan)
                return
            assert wanted in run(*plan, AWS_PROFILE="dev")
            log = (place / "g" / "state" / "audit.jsonl").read_text()
            assert "/terraform" in log, "the audit log names the program that took credentials"
        finally:
            run(GATEPASS, "agent", "stop")
