"""People as IAM users in a central account: users, groups, child roles, sandboxes, gateways (specification, 9).

Both sides of every access come from one line: what the user may assume, and who the role lets in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace

from gatepass.policy.normal import size
from gatepass.teams.model import (
    Account,
    Document,
    Finding,
    Group,
    Handover,
    Level,
    Place,
    Policy,
    Role,
    User,
)
from gatepass.teams.native import Declared, read_external_id, read_policies
from gatepass.teams.nodes import Mapping, Node, Scalar, Sequence
from gatepass.teams.people_documents import (
    Child,
    assume_document,
    external_id_of,
    resources_of,
    self_service_document,
    users_trust,
)
from gatepass.teams.reading import Reader, is_null, nearest

ASSUME_POLICY = "gatepass-assume"
GATEWAY_POLICY = "gatepass-gateway"
SELF_SERVICE = "BasicUserPolicy"
USER_LENGTH, GROUP_LENGTH, GROUPS_PER_USER, GROUP_INLINE, GROUP_ATTACHED, MANAGED_LENGTH = (
    64,
    128,
    10,
    5120,
    10,
    6144,
)
"""Limits of IAM (T-58)."""
_NAME = re.compile(r"[\w+=,.@-]+\Z", re.ASCII)
_ID = re.compile(r"[0-9]{12}\Z")
MODES = ("listed", "account", "path")
USER_KEYS = ("person", "path", "policies", "groups", "boundary", "tags", "inline")
GROUP_KEYS = ("members", "assume", "policies")
CHILD_KEYS = (
    "trust",
    "mfa",
    "mfa_age",
    "policies",
    "description",
    "max_session",
    "inline",
    "boundary",
    "path",
)


@dataclass(slots=True)
class Peopled:
    """Users, groups, roles and policies that reading produced, and the documents to hand over."""

    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    roles: list[Role] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    handovers: list[Handover] = field(default_factory=list)


@dataclass(slots=True)
class _Wish:
    """A role of some account and the users it must let in."""

    child: Child
    users: set[str]
    paths: set[str]
    external_id: str = ""
    place: Place | None = None


class People:
    """Reads the people of one organization and makes both sides of their access."""

    def __init__(self, declared: Declared, findings: list[Finding]) -> None:
        self.declared = declared
        self.reader = Reader(findings, declared.node)
        self.made = Peopled()
        self._wishes: dict[tuple[str, str], _Wish] = {}
        self._ids = {account.id: account for account in declared.accounts.values()}

    def read(self) -> Peopled:
        """Everything about people; faults and lints are appended to the findings."""
        node = self.declared.node
        account = self.declared.accounts.get(self.declared.organization.identity_account)
        wanted = [
            name
            for name in ("users", "groups", "group_members", "group_permissions")
            if not is_null(node.get(name))
        ]
        if wanted and account is None:
            message = f"{self.declared.path}.{wanted[0]} needs an identity_account to hold the users"
            where, advice = f"{self.declared.path}.{wanted[0]}", "name the account that holds them"
            self.reader.refuse("unknown-account", message, node.get(wanted[0]), where, advice)
            return self.made
        if account is not None:
            self._read_central(account, node)
        self._sandboxes(node.get("sandboxes"), account)
        self._gateways(node.get("gateway"))
        self._make_roles()
        return self.made

    def _read_central(self, account: Account, node: Mapping) -> None:
        children = self._children(node.get("child_roles"))
        self._users(account, node)
        for name, (members, assumed, policies, place) in self._group_entries(node).items():
            self._group(account, name, members, assumed, policies, place, children)
        self._self_service(account, node.get("self_service"))
        if self.made.users and account.management:
            message = (
                f"users live in {account.name}, the management account: no service control policy binds it"
            )
            path, advice = f"{self.declared.path}.identity_account", "keep people in an account of their own"
            self._note("management-account-users", message, node.get("users"), path, advice)
        for user in self.made.users.values():
            if len(user.groups) > GROUPS_PER_USER:
                message = f"user {user.name} is in {len(user.groups)} groups; IAM allows {GROUPS_PER_USER}"
                path = f"{self.declared.path}.users.{user.name}"
                self._refuse("group-limit", message, user.place, path, "put groups of theirs together")

    def _refuse(self, lint: str, message: str, place: Place | None, path: str, advice: str = "") -> None:
        self.reader.findings.append(Finding(lint, Level.FAULT, message, place, path=path, advice=advice))

    def _note(self, lint: str, message: str, node: Node | None, path: str, advice: str = "") -> None:
        place = node.place if node else None
        self.reader.findings.append(Finding(lint, Level.WARNING, message, place, path=path, advice=advice))

    # Users and groups ----------------------------------------------------------------------------------------------

    def _users(self, account: Account, node: Mapping) -> None:
        path = f"{self.declared.path}.users"
        users = node.get("users")
        entries: dict[str, Node] = {}
        if isinstance(users, Sequence):
            entries = {
                name: item
                for index, item in enumerate(users.items)
                if (name := self.reader.text(item, f"{path}[{index}]"))
            }
        else:
            said = self.reader.mapping(users, path)
            entries = dict(said.entries) if said else {}
        for name, value in entries.items():
            self._check_name("user", name, USER_LENGTH, value, f"{path}.{name}")
            said = value if isinstance(value, Mapping) else Mapping(value.file, value.line, value.column, {})
            self.made.users[name] = self._user(account, name, said, f"{path}.{name}")

    def _user(self, account: Account, name: str, node: Mapping, path: str) -> User:
        self.reader.only(node, path, USER_KEYS)
        tags = self.reader.mapping(node.get("tags"), f"{path}.tags")
        return User(
            account,
            name,
            path=self.reader.word(node.get("path"), f"{path}.path", "/"),
            groups=self.reader.words(node.get("groups"), f"{path}.groups"),
            policies=tuple(
                self._arn(entry, account) for entry in self.reader.words(node.get("policies"), path)
            ),
            inline=read_policies(node.get("inline"), f"{path}.inline", self.reader),
            boundary=self.reader.word(node.get("boundary"), f"{path}.boundary") or None,
            tags={key: self.reader.word(value, f"{path}.tags.{key}") for key, value in tags.entries.items()}
            if tags
            else {},
            person=self.reader.word(node.get("person"), f"{path}.person", name),
            place=node.place,
        )

    def _arn(self, entry: str, account: Account) -> str:
        return entry if entry.startswith("arn:") else account.arn(f"policy/{entry}")

    def _check_name(self, what: str, name: str, longest: int, node: Node, path: str) -> None:
        if not _NAME.match(name) or len(name) > longest:
            message = f"{what} name {name!r} is not 1 to {longest} of letters, digits and _+=,.@-"
            self.reader.refuse("role-name-invalid", message, node, path, "use another name")

    def _group_entries(
        self, node: Mapping
    ) -> dict[str, tuple[tuple[str, ...], list[tuple[str, str, Place]], tuple[str, ...], Place]]:
        """Groups of the native form, and of the data the scripts of seed 002 share (9.2, T-57)."""
        found: dict[str, tuple[tuple[str, ...], list[tuple[str, str, Place]], tuple[str, ...], Place]] = {}
        path = f"{self.declared.path}.groups"
        groups = node.get("groups")
        if isinstance(groups, Sequence):
            members = self._members_by_group(node)
            permissions = self.reader.mapping(
                node.get("group_permissions"), f"{self.declared.path}.group_permissions"
            )
            for name in self.reader.texts(groups, path) or ():
                pairs = self._pairs(permissions.get(name) if permissions else None, name)
                found[name] = (members.get(name, ()), pairs, (), groups.place)
            return found
        said = self.reader.mapping(groups, path)
        for name, value in (said.entries if said else {}).items():
            entry = self.reader.mapping(value, f"{path}.{name}")
            if entry is None:
                continue
            self.reader.only(entry, f"{path}.{name}", GROUP_KEYS)
            members_said = self.reader.words(entry.get("members"), f"{path}.{name}.members")
            assumed = self._assumed(entry.get("assume"), f"{path}.{name}.assume")
            policies = self.reader.words(entry.get("policies"), f"{path}.{name}.policies")
            found[name] = (members_said, assumed, policies, entry.place)
        return found

    def _members_by_group(self, node: Mapping) -> dict[str, tuple[str, ...]]:
        said = self.reader.mapping(node.get("group_members"), f"{self.declared.path}.group_members")
        found: dict[str, tuple[str, ...]] = {}
        for user, groups in (said.entries if said else {}).items():
            for group in self.reader.words(groups, f"{self.declared.path}.group_members.{user}"):
                found[group] = (*found.get(group, ()), user)
        return found

    def _pairs(self, node: Node | None, group: str) -> list[tuple[str, str, Place]]:
        path = f"{self.declared.path}.group_permissions.{group}"
        found = []
        for index, item in enumerate(node.items if isinstance(node, Sequence) else ()):
            pair = self.reader.texts(item, f"{path}[{index}]") or ()
            if len(pair) == 2:
                found.append((self._looked_up(pair[0]), pair[1], item.place))
            else:
                message, advice = f"{path}[{index}] is not [account, role]", "as [dev, Developer]"
                self.reader.refuse("type-mismatch", message, item, path, advice)
        return found

    def _looked_up(self, name: str) -> str:
        """The scripts' own table of account ids; a name that is not in it is an account of the estate."""
        table = self.declared.node.get("account_lookup")
        value = table.get(name) if isinstance(table, Mapping) else None
        return value.text if isinstance(value, Scalar) else name

    def _assumed(self, node: Node | None, path: str) -> list[tuple[str, str, Place]]:
        found = []
        if not is_null(node) and not isinstance(node, Sequence):
            self.reader.texts(node, path)
        for index, item in enumerate(node.items if isinstance(node, Sequence) else ()):
            place = f"{path}[{index}]"
            if isinstance(item, Scalar):
                account, _, role = item.text.partition("/")
            else:
                entry = self.reader.mapping(item, place)
                account = self.reader.word(entry.get("account"), f"{place}.account") if entry else ""
                role = self.reader.word(entry.get("role"), f"{place}.role") if entry else ""
            if not account or not role:
                self.reader.refuse(
                    "type-mismatch", f"{place} is not {{account, role}}", item, place, "as dev/Developer"
                )
                continue
            found.append((account, role, item.place))
        return found

    def _group(
        self, account: Account, name: str, members: tuple[str, ...], assumed: list[tuple[str, str, Place]],
        policies: tuple[str, ...], place: Place, children: Map[str, Child],
    ) -> None:  # fmt: skip
        path = f"{self.declared.path}.groups.{name}"
        if not _NAME.match(name) or len(name) > GROUP_LENGTH:
            message = f"group name {name!r} is not 1 to {GROUP_LENGTH} of letters, digits and _+=,.@-"
            self._refuse("role-name-invalid", message, place, path, "use another name")
        for member in members:
            user = self.made.users.get(member)
            if user is None:
                advice = nearest(member, self.made.users)
                self._refuse(
                    "unknown-user", f"group {name} has member {member!r}, who is no user", place, path, advice
                )
            elif name not in user.groups:
                self.made.users[member] = replace(user, groups=(*user.groups, name))
        arns = []
        for account_name, role, where in assumed:
            target = self._account(account_name)
            if target is None:
                advice = nearest(account_name, self.declared.accounts)
                self._refuse(
                    "unknown-account", f"group {name} names account {account_name!r}", where, path, advice
                )
                continue
            child = children.get(role, Child(place=where))
            arns.append(target.arn(f"role{child.path}{role}"))
            if target.id in self._ids:
                wish = self._wish(target, role, child, where)
                wish.users |= {member for member in members if member in self.made.users}
                wish.paths.add(f"/gatepass/{name}/")
                if child.trust == "path":
                    self._move(members, name, place)
        attached = tuple(self._arn(entry, account) for entry in policies)
        inline: dict[str, Document] = {}
        if arns and size(assume_document(arns)) <= GROUP_INLINE:
            inline = {ASSUME_POLICY: assume_document(arns)}
        elif arns:
            attached = (*attached, *self._managed(account, name, arns, place))
        if len(attached) > GROUP_ATTACHED:
            message = f"group {name} may assume so many roles that it needs {len(attached)} policies"
            self._refuse(
                "group-policy-too-long",
                message,
                place,
                path,
                f"IAM attaches {GROUP_ATTACHED}: split the group",
            )
        self.made.groups[name] = Group(account, name, policies=attached, inline=inline, place=place)

    def _managed(self, account: Account, group: str, arns: list[str], place: Place) -> list[str]:
        """Managed policies for what does not fit inline, as full as IAM allows (T-58)."""
        parts: list[list[str]] = [[]]
        for arn in sorted(set(arns)):
            if size(assume_document([*parts[-1], arn])) > MANAGED_LENGTH:
                parts.append([])
            parts[-1].append(arn)
        found = []
        for number, part in enumerate(parts, start=1):
            name = f"{ASSUME_POLICY}-{group}-{number}"
            policy = Policy(account, name, assume_document(part), key=name, place=place)
            self.made.policies.append(policy)
            found.append(policy.arn)
        return found

    def _move(self, members: Iterable[str], group: str, place: Place) -> None:
        """`trust: path`: the users of the group live under its path, and under no other group's."""
        for member in members:
            user = self.made.users.get(member)
            if user is None:
                continue
            wanted = f"/gatepass/{group}/"
            if user.path not in {"/", wanted}:
                message = (
                    f"user {member} would live under {user.path} and {wanted}: path trust takes one group"
                )
                self._refuse(
                    "user-path", message, place, f"{self.declared.path}.groups.{group}", "use trust: listed"
                )
                continue
            self.made.users[member] = replace(user, path=wanted)

    def _account(self, name: str) -> Account | None:
        """By name, or by id; an id outside the estate is somebody else's account."""
        if name in self.declared.accounts:
            return self.declared.accounts[name]
        if name in self._ids:
            return self._ids[name]
        if _ID.match(name):
            return Account(name, name, partition=self.declared.organization.partition)
        return None

    def _children(self, node: Node | None) -> dict[str, Child]:
        path = f"{self.declared.path}.child_roles"
        said = self.reader.mapping(node, path)
        found = {}
        for name, value in (said.entries if said else {}).items():
            entry = self.reader.mapping(value, f"{path}.{name}")
            if entry is not None:
                self.reader.only(entry, f"{path}.{name}", CHILD_KEYS)
                found[name] = self._child(entry, f"{path}.{name}")
        return found

    def _child(self, node: Mapping, path: str) -> Child:
        reader = self.reader
        mode = reader.one_of(node.get("trust"), f"{path}.trust", "listed", MODES)
        mfa = node.get("mfa")
        session = node.get("max_session")
        return Child(
            trust=mode,
            mfa=True if is_null(mfa) else reader.flag(mfa, f"{path}.mfa") is not False,
            mfa_age=0
            if is_null(node.get("mfa_age"))
            else reader.length(node.get("mfa_age"), f"{path}.mfa_age") or 0,
            policies=reader.words(node.get("policies"), f"{path}.policies"),
            description=reader.word(node.get("description"), f"{path}.description") or None,
            max_session=3600 if is_null(session) else reader.length(session, f"{path}.max_session") or 3600,
            inline=read_policies(node.get("inline"), f"{path}.inline", reader),
            boundary=reader.word(node.get("boundary"), f"{path}.boundary") or None,
            path=reader.word(node.get("path"), f"{path}.path", "/"),
            place=node.place,
        )

    def _wish(self, account: Account, role: str, child: Child, place: Place) -> _Wish:
        key = (account.name, role)
        return self._wishes.setdefault(key, _Wish(child, set(), set(), place=place))

    def _self_service(self, account: Account, node: Node | None) -> None:
        """A policy with which users keep their own password, keys and MFA (9.3, T-60)."""
        where = f"{self.declared.path}.self_service"
        variant = self.reader.one_of(node, where, "none", ("none", "basic", "hardened"))
        if variant == "none" or not self.made.users:
            return
        policy = Policy(
            account,
            SELF_SERVICE,
            self_service_document(account.partition, hardened=variant == "hardened"),
            key="self_service",
            description="Users look after their own password, keys and MFA",
        )
        self.made.policies.append(policy)
        for name, user in self.made.users.items():
            self.made.users[name] = replace(user, policies=tuple(dict.fromkeys((*user.policies, policy.arn))))

    # Sandboxes and gateways ----------------------------------------------------------------------------------------

    def _sandboxes(self, node: Node | None, central: Account | None) -> None:
        """One account per person, trusted by its owner only (A3)."""
        path = f"{self.declared.path}.sandboxes"
        said = self.reader.mapping(node, path)
        if said is None or said.get("permission_set") is not None:  # Identity Center's side makes those
            return
        self.reader.only(
            said, path, ("people", "account", "role", "policies", "mfa", "max_session", "description")
        )
        role = self.reader.word(said.get("role"), f"{path}.role", "Owner")
        pattern = self.reader.word(said.get("account"), f"{path}.account", "sandbox-{person}")
        child = self._child(said, path)
        people = self.reader.words(said.get("people"), f"{path}.people")
        for person in self.made.users if people == ("all",) else people:
            user = self.made.users.get(person)
            account = self.declared.accounts.get(pattern.replace("{person}", person))
            if user is None or account is None or central is None:
                what = (
                    f"{person!r} is no user"
                    if user is None
                    else f"account {pattern.replace('{person}', person)!r} is not declared"
                )
                known = self.made.users if user is None else self.declared.accounts
                lint = "unknown-user" if user is None else "unknown-account"
                self.reader.refuse(
                    lint, f"sandbox of {person}: {what}", said.get("people"), path, nearest(person, known)
                )
                continue
            wish = self._wish(account, role, replace(child, trust="listed"), said.place)
            wish.users.add(person)
            self._grant(user, ASSUME_POLICY, account.arn(f"role{child.path}{role}"))

    def _grant(self, user: User, policy: str, arn: str) -> None:
        """Lets one user assume one more role, in an inline policy of its own."""
        known = user.inline.get(policy)
        arns = resources_of(known) if known else []
        inline = {**user.inline, policy: assume_document([*arns, arn])}
        self.made.users[user.name] = replace(user, inline=inline)

    def _gateways(self, node: Node | None) -> None:
        """Seed 003: a user who is nothing but a bridge, and the roles on the other side (9.6)."""
        if is_null(node):
            return
        items = node.items if isinstance(node, Sequence) else [node]
        for index, item in enumerate(items):
            path = f"{self.declared.path}.gateway[{index}]"
            entry = self.reader.mapping(item, path)
            if entry is not None:
                self.reader.only(
                    entry,
                    path,
                    ("account", "user", "roles", "external_id", "mfa", "role_policies"),
                )
                self._gateway(entry, path)

    def _gateway(self, entry: Mapping, path: str) -> None:
        account = self._account(self.reader.word(entry.get("account"), f"{path}.account"))
        name = self.reader.word(entry.get("user"), f"{path}.user")
        if account is None or account.id not in self._ids or not name:
            message = f"{path} needs an account of the estate and a user"
            advice = nearest("", self.declared.accounts)
            self.reader.refuse("unknown-account", message, entry, path, advice)
            return
        self._check_name("user", name, USER_LENGTH, entry.get("user") or entry, f"{path}.user")
        user = self.made.users.get(name) or User(account, name, person=name, place=entry.place)
        others = [arn for arn in user.policies if not arn.endswith(f":policy/{SELF_SERVICE}")]
        if user.groups or others or user.inline.keys() - {GATEWAY_POLICY}:
            message = f"gateway user {name} has other permissions than assuming its roles"
            self._note("gateway-user-extra-permission", message, entry, path, "give those to another user")
        self.made.users[name] = user
        said_id = read_external_id(entry.get("external_id"), f"{path}.external_id", self.reader)
        mfa = self.reader.flag(entry.get("mfa"), f"{path}.mfa") if not is_null(entry.get("mfa")) else False
        policies = self.reader.words(entry.get("role_policies"), f"{path}.role_policies")
        for target, role, place in self._assumed(entry.get("roles"), f"{path}.roles"):
            self._bridge(
                user, target, role, place, path, Child(mfa=bool(mfa), policies=policies, place=place), said_id
            )

    def _bridge(
        self, user: User, target: str, role: str, place: Place, path: str, child: Child, external_id: str
    ) -> None:
        account = self._account(target)
        if account is None:
            self._refuse(
                "unknown-account",
                f"{path} names account {target!r}",
                place,
                path,
                nearest(target, self.declared.accounts),
            )
            return
        self._grant(self.made.users[user.name], GATEWAY_POLICY, account.arn(f"role/{role}"))
        if account.id in self._ids:
            wish = self._wish(account, role, child, place)
            wish.users.add(user.name)
            wish.external_id = external_id
            return
        secret = external_id or external_id_of(user.arn, account.arn(f"role/{role}"))
        trust = users_trust([user], (), replace(child, trust="listed"), user.account, secret)
        self.made.handovers.append(Handover(account.id, role, trust, secret, user.arn, place))

    # The other side ------------------------------------------------------------------------------------------------

    def _make_roles(self) -> None:
        """The child roles, each letting in the users that were wished for (T-61, T-62)."""
        for (account_name, name), wish in sorted(self._wishes.items()):
            account = self.declared.accounts.get(account_name)
            users = [self.made.users[user] for user in sorted(wish.users)]
            if account is None:
                continue
            if not users:
                message = f"nobody may assume {name} of {account_name}: its groups have no members"
                where = f"{self.declared.path}.child_roles.{name}"
                self.reader.findings.append(
                    Finding(
                        "role-unused", Level.WARNING, message, wish.place, path=where, advice="add members"
                    )
                )
            central = (
                users[0].account
                if users
                else self.declared.accounts[self.declared.organization.identity_account]
            )
            trust = users_trust(users, sorted(wish.paths), wish.child, central, wish.external_id)
            policies = tuple(self._arn(entry, account) for entry in wish.child.policies)
            characters = size(trust)
            if characters > account.trust_quota:
                quota = account.trust_quota
                message = f"trust policy of {name} in {account_name} has {characters} characters of {quota}"
                advice = (
                    "use trust: path or trust: account, or raise quota L-C07B4B0D of service iam in us-east-1"
                )
                self._refuse(
                    "trust-too-long", message, wish.place, f"{self.declared.path}.child_roles.{name}", advice
                )
            self.made.roles.append(
                Role(
                    account,
                    name,
                    trust,
                    short=name,
                    path=wish.child.path,
                    description=wish.child.description,
                    max_session=wish.child.max_session,
                    policies=policies,
                    inline=wish.child.inline,
                    boundary=wish.child.boundary,
                    characters=characters,
                    place=wish.child.place or wish.place,
                )
            )
