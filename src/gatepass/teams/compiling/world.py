"""What the compiler knows besides the roles themselves: accounts, templates, providers, sets, quotas (T-5, 2.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from typing import Any

from gatepass.teams.model import TRUST_QUOTA, Account, Finding
from gatepass.teams.nodes import Mapping, Node
from gatepass.teams.reading import Reader, is_null, nearest
from gatepass.teams.upstream.config import RoleConfig
from gatepass.teams.upstream.naming import Label, LabelInputs, for_account, make_label

TEAM_SET_PATTERN = "Identity%sTeamAccess"
PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
_ACCOUNT_ID = re.compile(r"[0-9]{12}\Z")


@dataclass(frozen=True, slots=True)
class ForeignTeam:
    """A team of another organization of the same partition."""

    account: Account
    """Its identity account."""
    arn: str
    set_name: str
    """The permission set that stands for it there; empty where its organization derives none."""


@dataclass(frozen=True, slots=True)
class World:
    """One organization as the compiler sees it."""

    accounts: Map[str, Account] = field(default_factory=dict)
    identity: str = ""
    """Name of the account where the teams live."""
    partition: str = "aws"
    templates: Map[str, str] = field(default_factory=dict)
    """Account name -> role ARN with one `%s`; computed by `template_of` where not given."""
    saml: Map[str, tuple[str, ...]] = field(default_factory=dict)
    oidc: Map[str, str] = field(default_factory=dict)
    team_set_pattern: str = TEAM_SET_PATTERN
    team_sets: bool = True
    github_org: str = ""
    organization_id: str = ""
    teams: frozenset[str] | None = None
    """Every team the organization defines; None when no teams were read."""
    sets: Map[str, frozenset[str]] | None = None
    """Account name -> permission sets assigned there; None when Identity Center is not known."""
    instance_sets: frozenset[str] = frozenset()
    labels: Map[str, LabelInputs] = field(default_factory=dict)
    """Naming of the accounts whose components were read."""
    estate_ids: frozenset[str] = frozenset()
    """Every account id of the estate, other organizations included."""
    foreign_teams: Map[str, ForeignTeam] = field(default_factory=dict)
    """By `org/team` (T-68)."""
    named: Map[tuple[str, str], str] = field(default_factory=dict)
    """(account name, short name) -> ARN, where it is not what the template gives: a path or a name of its own."""
    roles: Map[str, frozenset[str]] = field(default_factory=dict)
    """Account id -> ARNs of all roles that are declared there; empty where compaction by names is not possible."""
    team_configs: Map[str, RoleConfig] = field(default_factory=dict)
    """The teams of the organization by short name, where they are known before roles are compiled."""
    left_out: frozenset[str] = frozenset()
    """Patterns that a role does not write, because they come over its broker (C-9)."""

    def with_templates(self, inputs: LabelInputs) -> World:
        """The same world with a template for every account, computed from this naming where none is given."""
        missing = [name for name in self.accounts if name not in self.templates]
        if not missing:
            return self
        computed = {name: self._computed(name, inputs) for name in missing}
        found = {name: template for name, template in computed.items() if template is not None}
        return replace(self, templates={**self.templates, **found})

    def _computed(self, name: str, inputs: LabelInputs) -> str | None:
        known = self.labels.get(name) or for_account(inputs, name)
        if known is None:
            return None
        label: Label = make_label(known)
        return self.accounts[name].arn(f"role/{label.role_name('%s')}") if label.id else None


def read_world(node: Node | None, findings: list[Finding], base: World | None = None) -> World:
    """The world a context file describes: account map, providers, quotas (issue 5, A1); faults have places."""
    reader = Reader(findings, node)
    world = base or World()
    context = reader.mapping(node, "context")
    if context is None:
        return world
    nested = context.get("account_map")
    account_map = (
        reader.mapping(nested, "account_map") if nested or not context.get("full_account_map") else context
    )
    if account_map is not None:
        world = read_account_map(account_map, reader, world)
    world = replace(
        world,
        saml={**world.saml, **_provider_lists(reader, context.get("saml_providers"))},
        oidc={**world.oidc, **_texts(reader, context.get("oidc_providers"), "oidc_providers")},
        accounts=_with_quota(reader, context.get("trust_policy_quota"), world.accounts),
    )
    return _read_settings(reader, context, world)


def _read_settings(reader: Reader, context: Mapping, world: World) -> World:
    said: dict[str, Any] = {}
    for key, name in (
        ("trusted_github_org", "github_org"),
        ("team_permission_set_pattern", "team_set_pattern"),
    ):
        if not is_null(context.get(key)):
            said[name] = reader.text(context.get(key), key)
    if not is_null(context.get("team_permission_sets_enabled")):
        said["team_sets"] = reader.flag(
            context.get("team_permission_sets_enabled"), "team_permission_sets_enabled"
        )
    if not is_null(context.get("permission_sets")):
        said["instance_sets"] = frozenset(
            reader.texts(context.get("permission_sets"), "permission_sets") or ()
        )
    return replace(world, **{key: value for key, value in said.items() if value is not None})


def read_account_map(node: Mapping, reader: Reader, base: World) -> World:
    """The four outputs of upstream's account map (2.7)."""
    said = node.get("aws_partition")
    partition = reader.one_of(said, "account_map.aws_partition", base.partition, PARTITIONS)
    identity = base.identity
    if not is_null(node.get("identity_account_account_name")):
        path = "account_map.identity_account_account_name"
        identity = reader.text(node.get("identity_account_account_name"), path) or ""
    ids = _texts(reader, node.get("full_account_map"), "account_map.full_account_map")
    accounts = {
        name: Account(name, text, partition=partition)
        for name, text in ids.items()
        if _is_id(reader, node, name, text)
    }
    templates = _texts(reader, node.get("iam_role_arn_templates"), "account_map.iam_role_arn_templates")
    for name in [name for name, template in templates.items() if template.count("%s") != 1]:
        message = f"the role ARN template of {name} has not exactly one %s: {templates.pop(name)}"
        place, advice = node.get("iam_role_arn_templates"), "write %s once, where the short name stands"
        reader.refuse("type-mismatch", message, place, "account_map.iam_role_arn_templates", advice)
    if identity and accounts and identity not in accounts:
        message = f"identity account {identity!r} is not in the account map"
        place, path = node.get("identity_account_account_name"), "account_map.identity_account_account_name"
        reader.refuse("unknown-account", message, place, path, nearest(identity, accounts))
    return replace(
        base,
        accounts={**base.accounts, **accounts},
        templates={**base.templates, **templates},
        identity=identity,
        partition=partition,
        estate_ids=base.estate_ids | {account.id for account in accounts.values()},
    )


def _is_id(reader: Reader, node: Mapping, name: str, text: str) -> bool:
    if _ACCOUNT_ID.match(text):
        return True
    ids = node.get("full_account_map")
    where = ids.get(name) if isinstance(ids, Mapping) else node
    message = f"account id of {name} is {text!r}, not 12 digits"
    reader.refuse(
        "type-mismatch", message, where, f"account_map.full_account_map.{name}", "quote account ids"
    )
    return False


def _texts(reader: Reader, node: Node | None, path: str) -> dict[str, str]:
    """A mapping of strings; null counts as absent, as it does in Terraform's outputs."""
    entries = reader.mapping(node, path)
    read = {
        key: reader.text(value, f"{path}.{key}")
        for key, value in (entries.entries if entries else {}).items()
        if not is_null(value)
    }
    return {key: value for key, value in read.items() if value is not None}


def _provider_lists(reader: Reader, node: Node | None) -> dict[str, tuple[str, ...]]:
    entries = reader.mapping(node, "saml_providers")
    found = {}
    for name, value in (entries.entries if entries else {}).items():
        read = reader.words(value, f"saml_providers.{name}")
        if read:
            found[name] = read
    return found


def _with_quota(reader: Reader, node: Node | None, accounts: Map[str, Account]) -> dict[str, Account]:
    """One number for all accounts, or a mapping of account name to number."""
    if is_null(node):
        return dict(accounts)
    if not isinstance(node, Mapping):
        quota = reader.whole(node, "trust_policy_quota") or TRUST_QUOTA
        return {name: replace(account, trust_quota=quota) for name, account in accounts.items()}
    found = dict(accounts)
    for name, value in node.entries.items():
        quota = reader.whole(value, f"trust_policy_quota.{name}") or TRUST_QUOTA
        if name in found:
            found[name] = replace(found[name], trust_quota=quota)
    return found
