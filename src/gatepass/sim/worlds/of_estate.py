"""A world in which an estate works: the accounts, permission sets, groups and people it speaks of exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gatepass.estate import Estate, Organization, Target
from gatepass.sim.worlds.of_seeds import connector_role, two_tenants


def world_of(
    estate: Estate, external_ids: Mapping[str, str] | None = None, accounts: int = 0
) -> dict[str, Any]:
    """A description for `build`. Organizations of the seeds come with what the seeds know of them; the rest is made up.

    `external_ids` are what the connector roles require, by the organization's name; `accounts` are added to
    tenant bar. The estate is taken at its word: an account
    id that AWS would not know exists here.
    """
    external = external_ids or {}
    seeds = two_tenants(external, accounts)
    known = {o["identity_center"]["instance"]: o for o in seeds["organizations"] if "identity_center" in o}
    organizations, roles = [seeds["organizations"][0]], [seeds["roles"][0]]
    for number, organization in enumerate(estate.organizations.values()):
        instance = organization.connector.instance_arn.rpartition("/")[2]
        described = known.get(instance) or _made_up(organization, instance, number)
        _complete(described, organization, estate)
        organizations.append(described)
        external_id = organization.connector.external_id or external.get(organization.name, "")
        roles.append(connector_role(organization.connector.role_arn, external_id))
    return {"organizations": organizations, "roles": roles, "users": seeds["users"]}


def _made_up(organization: Organization, instance: str, number: int) -> dict[str, Any]:
    return {
        "management": {"id": organization.sso_account_id, "name": f"{organization.name}-management"},
        "identity_center": {
            "instance": instance,
            "region": organization.connector.region,
            "identity_store": organization.connector.identity_store_id or f"d-9067{number:06}",
        },
    }


def _complete(described: dict[str, Any], organization: Organization, estate: Estate) -> None:
    """Add what the estate speaks of and the description lacks."""
    center = described["identity_center"]
    emails = {str(user.get("email", "")).lower() for user in center.setdefault("users", [])}
    for person in estate.people.values():
        if person.email.lower() not in emails:
            center["users"].append({"user_name": person.email, "email": person.email, "name": person.label})
    for target in estate.targets.values():
        if target.organization == organization.name:
            _add_target(described, target)


def _add_target(described: dict[str, Any], target: Target) -> None:
    center, settings = described["identity_center"], target.settings
    _add_named(
        center, "permission_sets", settings.get("permission_set_arn"), settings.get("permission_set_name")
    )
    _add_named(center, "groups", settings.get("group_id"), settings.get("group_name"))
    if account := settings.get("account_id"):
        _add_account(described, account)
    choice = target.accounts
    if choice is None:
        return
    for account in sorted(choice.ids):
        _add_account(described, account)
    for unit in sorted(choice.units):
        _add_unit(described, unit)
    if choice.tags:
        tagged = _add_account(described, _free_account(described))
        tagged["tags"] = dict(choice.tags)


def _add_named(center: dict[str, Any], kind: str, identifier: str | None, name: str | None) -> None:
    """Add a permission set or a group, unless one of this id or name is there."""
    if not identifier and not name:
        return
    short = (identifier or "").rpartition("/")[2]
    for row in center.setdefault(kind, []):
        if (short and row.get("id") == short) or (name and row["name"] == name):
            return
    center[kind].append(
        {"name": name or f"{kind[:-1].title()}-{short[-4:]}", **({"id": short} if short else {})}
    )


def _levels(level: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield level
    for unit in level.get("units", []):
        yield from _levels(unit)


def _accounts(described: dict[str, Any]) -> set[str]:
    listed = {account["id"] for level in _levels(described) for account in level.get("accounts", [])}
    return {described["management"]["id"], *listed}


def _add_account(described: dict[str, Any], account: str) -> dict[str, Any]:
    row: dict[str, Any] = {"id": account, "name": f"account-{account[-4:]}"}
    if account not in _accounts(described):
        described.setdefault("accounts", []).append(row)
    return row


def _add_unit(described: dict[str, Any], unit: str) -> None:
    if any(level.get("id") == unit for level in _levels(described)):
        return
    if unit.startswith("r-"):
        described["root"] = unit
        return
    described.setdefault("root", f"r-{unit.split('-')[1]}")
    account = {"id": _free_account(described), "name": f"below-{unit[-4:]}"}
    described.setdefault("units", []).append({"id": unit, "name": f"unit-{unit[-4:]}", "accounts": [account]})


def _free_account(described: dict[str, Any]) -> str:
    """An account id nobody has: counted up below the management account's, so that organizations do not collide."""
    taken, start = _accounts(described), int(described["management"]["id"])
    return next(f"{n:012}" for n in range(start + 1, start + 10_000) if f"{n:012}" not in taken)
