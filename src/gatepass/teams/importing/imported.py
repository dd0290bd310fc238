"""What stands in accounts already, declared as it is: the `imported` key of the native form.

Import writes it and compile reads it back unchanged; nothing is made of it but what it says (H2).
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Map
from dataclasses import replace
from typing import Any

from gatepass.policy.normal import size
from gatepass.teams.model import Account, Document, Finding, Group, Policy, Resources, Role, User
from gatepass.teams.native.form import Declared, read_document, read_policies
from gatepass.teams.nodes import Mapping, Node
from gatepass.teams.reading import Reader, is_null, nearest

ROLE_KEYS = ("path", "description", "max_session", "trust", "policies", "inline", "boundary", "tags")
POLICY_KEYS = ("path", "description", "document", "tags")
USER_KEYS = ("path", "groups", "policies", "inline", "boundary", "tags")
GROUP_KEYS = ("path", "policies", "inline")


def read_imported(declared: Declared, findings: list[Finding]) -> Resources:
    """Roles, policies, users and groups of the `imported` key, by account."""
    reader = Reader(findings)
    path = f"{declared.path}.imported"
    said = reader.mapping(declared.node.get("imported"), path)
    found = Resources()
    for name, value in (said.entries if said else {}).items():
        account = declared.accounts.get(name)
        entry = reader.mapping(value, f"{path}.{name}")
        if account is None:
            advice = nearest(name, declared.accounts)
            reader.refuse(
                "unknown-account", f"{path} names account {name!r}", value, f"{path}.{name}", advice
            )
        elif entry is not None:
            reader.only(entry, f"{path}.{name}", ("roles", "policies", "users", "groups"))
            found = _add(found, _Account(account, f"{path}.{name}", reader), entry)
    return found


def _add(found: Resources, account: _Account, entry: Mapping) -> Resources:
    return replace(
        found,
        roles=(*found.roles, *account.each(entry, "roles", ROLE_KEYS, account.role)),
        policies=(*found.policies, *account.each(entry, "policies", POLICY_KEYS, account.policy)),
        users=(*found.users, *account.each(entry, "users", USER_KEYS, account.user)),
        groups=(*found.groups, *account.each(entry, "groups", GROUP_KEYS, account.group)),
    )


class _Account:
    """Reads the things of one account."""

    def __init__(self, account: Account, path: str, reader: Reader) -> None:
        self._account = account
        self._path = path
        self._reader = reader

    def each(self, entry: Mapping, what: str, keys: tuple[str, ...], make: Any) -> Iterable[Any]:
        said = self._reader.mapping(entry.get(what), f"{self._path}.{what}")
        for name, value in (said.entries if said else {}).items():
            path = f"{self._path}.{what}.{name}"
            node = self._reader.mapping(value, path) or Mapping(value.file, value.line, value.column, {})
            self._reader.only(node, path, keys)
            made = make(name, node, path)
            if made is not None:
                yield made

    def _tags(self, node: Node | None, path: str) -> dict[str, str]:
        said = self._reader.mapping(node, path)
        return {key: self._reader.word(value, path) for key, value in (said.entries if said else {}).items()}

    def role(self, name: str, node: Mapping, path: str) -> Role | None:
        trust = read_document(node.get("trust"), f"{path}.trust", self._reader)
        if trust is None:
            if is_null(node.get("trust")):
                self._reader.refuse("attribute-missing", f"{path} has no trust", node, f"{path}.trust")
            return None
        session = node.get("max_session")
        seconds = 3600 if is_null(session) else self._reader.length(session, f"{path}.max_session")
        return Role(
            self._account,
            name,
            trust,
            path=self._reader.word(node.get("path"), f"{path}.path", "/"),
            description=self._reader.word(node.get("description"), f"{path}.description") or None,
            max_session=seconds or 3600,
            tags=self._tags(node.get("tags"), f"{path}.tags"),
            policies=self._reader.words(node.get("policies"), f"{path}.policies"),
            inline=read_policies(node.get("inline"), f"{path}.inline", self._reader),
            boundary=self._reader.word(node.get("boundary"), f"{path}.boundary") or None,
            characters=size(trust),
            place=node.place,
        )

    def policy(self, name: str, node: Mapping, path: str) -> Policy | None:
        document = read_document(node.get("document"), f"{path}.document", self._reader)
        if document is None:
            return None
        return Policy(
            self._account,
            name,
            document,
            description=self._reader.word(node.get("description"), f"{path}.description") or None,
            path=self._reader.word(node.get("path"), f"{path}.path", "/"),
            tags=self._tags(node.get("tags"), f"{path}.tags"),
            place=node.place,
        )

    def user(self, name: str, node: Mapping, path: str) -> User:
        return User(
            self._account,
            name,
            path=self._reader.word(node.get("path"), f"{path}.path", "/"),
            groups=self._reader.words(node.get("groups"), f"{path}.groups"),
            policies=self._reader.words(node.get("policies"), f"{path}.policies"),
            inline=read_policies(node.get("inline"), f"{path}.inline", self._reader),
            boundary=self._reader.word(node.get("boundary"), f"{path}.boundary") or None,
            tags=self._tags(node.get("tags"), f"{path}.tags"),
            person=name,
            place=node.place,
        )

    def group(self, name: str, node: Mapping, path: str) -> Group:
        return Group(
            self._account,
            name,
            path=self._reader.word(node.get("path"), f"{path}.path", "/"),
            policies=self._reader.words(node.get("policies"), f"{path}.policies"),
            inline=read_policies(node.get("inline"), f"{path}.inline", self._reader),
            place=node.place,
        )


def native_estate(organization: str, resources: Resources) -> dict[str, Any]:
    """The resources as a native estate that compiles to them; the inverse of `read_imported`."""
    known = {item.account.id: item.account for listed in _listed(resources) for item in listed}
    known |= {account.id: account for account in resources.accounts}
    ordered = [known[number] for number in sorted(known)]
    imported = {account.name: _written(account, resources) for account in ordered}
    return {
        "organizations": {
            organization: {
                "partition": ordered[0].partition if ordered else "aws",
                "accounts": {account.name: account.id for account in ordered},
                "imported": {name: said for name, said in imported.items() if said},
            }
        }
    }


def _listed(resources: Resources) -> tuple[tuple[Any, ...], ...]:
    return resources.roles, resources.policies, resources.users, resources.groups


def _written(account: Account, resources: Resources) -> dict[str, Any]:
    names = ("roles", "policies", "users", "groups")
    said: dict[str, Any] = {}
    for what, listed in zip(names, _listed(resources), strict=True):
        mine = [item for item in listed if item.account.id == account.id]
        if mine:
            said[what] = {item.name: _thing(item) for item in sorted(mine, key=lambda item: str(item.name))}
    return said


def _thing(item: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"path": item.path if item.path != "/" else None}
    if isinstance(item, Role):
        said |= {
            "trust": _plain(item.trust),
            "max_session": item.max_session if item.max_session != 3600 else None,
        }
    if isinstance(item, Policy):
        said |= {"document": _plain(item.document)}
    if isinstance(item, (Role, Policy)):
        said["description"] = item.description
    for name in ("groups", "policies"):
        said[name] = list(getattr(item, name, ()))
    said["inline"] = {name: _plain(document) for name, document in getattr(item, "inline", {}).items()}
    said["boundary"] = getattr(item, "boundary", None)
    said["tags"] = dict(getattr(item, "tags", {}))
    return {name: value for name, value in said.items() if value not in (None, [], {}, "")}


def _plain(document: Document) -> dict[str, Any]:
    return {key: _deep(value) for key, value in document.items()}


def _deep(value: Any) -> Any:
    if isinstance(value, Map):
        return {key: _deep(inner) for key, inner in value.items()}
    return [_deep(inner) for inner in value] if isinstance(value, (list, tuple)) else value
