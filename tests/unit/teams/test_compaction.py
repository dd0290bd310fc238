"""T 8: shorter trust policies let in exactly whom the whole one lets in, over the estate; each only where it may."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.teams.test_trust_properties import (
    DEV,
    EVERYBODY,
    IDENTITY,
    TEAMS,
    WORLD,
    configs,
    kinds,
    ruling,
    trust_of,
)

from gatepass.policy import Ruling
from gatepass.policy.normal import size
from gatepass.teams.applying.live import Live
from gatepass.teams.compiling.compaction import AUTO, ORDER, TECHNIQUES, Site, compact
from gatepass.teams.compiling.splitting import PART_OF, split
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.lint.reach import reach_lints
from gatepass.teams.model import Compiled, Profile, Resources, Role
from gatepass.teams.nodes import Mapping
from gatepass.teams.planning.making import make_plan
from gatepass.teams.planning.plan import Options
from gatepass.teams.reach.questions import Reach
from gatepass.teams.upstream.config import Extras, RoleConfig
from gatepass.testing.clock import VirtualClock

KNOWN = replace(
    WORLD,
    roles={
        account.id: frozenset(
            who.caller.arn for who in EVERYBODY if f"::{account.id}:role/eg-" in who.caller.arn
        )
        for account in (IDENTITY, DEV)
    },
    instance_sets=WORLD.instance_sets | {"IdentityDev_opsTeamAccess"},
)
OWN = (
    {"Sid": "Own", "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": EVERYBODY[0].caller.arn}},
)  # fmt: skip


def _in(trust: Any) -> set[str]:
    return {who.caller.arn for who in EVERYBODY if ruling(trust, who) is Ruling.ALLOWED}


def _site(config: RoleConfig, kind: str) -> Site:
    return Site(config, kind, IDENTITY if kind == "aws-teams" else DEV, KNOWN)


@settings(max_examples=60, deadline=None)
@given(
    configs,
    kinds,
    st.sets(st.sampled_from([name for name in TECHNIQUES if name not in ("C-8", "C-9")])),
    st.booleans(),
)
def test_no_technique_changes_who_may_assume(config: RoleConfig, kind: str, may: set[str], own: bool) -> None:
    """7.4 (5): also beside a statement of one's own, which C-6 must not forget."""
    extras = Extras(profile=Profile.HARDENED, extra_statements=OWN if own else ())
    config = replace(config, extras=extras)
    site = _site(config, kind)
    trust = site.written(())
    role = Role(site.account, "target", trust, kind="team" if kind == "aws-teams" else "team-role")
    found = compact(trust, may, 1, role, site)
    assert _in(found.trust) == _in(trust)
    assert size(found.trust) <= size(trust)
    assert found == compact(
        trust, sorted(may, reverse=True), 1, role, site
    )  # the order of consent is nothing


@settings(max_examples=40, deadline=None)
@given(configs, kinds, st.integers(700, 2000))
def test_c11_the_parts_together_let_in_whom_the_whole_does(config: RoleConfig, kind: str, quota: int) -> None:
    config = replace(config, extras=Extras(profile=Profile.HARDENED))
    site = _site(config, kind)
    trust = site.written(())
    parts = split(Role(site.account, "target", trust, short="target"), quota)
    if parts:
        assert set().union(*(_in(part.trust) for part in parts)) == _in(trust)
        assert all(size(part.trust) <= quota for part in parts)
        assert len({part.name for part in parts}) == len(parts)


def test_what_is_left_when_it_fits_is_not_touched() -> None:
    config = RoleConfig("t", Mapping("x", 1, 1, {}), "roles.t", trusted_teams=TEAMS)
    site = _site(config, "aws-team-roles")
    trust = site.written(())
    role = Role(DEV, "target", trust, kind="team-role")
    assert compact(trust, ORDER, 10_000, role, site).used == ()
    assert compact(trust, ORDER, size(trust) - 1, role, site).used == ("C-1",)
    assert trust == trust_of(config, "aws-team-roles", Profile.CLOUDPOSSE, KNOWN)


# -- whole estates

MANY = [f"squad-{letter}" for letter in "abcdefghij"]


def _compile(folder: Path, **more: Any) -> Compiled:
    organization = {
        "identity_account": "identity",
        "accounts": {"identity": {"id": IDENTITY.id, "trust_policy_quota": 8192}, "dev": DEV.id},
        "trust_policy_quota": 2048,
        "team_permission_sets_enabled": False,
        "teams": {name: {"policies": ["team_role_access"]} for name in [*MANY, "other"]},
        "roles": {"deploy": {"accounts": ["dev"], "trusted_teams": MANY}},
        **more,
    }
    path = folder / "teams.yaml"
    path.write_text(json.dumps({"organizations": {"acme": organization}}))
    return compile_wanted(Wanted((path,)))


def _long(**more: Any) -> dict[str, Any]:
    """A role that trusts more teams than fit into its account's quota."""
    names = [f"a-team-with-a-rather-long-name-{number:02}" for number in range(36)]
    plain = {"policies": ["team_role_access"]}
    return {
        "teams": {name: dict(plain, **more.get("each", {})) for name in names}
        | more.get("teams", {"other": plain}),
        "roles": {"deploy": {"accounts": ["dev"], "trusted_teams": names, **more.get("role", {})}},
    }


def _role(compiled: Compiled, short: str = "deploy") -> Role:
    return next(role for role in compiled.resources.roles if role.short == short)


def test_without_consent_it_is_refused_with_what_each_would_save(tmp_path: Path) -> None:
    (fault,) = _compile(tmp_path, **_long()).faults
    assert fault.id == "trust-too-long"
    assert "C-7" in fault.advice
    assert "C-10" not in fault.advice  # no path to trust


def test_c7_takes_names_together_when_the_estate_has_no_other(tmp_path: Path) -> None:
    compiled = _compile(tmp_path, compaction=["C-7"], **_long())
    assert not compiled.faults
    role = _role(compiled)
    assert f"arn:aws:iam::{IDENTITY.id}:role/a-team-with-a-rather-long-name-*" in json.dumps(role.trust)
    assert role.whole is not None
    callers = {item.arn for item in compiled.resources.roles}
    assert {arn for arn in callers if _admits(role.trust, arn)} == {
        arn for arn in callers if _admits(role.whole, arn)
    }


def test_c7_goes_round_a_name_that_is_not_wanted(tmp_path: Path) -> None:
    said = _long(teams={"a-team-with-a-rather-long-name-1x": {"policies": ["team_role_access"]}})
    compiled = _compile(tmp_path, compaction=["C-7"], **said)
    assert not compiled.faults
    trust = _role(compiled).trust
    assert not _admits(trust, f"arn:aws:iam::{IDENTITY.id}:role/a-team-with-a-rather-long-name-1x")
    assert _admits(trust, f"arn:aws:iam::{IDENTITY.id}:role/a-team-with-a-rather-long-name-11")


def _admits(trust: Any, arn: str) -> bool:
    from gatepass.teams.planning.meaning import lets_in

    return lets_in(trust, arn)


@pytest.mark.parametrize(
    ("name", "blocked"), [("a-team-with-a-rather-long-name-99", True), ("unrelated", False)]
)
def test_c7_is_looked_at_again_in_every_plan(tmp_path: Path, name: str, blocked: bool) -> None:
    """A live role that nobody declares and that the pattern would let in."""
    compiled = _compile(tmp_path, compaction=["C-7"], **_long())
    identity = next(account for account in compiled.resources.accounts if account.id == IDENTITY.id)
    live = Live(
        Resources(accounts=compiled.resources.accounts, roles=(Role(identity, name, {"Statement": []}),))
    )
    plan = make_plan(compiled, live, Options("acme"), now=VirtualClock().now())
    reasons = [change.reason for change in plan.blocked]
    assert any(reason.startswith("names-not-closed") and name in reason for reason in reasons) is blocked
    unseen = make_plan(compiled, Live(), Options("acme"), now=VirtualClock().now(), accounts=[DEV.id])
    assert any("could not be read" in change.reason for change in unseen.blocked)


def test_c10_trusts_a_path_whose_roles_are_all_trusted_and_says_who_may_then_let_in(tmp_path: Path) -> None:
    compiled = _compile(tmp_path, compaction=["C-10"], **_long(each={"path": "/squads/"}))
    assert not compiled.faults
    assert f"arn:aws:iam::{IDENTITY.id}:role/squads/*" in json.dumps(_role(compiled).trust)
    assert "path-trust" in {finding.id for finding in compiled.lints}
    other = {"other": {"policies": ["team_role_access"], "path": "/squads/"}}
    refused = _compile(tmp_path, compaction=["C-10"], **_long(each={"path": "/squads/"}, teams=other))
    assert {fault.id for fault in refused.faults} == {"trust-too-long"}


def _starts(compiled: Compiled) -> set[str]:
    reach = Reach(compiled.resources)
    return {path[0].source.label for path in reach.who_can(reach.role("deploy@dev"))}


def _people(said: dict[str, Any]) -> dict[str, Any]:
    """One machine user for each of the first teams, beside the teams."""
    users = {f"u{number}": {} for number in range(3)}
    names = list(said["teams"])[:3]
    for number, name in enumerate(names):
        said["teams"][name]["trusted_role_arns"] = [f"arn:aws:iam::{IDENTITY.id}:user/u{number}"]
        users[f"u{number}"] = {
            "inline": {"go": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}}
        }  # fmt: skip
    return {**said, "users": users}


def test_c9_over_a_broker_come_exactly_those_who_came_directly(tmp_path: Path) -> None:
    said = _people(_long())
    names = said["roles"]["deploy"]["trusted_teams"]
    said["teams"]["broker"] = {"policies": ["team_role_access"], "trusted_teams": names[:-1]}
    wide = {
        "accounts": {
            "identity": {"id": IDENTITY.id, "trust_policy_quota": 8192},
            "dev": {"id": DEV.id, "trust_policy_quota": 8192},
        }
    }
    before = _compile(tmp_path, **said, **wide)
    assert not before.faults
    after = _compile(tmp_path, compaction=["C-9"], broker="broker", **said)
    assert not after.faults
    trust = json.dumps(_role(after).trust)
    assert ":role/broker" in trust
    assert names[0] not in trust
    assert names[-1] in trust  # whom the broker does not trust comes directly
    assert _starts(after) == _starts(before) == {"u0", "u1", "u2"}


@pytest.mark.parametrize(
    "broker",
    [
        {"trusted_teams": ["other"]},  # lets in more
        {"policies": []},  # cannot go on
        {"saml_login": True},
        {"trusted_role_arns": ["arn:aws:iam::999999999999:role/x"], "external": True},
    ],
)
def test_c9_is_not_used_where_it_would_let_in_others_or_nobody(
    tmp_path: Path, broker: dict[str, Any]
) -> None:
    said = _long()
    names = said["roles"]["deploy"]["trusted_teams"]
    own = {"policies": ["team_role_access"], "trusted_teams": names, **broker}
    own["trusted_teams"] = [*names, *broker.get("trusted_teams", [])]
    said["teams"]["broker"] = own
    compiled = _compile(tmp_path, compaction=["C-9"], broker="broker", **said)
    assert "trust-too-long" in {fault.id for fault in compiled.faults}


def test_c9_is_not_used_where_somebody_denied_would_come_over_the_broker(tmp_path: Path) -> None:
    said = _long(role={"denied_teams": ["other"]})
    said["teams"]["broker"] = {
        "policies": ["team_role_access"],
        "trusted_teams": said["roles"]["deploy"]["trusted_teams"],
    }
    assert _compile(tmp_path, compaction=["C-9"], broker="broker", **said).faults
    said["teams"]["broker"]["denied_teams"] = ["other"]
    assert not _compile(tmp_path, compaction=["C-9"], broker="broker", **said).faults


def test_c11_splits_and_queries_show_one_role(tmp_path: Path) -> None:
    said = _people(_long(role={"policies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}))
    compiled = _compile(tmp_path, compaction=["C-11"], **said)
    assert not compiled.faults
    parts = [role for role in compiled.resources.roles if role.part_of == "deploy"]
    assert [part.name for part in parts] == ["deploy-1", "deploy-2"]
    assert all(part.characters <= 2048 and part.tags[PART_OF] == "deploy" for part in parts)
    assert {part.policies for part in parts} == {("arn:aws:iam::aws:policy/ReadOnlyAccess",)}
    reach = Reach(compiled.resources)
    assert [
        node.label
        for node in reach.graph.nodes.values()
        if node.id in reach.graph.roles and "deploy" in node.label
    ] == ["deploy@dev"]
    assert _starts(compiled) == {"u0", "u1", "u2"}
    live = replace(
        compiled.resources,
        roles=tuple(replace(role, short="", part_of="") for role in compiled.resources.roles),
    )
    assert len(Reach(live).who_can(Reach(live).role(parts[0].arn))) == 3


def test_c11_is_not_for_roles_that_others_name(tmp_path: Path) -> None:
    said = _long()
    said["teams"]["other"]["allowed_roles"] = {"dev": ["deploy"]}
    assert _compile(tmp_path, compaction=["C-11"], **said).faults


def test_everything_automatic_comes_first_and_the_answer_is_the_same_bytes(tmp_path: Path) -> None:
    """7.4 (7), (8)."""
    said = _long()
    one = _compile(tmp_path, compaction=["C-11", "C-7", "auto"], **said)
    said["roles"]["deploy"]["trusted_teams"] = list(reversed(said["roles"]["deploy"]["trusted_teams"]))
    said["teams"] = dict(reversed(said["teams"].items()))
    other = _compile(tmp_path, compaction=["auto", "C-7", "C-11"], **said)
    assert json.dumps(_role(one).trust) == json.dumps(_role(other).trust)
    assert ORDER[:5] == AUTO


def test_h7_ways_that_are_longer_than_max_chain_are_errors_with_the_way(tmp_path: Path) -> None:
    said = _people(_long())
    first = said["roles"]["deploy"]["trusted_teams"][0]
    said["roles"]["deploy"] |= {"trusted_teams": [first], "max_chain": 2}
    compiled = _compile(tmp_path, **said)
    assert "chain-too-long" not in {item.id for item in reach_lints(compiled, Reach(compiled.resources))}
    said["roles"]["deploy"]["max_chain"] = 1
    compiled = _compile(tmp_path, **said)
    (found,) = [
        item for item in reach_lints(compiled, Reach(compiled.resources)) if item.id == "chain-too-long"
    ]
    assert first in found.message
