"""Terraform's aws provider applies against the simulator, plans to no changes and destroys (issue "Teams", W3).

Only where Terraform and the provider are: an assignment alone takes the provider ten seconds.
"""

from pathlib import Path

import pytest
from tests.terraform import Workspace, require

from gatepass.clock import SystemClock
from gatepass.sim import Settings, build, root_credential, two_tenants
from gatepass.sim.server import SimServer

MAIN = """
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
provider "aws" {
  region                      = "us-east-1"
  skip_metadata_api_check     = true
  skip_credentials_validation = true
  skip_region_validation      = true
}
data "aws_caller_identity" "me" {}
data "aws_ssoadmin_instances" "all" {}
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.me.account_id}:root"]
    }
  }
}
resource "aws_iam_role" "dev" {
  name               = "dev"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = { team = "core" }
}
resource "aws_iam_role_policy_attachment" "dev" {
  role       = aws_iam_role.dev.name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}
resource "aws_iam_policy" "p" {
  name   = "p"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:*", Resource = "*" }] })
}
resource "aws_iam_user" "ana" { name = "ana" }
resource "aws_iam_group" "devs" { name = "devs" }
resource "aws_iam_user_group_membership" "ana" {
  user   = aws_iam_user.ana.name
  groups = [aws_iam_group.devs.name]
}
resource "aws_ssoadmin_permission_set" "audit" {
  name         = "Audit"
  instance_arn = tolist(data.aws_ssoadmin_instances.all.arns)[0]
}
resource "aws_identitystore_group" "auditors" {
  display_name      = "New auditors"
  identity_store_id = tolist(data.aws_ssoadmin_instances.all.identity_store_ids)[0]
}
resource "aws_ssoadmin_account_assignment" "audit" {
  instance_arn       = aws_ssoadmin_permission_set.audit.instance_arn
  permission_set_arn = aws_ssoadmin_permission_set.audit.arn
  principal_id       = aws_identitystore_group.auditors.group_id
  principal_type     = "GROUP"
  target_id          = "333333333333"
  target_type        = "AWS_ACCOUNT"
}
"""


@pytest.mark.slow
@pytest.mark.terraform
def test_w3_the_aws_provider_applies_plans_to_nothing_and_destroys(tmp_path: Path) -> None:
    require()
    sim = build(two_tenants(), SystemClock(), Settings(rates={}))
    keys = root_credential(sim.world, "123456789012")
    (tmp_path / "main.tf").write_text(MAIN)
    with SimServer(sim) as server:
        terraform = Workspace(tmp_path, server.url, keys.access_key, keys.secret)
        terraform.run("init")
        terraform.run("apply", "-auto-approve")
        assert terraform.is_in_step()
        terraform.run("destroy", "-auto-approve")
    assert "dev" not in sim.world.iam_of("123456789012").roles
