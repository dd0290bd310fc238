"""What reading people produces, shared by users, groups, sandboxes and gateways: who exists, and who wishes for which
role (specification, 9)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from gatepass.teams.model import Account, Finding, Group, Handover, Level, Place, Policy, Role, User
from gatepass.teams.native.form import Declared
from gatepass.teams.nodes import Mapping, Node, Scalar, Sequence
from gatepass.teams.people.documents import Child, assume_document, resources_of
from gatepass.teams.reading import Reader, is_null

ASSUME_POLICY = "gatepass-assume"
SELF_SERVICE = "BasicUserPolicy"
_NAME = re.compile(r"[\w+=,.@-]+\Z", re.ASCII)
_ID = re.compile(r"[0-9]{12}\Z")
Assumed = tuple[str, str, Place]
"""An account by name or id, a role in it, and where that is written."""


@dataclass(slots=True)
class Peopled:
    """Users, groups, roles and policies that reading produced, and the documents to hand over."""

    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    roles: list[Role] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    handovers: list[Handover] = field(default_factory=list)


@dataclass(slots=True)
class Wish:
    """A role of some account and the users it must let in."""

    child: Child
    users: set[str]
    paths: set[str]
    external_id: str = ""
    place: Place | None = None


class Making:
    """The people of one organization while they are read."""

    def __init__(self, declared: Declared, findings: list[Finding]) -> None:
        self.declared = declared
        self.reader = Reader(findings, declared.node)
        self.made = Peopled()
        self.wishes: dict[tuple[str, str], Wish] = {}
        self._ids = {account.id: account for account in declared.accounts.values()}

    @property
    def path(self) -> str:
        return self.declared.path

    def refuse(self, fault: str, message: str, place: Place | None, path: str, advice: str) -> None:
        """Something that cannot be made."""
        self.reader.findings.append(Finding(fault, Level.FAULT, message, place, path=path, advice=advice))

    def note(self, lint: str, message: str, place: Place | None, path: str, advice: str) -> None:
        """Something a person should know."""
        self.reader.findings.append(Finding(lint, Level.WARNING, message, place, path=path, advice=advice))

    def check_name(self, what: str, name: str, longest: int, place: Place, path: str) -> None:
        """Names of users and groups (T-58)."""
        if not _NAME.match(name) or len(name) > longest:
            message = f"{what} name {name!r} is not 1 to {longest} of letters, digits and _+=,.@-"
            self.refuse("role-name-invalid", message, place, path, "use another name")

    def is_ours(self, account: Account) -> bool:
        """Whether the account is of this organization."""
        return account.id in self._ids

    def account(self, name: str) -> Account | None:
        """By name, or by id; an id outside the estate is somebody else's account."""
        if name in self.declared.accounts:
            return self.declared.accounts[name]
        if name in self._ids:
            return self._ids[name]
        if _ID.match(name):
            return Account(name, name, partition=self.declared.organization.partition)
        return None

    def wish(self, account: Account, role: str, child: Child, place: Place) -> Wish:
        """The wish for a role, made with the first who names it."""
        return self.wishes.setdefault((account.name, role), Wish(child, set(), set(), place=place))

    def grant(self, user: User, policy: str, arn: str) -> None:
        """Lets one user assume one more role, in an inline policy of its own."""
        known = user.inline.get(policy)
        arns = resources_of(known) if known else []
        inline = {**user.inline, policy: assume_document([*arns, arn])}
        self.made.users[user.name] = replace(user, inline=inline)

    def assumed(self, node: Node | None, path: str) -> list[Assumed]:
        """A list of roles, `dev/Developer` or `{account, role}`."""
        found = []
        if not is_null(node) and not isinstance(node, Sequence):
            self.reader.texts(node, path)
        for index, item in enumerate(node.items if isinstance(node, Sequence) else ()):
            place = f"{path}[{index}]"
            account, role = self._pair(item, place)
            if account and role:
                found.append((account, role, item.place))
            else:
                message = f"{place} is not {{account, role}}"
                self.reader.refuse("type-mismatch", message, item, place, "as dev/Developer")
        return found

    def _pair(self, item: Node, path: str) -> tuple[str, str]:
        if isinstance(item, Scalar):
            account, _, role = item.text.partition("/")
            return account, role
        entry: Mapping | None = self.reader.mapping(item, path)
        if entry is None:
            return "", ""
        word = self.reader.word
        return word(entry.get("account"), f"{path}.account"), word(entry.get("role"), f"{path}.role")


def policy_arn(entry: str, account: Account) -> str:
    """A policy by ARN, or by its name in the account."""
    return entry if entry.startswith("arn:") else account.arn(f"policy/{entry}")
