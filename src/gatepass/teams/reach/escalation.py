"""Who can give themselves a role: by changing its trust, their own rights, or the assignments (T-96).

These are edges of a class of their own: they never are part of an ordinary path, since taking one changes the estate.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from gatepass.policy import Request, decide
from gatepass.teams.reach.graph import starts
from gatepass.teams.reach.nodes import CALLING, Edge, EdgeKind, Node, NodeKind, Path, caller_of, path_key
from gatepass.teams.reach.questions import Reach

_OWN_ROLE = ("iam:AttachRolePolicy", "iam:PutRolePolicy")
_OWN_USER = ("iam:AttachUserPolicy", "iam:PutUserPolicy")
_OTHER_USER = ("iam:CreateAccessKey", "iam:UpdateLoginProfile")


def escalations(reach: Reach, target: Node, *, now: datetime | None = None) -> tuple[Edge, ...]:
    """Every `may-change` edge to the role, by caller and action; one edge per caller and action."""
    found = {(edge.source.id, edge.action): edge for edge in _edges(reach, target, now)}
    return tuple(sorted(found.values(), key=lambda edge: (edge.source.sort_key, edge.action)))


def who_can_grant(reach: Reach, target: Node, *, now: datetime | None = None) -> tuple[Path, ...]:
    """One shortest path per start and action to somebody who can give themselves the role, and that last step."""
    found: dict[tuple[str, str], Path] = {}
    for edge in escalations(reach, target, now=now):
        for node, path in reach.backward(edge.source):
            if starts(reach.graph, node):
                whole = (*path, edge)
                key = (node.id, edge.action)
                found[key] = min(found.get(key, whole), whole, key=path_key)
    return tuple(sorted(found.values(), key=path_key))


def _edges(reach: Reach, target: Node, now: datetime | None) -> Iterator[Edge]:
    for caller in reach.graph.callers_in(target.account.id if target.account else ""):
        if caller.id != target.id:
            for action, resource in _in_account(caller, target):
                if _all_allowed(reach, caller, action, resource, now):
                    yield Edge(caller, target, EdgeKind.MAY_CHANGE, action=action)
    yield from _through_users(reach, target, now)
    yield from _through_assignments(reach, target, now)


def _in_account(caller: Node, target: Node) -> Iterator[tuple[str, str]]:
    """Actions inside the role's account, and the resource on which each must be allowed."""
    if target.kind is NodeKind.ROLE:
        yield "iam:UpdateAssumeRolePolicy", target.arn
    yield "iam:CreateRole + iam:PassRole", f"{target.arn.partition(':role/')[0]}:role/any"
    if caller.kind is not NodeKind.SET:  # nobody but AWS changes the roles of permission sets
        for action in _OWN_USER if caller.kind is NodeKind.USER else _OWN_ROLE:
            yield action, caller.arn


def _through_users(reach: Reach, target: Node, now: datetime | None) -> Iterator[Edge]:
    """Whoever can make keys for a user that reaches the role."""
    for user, _ in reach.backward(target):
        if user.kind is NodeKind.USER and user.account:
            for caller in reach.graph.callers_in(user.account.id):
                for action in _OTHER_USER:
                    if caller.id != user.id and _all_allowed(reach, caller, action, user.arn, now):
                        yield Edge(caller, target, EdgeKind.MAY_CHANGE, action=f"{action} of {user.label}")


def _through_assignments(reach: Reach, target: Node, now: datetime | None) -> Iterator[Edge]:
    """Whoever administers Identity Center from the management account."""
    if target.account is None or not reach.graph.knows_sets_of(target.account.id):
        return
    groups = any(node.kind is NodeKind.GROUP for node, _ in reach.backward(target))
    actions = ["sso:CreateAccountAssignment", *(["identitystore:CreateGroupMembership"] if groups else [])]
    for account in reach.graph.accounts.values():
        if account.management and account.organization == target.account.organization:
            for caller in reach.graph.callers_in(account.id):
                for action in actions:
                    if _all_allowed(reach, caller, action, "*", now):
                        yield Edge(caller, target, EdgeKind.MAY_CHANGE, action=action)


def _all_allowed(reach: Reach, caller: Node, actions: str, resource: str, now: datetime | None) -> bool:
    assert caller.kind in CALLING
    permissions = reach.graph.side(caller).permissions
    return all(
        decide(Request(caller_of(caller), action, resource, now=now), permissions).allowed
        for action in actions.split(" + ")
    )
