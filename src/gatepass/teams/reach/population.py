"""Who is there: every node of some resources, and the edges that need no policy to be decided."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import timedelta

from gatepass.teams.compiling.splitting import rejoined
from gatepass.teams.model import Account, Document, Resources, Role, Tags
from gatepass.teams.reach.nodes import RESERVED, Edge, EdgeKind, Node, NodeKind, set_name, set_role_arn
from gatepass.teams.reach.permissions import Side, Sides


class Population:
    """People, groups, sets, users and roles with what their own policies allow. Made once, by `Graph`."""

    def __init__(self, resources: Resources, managed: Mapping[str, Document]) -> None:
        self.nodes: dict[str, Node] = {}
        self.roles: dict[str, Role] = {}
        self.accounts: dict[str, Account] = {account.id: account for account in resources.accounts}
        self.sides: dict[str, Side] = {}
        self.entering: dict[str, list[Edge]] = defaultdict(list)
        self.leaving: dict[str, list[Edge]] = defaultdict(list)
        self._resources = resources
        self._policies = Sides(resources, managed)
        self._joined: set[tuple[str, str]] = set()
        self._organizations = {organization.name: organization for organization in resources.organizations}
        counted = Counter(account.name for account in resources.accounts)
        self._shared_names = {name for name, count in counted.items() if count > 1}
        self._add_roles()
        self._add_users()
        self._add_directory()

    def account_label(self, account: Account) -> str:
        """The account's name; with its organization where the name alone is not enough (T-70)."""
        if account.name in self._shared_names:
            return account.full_name
        return account.name or account.id

    def _organization_id(self, account: Account) -> str:
        organization = self._organizations.get(account.organization)
        return organization.id if organization else ""

    def _add(
        self,
        kind: NodeKind,
        identifier: str,
        label: str,
        arn: str = "",
        account: Account | None = None,
        tags: Tags | None = None,
    ) -> Node:
        organization = self._organization_id(account) if account else ""
        node = Node(kind, identifier, label, arn, account, organization, tuple(sorted((tags or {}).items())))
        return self.nodes.setdefault(identifier, node)

    def _join(self, source: Node, target: Node, kind: EdgeKind, lasts: timedelta | None = None) -> None:
        if (source.id, target.id) not in self._joined:
            self._joined.add((source.id, target.id))
            edge = Edge(source, target, kind, lasts)
            self.entering[target.id].append(edge)
            self.leaving[source.id].append(edge)

    def _add_roles(self) -> None:
        for role in rejoined(self._resources.roles):
            self.accounts.setdefault(role.account.id, role.account)
            where = self.account_label(role.account)
            if role.path.startswith(f"/{RESERVED}") and (name := set_name(role.name)):
                node = self._add(
                    NodeKind.SET, _set_id(name, role.account), f"{name}@{where}", role.arn, role.account
                )
            else:
                label = f"{role.short or role.name}@{where}"
                node = self._add(NodeKind.ROLE, f"role:{role.arn}", label, role.arn, role.account, role.tags)
                self.roles[node.id] = role
            self.sides[node.id] = self._policies.of_role(role)

    def _add_users(self) -> None:
        for user in self._resources.users:
            self.accounts.setdefault(user.account.id, user.account)
            label = f"{user.name}@{self.account_label(user.account)}"
            node = self._add(NodeKind.USER, f"user:{user.arn}", label, user.arn, user.account, user.tags)
            self.sides[node.id] = self._policies.of_user(user)
            if user.person:
                self._join(self._person(user.person), node, EdgeKind.IS)

    def _add_directory(self) -> None:
        sets = {(found.organization, found.name): found for found in self._resources.permission_sets}
        for group in self._resources.directory_groups:
            node = self._group(group.organization, group.name)
            for member in group.members:
                self._join(self._person(member), node, EdgeKind.MEMBER_OF)
        for assignment in self._resources.assignments:
            account, name = assignment.account, assignment.permission_set
            self.accounts.setdefault(account.id, account)
            found = sets.get((assignment.organization, name))
            node = self.nodes.get(_set_id(name, account)) or self._add_set(name, account)
            if found is not None and node.id not in self.sides:
                self.sides[node.id] = self._policies.of_set(found, account)
            by_group = assignment.principal_kind == "group"
            holder = (
                self._group(assignment.organization, assignment.principal)
                if by_group
                else self._person(assignment.principal)
            )
            lasts = timedelta(seconds=found.session_seconds) if found else None
            self._join(holder, node, EdgeKind.ASSIGNED, lasts)

    def _add_set(self, name: str, account: Account) -> Node:
        organization = self._organizations.get(account.organization)
        arn = set_role_arn(name, account, organization.region if organization else "")
        label = f"{name}@{self.account_label(account)}"
        return self._add(NodeKind.SET, _set_id(name, account), label, arn, account)

    def _group(self, organization: str, name: str) -> Node:
        label = f"{organization}/{name}" if len(self._organizations) > 1 else name
        return self._add(NodeKind.GROUP, f"group:{organization}/{name}", label)

    def _person(self, name: str) -> Node:
        return self._add(NodeKind.PERSON, f"person:{name}", name)


def _set_id(name: str, account: Account) -> str:
    return f"set:{name}@{account.id}"
