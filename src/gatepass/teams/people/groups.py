"""Groups of IAM users: who is in them, and the policies that let them assume roles of other accounts (9.1, 9.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace

from gatepass.policy.normal import size
from gatepass.teams.model import Account, Document, Group, Place, Policy
from gatepass.teams.nodes import Mapping, Node, Scalar, Sequence
from gatepass.teams.people.documents import Child, assume_document
from gatepass.teams.people.making import ASSUME_POLICY, Assumed, Making, policy_arn
from gatepass.teams.reading import nearest

GROUP_LENGTH, GROUP_INLINE, GROUP_ATTACHED, MANAGED_LENGTH = 128, 5120, 10, 6144
"""Limits of IAM (T-58)."""
GROUP_KEYS = ("members", "assume", "policies")


@dataclass(frozen=True, slots=True)
class Entry:
    """One group as it is declared."""

    name: str
    members: tuple[str, ...]
    assumed: tuple[Assumed, ...]
    policies: tuple[str, ...]
    place: Place


def read_groups(making: Making, node: Mapping) -> Iterator[Entry]:
    """Groups of the native form, and of the data the scripts of seed 002 share (9.2, T-57)."""
    groups, path, reader = node.get("groups"), f"{making.path}.groups", making.reader
    if isinstance(groups, Sequence):
        yield from _of_the_scripts(making, node, groups)
        return
    said = reader.mapping(groups, path)
    for name, value in (said.entries if said else {}).items():
        entry = reader.mapping(value, f"{path}.{name}")
        if entry is not None:
            reader.only(entry, f"{path}.{name}", GROUP_KEYS)
            members = reader.words(entry.get("members"), f"{path}.{name}.members")
            assumed = making.assumed(entry.get("assume"), f"{path}.{name}.assume")
            policies = reader.words(entry.get("policies"), f"{path}.{name}.policies")
            yield Entry(name, members, tuple(assumed), policies, entry.place)


def _of_the_scripts(making: Making, node: Mapping, groups: Sequence) -> Iterator[Entry]:
    reader = making.reader
    members = _members_by_group(making, node)
    permissions = reader.mapping(node.get("group_permissions"), f"{making.path}.group_permissions")
    for name in reader.texts(groups, f"{making.path}.groups") or ():
        pairs = _pairs(making, permissions.get(name) if permissions else None, name)
        yield Entry(name, members.get(name, ()), tuple(pairs), (), groups.place)


def _members_by_group(making: Making, node: Mapping) -> dict[str, tuple[str, ...]]:
    said = making.reader.mapping(node.get("group_members"), f"{making.path}.group_members")
    found: dict[str, tuple[str, ...]] = {}
    for user, groups in (said.entries if said else {}).items():
        for group in making.reader.words(groups, f"{making.path}.group_members.{user}"):
            found[group] = (*found.get(group, ()), user)
    return found


def _pairs(making: Making, node: Node | None, group: str) -> Iterator[Assumed]:
    path = f"{making.path}.group_permissions.{group}"
    for index, item in enumerate(making.reader.items(node, path)):
        pair = making.reader.texts(item, f"{path}[{index}]") or ()
        if len(pair) == 2:
            yield _looked_up(making, pair[0]), pair[1], item.place
        else:
            message, advice = f"{path}[{index}] is not [account, role]", "as [dev, Developer]"
            making.reader.refuse("type-mismatch", message, item, path, advice)


def _looked_up(making: Making, name: str) -> str:
    """The scripts' own table of account ids; a name that is not in it is an account of the estate."""
    table = making.declared.node.get("account_lookup")
    value = table.get(name) if isinstance(table, Mapping) else None
    return value.text if isinstance(value, Scalar) else name


def make_group(making: Making, account: Account, entry: Entry, children: Map[str, Child]) -> None:
    """The group with its policy, its members, and what they wish for."""
    path = f"{making.path}.groups.{entry.name}"
    making.check_name("group", entry.name, GROUP_LENGTH, entry.place, path)
    _join(making, entry, path)
    arns = list(_wished(making, entry, children, path))
    attached = tuple(policy_arn(policy, account) for policy in entry.policies)
    inline: dict[str, Document] = {}
    if arns and size(assume_document(arns)) <= GROUP_INLINE:
        inline = {ASSUME_POLICY: assume_document(arns)}
    elif arns:
        attached = (*attached, *_managed(making, account, entry, arns))
    if len(attached) > GROUP_ATTACHED:
        message = f"group {entry.name} may assume so many roles that it needs {len(attached)} policies"
        advice = f"IAM attaches {GROUP_ATTACHED}: split the group"
        making.refuse("group-policy-too-long", message, entry.place, path, advice)
    making.made.groups[entry.name] = Group(
        account, entry.name, policies=attached, inline=inline, place=entry.place
    )


def _join(making: Making, entry: Entry, path: str) -> None:
    for member in entry.members:
        user = making.made.users.get(member)
        if user is None:
            message = f"group {entry.name} has member {member!r}, who is no user"
            making.refuse("unknown-user", message, entry.place, path, nearest(member, making.made.users))
        elif entry.name not in user.groups:
            making.made.users[member] = replace(user, groups=(*user.groups, entry.name))


def _wished(making: Making, entry: Entry, children: Map[str, Child], path: str) -> Iterator[str]:
    """ARNs of the roles the group may assume; those of our accounts are wished for."""
    for account_name, role, where in entry.assumed:
        target = making.account(account_name)
        if target is None:
            message = f"group {entry.name} names account {account_name!r}"
            advice = nearest(account_name, making.declared.accounts)
            making.refuse("unknown-account", message, where, path, advice)
            continue
        child = children.get(role, Child(place=where))
        if making.is_ours(target):
            wish = making.wish(target, role, child, where)
            wish.users |= {member for member in entry.members if member in making.made.users}
            wish.paths.add(f"/gatepass/{entry.name}/")
            if child.trust == "path":
                _move(making, entry.members, entry, path)
        yield target.arn(f"role{child.path}{role}")


def _managed(making: Making, account: Account, entry: Entry, arns: list[str]) -> Iterator[str]:
    """Managed policies for what does not fit inline, as full as IAM allows (T-58)."""
    parts: list[list[str]] = [[]]
    for arn in sorted(set(arns)):
        if size(assume_document([*parts[-1], arn])) > MANAGED_LENGTH:
            parts.append([])
        parts[-1].append(arn)
    for number, part in enumerate(parts, start=1):
        name = f"{ASSUME_POLICY}-{entry.name}-{number}"
        policy = Policy(account, name, assume_document(part), key=name, place=entry.place)
        making.made.policies.append(policy)
        yield policy.arn


def _move(making: Making, members: Iterable[str], entry: Entry, path: str) -> None:
    """`trust: path`: the users of the group live under its path, and under no other group's."""
    wanted = f"/gatepass/{entry.name}/"
    for member in members:
        user = making.made.users.get(member)
        if user is None:
            continue
        if user.path in {"/", wanted}:
            making.made.users[member] = replace(user, path=wanted)
            continue
        message = f"user {member} would live under {user.path} and {wanted}: path trust takes one group"
        making.refuse("user-path", message, entry.place, path, "use trust: listed")
