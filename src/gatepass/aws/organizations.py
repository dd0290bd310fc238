"""Reading an organization: its accounts, wherever in the tree they are, with tags and whether they are suspended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gatepass.aws.door import Door


@dataclass(frozen=True, slots=True)
class Account:
    """One member account as AWS knows it."""

    id: str
    name: str
    email: str
    units: tuple[str, ...]
    """Ids of the root and of every unit above it, outermost first."""
    suspended: bool
    """Suspended or being closed: nothing can be given in it."""
    tags: Mapping[str, str] = field(default_factory=dict)


def accounts(door: Door, organization: str, *, tags: bool = False) -> tuple[Account, ...]:
    """Every account of the organization, complete or an `AwsError`; at any depth, sorted by id.

    Costs one paged call per unit, and with `tags` one more per account.
    """
    roots = door.pages(organization, "organizations", "ListRoots", "Roots")
    found = [each for root in roots for each in _below(door, organization, (root["Id"],))]
    if tags:
        found = [replace(each, tags=_tags(door, organization, each.id)) for each in found]
    return tuple(sorted(found, key=lambda each: each.id))


def children(door: Door, organization: str, parent: str) -> tuple[Account, ...]:
    """The accounts directly below a root or unit, as AWS lists them now. Raises `Missing`: there is no such unit."""
    rows = door.pages(organization, "organizations", "ListAccountsForParent", "Accounts", ParentId=parent)
    return tuple(_account(row, (parent,)) for row in rows)


def _below(door: Door, organization: str, path: tuple[str, ...]) -> Iterator[Account]:
    for each in children(door, organization, path[-1]):
        yield replace(each, units=path)
    units = door.pages(
        organization,
        "organizations",
        "ListOrganizationalUnitsForParent",
        "OrganizationalUnits",
        ParentId=path[-1],
    )
    for unit in units:
        yield from _below(door, organization, (*path, unit["Id"]))


def _account(row: Mapping[str, Any], path: tuple[str, ...]) -> Account:
    status = row.get("State") or row.get("Status", "ACTIVE")
    return Account(row["Id"], row.get("Name", ""), row.get("Email", ""), path, status != "ACTIVE")


def _tags(door: Door, organization: str, account_id: str) -> Mapping[str, str]:
    rows = door.pages(organization, "organizations", "ListTagsForResource", "Tags", ResourceId=account_id)
    return {row["Key"]: row["Value"] for row in rows}
