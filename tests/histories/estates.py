"""The estates of the histories: everything, and what an operator may make of it while people hold access."""

from __future__ import annotations

from gatepass.estate import Estate, load

_PEOPLE = {
    "ana": "  ana:  {email: ana@host.example, groups: [all]}",
    "ben": "  ben:  {email: Ben@Host.example, groups: [all]}",
    "cleo": "  cleo: {email: cleo@host.example, groups: [all]}",
    "dan": "  dan:  {email: dan@host.example, groups: [all]}",
    "eve": "  eve:  {email: eve@host.example, groups: [boss], role: admin}",
}
_FOO = """
  tenant_foo:
    connector:
      instance_arn: arn:aws:sso:::instance/ssoins-7223000000000000
      region: us-east-1
      role_arn: arn:aws:iam::123456789012:role/sym/SymSSOTenant-Foo
      external_id: gp-foo-external
    max_duration: 1h
    targets:
      admin:    {permission_set: AdministratorAccess, account: "333333333333"}
      auditors: {group: Auditors}
"""
_FOO_READ = """\
      read:     {permission_set: ReadOnly, account: "333333333333"}
"""
_BAR = """
  tenant_bar:
    connector:
      instance_arn: arn:aws:sso:::instance/ssoins-7223000000000001
      region: eu-west-1
      role_arn: arn:aws:iam::555555555555:role/gatepass/Connector
      external_id: gp-bar-external
    max_duration: 1h
    targets:
      staging: {permission_set: ReadOnly, account: "777777777777"}
"""
_FLOW = """
flows:
  access:
    label: Access
    organizations: all
    fields:
      duration: {type: duration, allowed_values: [40s, 2m, 5m, 10m]}
    decide:
      ask: {groups: [all]}
      unanswered_after: 10m
      rules:
        - {targets: [auditors], automatic: true}
        - {targets: [staging], approve: {groups: [all], needed: 2}}
        - {approve: {groups: [all, boss]}}
"""

_CODED = """
  coded:
    label: By code within rules
    organizations: [tenant_foo]
    implementation: impl.py
    fields:
      duration: {type: duration, allowed_values: [40s, 2m, 5m, 10m]}
      change: {type: string, label: Change, prefetch: true}
    decide:
      ask: {groups: [all]}
      unanswered_after: 10m
      rules:
        - {targets: [auditors], automatic: true}
        - {approve: {groups: [all, boss]}}
  free:
    label: By code alone
    organizations: [tenant_foo]
    implementation: impl.py
    fields:
      duration: {type: duration, allowed_values: [40s, 2m, 5m, 10m]}
      change: {type: string, label: Change, prefetch: true}
"""

OPEN_FLOW = "free"
"""No rules say who may ask it."""
ELSEWHERE = "ana elsewhere"
KINDS = ("whole", "without ben", "without read", "without bar", ELSEWHERE)


def estate(kind: str = "whole") -> Estate:
    """One of `KINDS`."""
    people = [line for name, line in _PEOPLE.items() if kind != f"without {name}"]
    if kind == ELSEWHERE:  # she is still here, and no longer in the group that may ask
        people = [line.replace("[all]", "[elsewhere]") if "ana" in line else line for line in people]
    foo = _FOO + ("" if kind == "without read" else _FOO_READ)
    bar = "" if kind == "without bar" else _BAR
    flow = "\n".join(line for line in _FLOW.splitlines() if bar or "staging" not in line)
    text = "\n".join(["gatepass: 1", "people:", *people, "organizations:" + foo + bar + flow + _CODED])
    return load({"estate.yaml": text, "impl.py": "# what its handlers do, the dice say\n"})
