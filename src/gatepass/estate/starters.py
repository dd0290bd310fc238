"""The files that `gatepass init` and `gatepass generate` write: small estates and flows that work as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gatepass.estate.reading.yaml import write

KINDS = ("aws-sso", "approval-only")

STARTER = """\
# A gatepass estate: who may ask for what in which AWS Organization, and who decides.
#
#   gatepass check .           says what it understood, or every mistake with its place
#   gatepass check --schema    prints the JSON schema that editors complete from
#   gatepass serve . --demo    tries it against a simulated AWS
#
# The people and the connector are those of the simulated AWS: replace them by your own.
gatepass: 1

people:                        # the name is the stable id: never give it to somebody else
  ana: {email: ana@host.example, groups: [engineers], role: admin}
  ben: {email: ben@host.example, groups: [engineers, oncall]}
  cleo: {email: cleo@host.example, groups: [oncall]}

organizations:
  main:
    label: Our AWS Organization
    connector:
      instance_arn: arn:aws:sso:::instance/ssoins-7223000000000001
      region: eu-west-1
      role_arn: arn:aws:iam::555555555555:role/gatepass/Connector
    max_duration: 12h          # nothing is given for longer, whatever a flow says
    targets:
      read-only: {permission_set: ReadOnly, accounts: all}
      admin: {permission_set: Admin, account: "888888888888", max_duration: 1h}

flows:
  aws-access:
    label: AWS access
    organizations: all
    fields:
      reason: {type: string, label: Why do you need access?}
      duration: {type: duration, allowed_values: [30m, 1h, 4h]}
    decide:
      ask: {groups: [engineers]}
      unanswered_after: 4h
      rules:                   # read top down: the first rule that matches decides, whole
        - {targets: [read-only], ask: {groups: [oncall]}, automatic: true}
        - {approve: {groups: [oncall]}}
"""


@dataclass(frozen=True)
class Wanted:
    """What a generated flow is about."""

    name: str
    organization: str = ""
    permission_set: str = ""
    account: str = ""
    """Empty: the asker chooses among the organization's accounts."""
    group: str = ""
    ask: str = "engineers"
    """Group whose members may ask."""
    approve: str = "oncall"
    """Group whose members decide."""


def flow_file(kind: str, wanted: Wanted) -> str:
    """The text of one YAML file with one flow of this kind, to stand beside an estate's other files."""
    fields: dict[str, Any] = {"reason": {"type": "string", "label": "Why do you need this?"}}
    flow: dict[str, Any] = {}
    if kind == "aws-sso":
        fields["duration"] = {"type": "duration", "allowed_values": ["30m", "1h", "4h"]}
        flow = {"organizations": [wanted.organization], "targets": _targets(wanted)}
    flow["fields"] = fields
    flow["decide"] = {
        "ask": {"groups": [wanted.ask]},
        "unanswered_after": "4h",
        "rules": [{"approve": {"groups": [wanted.approve]}}],
    }
    return write({"flows": {wanted.name: flow}})


def _targets(wanted: Wanted) -> dict[str, Any]:
    targets: dict[str, Any] = {}
    if wanted.permission_set:
        where = {"account": wanted.account} if wanted.account else {"accounts": "all"}
        targets[f"{wanted.name}-set"] = {"permission_set": wanted.permission_set, **where}
    if wanted.group:
        targets[f"{wanted.name}-group"] = {"group": wanted.group}
    return targets
