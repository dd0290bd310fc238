"""The trust policy of one role: who may come in, in the form AWS takes (specification of teams, 4.3-4.5).

`grounds` works out the principals once; `document` writes them in either profile. The `cloudposse` profile is byte for
byte what upstream's components plan: lists of actions and principals in reverse order, one-element lists as scalars.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gatepass.teams.compiling.patterns import (
    UnknownAccount,
    arn_account,
    has_wildcard,
    overlap,
    principals,
    set_patterns,
)
from gatepass.teams.compiling.world import World
from gatepass.teams.model import Account, Profile
from gatepass.teams.upstream.config import RoleConfig

VERSION = "2012-10-17"
ASSUME = ("sts:TagSession", "sts:SetSourceIdentity", "sts:AssumeRole")
ASSUME_SAML = ("sts:TagSession", "sts:SetSourceIdentity", "sts:AssumeRoleWithSAML")
ASSUME_WEB = ("sts:TagSession", "sts:SetSourceIdentity", "sts:AssumeRoleWithWebIdentity")
GITHUB = "token.actions.githubusercontent.com"
SAML_AUDIENCES = {
    "aws": ("https://signin.aws.amazon.com/saml", "https://*.signin.aws.amazon.com/saml"),
    "aws-us-gov": (
        "https://signin.amazonaws-us-gov.com/saml",
        "https://us-gov-east-1.signin.amazonaws-us-gov.com/saml",
    ),
    "aws-cn": ("https://signin.amazonaws.cn/saml",),
}
"""Where SAML answers are posted, by partition (T-30); upstream writes the first two rows for every partition."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What the statements of a trust policy say, before they are written."""

    partition: str
    allow_accounts: tuple[str, ...]
    """Roots of statement 1, empty when nobody is trusted by name."""
    allow_patterns: tuple[str, ...]
    trusted_accounts: tuple[str, ...]
    """Roots of statement 2."""
    trusted_arns: tuple[str, ...]
    deny_accounts: tuple[str, ...]
    denied: tuple[str, ...]
    """Sorted and distinct, without the wildcard for all users."""
    exempt: tuple[str, ...]
    """Trusted ARNs that the denial leaves out, sorted."""
    oidc: str = ""
    github: tuple[str, ...] = ()
    saml: tuple[str, ...] = ()

    @property
    def any_user(self) -> str:
        return f"arn:{self.partition}:iam::*:user/*"


def role_map(config: RoleConfig, world: World) -> dict[str, tuple[str, ...]]:
    """Allowed roles by account name: `allowed_roles`, and the teams under the identity account, which win (4.1)."""
    return {**config.allowed_roles, world.identity: config.trusted_teams}


def grounds(config: RoleConfig, kind: str, account: Account, world: World) -> Grounds:
    """The principals of one role. Raises `UnknownAccount`; ARNs are well formed (the caller has checked)."""
    hardened = config.extras.profile is Profile.HARDENED
    star = "role" if hardened else "root"
    sets_account = world.identity if kind == "aws-teams" else account.name
    allowed = role_map(config, world)
    allowed_sets = {sets_account: config.trusted_permission_sets}
    denied_roles = {world.identity: config.denied_teams}
    denied_sets = {sets_account: config.denied_permission_sets}
    patterns = principals(world, allowed, star=star)
    patterns += set_patterns(world, config.trusted_teams, allowed_sets, exact=hardened)
    named = {name for name, names in (*allowed.items(), *allowed_sets.items()) if names}
    trusted_accounts = [_root(world.partition, arn_account(arn)) for arn in config.trusted_role_arns]
    denied = {
        *config.denied_role_arns,
        *principals(world, denied_roles, star=star),
        *set_patterns(world, config.denied_teams, denied_sets, exact=hardened),
    }
    allow_roots = _roots(world, named, config.trusted_teams)
    deny_roots = {
        *_roots(world, {*denied_roles, *denied_sets}, config.denied_teams),
        *(_root(world.partition, arn_account(arn)) for arn in config.denied_role_arns),
        *allow_roots,
        *trusted_accounts,
    }
    oidc = world.oidc.get(account.name, "") if config.github else ""
    return Grounds(
        partition=world.partition,
        allow_accounts=tuple(sorted(allow_roots, reverse=True)),
        allow_patterns=tuple(item for item in dict.fromkeys(patterns) if item not in world.left_out),
        trusted_accounts=tuple(sorted(set(trusted_accounts), reverse=True)),
        trusted_arns=tuple(sorted(config.trusted_role_arns)),
        deny_accounts=tuple(sorted(deny_roots, reverse=True)),
        denied=tuple(sorted(denied)),
        exempt=_exempt(config.trusted_role_arns, denied, hardened=hardened),
        oidc=oidc,
        github=config.github if oidc else (),
        saml=tuple(sorted(world.saml.get(account.name, ()), reverse=True))
        if config.aws_saml_login_enabled
        else (),
    )


def _root(partition: str, account_id: str) -> str:
    return f"arn:{partition}:iam::{account_id}:root"


def _roots(world: World, names: set[str], teams: Iterable[str]) -> set[str]:
    """Roots of named accounts, and of the identity accounts of foreign teams (T-68)."""
    unknown = sorted(name for name in names if name not in world.accounts)
    if unknown:
        raise UnknownAccount(unknown[0])
    foreign = {world.foreign_teams[team].account.root for team in teams if team in world.foreign_teams}
    return {world.accounts[name].root for name in names} | foreign


def _exempt(trusted: Iterable[str], denied: set[str], *, hardened: bool) -> tuple[str, ...]:
    """Who is left out of the denial: by exact text in compat, so that trusted wins over a denied pattern; hardened
    exempts nobody a denied pattern can meet, and no pattern that could let in users nobody listed (H-1, T-28)."""
    if not hardened:
        return tuple(sorted(set(trusted) - denied))
    return tuple(
        sorted(
            arn
            for arn in set(trusted)
            if not any(overlap(arn, pattern) for pattern in denied)
            and not (has_wildcard(arn) and overlap(arn, "arn:*:iam::*:user/*"))
        )
    )


def document(found: Grounds, config: RoleConfig, organization_id: str = "") -> dict[str, Any]:
    """The trust policy. Keys, operators and lists are in the order upstream writes them."""
    hardened = config.extras.profile is Profile.HARDENED
    more = _more_conditions(config, organization_id) if hardened else {}
    statements: list[dict[str, Any]] = []
    if found.allow_accounts:
        condition = {
            "ArnLike": {"aws:PrincipalArn": one(found.allow_patterns)},
            "StringEquals": {"aws:PrincipalType": "AssumedRole"},
        }
        statements.append(_allow("RoleAssumeRole", found.allow_accounts, _joined(condition, more)))
    if found.trusted_arns:
        arns = tuple(dict.fromkeys(found.trusted_arns)) if hardened else found.trusted_arns
        condition = {"ArnLike": {"aws:PrincipalArn": one(arns)}}
        statements.append(_allow("PrincipalAssumeRole", found.trusted_accounts, _joined(condition, more)))
    statements.append(_denial(found))
    if found.github:
        statements.append(_github(found))
    if found.saml:
        statements.append(_saml(found, hardened=hardened))
    statements.extend(dict(statement) for statement in config.extras.extra_statements)
    return {"Version": VERSION, "Statement": statements}


def one(values: tuple[str, ...] | list[str]) -> str | list[str]:
    """A scalar for one value: IAM's own habit."""
    return values[0] if len(values) == 1 else list(values)


def _allow(sid: str, accounts: tuple[str, ...], condition: dict[str, Any]) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(ASSUME),
        "Principal": {"AWS": one(accounts)},
        "Condition": condition,
    }


def _joined(condition: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    joined = {name: dict(keys) for name, keys in condition.items()}
    for name, keys in more.items():
        joined.setdefault(name, {}).update(keys)
    return dict(sorted(joined.items()))


def _more_conditions(config: RoleConfig, organization_id: str) -> dict[str, Any]:
    """What hardened roles may ask of callers besides being named (H-4, H-5, H-7)."""
    extras = config.extras
    more: dict[str, Any] = {}
    if extras.require_org and organization_id:
        more.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = organization_id
    if extras.external_id:
        more.setdefault("StringEquals", {})["sts:ExternalId"] = extras.external_id
    if extras.require_mfa:
        more["Bool"] = {"aws:MultiFactorAuthPresent": "true"}
    if extras.source_identity:
        more["StringLike"] = {"sts:SourceIdentity": "*"}
    return more


def _denial(found: Grounds) -> dict[str, Any]:
    condition: dict[str, Any] = {"ArnLike": {"aws:PrincipalArn": one([*found.denied, found.any_user])}}
    if found.exempt:
        condition["ArnNotEquals"] = {"aws:PrincipalArn": one(found.exempt)}
    return {
        "Sid": "RoleDenyAssumeRole",
        "Effect": "Deny",
        "Action": list(ASSUME),
        "Principal": {"AWS": one(found.deny_accounts)},
        "Condition": condition,
    }


def _github(found: Grounds) -> dict[str, Any]:
    return {
        "Sid": "OidcProviderAssume",
        "Effect": "Allow",
        "Action": list(ASSUME_WEB),
        "Principal": {"Federated": found.oidc},
        "Condition": {
            "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"},
            "StringLike": {f"{GITHUB}:sub": one(found.github)},
        },
    }


def _saml(found: Grounds, *, hardened: bool) -> dict[str, Any]:
    own = SAML_AUDIENCES[found.partition]
    audiences = own if hardened else (*SAML_AUDIENCES["aws"], *SAML_AUDIENCES["aws-us-gov"])
    return {
        "Sid": "SamlProviderAssume",
        "Effect": "Allow",
        "Action": list(ASSUME_SAML),
        "Principal": {"Federated": one(found.saml)},
        "Condition": {"StringLike": {"SAML:aud": one(audiences)}},
    }
