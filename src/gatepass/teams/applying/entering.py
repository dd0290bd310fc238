"""Which role leads into which account: the calls of plan and apply over the real AWS (or a simulated one)."""

from __future__ import annotations

from typing import Any

from gatepass.aws.accounts import AccountReach, Accounts
from gatepass.clock import Clock
from gatepass.teams.model import Compiled


def calls_for(compiled: Compiled, clock: Clock, *, source: Any = None, apply_role: str = "") -> Accounts:
    """Calls into every account of the estate: through `apply_role` (or the organization's own), by name."""
    organizations = {organization.name: organization for organization in compiled.resources.organizations}
    accounts = {account.id: account for account in compiled.resources.accounts}
    reaches: dict[str, AccountReach] = {}
    for number, account in accounts.items():
        organization = organizations.get(account.organization) or organizations.get("")
        role = apply_role or (organization.apply_role if organization else "")
        reaches[number] = AccountReach(
            number,
            account.partition,
            account.arn(f"role/{role.lstrip('/')}") if role else "",
            region=organization.region if organization else "",
        )
    for organization in organizations.values():
        if organization.connector_role:
            number = organization.connector_role.split(":")[4]
            reaches[number] = AccountReach(
                number, organization.partition, organization.connector_role, region=organization.region
            )
    return Accounts(lambda number: reaches.get(number, AccountReach(number)), clock, source=source)
