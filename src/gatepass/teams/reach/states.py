"""The live state as reach takes it: what IAM holds now, beside the directory and assignments that are declared (T-94).

Identity Center is known from the declaration: sets, assignments and members are read by name only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gatepass.teams.applying.calls import Calls
from gatepass.teams.applying.live import read_live
from gatepass.teams.model import Compiled, Resources


def live_state(calls: Calls, compiled: Compiled) -> tuple[Resources, Mapping[str, str]]:
    """What is live in every account of the declaration, and why an account could not be read, by its id."""
    live = read_live(calls, compiled.resources.accounts)
    return merged(live.resources, compiled.resources), live.unread


def merged(live: Resources, wanted: Resources) -> Resources:
    """Live IAM with the names people know: short names of roles, people behind users; and the declared directory."""
    shorts = {(role.account.id, role.name.lower()): role for role in wanted.roles}
    people = {(user.account.id, user.name.lower()): user.person for user in wanted.users}
    accounts = {account.id: account for account in wanted.accounts}

    roles = []
    for role in live.roles:
        known = shorts.get((role.account.id, role.name.lower()))
        role = replace(role, account=accounts.get(role.account.id, role.account))
        roles.append(replace(role, short=known.short, kind=known.kind, place=known.place) if known else role)
    users = [
        replace(user, person=people.get((user.account.id, user.name.lower()), "")) for user in live.users
    ]
    return replace(
        wanted,
        roles=tuple(roles),
        policies=live.policies,
        users=tuple(users),
        groups=live.groups,
        saml_providers=live.saml_providers,
        oidc_providers=live.oidc_providers,
    )
