"""Trust policies that do not fit: measured as AWS counts, compacted where that is safe, else refused with the way out
(specification of teams, 8)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gatepass.policy.normal import size
from gatepass.teams.compiling.compaction import Shorter, Site, allowed, compact, patterns_of, savings
from gatepass.teams.compiling.splitting import split
from gatepass.teams.compiling.trust import document, grounds
from gatepass.teams.compiling.world import World
from gatepass.teams.model import Finding, Level, Role
from gatepass.teams.upstream.config import RoleConfig

NEAR = 90
"""Percent of the quota from which on a warning is given (T-55)."""
STEPS = (2048, 4096, 8192)
"""Values the quota L-C07B4B0D can have; 8192 is the most AWS grants."""
QUOTA_CODE = "L-C07B4B0D"


def fit(role: Role, config: RoleConfig, world: World, findings: list[Finding]) -> tuple[Role, ...]:
    """The role with its size; compacted when its profile or the estate allows it and it is needed, never otherwise.
    Several roles where it had to be split (C-11)."""
    quota = role.account.trust_quota
    site = Site(config, "aws-teams" if role.kind == "team" else "aws-team-roles", role.account, world)
    may = allowed(config)
    found = Shorter(role.trust)
    if size(role.trust) > quota:
        found = compact(role.trust, may, quota, role, site)
    fitted = replace(role, trust=found.trust, characters=size(found.trust), whole=found.whole)
    if "C-10" in found.used:
        findings.append(_open_path(fitted, config))
    if fitted.characters > quota and "C-11" in may and _may_split(role, world):
        parts = split(fitted, quota)
        if parts:
            return parts
    if fitted.characters > quota:
        findings.append(_too_long(fitted, config, site))
    elif fitted.characters * 100 >= quota * NEAR:
        findings.append(_near(fitted, config))
    return (fitted,)


def _may_split(role: Role, world: World) -> bool:
    """Nobody else names the role: teams are named by roles, and roles by the teams that they may become."""
    named = {
        short
        for team in world.team_configs.values()
        for short in team.allowed_roles.get(role.account.name, ())
    }
    return role.kind != "team" and not named & {role.short, "*"}


def _near(role: Role, config: RoleConfig) -> Finding:
    quota = role.account.trust_quota
    percent = role.characters * 100 // quota
    message = f"trust policy of {role.name} has {role.characters} of {quota} characters ({percent} %)"
    return Finding(
        "trust-near-limit", Level.WARNING, message, role.place, path=config.path, value=str(role.characters),
        advice=_raise_quota(role, role.characters * 2), account=role.account.name, role=role.short,
    )  # fmt: skip


def _open_path(role: Role, config: RoleConfig) -> Finding:
    """C-10 lets in names that nobody has yet."""
    paths = sorted(
        pattern
        for statement in role.trust["Statement"]
        for pattern in patterns_of(statement)
        if pattern.endswith("/*") and not pattern.endswith(":user/*")
    )
    message = f"{role.name} trusts every role under a path: {', '.join(paths)}"
    advice = "whoever may create roles under the path may let people in; keep that to few, or take C-10 away"
    return Finding(
        "path-trust", Level.WARNING, message, role.place, path=config.path, value=", ".join(paths),
        advice=advice, account=role.account.name, role=role.short,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Share:
    """How many characters one list of a declaration costs."""

    attribute: str
    characters: int


def shares(role: Role, config: RoleConfig, world: World) -> list[Share]:
    """The largest contributors to a trust policy, measured by leaving each list out."""
    kind = "aws-teams" if role.kind == "team" else "aws-team-roles"

    def measured(changed: RoleConfig) -> int:
        return size(document(grounds(changed, kind, role.account, world), changed, world.organization_id))

    whole = measured(config)
    changes: dict[str, Any] = {
        **dict.fromkeys(_CONTRIBUTORS, ()),
        "allowed_roles": {},
        "aws_saml_login_enabled": False,
        "github": (),
    }
    found = [
        Share(name, whole - measured(replace(config, **{name: empty})))
        for name, empty in changes.items()
        if getattr(config, name)
    ]
    return sorted(found, key=lambda share: (-share.characters, share.attribute))


_CONTRIBUTORS = (
    "trusted_teams",
    "trusted_permission_sets",
    "trusted_role_arns",
    "denied_teams",
    "denied_permission_sets",
    "denied_role_arns",
)


def _too_long(role: Role, config: RoleConfig, site: Site) -> Finding:
    """All a person needs to decide: size, quota, what costs most, what each technique saves, the exact request."""
    quota = role.account.trust_quota
    largest = ", ".join(
        f"{share.attribute} {share.characters}" for share in shares(role, config, site.world)[:3]
    )
    saves = ", ".join(f"{name} {saved}" for name, saved in savings(role, site).items())
    message = (
        f"trust policy of {role.name} in {role.account.full_name} ({role.account.id}) has "
        f"{role.characters} characters, the quota is {quota}; largest: {largest}"
    )
    advice = f"compaction would save: {saves or 'nothing'}; {_raise_quota(role, role.characters)}"
    return Finding(
        "trust-too-long", Level.FAULT, message, role.place, path=config.path, value=str(role.characters),
        advice=advice, account=role.account.name, role=role.short,
    )  # fmt: skip


def _raise_quota(role: Role, wanted: int) -> str:
    fitting = [step for step in STEPS if step >= wanted and step > role.account.trust_quota]
    if not fitting:
        return "the quota cannot be raised so far (most: 8192); split the role or trust fewer by name"
    return (
        f"request quota {QUOTA_CODE} of service iam = {fitting[0]} in account {role.account.id}, region us-east-1 "
        f"(aws service-quotas request-service-quota-increase --service-code iam --quota-code {QUOTA_CODE} "
        f"--desired-value {fitting[0]} --region us-east-1); usually granted within minutes"
    )
