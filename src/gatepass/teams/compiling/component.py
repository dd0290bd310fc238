"""One component of one account, compiled to roles, policies and attachments. Pure: equal input, equal bytes.

Errors of all roles are collected; what could be compiled stands beside them (issue 5, A1).
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace

from gatepass.teams.compiling.patterns import UnknownAccount, is_arn
from gatepass.teams.compiling.policies import (
    BUILT_IN,
    DESCRIPTIONS,
    LEGACY_SUPPORT,
    POLICY_NAMES,
    TEAM_ROLE_ACCESS,
)
from gatepass.teams.compiling.sizes import fit
from gatepass.teams.compiling.trust import Grounds, document, grounds
from gatepass.teams.compiling.world import World
from gatepass.teams.model import (
    Account,
    Component,
    ComponentKind,
    Declaration,
    Document,
    Finding,
    Level,
    Policy,
    Role,
)
from gatepass.teams.nodes import Mapping, fault
from gatepass.teams.reading import Reader, is_null, nearest
from gatepass.teams.upstream.config import ConfigReader, RoleConfig, read_github, unknown_key_advice
from gatepass.teams.upstream.naming import Label, LabelInputs, account_name, make_label, role_name_fault

MAX_TAGS = 50
VARIABLE = {"aws-teams": "teams_config", "aws-team-roles": "roles"}


@dataclass(frozen=True, slots=True)
class Source:
    """A component as it was found: its kind, name, merged variables and where it stands."""

    name: str
    kind: ComponentKind
    variables: Mapping
    label: LabelInputs
    path: str = "vars"
    account: str = ""
    """The account, when it is not to be worked out from the labels."""
    policies: Map[str, Document] = field(default_factory=dict)
    """Keys of policies the estate adds (T-35)."""
    findings: tuple[Finding, ...] = ()
    naming: Label | None = None
    """The label, when it is not to be made from the inputs (native estates without naming)."""
    configs: Map[str, RoleConfig] | None = None
    """The entries, when they are read already."""

    @property
    def variable(self) -> str:
        return VARIABLE[self.kind]


def compile_component(
    source: Source, world: World, reader: ConfigReader
) -> tuple[Component, dict[str, RoleConfig], World]:
    """The component's roles and policies, the configurations they came from, and the world with all templates."""
    findings = list(source.findings)
    configs = read_configs(source, world, reader, findings)
    naming, account = _settle(source, world, findings)
    echo = {name: config.echo(source.kind) for name, config in sorted(configs.items())}
    component = Component(
        source.name,
        source.kind,
        account,
        naming.id if naming else "",
        enabled=source.label.enabled,
        config=echo,
        place=source.variables.place,
    )
    if account is None or naming is None or not source.label.enabled:
        return replace(component, findings=tuple(findings)), configs, world
    world = world.with_templates(source.label)
    compiling = _Compiling(source, world, account, naming, findings)
    roles = tuple(
        role for _, config in sorted(configs.items()) if config.enabled for role in compiling.roles(config)
    )
    policies = compiling.policies([configs[role.part_of or role.short] for role in roles])
    finished = replace(
        component,
        roles=roles,
        policies=policies,
        attachments=_attachments(roles, configs),
        findings=tuple(findings),
    )
    return finished, configs, world


def read_configs(
    source: Source, world: World, reader: ConfigReader, findings: list[Finding]
) -> dict[str, RoleConfig]:
    """Every entry that could be read; entries with faults are left out."""
    if source.configs is not None:
        return dict(source.configs)
    path = f"{source.path}.{source.variable}"
    node = source.variables.get(source.variable)
    values = Reader(findings, source.variables)
    entries = values.mapping(node, path)
    if entries is None:
        if is_null(node):
            message = f"{source.name} has no {source.variable}"
            advice = f"add {source.variable}, or make the component abstract"
            findings.append(fault("attribute-missing", message, source.variables, path=path, advice=advice))
        return {}
    configs = {}
    for short, value in entries.entries.items():
        config = reader.role(short, value, f"{path}.{short}", source.kind, findings)
        if config is not None:
            configs[short] = config
    org = source.variables.get("trusted_github_org")
    github_org = (
        world.github_org if is_null(org) else values.text(org, f"{source.path}.trusted_github_org") or ""
    )
    repositories = source.variables.get("trusted_github_repos")
    return read_github(configs, repositories, f"{source.path}.trusted_github_repos", github_org, findings)


def _settle(source: Source, world: World, findings: list[Finding]) -> tuple[Label | None, Account | None]:
    """The naming and the account of a component, or None with the reason among the findings (3.4)."""
    if source.naming is not None:
        return source.naming, world.accounts[source.account]
    label = make_label(source.label)
    name = source.account or account_name(source.label, label)
    if source.label.is_empty:
        return _without_labels(source, world, findings)
    if not label.id:
        message = f"{source.name}: no label of {source.variable} gives an id"
        advice = "set at least one of namespace, tenant, environment, stage, name"
        findings.append(fault("label-invalid", message, source.variables, path=source.path, advice=advice))
        return None, None
    account = world.accounts.get(name or "")
    if account is None and source.kind == "aws-teams":
        account = world.accounts.get(world.identity)  # teams live there whatever the labels say
    if world.identity not in world.accounts:
        message = f"{source.name}: the identity account {world.identity!r} is not in the account map"
        advice = "set account_map.identity_account_account_name; " + nearest(world.identity, world.accounts)
        findings.append(
            fault("unknown-account", message, source.variables, path="account_map", advice=advice)
        )
        return label, None
    if account is None:
        message = f"{source.name}: account {name!r} is not in the account map"
        advice = nearest(name or "", world.accounts)
        place = source.variables.get("stage") or source.variables
        findings.append(
            fault("unknown-account", message, place, path=source.path, value=name or "", advice=advice)
        )
    return label, account


def _without_labels(
    source: Source, world: World, findings: list[Finding]
) -> tuple[Label | None, Account | None]:
    """A catalog snippet without its stack's variables: the account is the one asked for, or for teams the identity
    account, and names come from that account's role ARN template."""
    name = source.account or (world.identity if source.kind == "aws-teams" else "")
    account, template = world.accounts.get(name), world.templates.get(name, "")
    head, _, tail = template.partition(":role/")[2].partition("%s")
    if account is None or not head or tail:
        message = f"{source.name}: no label gives an id, and no role ARN template names one"
        advice = "set namespace, environment, stage, or give --account with an account map that has templates"
        findings.append(fault("label-invalid", message, source.variables, path=source.path, advice=advice))
        return None, None
    delimiter = "-" if head.endswith("-") else ""
    label_id = head.removesuffix(delimiter)
    return Label(label_id, delimiter, {"Name": label_id}, {}), account


@dataclass(slots=True)
class _Compiling:
    """What every role of one component is compiled with."""

    source: Source
    world: World
    account: Account
    label: Label
    findings: list[Finding]

    def roles(self, config: RoleConfig) -> tuple[Role, ...]:
        """The role, or its parts (C-11); none when its faults leave nothing to make. A trust that is too long is
        still shown."""
        before = len(self.findings)
        policies = self._policies_of(config)
        self._check_arns(config)
        name = config.extras.name or self.label.role_name(config.short)
        self._check_name(config, name)
        if config.github and self.account.name not in self.world.oidc:
            message = (
                f"{config.short} trusts GitHub repositories, but {self.account.name} has no OIDC provider"
            )
            self._refuse("oidc-without-provider", message, config, "trusted_github_repos", "declare its ARN")
        found = self._grounds(config)
        if found is None or any(finding.is_fault for finding in self.findings[before:]):
            return ()
        trust = document(found, config, self.world.organization_id)
        tags = _tags(self.label, name, config)
        self._check_tags(config, tags)
        if any(finding.is_fault for finding in self.findings[before:]):
            return ()
        role = Role(
            self.account,
            name,
            trust,
            short=config.short,
            kind="team" if self.source.kind == "aws-teams" else "team-role",
            path=config.extras.path,
            description=config.role_description,
            max_session=config.max_session_duration,
            tags=tags,
            policies=policies,
            inline=config.extras.inline,
            boundary=config.extras.boundary,
            declared=declaration(config, self.world),
            protect=config.extras.protect,
            enforce=config.extras.enforce,
            place=config.node.place,
        )
        return fit(role, config, self.world, self.findings)

    def _grounds(self, config: RoleConfig) -> Grounds | None:
        try:
            return grounds(config, self.source.kind, self.account, self.world)
        except UnknownAccount as unknown:
            attribute = "allowed_roles" if unknown.account in config.allowed_roles else "trusted_teams"
            message = f"{config.short} names account {unknown.account!r}, which is not in the account map"
            advice = nearest(unknown.account, self.world.accounts)
            self._refuse("unknown-account", message, config, attribute, advice, value=unknown.account)
            return None

    def _refuse(
        self,
        wrong: str,
        message: str,
        config: RoleConfig,
        attribute: str = "",
        advice: str = "",
        index: int | None = None,
        value: str = "",
    ) -> None:
        path = f"{config.path}.{attribute}" if attribute else config.path
        path += f"[{index}]" if index is not None else ""
        place = config.place(attribute, index)
        more = {
            "path": path,
            "advice": advice,
            "value": value,
            "account": self.account.name,
            "role": config.short,
        }
        self.findings.append(Finding(wrong, Level.FAULT, message, place, **more))

    def _check_name(self, config: RoleConfig, name: str) -> None:
        wrong = role_name_fault(name)
        if wrong is not None:
            advice = f"shorten the name {config.short!r} or the labels before it ({self.label.id})"
            self._refuse(wrong[0], wrong[1], config, advice=advice, value=name)
        if "+" in config.short:
            message = f"short name {config.short!r} has a +, which attachment keys use"
            self._refuse("role-name-invalid", message, config, advice="use a hyphen", value=config.short)

    def _check_tags(self, config: RoleConfig, tags: Map[str, str]) -> None:
        """What IAM takes: 50 tags, keys of 128 and values of 256 characters (3.3)."""
        long = sorted(key for key, value in tags.items() if len(key) > 128 or len(value) > 256)
        if len(tags) > MAX_TAGS or long:
            what = (
                f"has {len(tags)} tags, more than {MAX_TAGS}"
                if not long
                else f"has tags that are too long: {long}"
            )
            self._refuse(
                "tags-invalid",
                f"{config.short} {what}",
                config,
                advice="keys have 128, values 256 characters",
            )

    def _check_arns(self, config: RoleConfig) -> None:
        for attribute in ("trusted_role_arns", "denied_role_arns"):
            for index, arn in enumerate(getattr(config, attribute)):
                if not is_arn(arn):
                    message = f"{arn!r} in {attribute} of {config.short} is not an ARN"
                    advice = "write arn:aws:iam::<12 digits>:role/<name>"
                    self._refuse("malformed-arn", message, config, attribute, advice, index, arn)

    def _keys(self) -> dict[str, Document]:
        built = {key: make(self.world.partition) for key, make in BUILT_IN[self.source.kind].items()}
        return {**built, **self.source.policies}

    def _policies_of(self, config: RoleConfig) -> tuple[str, ...]:
        """ARNs of the attached policies; keys become the ARNs of our own policies (T-34, T-69)."""
        known = self._keys()
        found = []
        for index, entry in enumerate(config.role_policy_arns):
            if entry in known:
                found.append(self.account.arn(f"policy/{self.policy_name(entry)}"))
            elif entry == "support":
                found.append(LEGACY_SUPPORT.format(partition=self.world.partition))
            elif is_arn(entry):
                self._check_partition(config, index, entry)
                found.append(entry)
            else:
                message = f"policy {entry!r} of {config.short} is neither a known key nor an ARN"
                advice = unknown_key_advice(entry, sorted(known))
                self._refuse("unknown-policy-key", message, config, "role_policy_arns", advice, index, entry)
        return tuple(found)

    def _check_partition(self, config: RoleConfig, index: int, arn: str) -> None:
        partition = arn.split(":")[1]
        if partition != self.world.partition:
            message = f"policy {arn} of {config.short} is of partition {partition}"
            advice = f"this organization is in {self.world.partition}"
            self._refuse("partition-mismatch", message, config, "role_policy_arns", advice, index, arn)

    def policy_name(self, key: str) -> str:
        """Always joined by a hyphen, whatever the label's delimiter (T-36)."""
        name = POLICY_NAMES.get(key, key)
        return f"{self.label.id}-{name}" if self.label.id else name

    def policies(self, configs: list[RoleConfig]) -> tuple[Policy, ...]:
        """The policies this component creates: the way out always with the teams, others when used (T-36)."""
        used = {entry for config in configs for entry in config.role_policy_arns}
        if self.source.kind == "aws-teams":
            used.add(TEAM_ROLE_ACCESS)
        return tuple(
            Policy(
                self.account,
                self.policy_name(key),
                made,
                key=key,
                description=DESCRIPTIONS.get(key),
                tags=self.label.tags,
            )
            for key, made in sorted(self._keys().items())
            if key in used
        )


def _tags(label: Label, name: str, config: RoleConfig) -> dict[str, str]:
    tags = label.role_tags(name)
    return dict(sorted({**tags, **config.extras.tags}.items())) if config.extras.tags else tags


def declaration(config: RoleConfig, world: World) -> Declaration:
    """Who may become the role, as written; what queries and lints start from."""
    extras = config.extras
    return Declaration(
        trusted_teams=config.trusted_teams,
        denied_teams=config.denied_teams,
        trusted_permission_sets=config.trusted_permission_sets,
        denied_permission_sets=config.denied_permission_sets,
        trusted_role_arns=config.trusted_role_arns,
        denied_role_arns=config.denied_role_arns,
        allowed_roles=config.allowed_roles,
        saml_login=config.aws_saml_login_enabled,
        github_subjects=config.github,
        extra_statements=extras.extra_statements,
        profile=extras.profile,
        require_org=world.organization_id if extras.require_org else "",
        require_mfa=extras.require_mfa,
        external_id=extras.external_id,
        source_identity=extras.source_identity,
        compaction=extras.compaction,
        max_chain=extras.max_chain,
    )


def _attachments(roles: tuple[Role, ...], configs: Map[str, RoleConfig]) -> dict[str, tuple[str, str]]:
    """Keys as upstream's: the short name for the first policy, `short+policy` for the others (T-37)."""
    found = {}
    for role in roles:
        entries = configs[role.part_of or role.short].role_policy_arns
        for index, (entry, arn) in enumerate(zip(entries, role.policies, strict=True)):
            found[role.short if index == 0 else f"{role.short}+{entry}"] = (role.name, arn)
    return found
