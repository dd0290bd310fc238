"""From IAM users to Identity Center: equal reach, and what is lost is named (9.5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.importing.migrate import Proposal, propose

IDENTITY, DEV, PROD = "111111111111", "333333333333", "555555555555"


def _proposal(folder: Path, **more: Any) -> Proposal:
    said = {
        "identity_account": "identity",
        "accounts": {"identity": IDENTITY, "dev": DEV, "prod": PROD},
        "users": {"ana": {}, "ben": {}, "cleo": {}},
        "groups": {
            "devs": {"members": ["ana", "ben"], "assume": ["dev/Developer", "prod/Reader"]},
            "ops": {"members": ["cleo"], "assume": ["prod/Operator"]},
        },
        "child_roles": {
            "Developer": {"policies": ["arn:aws:iam::aws:policy/PowerUserAccess"], "max_session": "4h"},
            "Reader": {"policies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]},
            "Operator": {"policies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]},
        },
        **more,
    }
    path = folder / "teams.yaml"
    path.write_text(json.dumps({"organizations": {"acme": said}}))
    compiled = compile_wanted(Wanted((path,)))
    assert not compiled.faults, compiled.faults
    return propose(compiled.resources)


def test_everybody_reaches_the_same(tmp_path: Path) -> None:
    proposal = _proposal(tmp_path)
    assert proposal.keeps_reach
    assert len(proposal.before) == 5
    assert not proposal.lost
    declared = proposal.organization
    # Operator and Reader may do the same, so they are one permission set
    assert {name: said["managed_policies"] for name, said in declared["permission_sets"].items()} == {
        "Developer": ["arn:aws:iam::aws:policy/PowerUserAccess"],
        "Reader": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
    }
    assert declared["permission_sets"]["Developer"]["session"] == "14400s"
    assert {"permission_set": "Developer", "group": "ana-ben", "accounts": ["dev"]} in declared["assignments"]


def test_the_proposal_is_a_declaration_that_compiles(tmp_path: Path) -> None:
    proposal = _proposal(tmp_path)
    said = {"accounts": {"identity": IDENTITY, "dev": DEV, "prod": PROD}, **proposal.organization}
    path = tmp_path / "proposed.yaml"
    path.write_text(json.dumps({"organizations": {"acme": said}}))
    compiled = compile_wanted(Wanted((path,)))
    assert not compiled.faults, compiled.faults
    held = {(item.permission_set, item.account.name) for item in compiled.resources.assignments}
    assert held == {("Developer", "dev"), ("Reader", "prod")}


def test_what_cannot_be_kept_is_named(tmp_path: Path) -> None:
    read_only = {"policies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}
    users = {"ana": read_only, "ben": {}, "cleo": {"boundary": "arn:aws:iam::1:policy/b"}}
    proposal = _proposal(tmp_path, users=users, self_service="basic")
    assert [finding.id for finding in proposal.lost] == ["not-kept", "not-kept"]
    assert "ReadOnlyAccess" in proposal.lost[0].message
