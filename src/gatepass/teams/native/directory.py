"""Identity Center as code, and federation: permission sets, groups, standing assignments, SAML and OIDC providers
(issue 5, A5 and A6)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from gatepass.teams.compiling.patterns import SET_NAME_LENGTH, derived_set
from gatepass.teams.compiling.trust import ASSUME, GITHUB, VERSION
from gatepass.teams.compiling.world import World
from gatepass.teams.model import (
    Account,
    Assignment,
    DirectoryGroup,
    Finding,
    OidcProvider,
    PermissionSet,
    SamlProvider,
)
from gatepass.teams.native.form import Declared, read_document, select_accounts
from gatepass.teams.nodes import Mapping, Node
from gatepass.teams.reading import Reader, is_null, nearest

SESSION_SECONDS = (3600, 43200)
"""What Identity Center accepts: PT1H to PT12H (T-52)."""
DESCRIPTION_LENGTH, INLINE_LENGTH, ATTACHED = 700, 32768, 10
SET_KEYS = (
    "description",
    "session",
    "relay_state",
    "managed_policies",
    "customer_policies",
    "inline",
    "boundary",
    "tags",
)
_SET_NAME = re.compile(r"[\w+=,.@-]+\Z", re.ASCII)
VIEW_ONLY = "job-function/ViewOnlyAccess"
SAML_METADATA_LENGTH = 10_000_000


@dataclass(slots=True)
class Directory:
    """What Identity Center and federation of one organization should hold."""

    sets: dict[str, PermissionSet] = field(default_factory=dict)
    groups: dict[str, DirectoryGroup] = field(default_factory=dict)
    assignments: list[Assignment] = field(default_factory=list)
    saml: list[SamlProvider] = field(default_factory=list)
    oidc: list[OidcProvider] = field(default_factory=list)


class DirectoryReader:
    """Reads the Identity Center and federation keys of one organization."""

    def __init__(self, declared: Declared, findings: list[Finding], folder: Path) -> None:
        self.declared = declared
        self.reader = Reader(findings, declared.node)
        self.made = Directory()
        self._folder = folder

    def read(self) -> Directory:
        """Everything; faults are appended to the findings."""
        node, path = self.declared.node, self.declared.path
        self._sets(node.get("permission_sets"), f"{path}.permission_sets")
        self._groups(node.get("directory_groups"), f"{path}.directory_groups")
        self._assigned(node.get("assignments"), f"{path}.assignments")
        self._teams(node.get("teams"))
        self._sandboxes(node.get("sandboxes"), f"{path}.sandboxes")
        self._saml(node.get("saml_providers"), f"{path}.saml_providers")
        self._oidc(node.get("oidc_providers"), f"{path}.oidc_providers")
        return self.made

    # Permission sets -----------------------------------------------------------------------------------------------

    def _sets(self, node: Node | None, path: str) -> None:
        said = self.reader.mapping(node, path)
        for name, value in (said.entries if said else {}).items():
            entry = self.reader.mapping(value, f"{path}.{name}")
            entry = entry or Mapping(value.file, value.line, value.column, {})
            if not _SET_NAME.match(name) or len(name) > SET_NAME_LENGTH:
                message = f"permission set name {name!r} is not 1 to {SET_NAME_LENGTH} of letters, digits and _+=,.@-"
                self.reader.refuse("set-name-invalid", message, value, f"{path}.{name}", "shorten it")
                continue
            self.made.sets[name] = self._set(name, entry, f"{path}.{name}")

    def _set(self, name: str, node: Mapping, path: str) -> PermissionSet:
        reader = self.reader
        reader.only(node, path, SET_KEYS)
        partition = self.declared.organization.partition
        managed = tuple(
            _managed(word, partition) for word in reader.words(node.get("managed_policies"), path)
        )
        customer = reader.words(node.get("customer_policies"), f"{path}.customer_policies")
        if len(managed) + len(customer) > ATTACHED:
            message = (
                f"{path} attaches {len(managed) + len(customer)} policies; Identity Center allows {ATTACHED}"
            )
            reader.refuse(
                "set-limit", message, node, path, "put them together in one customer managed policy"
            )
        tags = reader.mapping(node.get("tags"), f"{path}.tags")
        inline = node.get("inline")
        return PermissionSet(
            self.declared.organization.name,
            name,
            description=reader.word(node.get("description"), f"{path}.description"),
            session_seconds=self._session(node.get("session"), f"{path}.session"),
            relay_state=reader.word(node.get("relay_state"), f"{path}.relay_state"),
            managed_policies=managed,
            customer_policies=customer,
            inline=None if is_null(inline) else read_document(inline, f"{path}.inline", reader),
            boundary=reader.word(node.get("boundary"), f"{path}.boundary") or None,
            tags={key: reader.word(value, path) for key, value in (tags.entries if tags else {}).items()},
            place=node.place,
        )

    def _session(self, node: Node | None, path: str) -> int:
        low, high = SESSION_SECONDS
        if is_null(node):
            return low
        seconds = self.reader.length(node, path)
        if seconds is not None and not low <= seconds <= high:
            message = f"{path} is {seconds} seconds, outside {low} to {high}"
            self.reader.refuse("session-out-of-range", message, node, path, "1h to 12h")
            return low
        return seconds or low

    def _teams(self, node: Node | None) -> None:
        """A team with `groups` gets the permission set that stands for it, assigned in the identity account (T-38)."""
        teams = self.reader.mapping(node, f"{self.declared.path}.teams")
        account = self.declared.accounts.get(self.declared.world.identity)
        for short, value in (teams.entries if teams else {}).items():
            groups = value.get("groups") if isinstance(value, Mapping) else None
            if is_null(groups) or account is None:
                continue
            path = f"{self.declared.path}.teams.{short}.groups"
            name = derived_set(self.declared.world, short)
            if len(name) > SET_NAME_LENGTH:
                message = f"team {short} derives permission set {name}, longer than {SET_NAME_LENGTH}"
                self.reader.refuse("set-name-invalid", message, value, path, "shorten the team's name")
                continue
            self.made.sets.setdefault(name, self._team_set(name, short, value))
            for group in self.reader.words(groups, path):
                self._assign(name, account, group, "group", value, path)

    def _team_set(self, name: str, short: str, node: Node) -> PermissionSet:
        partition = self.declared.organization.partition
        statement = {"Sid": "TeamRoleAccess", "Effect": "Allow", "Action": list(ASSUME), "Resource": "*"}
        return PermissionSet(
            self.declared.organization.name,
            name,
            description=f"Stands for team {short}",
            managed_policies=(_managed(VIEW_ONLY, partition),),
            inline={"Version": VERSION, "Statement": [statement]},
            place=node.place,
        )

    # Groups and assignments ----------------------------------------------------------------------------------------

    def _groups(self, node: Node | None, path: str) -> None:
        said = self.reader.mapping(node, path)
        for name, value in (said.entries if said else {}).items():
            entry = value if isinstance(value, Mapping) else None
            if entry is not None:
                self.reader.only(entry, f"{path}.{name}", ("members", "description", "managed"))
            managed = entry is not None and entry.get("members") is not None
            self.made.groups[name] = DirectoryGroup(
                self.declared.organization.name,
                name,
                members=self.reader.words(entry.get("members"), f"{path}.{name}.members") if entry else (),
                description=self.reader.word(entry.get("description"), path) if entry else "",
                managed=managed,
                place=value.place,
            )

    def _assigned(self, node: Node | None, path: str) -> None:
        """Standing assignments by account, unit or tag."""
        for index, item in enumerate(self.reader.items(node, path)):
            place = f"{path}[{index}]"
            entry = self.reader.mapping(item, place)
            if entry is None:
                continue
            self.reader.only(entry, place, ("permission_set", "group", "groups", "user", "users", "accounts"))
            name = self.reader.word(entry.get("permission_set"), f"{place}.permission_set")
            if name not in self.made.sets:
                message = f"{place} assigns {name!r}, which permission_sets does not have"
                advice = nearest(name, self.made.sets)
                self.reader.refuse("unknown-set", message, entry.get("permission_set") or item, place, advice)
                continue
            self._assign_all(name, entry, place)

    def _assign_all(self, name: str, entry: Mapping, path: str) -> None:
        chosen = select_accounts(
            self.declared.accounts, entry.get("accounts"), f"{path}.accounts", self.reader
        )
        groups = (*self.reader.words(entry.get("group"), path), *self.reader.words(entry.get("groups"), path))
        users = (*self.reader.words(entry.get("user"), path), *self.reader.words(entry.get("users"), path))
        if not groups and not users:
            message, advice = f"{path} names no group and no user", "add groups: [NAME] or users: [NAME]"
            self.reader.refuse("attribute-missing", message, entry, path, advice)
        for account_name in chosen:
            account = self.declared.accounts[account_name]
            for group in groups:
                self._assign(name, account, group, "group", entry, path)
            for user in users:
                self._assign(name, account, user, "user", entry, path)

    def _assign(
        self,
        name: str,
        account: Account,
        principal: str,
        kind: Literal["group", "user"],
        node: Node,
        path: str,
    ) -> None:
        """Once, however often it is said; groups must be declared where any are, so that typing errors show."""
        if kind == "group" and self.made.groups and principal not in self.made.groups:
            message = f"{path} names group {principal!r}"
            self.reader.refuse("unknown-group", message, node, path, nearest(principal, self.made.groups))
            return
        assignment = Assignment(self.declared.organization.name, name, account, principal, kind, node.place)
        if not any(
            replace(known, place=None) == replace(assignment, place=None) for known in self.made.assignments
        ):
            self.made.assignments.append(assignment)

    def _sandboxes(self, node: Node | None, path: str) -> None:
        """The form for people of the directory: the person, a permission set, their own account (A3)."""
        said = node if isinstance(node, Mapping) else None
        if said is None or said.get("permission_set") is None:
            return
        self.reader.only(said, path, ("people", "account", "permission_set"))
        name = self.reader.word(said.get("permission_set"), f"{path}.permission_set")
        pattern = self.reader.word(said.get("account"), f"{path}.account", "sandbox-{person}")
        if name not in self.made.sets:
            advice = nearest(name, self.made.sets)
            self.reader.refuse(
                "unknown-set", f"{path} assigns {name!r}", said.get("permission_set"), path, advice
            )
            return
        for person in self.reader.words(said.get("people"), f"{path}.people"):
            account = self.declared.accounts.get(pattern.replace("{person}", person))
            if account is None:
                message = (
                    f"sandbox of {person}: account {pattern.replace('{person}', person)!r} is not declared"
                )
                self.reader.refuse("unknown-account", message, said.get("people"), path)
                continue
            self._assign(name, account, person, "user", said, path)

    # Federation ----------------------------------------------------------------------------------------------------

    def _saml(self, node: Node | None, path: str) -> None:
        """`okta: {account(s), metadata: file}` makes a provider; `okta: {account(s)}` refers to one (A6)."""
        said = self.reader.mapping(node, path)
        for name, value in (said.entries if said else {}).items():
            entry = self.reader.mapping(value, f"{path}.{name}")
            if entry is None:
                continue
            self.reader.only(entry, f"{path}.{name}", ("accounts", "account", "metadata", "name"))
            metadata = self._metadata(entry.get("metadata"), f"{path}.{name}.metadata")
            called = self.reader.word(entry.get("name"), f"{path}.{name}.name", name)
            for account in self._accounts(entry, f"{path}.{name}"):
                self.made.saml.append(
                    SamlProvider(
                        account, called, metadata=metadata, managed=bool(metadata), place=entry.place
                    )
                )

    def _accounts(self, entry: Mapping, path: str) -> list[Account]:
        node = entry.get("accounts") or entry.get("account")
        if is_null(node):
            identity = self.declared.accounts.get(self.declared.world.identity)
            return [identity] if identity else []
        names = select_accounts(self.declared.accounts, node, path, self.reader)
        return [self.declared.accounts[name] for name in names]

    def _metadata(self, node: Node | None, path: str) -> str:
        """The text of a metadata file beside the declaration."""
        if is_null(node):
            return ""
        name = self.reader.word(node, path)
        file = (self._folder / name).resolve()
        if not file.is_relative_to(self._folder.resolve()):
            message, advice = f"{path}: {name!r} leaves the folder", "put the file beside the declaration"
            self.reader.refuse("import-refused", message, node, path, advice)
            return ""
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            message, advice = f"{path}: {name!r} cannot be read: {error}", f"put it into {self._folder}"
            self.reader.refuse("import-missing", message, node, path, advice)
            return ""
        if "EntityDescriptor" not in text or len(text) > SAML_METADATA_LENGTH:
            self.reader.refuse("type-mismatch", f"{path}: {name!r} is no SAML metadata", node, path)
            return ""
        return text

    def _oidc(self, node: Node | None, path: str) -> None:
        """`github: {accounts: all, create: true}`; without `create` the provider is only referred to."""
        said = self.reader.mapping(node, path)
        for name, value in (said.entries if said else {}).items():
            entry = self.reader.mapping(value, f"{path}.{name}") or Mapping(
                value.file, value.line, value.column, {}
            )
            self.reader.only(
                entry, f"{path}.{name}", ("accounts", "account", "create", "host", "audiences", "thumbprints")
            )
            host = self.reader.word(
                entry.get("host"), f"{path}.{name}.host", GITHUB if name == "github" else name
            )
            create = entry.get("create")
            managed = not is_null(create) and self.reader.flag(create, f"{path}.{name}.create") is True
            audiences = self.reader.words(entry.get("audiences"), f"{path}.{name}.audiences") or (
                "sts.amazonaws.com",
            )
            thumbprints = self.reader.words(entry.get("thumbprints"), f"{path}.{name}.thumbprints")
            for account in self._accounts(entry, f"{path}.{name}"):
                self.made.oidc.append(
                    OidcProvider(account, host, audiences, thumbprints, managed=managed, place=entry.place)
                )


def _managed(word: str, partition: str) -> str:
    """An ARN, or the name of a policy of AWS's own."""
    return word if word.startswith("arn:") else f"arn:{partition}:iam::aws:policy/{word}"


def informed(world: World, made: Directory) -> World:
    """The world with what the directory says: providers, sets, and where they are assigned."""
    saml: dict[str, tuple[str, ...]] = {}
    for provider in made.saml:
        saml[provider.account.name] = (*saml.get(provider.account.name, ()), provider.arn)
    oidc = {provider.account.name: provider.arn for provider in made.oidc if provider.host == GITHUB}
    sets: dict[str, frozenset[str]] | None = None
    if made.sets:
        sets = dict.fromkeys(world.accounts, frozenset())
        for assignment in made.assignments:
            known = sets[assignment.account.name]
            sets[assignment.account.name] = known | {assignment.permission_set}
    return replace(world, saml=saml, oidc=oidc, sets=sets, instance_sets=frozenset(made.sets))
