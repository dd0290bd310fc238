"""Reach against a brute-force reading of the same resources: no way in is missed and none is invented."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.policy.generated import ACCOUNTS, statements

from gatepass.policy import Kind, Permissions, Target, can_assume, parse, role_session, user
from gatepass.teams.model import Account, Resources, Role, User
from gatepass.teams.reach.changes import meaning
from gatepass.teams.reach.nodes import NodeKind
from gatepass.teams.reach.questions import Reach

ONE, TWO = (Account(f"a{number[0]}", number, organization="o") for number in ACCOUNTS)
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}
PLAIN = ("aws:PrincipalArn", "AWS:principaltype")
"""Keys that the caller alone decides: with others a hop may be open to who brings them."""


def plain(statement: dict[str, Any]) -> dict[str, Any]:
    conditions = {
        name: {key: values for key, values in keys.items() if key in PLAIN}
        for name, keys in statement.get("Condition", {}).items()
    }
    return {**statement, "Condition": {name: keys for name, keys in conditions.items() if keys}}


trusts = st.lists(statements().map(plain), min_size=1, max_size=2).map(
    lambda found: {"Version": "2012-10-17", "Statement": found}
)


@st.composite
def worlds(draw: st.DrawFn) -> Resources:
    """Up to seven roles and two users whose names the generated statements know."""
    names = [("/", "admin"), ("/ops/", "admin2"), ("/", "viewer"), ("/", "target")]
    roles = [
        Role(account, name, draw(trusts), path=path, inline={"all": ALL} if draw(st.booleans()) else {})
        for account in (ONE, TWO)
        for path, name in names
        if draw(st.booleans())
    ]
    users = [User(ONE, name, inline={"all": ALL} if draw(st.booleans()) else {}) for name in ("john", "jane")]
    return Resources(accounts=(ONE, TWO), roles=tuple(roles), users=tuple(users))


def allowed_by_hand(resources: Resources) -> set[tuple[str, str]]:
    """Every (caller, role) that may be assumed, each asked of the evaluator, with no index between."""
    found = set()
    for target in resources.roles:
        taken = Target(target.arn, parse(target.trust, Kind.TRUST))
        for caller in (*resources.roles, *resources.users):
            side = Permissions(tuple(parse(document, Kind.IDENTITY) for document in caller.inline.values()))
            principal = user(caller.arn) if isinstance(caller, User) else role_session(caller.arn)
            if can_assume(principal, taken, side).allowed:
                found.add((caller.arn, target.arn))
    return found


def closure(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    found = set(pairs)
    while True:
        more = {(one, four) for one, two in found for three, four in pairs if two == three} - found
        if not more:
            return found
        found |= more


@settings(max_examples=60)
@given(worlds())
def test_edges_are_exactly_what_the_evaluator_allows(resources: Resources) -> None:
    """T 12: the look-up by account, ARN and pattern loses nobody, forwards and backwards."""
    reach = Reach(resources)
    expected = allowed_by_hand(resources)
    nodes = [reach.graph.nodes[identifier] for identifier in sorted(reach.graph.nodes)]
    callers = [node for node in nodes if node.kind in (NodeKind.ROLE, NodeKind.USER)]
    out_of = {(node.arn, edge.target.arn) for node in callers for edge in reach.out_of(node)}
    inside = {
        (edge.source.arn, edge.target.arn)
        for node in callers
        for edge in reach.into(node)
        if not edge.assumes
    }
    assert inside == out_of == expected


@settings(max_examples=40)
@given(worlds())
def test_paths_exist_exactly_where_hops_chain(resources: Resources) -> None:
    reach = Reach(resources)
    expected = closure(allowed_by_hand(resources))
    nodes = {
        node.arn: node for node in reach.graph.nodes.values() if node.kind in (NodeKind.ROLE, NodeKind.USER)
    }
    for source in nodes.values():
        reached = {path[-1].target.arn for path in reach.can(source)}
        assert reached == {end for start, end in expected if start == source.arn and end != source.arn}
        for target in (
            node for node in nodes.values() if node.kind is NodeKind.ROLE and node.id != source.id
        ):
            paths = reach.paths(source, target, max_hops=10)
            assert bool(paths) == ((source.arn, target.arn) in expected)
            if paths:
                shortest = reach.reaches(source, target)
                assert shortest is not None
                assert len(shortest) == len(paths[0])


@settings(max_examples=40)
@given(worlds(), st.data())
def test_the_meaning_of_a_change_is_the_difference_of_both_states(
    before: Resources, data: st.DataObject
) -> None:
    """T-75, `diff`: what the short way finds is what comparing everything finds."""
    roles = list(before.roles)
    if roles:
        index = data.draw(st.integers(0, len(roles) - 1))
        change = data.draw(st.sampled_from(("trust", "inline", "gone")))
        if change == "trust":
            roles[index] = replace(roles[index], trust=data.draw(trusts))
        elif change == "inline":
            roles[index] = replace(roles[index], inline={} if roles[index].inline else {"all": ALL})
        else:
            del roles[index]
    after = replace(before, roles=tuple(roles))
    old, new = everything(before), everything(after)
    found = meaning(before, after)
    assert {(one.principal.id, one.role.id) for one in found.ways if one.gained} == new - old
    assert {(one.principal.id, one.role.id) for one in found.ways if not one.gained} == old - new
    assert meaning(before, before).is_empty


def everything(resources: Resources) -> set[tuple[str, str]]:
    reach = Reach(resources)
    roles = [reach.graph.nodes[identifier] for identifier in reach.graph.roles]
    return {(path[0].source.id, role.id) for role in roles for path in reach.who_can(role)}
