"""What a compile does not forbid but a person should know (specification of teams, 15).

Each lint is a function from one role in its surroundings to findings; ids are stable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gatepass.policy.wildcards import arn_matches
from gatepass.teams.compiling.patterns import (
    SET_NAME_LENGTH,
    STAR,
    derived_set,
    is_arn,
    overlap,
    principals,
    set_patterns,
)
from gatepass.teams.compiling.policies import lets_leave
from gatepass.teams.lint.callers import CALLERS
from gatepass.teams.lint.subject import Estate, Linted, Subject, denied_patterns, sets_account
from gatepass.teams.model import Finding, Level
from gatepass.teams.nodes import Scalar
from gatepass.teams.reading import nearest

ERROR, WARNING, INFO = Level.ERROR, Level.WARNING, Level.INFO


Lint = Callable[[Subject], Iterable[Finding]]


def lint(parts: list[Linted]) -> list[tuple[Finding, ...]]:
    """Findings per component, in its order."""
    estate = Estate(parts)
    results = []
    for part in parts:
        found = list(_component(part))
        for _, config in sorted(part.configs.items()):
            # accounts nobody knows are faults already, and nothing more can be said about such a role
            known = all(name in part.world.accounts for name in (part.world.identity, *config.allowed_roles))
            if config.enabled and known and part.component.account is not None and part.component.enabled:
                subject = Subject(config, part, estate)
                for check in CHECKS:
                    found.extend(check(subject))
        results.append(tuple(found))
    return results


def _component(part: Linted) -> Iterator[Finding]:
    """Lints about a component as a whole."""
    component, world = part.component, part.world
    account = component.account
    template = world.templates.get(account.name) if account else None
    if account is None or template is None or not component.roles:
        return
    role = component.roles[0]
    given = template.replace("%s", role.short)
    config = part.configs.get(role.short)
    if given != role.arn and not (config and config.extras.name):
        yield Finding(
            "arn-template-mismatch",
            ERROR,
            f"the role ARN template of {account.name} gives {given}, but the role is made as {role.arn}",
            component.place,
            path=f"account_map.iam_role_arn_templates.{account.name}",
            value=template,
            advice="trust in other accounts would name roles that nobody creates; correct the template or the labels",
            account=account.name,
        )


def _star(subject: Subject) -> Iterator[Finding]:
    """T-25: in compat the ARN of the account root stands where roles were meant."""
    if not subject.is_compat:
        return
    advice = "list the teams, or use trust_profile: hardened, which compiles * to role/*"
    for attribute in ("trusted_teams", "denied_teams"):
        entries = getattr(subject.config, attribute)
        if STAR in entries:
            meaning = (
                "lets no team role in" if attribute == "trusted_teams" else "does not keep team roles out"
            )
            index = entries.index(STAR)
            yield subject.say(
                "star-team", ERROR, f"* in {attribute} {meaning}", attribute, index=index, advice=advice
            )
    for account, roles in subject.config.allowed_roles.items():
        if STAR in roles:
            message = f"* in allowed_roles.{account} lets no role in"
            yield subject.say("star-team", ERROR, message, "allowed_roles", value=account, advice=advice)


def _exempted(subject: Subject) -> Iterator[Finding]:
    """H-1: in compat a trusted ARN that a denied pattern covers is let in."""
    if not subject.is_compat or not subject.config.trusted_role_arns:
        return
    denied = denied_patterns(subject)
    for index, arn in enumerate(subject.config.trusted_role_arns):
        if arn in denied or not is_arn(arn):
            continue
        for entry, pattern in denied.items():
            if overlap(arn, entry):
                message = f"{arn} is trusted although {pattern} is denied: trusted wins here"
                advice = "remove one of them, or use trust_profile: hardened, where denied wins"
                more = {"value": arn, "advice": advice}
                yield subject.say("deny-exempted", ERROR, message, "trusted_role_arns", index=index, **more)
                break


def _names(subject: Subject) -> Iterator[Finding]:
    """Teams and permission sets that nobody defines."""
    config, world = subject.config, subject.world
    for attribute in ("trusted_teams", "denied_teams"):
        for index, team in enumerate(getattr(config, attribute)):
            if (
                world.teams is not None
                and team not in {*world.teams, STAR}
                and team not in world.foreign_teams
            ):
                message = f"team {team!r} in {attribute} is defined nowhere"
                advice = nearest(team, world.teams)
                more = {"value": team, "advice": advice}
                yield subject.say("unknown-team", WARNING, message, attribute, index=index, **more)
    known = (world.sets or {}).get(sets_account(subject)) if world.sets is not None else None
    for attribute in ("trusted_permission_sets", "denied_permission_sets"):
        for index, name in enumerate(getattr(config, attribute)):
            yield from _set_name(subject, name, attribute, index, known)


def _set_name(
    subject: Subject, name: str, attribute: str, index: int, assigned: frozenset[str] | None
) -> Iterator[Finding]:
    world = subject.world
    exists = world.instance_sets
    unassigned = assigned is not None and name not in assigned
    if (exists and name not in exists) or unassigned:
        where = f"is not assigned in {sets_account(subject)}" if name in exists else "does not exist"
        message = f"permission set {name!r} in {attribute} {where}"
        more = {"value": name, "advice": nearest(name, assigned or exists)}
        yield subject.say("unknown-permission-set", WARNING, message, attribute, index=index, **more)
    if len(name) > SET_NAME_LENGTH:
        message = f"permission set name {name!r} has {len(name)} characters; the longest is {SET_NAME_LENGTH}"
        more = {"value": name, "advice": "no such set can exist: the pattern matches nobody"}
        yield subject.say("set-name-too-long", INFO, message, attribute, index=index, **more)
    longer = sorted(other for other in exists if other.startswith(f"{name}_"))
    if longer and subject.is_compat:
        message = f"the pattern for permission set {name!r} also matches {', '.join(longer)}"
        more = {"value": name, "advice": "rename one, or use trust_profile: hardened"}
        yield subject.say("set-prefix-ambiguous", WARNING, message, attribute, index=index, **more)


def _derived(subject: Subject) -> Iterator[Finding]:
    """T-23: teams whose names give one permission set, and names too long for one."""
    config, world = subject.config, subject.world
    if not world.team_sets:
        return
    trusted = {derived_set(world, team): team for team in config.trusted_teams}
    for index, team in enumerate(config.denied_teams):
        other = trusted.get(derived_set(world, team))
        if other is not None and other != team:
            name = derived_set(world, team)
            message = f"trusted team {other} and denied team {team} share permission set {name}: it is denied"
            more = {"value": name, "advice": "rename one of the teams"}
            yield subject.say("derived-set-collision", WARNING, message, "denied_teams", index=index, **more)
    for attribute in ("trusted_teams", "denied_teams"):
        for index, team in enumerate(getattr(config, attribute)):
            name = derived_set(world, team)
            if len(name) > SET_NAME_LENGTH:
                message = f"team {team} derives permission set {name}, longer than {SET_NAME_LENGTH}: it matches nobody"
                more = {
                    "value": name,
                    "advice": "shorten the team's name, or change team_permission_set_pattern",
                }
                yield subject.say("set-name-too-long", INFO, message, attribute, index=index, **more)


def _both(subject: Subject) -> Iterator[Finding]:
    """The same entry trusted and denied (T-41)."""
    for what in ("teams", "permission_sets", "role_arns"):
        trusted = getattr(subject.config, f"trusted_{what}")
        attribute = f"denied_{what}"
        for index, entry in enumerate(getattr(subject.config, attribute)):
            if entry in trusted:
                message = f"{entry} is both trusted and denied; it ends denied"
                more = {"value": entry, "advice": "remove it from one of the lists"}
                yield subject.say("trusted-and-denied", WARNING, message, attribute, index=index, **more)


def _bypass(subject: Subject) -> Iterator[Finding]:
    """T-49: denial does not follow chains."""
    config = subject.config
    if not config.trusted_teams:
        return
    for index, team in enumerate(config.denied_teams):
        ways = subject.estate.reachable(subject.world, team)
        for through in sorted(config.trusted_teams):
            if through in ways and through not in config.denied_teams:
                way = " -> ".join((*ways[through], config.short))
                message = f"team {team} is denied but gets in through {through}: {way}"
                more = {"value": way, "advice": f"deny {team} on {through} too"}
                yield subject.say("deny-bypass", WARNING, message, "denied_teams", index=index, **more)
                break


def _cannot_leave(subject: Subject) -> Iterator[Finding]:
    if subject.part.component.kind == "aws-team-roles":
        return
    target = subject.estate.trusting.get((subject.world.identity, subject.config.short))
    answers = [lets_leave(policy) for policy in subject.config.role_policy_arns]
    inline = bool(subject.config.extras.inline)
    if target and not inline and not any(answer is None or answer for answer in answers):
        role, account = target
        message = f"role {role} of {account} trusts this team, but none of its policies allows sts:AssumeRole"
        advice = "add team_role_access to role_policy_arns"
        yield subject.say("team-cannot-leave", WARNING, message, "role_policy_arns", advice=advice)


def _enabled_ignored(subject: Subject) -> Iterator[Finding]:
    """T-4: upstream drops the attribute for teams and creates the role all the same."""
    node = subject.config.node.get("enabled")
    off = isinstance(node, Scalar) and node.text in {"false", "null", ""}
    if subject.part.component.kind == "aws-teams" and subject.is_compat and off:
        message = "enabled: false is ignored for teams; the role is created"
        yield subject.say(
            "team-enabled-ignored", WARNING, message, "enabled", advice="remove the team instead"
        )


def _self_lock(subject: Subject) -> Iterator[Finding]:
    """Everybody who is trusted is denied."""
    config, world = subject.config, subject.world
    denied = denied_patterns(subject)
    if not denied or config.aws_saml_login_enabled or config.github:
        return
    allowed = principals(world, {**config.allowed_roles, world.identity: config.trusted_teams})
    allowed += set_patterns(
        world, config.trusted_teams, {sets_account(subject): config.trusted_permission_sets}
    )
    exempt = set() if not subject.is_compat else set(config.trusted_role_arns) - set(denied)
    everybody = [*allowed, *(arn for arn in config.trusted_role_arns if arn not in exempt)]
    covered = all(any(entry == arn or arn_matches(entry, arn) for entry in denied) for arn in everybody)
    if everybody and not exempt and covered:
        advice = "remove the denial or trust somebody else"
        yield subject.say("self-lock", ERROR, "everybody who is trusted is also denied", advice=advice)


CHECKS: tuple[Lint, ...] = (
    _star,
    _exempted,
    _names,
    _derived,
    _both,
    _bypass,
    _cannot_leave,
    _enabled_ignored,
    _self_lock,
    *CALLERS,
)
