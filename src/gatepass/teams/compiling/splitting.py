"""C-11: one role as several, `name-1`, `name-2`: each lets in some of those who may come, all have the same policies.

The last resort (specification of teams, 8): people take the part that trusts them. Queries see the parts as one role
again, in the declaration and in live accounts, by the tag that names the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

from gatepass.policy.normal import size
from gatepass.teams.compiling.compaction import patterns_of
from gatepass.teams.compiling.patterns import arn_account
from gatepass.teams.compiling.trust import one
from gatepass.teams.model import Document, Role
from gatepass.teams.upstream.naming import ROLE_NAME_LENGTH

PART_OF = "gatepass:part-of"
"""Tag of a part: the name of the whole role."""


def split(role: Role, quota: int) -> tuple[Role, ...]:
    """The parts of a role whose trust is too long; empty when no part would fit, or its name would not."""
    trusts = _trusts(role.trust, quota)
    if len(trusts) < 2 or len(f"{role.name}-{len(trusts)}") > ROLE_NAME_LENGTH:
        return ()
    return tuple(
        replace(
            role,
            name=f"{role.name}-{number}",
            short=f"{role.short}-{number}",
            part_of=role.short,
            trust=trust,
            characters=size(trust),
            tags=_tags(role, number),
        )
        for number, trust in enumerate(trusts, start=1)
    )


def _tags(role: Role, number: int) -> dict[str, str]:
    named = {"Name": f"{role.name}-{number}"} if "Name" in role.tags else {}
    return dict(sorted({**role.tags, **named, PART_OF: role.name}.items()))


def _trusts(trust: Document, quota: int) -> list[Document]:
    """As few documents as filling them one after the other gives; every denial stands in each."""
    entries = [
        (index, pattern)
        for index, statement in enumerate(trust["Statement"])
        if statement["Effect"] == "Allow"
        for pattern in patterns_of(statement)
    ]
    parts: list[Document] = []
    taken: list[tuple[int, str]] = []
    for entry in entries:
        fuller = _part(trust, [*taken, entry], first=not parts)
        if size(fuller) > quota and taken:
            parts.append(_part(trust, taken, first=not parts))
            taken = []
        taken.append(entry)
        if size(_part(trust, taken, first=not parts)) > quota and len(taken) == 1:
            return []
    return [*parts, _part(trust, taken, first=not parts)] if entries else []


def _part(trust: Document, taken: Iterable[tuple[int, str]], *, first: bool) -> Document:
    """The document with only these callers; whoever comes by other words (SAML, GitHub) comes to the first part."""
    by_statement: dict[int, list[str]] = {}
    for index, pattern in taken:
        by_statement.setdefault(index, []).append(pattern)
    statements = []
    for index, statement in enumerate(trust["Statement"]):
        if statement["Effect"] == "Deny" or (first and not patterns_of(statement)):
            statements.append(statement)
        elif index in by_statement:
            statements.append(_only(statement, by_statement[index]))
    return {**trust, "Statement": statements}


def _only(statement: dict[str, Any], patterns: list[str]) -> dict[str, Any]:
    copied = deepcopy(statement)
    copied["Condition"]["ArnLike"]["aws:PrincipalArn"] = one(patterns)
    named = copied["Principal"].get("AWS")
    accounts = {arn_account(pattern) for pattern in patterns}
    if isinstance(named, list) and not any("*" in account for account in accounts):
        copied["Principal"]["AWS"] = one([root for root in named if arn_account(root) in accounts])
    return copied


def rejoined(roles: Iterable[Role]) -> Iterator[Role]:
    """The roles with the parts of each split one as one role again, under the ARN of its first part."""
    parts: dict[tuple[str, str], list[Role]] = {}
    for role in roles:
        whole = role.tags.get(PART_OF, "")
        parts.setdefault((role.account.id, whole or role.arn), []).append(role)
    for together in parts.values():
        first = min(together, key=lambda role: (len(role.name), role.name))
        yield first if PART_OF not in first.tags else _one_again(first, together)


def _one_again(first: Role, parts: list[Role]) -> Role:
    statements: list[dict[str, Any]] = []
    for part in sorted(parts, key=lambda role: (len(role.name), role.name)):
        for statement in part.trust["Statement"]:
            if statement not in statements:
                statements.append(statement)
    short = first.part_of or first.short.rpartition("-")[0]
    return replace(first, short=short, trust={**first.trust, "Statement": statements})
