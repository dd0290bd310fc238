"""What a compile does not forbid but a person should know (specification of teams, 15).

Each lint is a function from one role in its surroundings to findings; ids are stable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from gatepass.policy.wildcards import arn_matches
from gatepass.teams.config import RoleConfig
from gatepass.teams.model import Account, Component, Finding, Level, Profile
from gatepass.teams.nodes import Scalar
from gatepass.teams.patterns import (
    SET_NAME_LENGTH,
    STAR,
    derived_set,
    is_arn,
    overlap,
    principals,
    set_patterns,
)
from gatepass.teams.policies import is_read_only, lets_leave
from gatepass.teams.reading import nearest
from gatepass.teams.world import World

ERROR, WARNING, INFO = Level.ERROR, Level.WARNING, Level.INFO


@dataclass(frozen=True, slots=True)
class Linted:
    """A compiled component with the configurations it came from."""

    component: Component
    configs: Mapping[str, RoleConfig]
    world: World


@dataclass(frozen=True, slots=True)
class Subject:
    """One role as a lint sees it."""

    config: RoleConfig
    part: Linted
    estate: Estate

    @property
    def world(self) -> World:
        return self.part.world

    @property
    def account(self) -> Account | None:
        return self.part.component.account

    @property
    def is_compat(self) -> bool:
        return self.config.extras.profile is Profile.CLOUDPOSSE

    def say(
        self, lint: str, level: Level, message: str, attribute: str = "", *, index: int | None = None,
        value: str = "", advice: str = "",
    ) -> Finding:  # fmt: skip
        path = f"{self.config.path}.{attribute}" if attribute else self.config.path
        return Finding(
            lint,
            level,
            f"{self.config.short}: {message}",
            self.config.place(attribute, index),
            path=path + (f"[{index}]" if index is not None else ""),
            value=value,
            advice=advice,
            account=self.account.name if self.account else "",
            role=self.config.short,
        )


@dataclass
class Estate:
    """What all components together say; computed once."""

    parts: list[Linted]
    _reach: dict[tuple[int, str], Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    @cached_property
    def trusting(self) -> dict[tuple[str, str], tuple[str, str]]:
        """(organization's identity account, team) -> one role of another account that trusts it."""
        found: dict[tuple[str, str], tuple[str, str]] = {}
        for part in self.parts:
            account = part.component.account
            if account is None or account.name == part.world.identity:
                continue
            for name, config in part.configs.items():
                if config.enabled:
                    for team in config.trusted_teams:
                        found.setdefault((part.world.identity, team), (name, account.name))
        return found

    def teams(self, world: World) -> dict[str, RoleConfig]:
        """The teams of one organization."""
        found: dict[str, RoleConfig] = {}
        for part in self.parts:
            if part.component.kind != "aws-team-roles" and part.world.identity == world.identity:
                for name, config in part.configs.items():
                    if part.component.account is None or part.component.account.name == world.identity:
                        found[name] = config
        return found

    def reachable(self, world: World, team: str) -> Mapping[str, tuple[str, ...]]:
        """The teams a team can become, directly or through others, with the way there."""
        key = (id(world), team)
        if key not in self._reach:
            self._reach[key] = self._walk(self.teams(world), team)
        return self._reach[key]

    @staticmethod
    def _walk(teams: Mapping[str, RoleConfig], start: str) -> dict[str, tuple[str, ...]]:
        ways: dict[str, tuple[str, ...]] = {}
        edge: list[tuple[str, tuple[str, ...]]] = [(start, (start,))]
        while edge:
            following: list[tuple[str, tuple[str, ...]]] = []
            for here, way in edge:
                for name, config in sorted(teams.items()):
                    trusts = here in config.trusted_teams and here not in config.denied_teams
                    if trusts and name != start and name not in ways:
                        ways[name] = (*way, name)
                        following.append((name, ways[name]))
            edge = following
        return ways


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
    denied = _denied(subject)
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


def _denied(subject: Subject) -> dict[str, str]:
    """Denied patterns with what a person wrote to deny them."""
    config, world = subject.config, subject.world
    sets_account = _sets_account(subject)
    said: dict[str, str] = {arn: arn for arn in config.denied_role_arns}
    for team in config.denied_teams:
        for arn in principals(world, {world.identity: [team]}):
            said.setdefault(arn, f"team {team}")
        for arn in set_patterns(world, [team], {}):
            said.setdefault(arn, f"team {team} (its permission set {derived_set(world, team)})")
    for name in config.denied_permission_sets:
        for arn in set_patterns(world, [], {sets_account: [name]}):
            said.setdefault(arn, f"permission set {name}")
    return said


def _sets_account(subject: Subject) -> str:
    if subject.part.component.kind == "aws-teams" or subject.account is None:
        return subject.world.identity
    return subject.account.name


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
    known = (world.sets or {}).get(_sets_account(subject)) if world.sets is not None else None
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
        where = f"is not assigned in {_sets_account(subject)}" if name in exists else "does not exist"
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


def _saml(subject: Subject) -> Iterator[Finding]:
    account = subject.account
    if subject.config.aws_saml_login_enabled and account and not subject.world.saml.get(account.name):
        message = f"SAML login is enabled, but {account.name} has no SAML provider: the statement is left out"
        advice = "declare the provider, or set aws_saml_login_enabled: false"
        yield subject.say("saml-without-provider", WARNING, message, "aws_saml_login_enabled", advice=advice)


def _arns(subject: Subject) -> Iterator[Finding]:
    """Well-formed ARNs that do not mean what they seem to (T-29)."""
    for attribute in ("trusted_role_arns", "denied_role_arns"):
        for index, arn in enumerate(getattr(subject.config, attribute)):
            if is_arn(arn):
                for lint_id, level, message, advice in _arn_findings(subject, arn, attribute):
                    more = {"value": arn, "advice": advice}
                    yield subject.say(lint_id, level, message, attribute, index=index, **more)


def _arn_findings(subject: Subject, arn: str, attribute: str) -> Iterator[tuple[str, Level, str, str]]:
    world = subject.world
    _, partition, service, _, account, resource = arn.split(":", 5)
    if account == STAR:
        advice = "name the account; IAM refuses the principal arn:...:*:root"
        yield "wildcard-account", ERROR, f"{arn} names every account", advice
    if service == "sts" or resource.startswith("assumed-role/"):
        advice = "write the role's ARN: aws:PrincipalArn never is an assumed-role ARN"
        yield "assumed-role-arn", ERROR, f"{arn} is a session's ARN and matches nobody", advice
    if partition != world.partition:
        advice = "trust never crosses partitions"
        yield (
            "cross-partition-arn",
            ERROR,
            f"{arn} is of partition {partition}, not {world.partition}",
            advice,
        )
    if resource == "root":
        yield "root-arn", ERROR, f"{arn} is the root user, which cannot assume roles", "name a role or a user"
    if attribute != "trusted_role_arns":
        return
    if resource.startswith("user/"):
        advice = "prefer a role or a permission set; users carry long-term keys"
        yield "user-trusted", WARNING, f"IAM user {arn} is trusted", advice
    foreign = world.estate_ids and account != STAR and account not in world.estate_ids
    if foreign and not subject.config.extras.external:
        advice = "declare external: true on the role if that is meant"
        yield "foreign-account", WARNING, f"{arn} is outside the estate", advice


def _github(subject: Subject) -> Iterator[Finding]:
    config = subject.config
    if not config.github:
        return
    writes = not all(is_read_only(policy) for policy in config.role_policy_arns)
    for claim in config.github:
        owner_and_name, _, constraint = claim.removeprefix("repo:").partition(":")
        if owner_and_name.endswith("/*"):
            message = f"{claim} lets in every repository of the organization"
            advice = "name the repositories"
            yield subject.say("github-wildcard-org", ERROR, message, value=claim, advice=advice)
        elif constraint == "*" and writes:
            message = f"{claim} lets in every branch, tag and pull request to a role that can write"
            advice = "add :main, :environment:NAME or :ref:refs/tags/v*"
            yield subject.say("github-wildcard-org", ERROR, message, value=claim, advice=advice)
        elif constraint == "ref:refs/heads/pull_request":
            message = f"{claim} means a branch called pull_request, not pull requests"
            advice = "name a branch, or use environment:NAME"
            yield subject.say("github-pull-request", WARNING, message, value=claim, advice=advice)


def _long_session(subject: Subject) -> Iterator[Finding]:
    """T-51: a chained session lasts an hour at most, whatever the role says."""
    config = subject.config
    direct = config.aws_saml_login_enabled or config.github
    users = any(":user/" in arn for arn in config.trusted_role_arns)
    trusts = config.trusted_teams or config.trusted_permission_sets or config.trusted_role_arns
    if config.max_session_duration > 3600 and trusts and not direct and not users:
        message = (
            f"max_session_duration {config.max_session_duration} has no effect: only role sessions come in"
        )
        advice = "chained sessions last at most 3600 seconds"
        yield subject.say("chained-long-session", INFO, message, "max_session_duration", advice=advice)


def _self_lock(subject: Subject) -> Iterator[Finding]:
    """Everybody who is trusted is denied."""
    config, world = subject.config, subject.world
    denied = _denied(subject)
    if not denied or config.aws_saml_login_enabled or config.github:
        return
    allowed = principals(world, {**config.allowed_roles, world.identity: config.trusted_teams})
    allowed += set_patterns(
        world, config.trusted_teams, {_sets_account(subject): config.trusted_permission_sets}
    )
    exempt = set() if not subject.is_compat else set(config.trusted_role_arns) - set(denied)
    everybody = [*allowed, *(arn for arn in config.trusted_role_arns if arn not in exempt)]
    covered = all(any(entry == arn or arn_matches(entry, arn) for entry in denied) for arn in everybody)
    if everybody and not exempt and covered:
        advice = "remove the denial or trust somebody else"
        yield subject.say("self-lock", ERROR, "everybody who is trusted is also denied", advice=advice)


def _mfa(subject: Subject) -> Iterator[Finding]:
    """H-5: only users calling with MFA carry the key."""
    config = subject.config
    others = config.trusted_teams or config.trusted_permission_sets or config.allowed_roles
    roles = any(":user/" not in arn for arn in config.trusted_role_arns)
    if config.extras.require_mfa and not subject.is_compat and (others or roles):
        message = "require_mfa shuts out sessions of roles and permission sets, which never carry MFA"
        advice = "trust IAM users only, or leave MFA to Identity Center"
        yield subject.say("mfa-not-carried", WARNING, message, advice=advice)


CHECKS: tuple[Lint, ...] = (
    _star,
    _exempted,
    _names,
    _derived,
    _both,
    _bypass,
    _cannot_leave,
    _enabled_ignored,
    _saml,
    _arns,
    _github,
    _long_session,
    _self_lock,
    _mfa,
)
