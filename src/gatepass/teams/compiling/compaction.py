"""Shorter forms of a trust policy that keep who may come in (specification of teams, 8).

C-1 to C-7 and C-10 rewrite the document; C-8 and C-9 change what is declared before it is written; C-11 (`splitting`)
makes several roles of one. Each is used only where it is allowed and only while the document does not fit, in the order
of the specification; the result depends on neither the order of consent nor of lists.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from gatepass.policy.normal import size
from gatepass.policy.wildcards import arn_matches
from gatepass.teams.compiling.patterns import arn_account, has_wildcard, overlap, set_patterns
from gatepass.teams.compiling.policies import TEAM_ROLE_ACCESS
from gatepass.teams.compiling.trust import SAML_AUDIENCES, document, grounds, one
from gatepass.teams.compiling.world import World
from gatepass.teams.model import Account, Document, Profile, Role
from gatepass.teams.upstream.config import RoleConfig

AUTO = ("C-1", "C-2", "C-3", "C-4", "C-5")
_LONG_PATH = "aws-reserved/sso.amazonaws.com*/"
_SHORT_PATH = "aws-reserved/*/"
_SET_ROLE = "role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_"
Statement = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Site:
    """What a technique may know: the role's declaration, its account, and the estate around it."""

    config: RoleConfig
    kind: str
    """`aws-teams` or `aws-team-roles`."""
    account: Account
    world: World

    def written(self, applied: Iterable[str]) -> Document:
        """The trust policy, with these techniques."""
        trust: Document = document(
            grounds(self.config, self.kind, self.account, self.world), self.config, self.world.organization_id
        )
        for name in applied:
            trust = REWRITES[name](trust, self)
        return trust


@dataclass(frozen=True, slots=True)
class Shorter:
    """A compacted trust policy, and by what."""

    trust: Document
    used: tuple[str, ...] = ()
    whole: Document | None = None
    """The same before C-7 and C-10 took names together: what the estate cannot see of it, a plan checks."""


def allowed(config: RoleConfig) -> tuple[str, ...]:
    """Which techniques may be used without asking again, in their order (T-56)."""
    consented = config.extras.compaction
    automatic = config.extras.profile is Profile.HARDENED or "auto" in consented
    return tuple(name for name in ORDER if name in consented or (automatic and name in AUTO))


def compact(trust: Document, may: Iterable[str], quota: int, role: Role, site: Site) -> Shorter:
    """Applies the allowed techniques one after the other until the document fits."""
    consented, rewritten = set(may), []
    found = Shorter(trust)
    for name in ORDER:
        if size(found.trust) <= quota:
            break
        if name not in consented or name not in TECHNIQUES:
            continue
        if name in RESTATEMENTS:
            site = RESTATEMENTS[name](site, role)
        else:
            rewritten.append(name)
        without = [item for item in rewritten if item not in _JOINING]
        whole = site.written(without) if set(rewritten) & _JOINING else None
        found = Shorter(site.written(rewritten), (*found.used, name), whole)
    return found


def savings(role: Role, site: Site) -> dict[str, int]:
    """What each technique would save on its own."""
    before = size(role.trust)
    saved = {name: before - size(compact(role.trust, (name,), 0, role, site).trust) for name in TECHNIQUES}
    return {name: count for name, count in saved.items() if count > 0}


# Rewriting the document -----------------------------------------------------------------------------------------------


def _statements(trust: Document) -> tuple[dict[str, Any], list[Statement]]:
    copied = deepcopy(dict(trust))
    return copied, copied["Statement"]


def _many(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def patterns_of(statement: Mapping[str, Any]) -> list[str]:
    """The caller ARNs that a statement of ours names; empty when it names none."""
    return _many(statement.get("Condition", {}).get("ArnLike", {}).get("aws:PrincipalArn", []))


def _deny_one_action(trust: Document, _: Site) -> Document:
    """C-1: passing tags fails anyway when AssumeRole itself is denied."""
    copied, statements = _statements(trust)
    for statement in statements:
        if statement["Effect"] == "Deny" and "sts:AssumeRole" in statement["Action"]:
            statement["Action"] = "sts:AssumeRole"
    return copied


def _own_audiences(trust: Document, site: Site) -> Document:
    """C-2: the sign-in addresses of other partitions are never used."""
    copied, statements = _statements(trust)
    for statement in statements:
        audiences = statement.get("Condition", {}).get("StringLike", {})
        if "SAML:aud" in audiences:
            audiences["SAML:aud"] = one(SAML_AUDIENCES[site.account.partition])
    return copied


def _no_sids(trust: Document, _: Site) -> Document:
    """C-3: names of statements are for people."""
    copied, statements = _statements(trust)
    for statement in statements:
        statement.pop("Sid", None)
    return copied


def _no_type(trust: Document, _: Site) -> Document:
    """C-4: an ARN pattern of roles matches nothing but role sessions."""
    copied, statements = _statements(trust)
    for statement in statements:
        condition = statement.get("Condition", {})
        equals = condition.get("StringEquals", {})
        patterns = patterns_of(statement)
        only_roles = patterns and all(pattern.split(":", 5)[5].startswith("role/") for pattern in patterns)
        if "aws:PrincipalType" in equals and only_roles:
            del equals["aws:PrincipalType"]
            if not equals:
                del condition["StringEquals"]
    return copied


def _short_paths(trust: Document, _: Site) -> Document:
    """C-5: nobody but AWS can make roles under `/aws-reserved/`."""
    text = json.dumps(trust).replace(_LONG_PATH, _SHORT_PATH)
    shortened: Document = json.loads(text)
    return shortened


def _no_idle_denials(trust: Document, _: Site) -> Document:
    """C-6: denials that no Allow of this document can meet. Only defence against later edits by hand is lost."""
    copied, statements = _statements(trust)
    lets_in = [item for item in statements if item["Effect"] == "Allow" and "Federated" not in _named(item)]
    if not all(patterns_of(item) for item in lets_in):
        return copied  # a statement of one's own lets in callers by other words: every denial may meet them
    met_by = [pattern for statement in lets_in for pattern in patterns_of(statement)]
    kept = []
    for statement in statements:
        denied = patterns_of(statement)
        if statement["Effect"] == "Deny" and denied:
            met = [pattern for pattern in denied if any(overlap(pattern, other) for other in met_by)]
            if not met:
                continue
            statement["Condition"]["ArnLike"]["aws:PrincipalArn"] = one(met)
        kept.append(statement)
    copied["Statement"] = kept or statements  # a document with no statement is not valid
    return copied


def _named(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    principal = statement.get("Principal", {})
    return principal if isinstance(principal, Mapping) else {"AWS": principal}


def _joined_names(trust: Document, site: Site) -> Document:
    """C-7: names that begin and end alike become one pattern, where the estate has no other name that matches it."""
    return _with_patterns(trust, lambda patterns: _joined(patterns, lambda group: _closed(group, site)))


def _whole_paths(trust: Document, site: Site) -> Document:
    """C-10: all roles under a path, where the estate declares nobody else there. Whoever may create roles under the
    path may from then on let people in."""

    def joined(group: list[str]) -> Iterator[str]:
        head = group[0].rpartition("/")[0] + "/"
        known = site.world.roles.get(arn_account(head), frozenset())
        under = {arn for arn in known if arn.startswith(head)}
        own_path = head.split(":", 5)[5] != "role/" and not any(map(has_wildcard, group))
        yield from [f"{head}*"] if own_path and under and under <= set(group) else group

    return _with_patterns(trust, lambda patterns: _joined(patterns, joined))


def _with_patterns(trust: Document, change: Callable[[list[str]], list[str]]) -> Document:
    copied, statements = _statements(trust)
    for statement in statements:
        patterns = patterns_of(statement)
        if patterns:
            statement["Condition"]["ArnLike"]["aws:PrincipalArn"] = one(change(patterns))
    return copied


def _joined(patterns: list[str], join: Callable[[list[str]], Iterable[str]]) -> list[str]:
    """The patterns with those of one account and path taken together; sorted where something was."""
    groups: dict[str, list[str]] = {}
    for pattern in patterns:
        groups.setdefault(pattern.rpartition("/")[0], []).append(pattern)
    found: list[str] = []
    for _, group in sorted(groups.items()):
        shorter = list(join(sorted(group))) if len(group) > 1 else group
        found += shorter if len(shorter) < len(group) else group
    return found


def _closed(group: list[str], site: Site) -> Iterator[str]:
    """One pattern for the whole group when it matches nobody else, else one for each part that goes on alike."""
    head, slash, _ = group[0].rpartition("/")
    names = [pattern.rpartition("/")[2] for pattern in group]
    start = _common(names)
    rest = [name[len(start) :][::-1] for name in names]
    end = _common(rest)[::-1]
    candidate = f"{head}{slash}{start}*{end}"
    if len(group) == 1 or (start and not _others(candidate, group, site)):
        yield candidate if len(group) > 1 else group[0]
        return
    parts: dict[str, list[str]] = {}
    for pattern, name in zip(group, names, strict=True):
        parts.setdefault(name[len(start) : len(start) + 1], []).append(pattern)
    for _, part in sorted(parts.items()):
        yield from _closed(part, site)


def _common(names: list[str]) -> str:
    """What all of them begin with: what the first and the last of them do."""
    low, high = min(names), max(names)
    differs = (index for index, pair in enumerate(zip(low, high, strict=False)) if pair[0] != pair[1])
    return low[: next(differs, len(low))]


def _others(candidate: str, group: list[str], site: Site) -> bool:
    """Whether the candidate could match somebody the group does not name, or whom we cannot know."""
    number = arn_account(candidate)
    known = set(site.world.roles.get(number, ()))
    if "/aws-reserved/" in candidate:
        if not site.world.instance_sets:
            return True
        known = {
            f"arn:{site.account.partition}:iam::{number}:{_SET_ROLE}{name}_{'0' * 16}"
            for name in site.world.instance_sets
        }
    elif not known:
        return True  # an account of somebody else
    return any(
        arn_matches(candidate, arn) and not any(arn_matches(item, arn) for item in group) for arn in known
    )


# Saying it otherwise --------------------------------------------------------------------------------------------------


def _no_team_sets(site: Site, _: Role) -> Site:
    """C-8: Identity Center carries no teams here, so nobody holds the sets derived from them."""
    return replace(site, world=replace(site.world, team_sets=False))


def _by_broker(site: Site, role: Role) -> Site:
    """C-9: whom a broker team trusts comes over it: one hop more, and an hour at most."""
    config, world = site.config, site.world
    name = config.extras.broker
    broker = world.team_configs.get(name)
    if broker is None or (role.kind == "team" and role.short == name) or not _stands_for(broker, site):
        return site

    def left(mine: tuple[str, ...], its: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(item for item in mine if item not in its)

    fewer = replace(
        config,
        trusted_teams=(*left(config.trusted_teams, (*broker.trusted_teams, name)), name),
        trusted_permission_sets=left(config.trusted_permission_sets, broker.trusted_permission_sets),
        trusted_role_arns=left(config.trusted_role_arns, broker.trusted_role_arns),
    )
    before = grounds(config, site.kind, site.account, world).allow_patterns
    own_set = {
        pattern for exact in (True, False) for pattern in set_patterns(world, (name,), {}, exact=exact)
    }
    left_out = world.left_out | (own_set - set(before))
    return replace(site, config=fewer, world=replace(world, left_out=left_out))


def _stands_for(broker: RoleConfig, site: Site) -> bool:
    """Whether whoever comes over the broker, and nobody else, might have come directly; and whether it may go on."""
    config, extras = site.config, broker.extras
    sets = set(broker.trusted_permission_sets)
    here = site.account.name == site.world.identity
    within = (
        set(broker.trusted_teams) <= set(config.trusted_teams)
        and set(broker.trusted_role_arns) <= set(config.trusted_role_arns)
        and sets <= (set(config.trusted_permission_sets) if here else set())
    )
    as_strict = all(
        set(getattr(broker, f"denied_{what}")) >= set(getattr(config, f"denied_{what}"))
        for what in ("teams", "role_arns")
    ) and set(config.denied_permission_sets) <= (set(broker.denied_permission_sets) if here else set())
    own_ways = (
        broker.allowed_roles or broker.aws_saml_login_enabled or broker.github or extras.extra_statements
    )
    asks = config.extras
    carried = asks.require_org or asks.require_mfa or asks.external_id or asks.source_identity
    asked = extras.require_org or extras.require_mfa or extras.external_id or extras.source_identity
    may_go_on = TEAM_ROLE_ACCESS in broker.role_policy_arns
    return within and as_strict and may_go_on and not (own_ways or carried or asked)


REWRITES: Mapping[str, Callable[[Document, Site], Document]] = {
    "C-1": _deny_one_action,
    "C-2": _own_audiences,
    "C-3": _no_sids,
    "C-4": _no_type,
    "C-5": _short_paths,
    "C-6": _no_idle_denials,
    "C-7": _joined_names,
    "C-10": _whole_paths,
}
RESTATEMENTS: Mapping[str, Callable[[Site, Role], Site]] = {"C-8": _no_team_sets, "C-9": _by_broker}
ORDER = tuple(f"C-{number}" for number in range(1, 12))
"""As they are tried; C-11 is not of one document (`splitting`)."""
TECHNIQUES = (*REWRITES, *RESTATEMENTS)
_JOINING = frozenset({"C-7", "C-10"})
