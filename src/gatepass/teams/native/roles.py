"""Teams and roles of the native form: written out into the attributes of upstream, with defaults, and what only this
form can say."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Map
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gatepass.teams.compiling.component import Source
from gatepass.teams.compiling.patterns import UnknownAccount, role_arn
from gatepass.teams.compiling.world import World
from gatepass.teams.model import Document, Finding, Role
from gatepass.teams.native.form import (
    Declared,
    flag_in,
    read_compaction,
    read_external_id,
    read_policies,
    read_profile,
    select_accounts,
)
from gatepass.teams.nodes import Mapping, Node, Scalar, Sequence, fault, plain
from gatepass.teams.reading import Reader, is_null, nearest
from gatepass.teams.upstream.config import LISTS, ConfigReader, Extras, RoleConfig, read_github
from gatepass.teams.upstream.naming import LabelInputs

ALIASES = {
    "description": "role_description",
    "policies": "role_policy_arns",
    "max_session": "max_session_duration",
    "saml_login": "aws_saml_login_enabled",
}
_OWN_KEYS = (
    "enabled",
    "accounts",
    "except",
    "profile",
    "path",
    "name",
    "boundary",
    "inline",
    "tags",
    "extra_statements",
    "require_org",
    "require_mfa",
    "external_id",
    "source_identity",
    "external",
    "compaction",
    "broker",
    "max_chain",
    "protect",
    "enforce",
    "trusted_github_repos",
    "groups",
)
ROLE_KEYS = (*LISTS, *ALIASES, *ALIASES.values(), *_OWN_KEYS)
TEAM_KEYS = (*ROLE_KEYS, "allowed_roles")


def role_sources(declared: Declared, world: World, findings: list[Finding]) -> list[Source]:
    """The teams of the identity account, and the roles of every account that gets some."""
    reader = Reader(findings, declared.node)
    sources = []
    teams = reader.mapping(declared.node.get("teams"), f"{declared.path}.teams")
    if teams is not None and teams.entries:
        if not world.identity:
            message = f"{declared.path} has teams but no identity_account"
            advice = "name the account where the teams live"
            reader.refuse("unknown-account", message, teams, f"{declared.path}.teams", advice)
            return []
        configs = _configs(declared, teams, "aws-teams", reader)
        sources.append(_source(declared, "teams", world.identity, teams, configs))
    roles = reader.mapping(declared.node.get("roles"), f"{declared.path}.roles")
    if roles is not None:
        sources += _account_roles(declared, world, roles, reader)
    return sources


def _source(
    declared: Declared, name: str, account: str, node: Mapping, configs: Map[str, RoleConfig]
) -> Source:
    return Source(
        name,
        "aws-teams" if name == "teams" else "aws-team-roles",
        node,
        LabelInputs(),
        declared.path,
        account=account,
        policies=declared.policies,
        naming=declared.labels[account],
        configs=configs,
    )


def _account_roles(declared: Declared, world: World, roles: Mapping, reader: Reader) -> list[Source]:
    configs = _configs(declared, roles, "aws-team-roles", reader)
    by_account: dict[str, dict[str, RoleConfig]] = {}
    for short, config in configs.items():
        path = f"{declared.path}.roles.{short}"
        chosen = select_accounts(declared.accounts, config.node.get("accounts"), f"{path}.accounts", reader)
        left_out = set(reader.words(config.node.get("except"), f"{path}.except"))
        if config.node.get("accounts") is None:
            chosen = [name for name in declared.accounts if name != world.identity]
        for name in chosen:
            if name not in left_out:
                by_account.setdefault(name, {})[short] = config
    return [_source(declared, "roles", name, roles, entries) for name, entries in sorted(by_account.items())]


def _configs(declared: Declared, entries: Mapping, kind: str, reader: Reader) -> dict[str, RoleConfig]:
    found: dict[str, RoleConfig] = {}
    group = "teams" if kind == "aws-teams" else "roles"
    configs = ConfigReader()
    repositories: dict[str, Node] = {}
    for short, value in entries.entries.items():
        path = f"{declared.path}.{group}.{short}"
        node = reader.mapping(value, path) or Mapping(value.file, value.line, value.column, {})
        reader.only(node, path, TEAM_KEYS if kind == "aws-teams" else ROLE_KEYS)
        complete = _complete(node, kind, path, reader)
        config = configs.role(short, complete, path, kind, reader.findings)
        if config is None or not flag_in(reader, node, path, "enabled", default=True):
            continue
        config = replace(config, extras=_extras(declared, node, path, reader), node=complete)
        found[short] = _resolved(declared, config, reader)
        github = node.get("trusted_github_repos")
        if github is not None:
            repositories[short] = github
    if repositories:
        trusted = Mapping(entries.file, entries.line, entries.column, repositories)
        path = f"{declared.path}.{group}"
        found = read_github(found, trusted, path, declared.world.github_org, reader.findings)
    return found


def _resolved(declared: Declared, config: RoleConfig, reader: Reader) -> RoleConfig:
    """Teams qualified with the own organization's name are the own teams; others must be reachable (T-68, T-69)."""
    prefix = f"{declared.organization.name}/"
    known = declared.world.foreign_teams
    for attribute in ("trusted_teams", "denied_teams"):
        for index, team in enumerate(getattr(config, attribute)):
            if "/" in team and not team.startswith(prefix) and team not in known:
                message = (
                    f"{team!r} is no team of another organization in partition {declared.world.partition}"
                )
                path = f"{config.path}.{attribute}[{index}]"
                advice = f"trust never crosses partitions; {nearest(team, known)}"
                where = config.place(attribute, index)
                more = {"path": path, "value": team, "advice": advice}
                reader.findings.append(fault("partition-mismatch", message, where, **more))
    return replace(
        config,
        trusted_teams=tuple(team.removeprefix(prefix) for team in config.trusted_teams),
        denied_teams=tuple(team.removeprefix(prefix) for team in config.denied_teams),
    )


def _complete(node: Mapping, kind: str, path: str, reader: Reader) -> Mapping:
    """The entry with short spellings written out and the native defaults filled in."""
    entries: dict[str, Node] = {}
    keys = {}
    for name, value in node.entries.items():
        full = ALIASES.get(name, name)
        entries[full], keys[full] = value, node.keys[name]
    at = (node.file, node.line, node.column)
    for name in LISTS:
        listed = entries.get(name)
        if listed is None:
            entries[name] = Sequence(*at, [])
        elif isinstance(listed, Scalar) and listed.kind != "null":
            entries[name] = Sequence(listed.file, listed.line, listed.column, [listed])
    session: Node | None = entries.get("max_session_duration")
    seconds = 3600 if is_null(session) else reader.length(session, f"{path}.max_session_duration") or 3600
    where = session or node
    entries["max_session_duration"] = Scalar(where.file, where.line, where.column, str(seconds), "int")
    entries.setdefault("role_description", Scalar(*at, "", "null"))
    entries.setdefault("aws_saml_login_enabled", Scalar(*at, "false", "bool"))
    entries["enabled"] = Scalar(*at, "true", "bool")
    return Mapping(*at, entries, keys)


def _extras(declared: Declared, node: Mapping, path: str, reader: Reader) -> Extras:
    external_id = read_external_id(node.get("external_id"), f"{path}.external_id", reader)
    tags = reader.mapping(node.get("tags"), f"{path}.tags")
    inline = reader.mapping(node.get("inline"), f"{path}.inline")
    where = reader.word(node.get("path"), f"{path}.path", "/")
    if not (where.startswith("/") and where.endswith("/")) or where.startswith("/aws-reserved"):
        reader.refuse(
            "role-name-invalid", f"{path}.path is {where!r}", node.get("path"), f"{path}.path", "as /teams/"
        )
        where = "/"
    return Extras(
        profile=read_profile(node.get("profile"), f"{path}.profile", reader, declared.profile),
        boundary=reader.word(node.get("boundary"), f"{path}.boundary") or None,
        path=where,
        extra_statements=_statements(node.get("extra_statements"), f"{path}.extra_statements", reader),
        require_org=flag_in(reader, node, path, "require_org", default=False),
        require_mfa=flag_in(reader, node, path, "require_mfa", default=False),
        external_id=external_id,
        source_identity=reader.word(node.get("source_identity"), f"{path}.source_identity")
        in {"required", "true"},
        external=flag_in(reader, node, path, "external", default=False),
        compaction=read_compaction(node.get("compaction"), f"{path}.compaction", reader)
        or declared.compaction,
        inline=read_policies(inline, f"{path}.inline", reader),
        tags={
            key: reader.word(value, f"{path}.tags.{key}")
            for key, value in (tags.entries if tags else {}).items()
        },
        protect=flag_in(reader, node, path, "protect", default=False),
        enforce=flag_in(reader, node, path, "enforce", default=False),
        name=reader.word(node.get("name"), f"{path}.name"),
        broker=reader.word(node.get("broker"), f"{path}.broker") or declared.broker,
        max_chain=0
        if is_null(node.get("max_chain"))
        else reader.whole(node.get("max_chain"), f"{path}.max_chain") or 0,
    )


_SIDS = frozenset(
    {
        "RoleAssumeRole",
        "PrincipalAssumeRole",
        "RoleDenyAssumeRole",
        "OidcProviderAssume",
        "SamlProviderAssume",
    }
)


def _statements(node: Node | None, path: str, reader: Reader) -> tuple[Document, ...]:
    """Statements of one's own: each with a Sid nobody else uses, and only actions of STS (T-33)."""
    if is_null(node):
        return ()
    if not isinstance(node, Sequence):
        reader.texts(node, path)
        return ()
    seen = set(_SIDS)
    found = []
    for index, item in enumerate(node.items):
        place = f"{path}[{index}]"
        if not isinstance(item, Mapping):
            reader.refuse("type-mismatch", f"{place} is not a statement", item, place)
            continue
        value: dict[str, Any] = plain(item)
        sid, actions = value.get("Sid"), value.get("Action")
        listed = [actions] if isinstance(actions, str) else list(actions or [])
        if not isinstance(sid, str) or sid in seen:
            message = (
                f"{place} has no Sid of its own"
                if sid not in seen
                else f"{place}: Sid {sid!r} is used already"
            )
            reader.refuse("statement-invalid", message, item, place, "give each statement a unique Sid")
        if not listed or any(not str(action).startswith("sts:") for action in listed):
            message = f"{place} has actions other than sts: ones"
            reader.refuse(
                "statement-invalid", message, item, place, "a trust policy is about assuming the role"
            )
        seen.add(str(sid))
        found.append(value)
    return tuple(found)


def known_roles(sources: Iterable[Source], world: World, more: Iterable[Role]) -> World:
    """The world with every role that is declared in an account, and the teams as they are written: what compaction by
    names and by brokers starts from. `more` are roles that no source has."""
    arns: dict[str, set[str]] = {account.id: set() for account in world.accounts.values()}
    for role in more:
        arns.setdefault(role.account.id, set()).add(role.arn)
    teams: dict[str, RoleConfig] = {}
    for source in sources:
        account = world.accounts[source.account]
        for short, config in (source.configs or {}).items():
            with suppress(UnknownAccount):  # a label that is at fault: said when the role is compiled
                arns[account.id].add(role_arn(world, account.name, short))
            if source.kind == "aws-teams":
                teams[short] = config
    known = {number: frozenset(found) for number, found in arns.items() if found}
    return replace(world, roles=known, team_configs=teams)


def named_roles(sources: Iterable[Source], world: World) -> World:
    """The world with the ARNs of teams and roles that have a path or a name of their own."""
    named = dict(world.named)
    for source in sources:
        for short, config in (source.configs or {}).items():
            if config.extras.path != "/" or config.extras.name:
                account = world.accounts[source.account]
                assert source.naming is not None
                name = config.extras.name or source.naming.role_name(short)
                named[source.account, short] = account.arn(f"role{config.extras.path}{name}")
    return replace(world, named=named)
