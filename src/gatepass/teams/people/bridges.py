"""Sandboxes, one account for each person, and gateways, users who are nothing but a bridge elsewhere (A3, 9.6)."""

from __future__ import annotations

from dataclasses import replace

from gatepass.teams.model import Account, Handover, User
from gatepass.teams.native.form import read_external_id
from gatepass.teams.nodes import Mapping, Node, Sequence
from gatepass.teams.people.children import read_child
from gatepass.teams.people.documents import Child, external_id_of, users_trust
from gatepass.teams.people.making import ASSUME_POLICY, SELF_SERVICE, Assumed, Making
from gatepass.teams.reading import is_null, nearest

GATEWAY_POLICY = "gatepass-gateway"
USER_LENGTH = 64
"""Characters of a user's name (T-58)."""
SANDBOX_KEYS = ("people", "account", "role", "policies", "mfa", "max_session", "description")
GATEWAY_KEYS = ("account", "user", "roles", "external_id", "mfa", "role_policies")


def make_sandboxes(making: Making, node: Node | None, central: Account | None) -> None:
    """One account per person, trusted by its owner only (A3)."""
    reader, path = making.reader, f"{making.path}.sandboxes"
    said = reader.mapping(node, path)
    if said is None or said.get("permission_set") is not None:  # Identity Center's side makes those
        return
    reader.only(said, path, SANDBOX_KEYS)
    role = reader.word(said.get("role"), f"{path}.role", "Owner")
    pattern = reader.word(said.get("account"), f"{path}.account", "sandbox-{person}")
    child = replace(read_child(said, path, reader), trust="listed")
    people = reader.words(said.get("people"), f"{path}.people")
    for person in list(making.made.users) if people == ("all",) else people:
        user = making.made.users.get(person)
        name = pattern.replace("{person}", person)
        account = making.declared.accounts.get(name)
        if user is None or account is None or central is None:
            _no_sandbox(making, said, person, name if user is not None else "", path)
            continue
        making.wish(account, role, child, said.place).users.add(person)
        making.grant(user, ASSUME_POLICY, account.arn(f"role{child.path}{role}"))


def _no_sandbox(making: Making, said: Mapping, person: str, account: str, path: str) -> None:
    if account:
        fault, what = "unknown-account", f"account {account!r} is not declared"
        advice = nearest(account, making.declared.accounts)
    else:
        fault, what, advice = "unknown-user", f"{person!r} is no user", nearest(person, making.made.users)
    making.reader.refuse(fault, f"sandbox of {person}: {what}", said.get("people"), path, advice)


def make_gateways(making: Making, node: Node | None) -> None:
    """Seed 003: a user who is nothing but a bridge, and the roles on the other side (9.6)."""
    if is_null(node) or node is None:
        return
    for index, item in enumerate(node.items if isinstance(node, Sequence) else [node]):
        path = f"{making.path}.gateway[{index}]"
        entry = making.reader.mapping(item, path)
        if entry is not None:
            making.reader.only(entry, path, GATEWAY_KEYS)
            _gateway(making, entry, path)


def _gateway(making: Making, entry: Mapping, path: str) -> None:
    reader = making.reader
    account = making.account(reader.word(entry.get("account"), f"{path}.account"))
    name = reader.word(entry.get("user"), f"{path}.user")
    if account is None or not making.is_ours(account) or not name:
        message = f"{path} needs an account of the estate and a user"
        reader.refuse("unknown-account", message, entry, path, nearest("", making.declared.accounts))
        return
    making.check_name("user", name, USER_LENGTH, (entry.get("user") or entry).place, f"{path}.user")
    user = making.made.users.get(name) or User(account, name, person=name, place=entry.place)
    _only_a_bridge(making, user, entry, path)
    making.made.users[name] = user
    external_id = read_external_id(entry.get("external_id"), f"{path}.external_id", reader)
    mfa = not is_null(entry.get("mfa")) and reader.flag(entry.get("mfa"), f"{path}.mfa")
    child = Child(mfa=bool(mfa), policies=reader.words(entry.get("role_policies"), f"{path}.role_policies"))
    for assumed in making.assumed(entry.get("roles"), f"{path}.roles"):
        _bridge(making, name, assumed, path, child, external_id)


def _only_a_bridge(making: Making, user: User, entry: Mapping, path: str) -> None:
    """A gateway's user has no other permission (T-66)."""
    others = [arn for arn in user.policies if not arn.endswith(f":policy/{SELF_SERVICE}")]
    if user.groups or others or user.inline.keys() - {GATEWAY_POLICY}:
        message = f"gateway user {user.name} has other permissions than assuming its roles"
        advice = "give those to another user"
        making.note("gateway-user-extra-permission", message, entry.place, path, advice)


def _bridge(making: Making, name: str, assumed: Assumed, path: str, child: Child, external_id: str) -> None:
    target, role, place = assumed
    account = making.account(target)
    if account is None:
        message, advice = f"{path} names account {target!r}", nearest(target, making.declared.accounts)
        making.refuse("unknown-account", message, place, path, advice)
        return
    making.grant(making.made.users[name], GATEWAY_POLICY, account.arn(f"role/{role}"))
    child = replace(child, place=place)
    if making.is_ours(account):
        wish = making.wish(account, role, child, place)
        wish.users.add(name)
        wish.external_id = external_id
        return
    user = making.made.users[name]
    secret = external_id or external_id_of(user.arn, account.arn(f"role/{role}"))
    trust = users_trust([user], (), replace(child, trust="listed"), user.account, secret)
    making.made.handovers.append(Handover(account.id, role, trust, secret, user.arn, place))
