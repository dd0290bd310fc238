"""The native form: organizations with accounts, teams, roles, users, permission sets, read with positions.

It says with defaults what Atmos YAML says in full, and what that cannot say at all. What is compiled from it goes
through the same compiler; the profile is `hardened` unless the organization says otherwise (specification, 4.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from typing import Any

from gatepass.teams.compile import Source
from gatepass.teams.config import LISTS, ConfigReader, Extras, RoleConfig, read_github
from gatepass.teams.model import TRUST_QUOTA, Account, Document, Finding, Organization, Profile
from gatepass.teams.naming import Label, LabelInputs, make_label, read_label
from gatepass.teams.nodes import Mapping, Node, Scalar, Sequence, fault, plain
from gatepass.teams.reading import Reader, is_null, nearest
from gatepass.teams.world import PARTITIONS, TEAM_SET_PATTERN, World

ORGANIZATION_KEYS = (
    "label",
    "id",
    "partition",
    "identity_account",
    "identity_center",
    "trust_profile",
    "trust_policy_quota",
    "compaction",
    "naming",
    "apply_role",
    "break_glass",
    "team_permission_set_pattern",
    "team_permission_sets_enabled",
    "trusted_github_org",
    "accounts",
    "policies",
    "saml_providers",
    "oidc_providers",
    "teams",
    "roles",
    "users",
    "groups",
    "group_members",
    "group_permissions",
    "account_lookup",
    "child_roles",
    "self_service",
    "sandboxes",
    "gateway",
    "permission_sets",
    "directory_groups",
    "assignments",
    "imported",
)
ACCOUNT_KEYS = ("id", "unit", "tags", "labels", "role_arn_template", "trust_policy_quota", "management")
ALIASES = {
    "description": "role_description",
    "policies": "role_policy_arns",
    "max_session": "max_session_duration",
    "saml_login": "aws_saml_login_enabled",
}
COMPACTIONS = ("auto", *(f"C-{number}" for number in (1, 2, 3, 4, 5, 6, 8)))
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
    "protect",
    "enforce",
    "trusted_github_repos",
    "groups",
)
ROLE_KEYS = (*LISTS, *ALIASES, *ALIASES.values(), *_OWN_KEYS)
TEAM_KEYS = (*ROLE_KEYS, "allowed_roles")
_ID = re.compile(r"[0-9]{12}\Z")
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Declared:
    """One organization as declared: what it is, its accounts, and the node the rest is read from."""

    organization: Organization
    node: Mapping
    path: str
    accounts: Map[str, Account]
    labels: Map[str, Label]
    world: World
    profile: Profile
    compaction: tuple[str, ...] = ()
    policies: Map[str, Document] = field(default_factory=dict)


def is_native(node: Node | None) -> bool:
    """Whether a file is in the native form: it declares organizations and is no Atmos stack."""
    return isinstance(node, Mapping) and "organizations" in node.entries and "components" not in node.entries


def read_organizations(root: Mapping, findings: list[Finding]) -> list[Declared]:
    """Every organization with its accounts; names and ids are unique where they must be (T-68 to T-71)."""
    reader = Reader(findings)
    reader.only(root, "", ("gatepass", "organizations", "people"))
    organizations = reader.mapping(root.get("organizations"), "organizations")
    declared = [
        one
        for name, node in (organizations.entries if organizations else {}).items()
        if (one := _organization(name, node, reader)) is not None
    ]
    _unique_ids(declared, findings)
    return _acquainted(declared)


def _organization(name: str, value: Node, reader: Reader) -> Declared | None:
    path = f"organizations.{name}"
    node = reader.mapping(value, path)
    if node is None:
        return None
    reader.only(node, path, ORGANIZATION_KEYS)
    partition = reader.word(node.get("partition"), f"{path}.partition", "aws")
    if partition not in PARTITIONS:
        message = f"{path}.partition is {partition!r}; allowed: {', '.join(PARTITIONS)}"
        reader.refuse("type-mismatch", message, node.get("partition"), f"{path}.partition")
        partition = "aws"
    naming = read_label(
        reader.mapping(node.get("naming"), f"{path}.naming"), f"{path}.naming", reader.findings
    )
    accounts, labels, templates = _accounts(name, node, path, partition, naming, reader)
    identity = reader.word(node.get("identity_account"), f"{path}.identity_account")
    if identity and identity not in accounts:
        message = f"identity account {identity!r} is none of the accounts of {name}"
        where = f"{path}.identity_account"
        reader.refuse(
            "unknown-account", message, node.get("identity_account"), where, nearest(identity, accounts)
        )
        identity = ""
    organization = _described(name, node, path, partition, identity, reader)
    world = World(
        accounts=accounts,
        identity=identity,
        partition=partition,
        templates=templates,
        team_set_pattern=reader.word(
            node.get("team_permission_set_pattern"), f"{path}.team_permission_set_pattern", TEAM_SET_PATTERN
        ),
        team_sets=_flag(reader, node, path, "team_permission_sets_enabled", default=True),
        github_org=reader.word(node.get("trusted_github_org"), f"{path}.trusted_github_org"),
        organization_id=organization.id,
    )
    return Declared(
        organization,
        node,
        path,
        accounts,
        labels,
        world,
        read_profile(node.get("trust_profile"), f"{path}.trust_profile", reader, Profile.HARDENED),
        read_compaction(node.get("compaction"), f"{path}.compaction", reader),
        read_policies(node.get("policies"), f"{path}.policies", reader),
    )


def _described(
    name: str, node: Mapping, path: str, partition: str, identity: str, reader: Reader
) -> Organization:
    center = reader.mapping(node.get("identity_center"), f"{path}.identity_center")
    inner = f"{path}.identity_center"
    said = {}
    if center is not None:
        keys = ("instance_arn", "identity_store_id", "region", "role_arn")
        reader.only(center, inner, keys)
        said = {key: reader.word(center.get(key), f"{inner}.{key}") for key in keys}
    return Organization(
        name,
        partition=partition,
        id=reader.word(node.get("id"), f"{path}.id"),
        identity_account=identity,
        instance_arn=said.get("instance_arn", ""),
        identity_store_id=said.get("identity_store_id", ""),
        region=said.get("region", ""),
        connector_role=said.get("role_arn", ""),
        apply_role=reader.word(node.get("apply_role"), f"{path}.apply_role"),
        break_glass=reader.words(node.get("break_glass"), f"{path}.break_glass"),
    )


def _flag(reader: Reader, node: Mapping, path: str, name: str, *, default: bool) -> bool:
    if is_null(node.get(name)):
        return default
    said = reader.flag(node.get(name), f"{path}.{name}")
    return default if said is None else said


def read_profile(node: Node | None, path: str, reader: Reader, default: Profile) -> Profile:
    """`hardened` or `cloudposse`."""
    word = reader.word(node, path, str(default))
    if word not in set(Profile):
        allowed = ", ".join(Profile)
        reader.refuse("type-mismatch", f"{path} is {word!r}; allowed: {allowed}", node, path)
        return default
    return Profile(word)


def read_compaction(node: Node | None, path: str, reader: Reader) -> tuple[str, ...]:
    """Techniques the estate consents to (T-56)."""
    said = reader.words(node, path)
    for word in said:
        if word not in COMPACTIONS:
            reader.refuse(
                "type-mismatch", f"{path}: {word!r} is none of {', '.join(COMPACTIONS)}", node, path
            )
    return tuple(word for word in said if word in COMPACTIONS)


def read_policies(node: Node | None, path: str, reader: Reader) -> dict[str, Document]:
    """Policies the estate adds under a key of its own: a document, or a list of statements (T-35)."""
    entries = reader.mapping(node, path)
    found = {}
    for key, value in (entries.entries if entries else {}).items():
        document = read_document(value, f"{path}.{key}", reader)
        if document is not None:
            found[key] = document
    return found


def read_document(node: Node | None, path: str, reader: Reader) -> Document | None:
    """A policy document, or a list of statements that becomes one."""
    if isinstance(node, Sequence):
        return {"Version": "2012-10-17", "Statement": plain(node)}
    document = reader.mapping(node, path)
    if document is None:
        return None
    if document.get("Statement") is None:
        reader.refuse(
            "type-mismatch", f"{path} has no Statement", node, path, "write a policy document or a list"
        )
        return None
    value: Document = plain(document)
    return {"Version": "2012-10-17", **value}


def _accounts(
    organization: str, node: Mapping, path: str, partition: str, naming: LabelInputs, reader: Reader
) -> tuple[dict[str, Account], dict[str, Label], dict[str, str]]:
    entries = reader.mapping(node.get("accounts"), f"{path}.accounts")
    quota = node.get("trust_policy_quota")
    default = (
        TRUST_QUOTA if is_null(quota) else reader.whole(quota, f"{path}.trust_policy_quota") or TRUST_QUOTA
    )
    accounts: dict[str, Account] = {}
    labels: dict[str, Label] = {}
    templates: dict[str, str] = {}
    for name, value in (entries.entries if entries else {}).items():
        place = f"{path}.accounts.{name}"
        said = value if isinstance(value, Mapping) else None
        if said is not None:
            reader.only(said, place, ACCOUNT_KEYS)
        number = reader.text(said.get("id") if said else value, f"{place}.id" if said else place)
        if number is None or not _is_id(number, value, place, reader):
            continue
        account = Account(name, number, organization, partition, default)
        labels[name] = _account_label(said, place, name, naming, reader)
        accounts[name] = _account(account, said, place, reader) if said else account
        template = reader.word(said.get("role_arn_template"), f"{place}.role_arn_template") if said else ""
        templates[name] = template or account.arn(f"role/{labels[name].role_name('%s')}")
    return accounts, labels, templates


def _is_id(number: str, node: Node, path: str, reader: Reader) -> bool:
    if _ID.match(number):
        return True
    reader.refuse(
        "type-mismatch", f"{path}: account id {number!r} is not 12 digits", node, path, "quote account ids"
    )
    return False


def _account(account: Account, said: Mapping, path: str, reader: Reader) -> Account:
    tags = reader.mapping(said.get("tags"), f"{path}.tags")
    quota = said.get("trust_policy_quota")
    return replace(
        account,
        unit=reader.word(said.get("unit"), f"{path}.unit"),
        tags={
            key: reader.word(value, f"{path}.tags.{key}")
            for key, value in (tags.entries if tags else {}).items()
        },
        management=_flag(reader, said, path, "management", default=False),
        trust_quota=account.trust_quota
        if is_null(quota)
        else reader.whole(quota, path) or account.trust_quota,
    )


def _account_label(said: Mapping | None, path: str, name: str, naming: LabelInputs, reader: Reader) -> Label:
    """The account's own labels on top of the organization's; without any naming, roles have their short names."""
    own = reader.mapping(said.get("labels"), f"{path}.labels") if said else None
    inputs = naming
    if own is not None:
        inputs = _onto(naming, read_label(own, f"{path}.labels", reader.findings))
    if inputs.is_empty:
        return Label("", "", dict(inputs.tags), {})
    return make_label(inputs)


def _onto(base: LabelInputs, own: LabelInputs) -> LabelInputs:
    blank = LabelInputs()
    changed: dict[str, Any] = {
        name: getattr(own, name)
        for name in LabelInputs.__dataclass_fields__
        if getattr(own, name) != getattr(blank, name)
    }
    return replace(base, **changed)


def _unique_ids(declared: list[Declared], findings: list[Finding]) -> None:
    """T-70: an account id stands for one account of the whole estate."""
    seen: dict[str, Account] = {}
    for one in declared:
        for account in one.accounts.values():
            other = seen.setdefault(account.id, account)
            if other is not account:
                message = f"account id {account.id} belongs to {other.full_name} and to {account.full_name}"
                node = one.node.get("accounts")
                path = f"{one.path}.accounts.{account.name}"
                findings.append(fault("account-id-twice", message, node, path=path, value=account.id))


def _acquainted(declared: list[Declared]) -> list[Declared]:
    """Every organization told of all account ids, and of the others' teams in its partition (T-68, T-69)."""
    ids = frozenset(account.id for one in declared for account in one.accounts.values())
    teams = {
        f"{one.organization.name}/{short}": (one, short)
        for one in declared
        for short in _names_in(one.node.get("teams"))
        if one.world.identity
    }
    result = []
    for one in declared:
        others = {name: (other, short) for name, (other, short) in teams.items() if other is not one}
        foreign = {
            name: (other.accounts[other.world.identity], _team_arn(other, short))
            for name, (other, short) in others.items()
            if other.organization.partition == one.organization.partition
        }
        own = {f"{one.organization.name}/{short}" for short in _names_in(one.node.get("teams"))}
        known = frozenset((*_names_in(one.node.get("teams")), *own))
        has_teams = not is_null(one.node.get("teams"))
        world = replace(one.world, estate_ids=ids, foreign_teams=foreign, teams=known if has_teams else None)
        result.append(replace(one, world=world))
    return result


def _team_arn(declared: Declared, short: str) -> str:
    return declared.world.templates[declared.world.identity].replace("%s", short)


def _names_in(node: Node | None) -> Iterable[str]:
    return node.entries if isinstance(node, Mapping) else ()


# Teams and roles -----------------------------------------------------------------------------------------------------


def role_sources(declared: Declared, world: World, findings: list[Finding]) -> list[Source]:
    """The teams of the identity account, and the roles of every account that gets some."""
    reader = Reader(findings)
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


def select_accounts(accounts: Map[str, Account], node: Node | None, path: str, reader: Reader) -> list[str]:
    """Accounts by name, `all`, `{unit: ...}` or `{tag: key=value}` (A5); unknown names are faults."""
    if isinstance(node, Mapping):
        reader.only(node, path, ("unit", "tag", "names"))
        unit = reader.word(node.get("unit"), f"{path}.unit")
        key, _, value = reader.word(node.get("tag"), f"{path}.tag").partition("=")
        names = set(reader.words(node.get("names"), f"{path}.names"))
        return [
            name
            for name, account in accounts.items()
            if (name in names)
            or (unit and (account.unit == unit or account.unit.startswith(f"{unit}/")))
            or (key and account.tags.get(key) == value)
        ]
    words = reader.words(node, path)
    if words == ("all",):
        return list(accounts)
    for word in words:
        if word not in accounts:
            reader.refuse(
                "unknown-account", f"{path} names account {word!r}", node, path, nearest(word, accounts)
            )
    return [word for word in words if word in accounts]


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
        if config is None or not _flag(reader, node, path, "enabled", default=True):
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
    external_id = reader.word(node.get("external_id"), f"{path}.external_id")
    if external_id and not _EXTERNAL_ID.match(external_id):
        message = (
            f"{path}.external_id is {external_id!r}; allowed: 2 to 1224 of letters, digits and _+=,.@:/-"
        )
        reader.refuse("type-mismatch", message, node.get("external_id"), f"{path}.external_id")
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
        require_org=_flag(reader, node, path, "require_org", default=False),
        require_mfa=_flag(reader, node, path, "require_mfa", default=False),
        external_id=external_id,
        source_identity=reader.word(node.get("source_identity"), f"{path}.source_identity")
        in {"required", "true"},
        external=_flag(reader, node, path, "external", default=False),
        compaction=read_compaction(node.get("compaction"), f"{path}.compaction", reader)
        or declared.compaction,
        inline=read_policies(inline, f"{path}.inline", reader),
        tags={
            key: reader.word(value, f"{path}.tags.{key}")
            for key, value in (tags.entries if tags else {}).items()
        },
        protect=_flag(reader, node, path, "protect", default=False),
        enforce=_flag(reader, node, path, "enforce", default=False),
        name=reader.word(node.get("name"), f"{path}.name"),
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
