"""Lints about who comes from elsewhere and how: ARNs, SAML, GitHub, lengths of sessions, MFA (specification, 15)."""

from __future__ import annotations

from collections.abc import Iterator

from gatepass.teams.compiling.patterns import STAR, is_arn
from gatepass.teams.compiling.policies import is_read_only
from gatepass.teams.lint.subject import Subject
from gatepass.teams.model import Finding, Level

ERROR, WARNING, INFO = Level.ERROR, Level.WARNING, Level.INFO


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


def _mfa(subject: Subject) -> Iterator[Finding]:
    """H-5: only users calling with MFA carry the key."""
    config = subject.config
    others = config.trusted_teams or config.trusted_permission_sets or config.allowed_roles
    roles = any(":user/" not in arn for arn in config.trusted_role_arns)
    if config.extras.require_mfa and not subject.is_compat and (others or roles):
        message = "require_mfa shuts out sessions of roles and permission sets, which never carry MFA"
        advice = "trust IAM users only, or leave MFA to Identity Center"
        yield subject.say("mfa-not-carried", WARNING, message, advice=advice)


CALLERS = (_saml, _arns, _github, _long_session, _mfa)
