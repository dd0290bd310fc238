"""What laptops call the session for a target: one name, in `gatepass sync`, on pages and on the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gatepass.estate.model import Estate, Target

_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 63
"""Characters of a session's name, as far as laptops allow them (spec/sessions.md 2.1)."""


def session_name(
    estate: Estate, flow: str, target: Target, account_id: str, accounts: Mapping[str, str]
) -> str:
    """`organization/target`; with the flow where several open the target, with the account where one is chosen.

    The same for everybody, so that a name in a message is right for who reads it. `accounts`: the organization's, by
    id, as AWS calls them; one whose name another has too, or none, goes by its id.
    """
    parts = [target.short]
    if sum(target.name in each.targets for each in estate.flows.values()) > 1:
        parts.insert(0, flow)
    if "account_id" not in target.settings:
        name = accounts.get(account_id, "")
        alone = name and list(accounts.values()).count(name) == 1
        parts.append(name if alone else account_id)
    return f"{_clean(target.organization)}/{'.'.join(map(_clean, parts))}"[:_LONGEST]


def _clean(text: str) -> str:
    return _NOT_ALLOWED.sub("-", text).strip("-.") or "x"
