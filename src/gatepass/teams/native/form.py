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

from gatepass.teams.compiling.patterns import derived_set
from gatepass.teams.compiling.world import PARTITIONS, TEAM_SET_PATTERN, ForeignTeam, World
from gatepass.teams.model import TRUST_QUOTA, Account, Document, Finding, Organization, Profile
from gatepass.teams.nodes import Mapping, Node, Sequence, fault, plain
from gatepass.teams.reading import Reader, is_null, nearest
from gatepass.teams.upstream.naming import Label, LabelInputs, make_label, read_label

ORGANIZATION_KEYS = (
    "label",
    "id",
    "partition",
    "identity_account",
    "identity_center",
    "trust_profile",
    "trust_policy_quota",
    "compaction",
    "broker",
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
COMPACTIONS = ("auto", *(f"C-{number}" for number in range(1, 12)))
_ID = re.compile(r"[0-9]{12}\Z")


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
    broker: str = ""
    """The team over which roles let in whom it trusts too (C-9)."""
    policies: Map[str, Document] = field(default_factory=dict)


def is_native(node: Node | None) -> bool:
    """Whether a file is in the native form: it declares organizations and is no Atmos stack."""
    return isinstance(node, Mapping) and "organizations" in node.entries and "components" not in node.entries


def read_organizations(root: Mapping, findings: list[Finding]) -> list[Declared]:
    """Every organization with its accounts; names and ids are unique where they must be (T-68 to T-71)."""
    reader = Reader(findings, root)
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
    partition = reader.one_of(node.get("partition"), f"{path}.partition", "aws", PARTITIONS)
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
        team_sets=flag_in(reader, node, path, "team_permission_sets_enabled", default=True),
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
        reader.word(node.get("broker"), f"{path}.broker"),
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


def flag_in(reader: Reader, node: Mapping, path: str, name: str, *, default: bool) -> bool:
    """A truth value of a mapping, or the default when it is absent or wrong (which is a fault)."""
    if is_null(node.get(name)):
        return default
    said = reader.flag(node.get(name), f"{path}.{name}")
    return default if said is None else said


_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}\Z", re.ASCII)


def read_external_id(node: Node | None, path: str, reader: Reader) -> str:
    """What a third party's truster asks for (T-67); empty when absent."""
    external_id = reader.word(node, path)
    if external_id and not _EXTERNAL_ID.match(external_id):
        advice = "2 to 1224 of letters, digits and _+=,.@:/-"
        reader.refuse("type-mismatch", f"{path} is {external_id!r}", node, path, advice)
    return external_id


def read_profile(node: Node | None, path: str, reader: Reader, default: Profile) -> Profile:
    """`hardened` or `cloudposse`."""
    return Profile(reader.one_of(node, path, str(default), Profile))


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
        management=flag_in(reader, said, path, "management", default=False),
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
                advice = "an account belongs to one organization, under one name"
                findings.append(
                    fault("account-id-twice", message, node, path=path, value=account.id, advice=advice)
                )


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
            name: _foreign(other, short)
            for name, (other, short) in others.items()
            if other.organization.partition == one.organization.partition
        }
        own = {f"{one.organization.name}/{short}" for short in _names_in(one.node.get("teams"))}
        known = frozenset((*_names_in(one.node.get("teams")), *own))
        has_teams = not is_null(one.node.get("teams"))
        world = replace(one.world, estate_ids=ids, foreign_teams=foreign, teams=known if has_teams else None)
        result.append(replace(one, world=world))
    return result


def _foreign(declared: Declared, short: str) -> ForeignTeam:
    """A team as other organizations know it; one with a path or a name of its own by those."""
    account = declared.accounts[declared.world.identity]
    teams = declared.node.get("teams")
    said = teams.entries.get(short) if isinstance(teams, Mapping) else None
    reader = Reader([])  # what is wrong is said where the team is read
    own = {
        key: reader.word(said.get(key), "") if isinstance(said, Mapping) else "" for key in ("path", "name")
    }
    arn = declared.world.templates[declared.world.identity].replace("%s", short)
    head, _, name = arn.rpartition("/")
    arn = f"{head}{own['path'] or '/'}{own['name'] or name}"
    return ForeignTeam(account, arn, derived_set(declared.world, short) if declared.world.team_sets else "")


def _names_in(node: Node | None) -> Iterable[str]:
    return node.entries if isinstance(node, Mapping) else ()


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
