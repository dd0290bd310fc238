"""Trust policies that do not fit: measured as AWS counts, compacted where that is safe, else refused with the way out
(specification of teams, 8)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from gatepass.policy.normal import size
from gatepass.teams.config import RoleConfig
from gatepass.teams.model import Document, Finding, Level, Profile, Role
from gatepass.teams.patterns import overlap
from gatepass.teams.trust import SAML_AUDIENCES, document, grounds, one
from gatepass.teams.world import World

NEAR = 90
"""Percent of the quota from which on a warning is given (T-55)."""
STEPS = (2048, 4096, 8192)
"""Values the quota L-C07B4B0D can have; 8192 is the most AWS grants."""
QUOTA_CODE = "L-C07B4B0D"
AUTO = ("C-1", "C-2", "C-3", "C-4", "C-5")
_LONG_PATH = "aws-reserved/sso.amazonaws.com*/"
_SHORT_PATH = "aws-reserved/*/"

Statement = dict[str, Any]


def fit(role: Role, config: RoleConfig, world: World, findings: list[Finding]) -> Role:
    """The role with its size; compacted when its profile or the estate allows it and it is needed, never otherwise."""
    quota = role.account.trust_quota
    trust = role.trust
    characters = size(trust)
    if characters > quota:
        trust = compact(trust, _allowed(config), quota, config, role, world)
        characters = size(trust)
    fitted = replace(role, trust=trust, characters=characters)
    if characters > quota:
        findings.append(_too_long(fitted, config, world))
    elif characters * 100 >= quota * NEAR:
        percent = characters * 100 // quota
        message = f"trust policy of {role.name} has {characters} of {quota} characters ({percent} %)"
        findings.append(
            Finding("trust-near-limit", Level.WARNING, message, role.place, path=config.path,
                    value=str(characters), advice=_raise_quota(role, characters * 2),
                    account=role.account.name, role=role.short)
        )  # fmt: skip
    return fitted


def _allowed(config: RoleConfig) -> tuple[str, ...]:
    """Which techniques may be used without asking again (T-56)."""
    consented = config.extras.compaction
    automatic = config.extras.profile is Profile.HARDENED or "auto" in consented
    return (*(AUTO if automatic else ()), *(name for name in consented if name != "auto"))


def compact(
    trust: Document, allowed: tuple[str, ...], quota: int, config: RoleConfig, role: Role, world: World
) -> Document:
    """Applies the allowed techniques one after the other until the document fits."""
    if "C-8" in allowed and world.team_sets:
        kind = "aws-teams" if role.kind == "team" else "aws-team-roles"
        fewer = grounds(config, kind, role.account, replace(world, team_sets=False))
        without = document(fewer, config, world.organization_id)
    for name, technique in TECHNIQUES.items():
        if size(trust) <= quota:
            break
        if name not in allowed:
            continue
        trust = without if name == "C-8" else technique(trust, role.account.partition)
    return trust


def _statements(trust: Document) -> tuple[dict[str, Any], list[Statement]]:
    copied = deepcopy(dict(trust))
    return copied, copied["Statement"]


def _deny_one_action(trust: Document, _: str) -> Document:
    """C-1: passing tags fails anyway when AssumeRole itself is denied."""
    copied, statements = _statements(trust)
    for statement in statements:
        if statement["Effect"] == "Deny" and "sts:AssumeRole" in statement["Action"]:
            statement["Action"] = "sts:AssumeRole"
    return copied


def _own_audiences(trust: Document, partition: str) -> Document:
    """C-2: the sign-in addresses of other partitions are never used."""
    copied, statements = _statements(trust)
    for statement in statements:
        audiences = statement.get("Condition", {}).get("StringLike", {})
        if "SAML:aud" in audiences:
            audiences["SAML:aud"] = one(SAML_AUDIENCES[partition])
    return copied


def _no_sids(trust: Document, _: str) -> Document:
    """C-3: names of statements are for people."""
    copied, statements = _statements(trust)
    for statement in statements:
        statement.pop("Sid", None)
    return copied


def _no_type(trust: Document, _: str) -> Document:
    """C-4: an ARN pattern of roles matches nothing but role sessions."""
    copied, statements = _statements(trust)
    for statement in statements:
        condition = statement.get("Condition", {})
        equals = condition.get("StringEquals", {})
        patterns = _many(condition.get("ArnLike", {}).get("aws:PrincipalArn", []))
        only_roles = patterns and all(pattern.split(":", 5)[5].startswith("role/") for pattern in patterns)
        if "aws:PrincipalType" in equals and only_roles:
            del equals["aws:PrincipalType"]
            if not equals:
                del condition["StringEquals"]
    return copied


def _short_paths(trust: Document, _: str) -> Document:
    """C-5: nobody but AWS can make roles under `/aws-reserved/`."""
    text = json.dumps(trust).replace(_LONG_PATH, _SHORT_PATH)
    shortened: Document = json.loads(text)
    return shortened


def _no_idle_denials(trust: Document, _: str) -> Document:
    """C-6: denials that no Allow of this document can meet. Only defence against later edits by hand is lost."""
    copied, statements = _statements(trust)
    allowed = [
        pattern
        for statement in statements
        if statement["Effect"] == "Allow"
        for pattern in _many(statement.get("Condition", {}).get("ArnLike", {}).get("aws:PrincipalArn", []))
    ]
    kept = []
    for statement in statements:
        denied = _many(statement.get("Condition", {}).get("ArnLike", {}).get("aws:PrincipalArn", []))
        if statement["Effect"] == "Deny" and denied:
            met = [pattern for pattern in denied if any(overlap(pattern, other) for other in allowed)]
            if not met:
                continue
            statement["Condition"]["ArnLike"]["aws:PrincipalArn"] = one(met)
        kept.append(statement)
    copied["Statement"] = kept or statements  # a document with no statement is not valid
    return copied


def _unchanged(trust: Document, _: str) -> Document:
    return trust


TECHNIQUES: Mapping[str, Callable[[Document, str], Document]] = {
    "C-1": _deny_one_action,
    "C-2": _own_audiences,
    "C-3": _no_sids,
    "C-4": _no_type,
    "C-5": _short_paths,
    "C-6": _no_idle_denials,
    "C-8": _unchanged,
}
"""In the order they are tried. C-7 and C-9 to C-11 change who is meant or the path there: people do those."""


def _many(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


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


def _too_long(role: Role, config: RoleConfig, world: World) -> Finding:
    """All a person needs to decide: size, quota, what costs most, what each technique saves, the exact request."""
    quota = role.account.trust_quota
    largest = ", ".join(f"{share.attribute} {share.characters}" for share in shares(role, config, world)[:3])
    saves = ", ".join(
        f"{name} {saved}" for name, saved in savings(role.trust, role.account.partition).items()
    )
    message = (
        f"trust policy of {role.name} in {role.account.full_name} ({role.account.id}) has "
        f"{role.characters} characters, the quota is {quota}; largest: {largest}"
    )
    advice = f"compaction would save: {saves or 'nothing'}; {_raise_quota(role, role.characters)}"
    return Finding(
        "trust-too-long", Level.FAULT, message, role.place, path=config.path, value=str(role.characters),
        advice=advice, account=role.account.name, role=role.short,
    )  # fmt: skip


def savings(trust: Document, partition: str) -> dict[str, int]:
    """What each technique would save on its own."""
    before = size(trust)
    saved = {name: before - size(technique(trust, partition)) for name, technique in TECHNIQUES.items()}
    return {name: count for name, count in saved.items() if count > 0}


def _raise_quota(role: Role, wanted: int) -> str:
    fitting = [step for step in STEPS if step >= wanted and step > role.account.trust_quota]
    if not fitting:
        return "the quota cannot be raised so far (most: 8192); split the role or trust fewer by name"
    return (
        f"request quota {QUOTA_CODE} of service iam = {fitting[0]} in account {role.account.id}, region us-east-1 "
        f"(aws service-quotas request-service-quota-increase --service-code iam --quota-code {QUOTA_CODE} "
        f"--desired-value {fitting[0]} --region us-east-1); usually granted within minutes"
    )
