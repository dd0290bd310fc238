"""IAM: what a policy document has to be before it is saved (spec/teams.md 13, 14): readable, small enough, about
principals that exist."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from gatepass.policy import Kind, PolicyError, parse, size
from gatepass.sim.answers import ApiError
from gatepass.sim.call import Call
from gatepass.sim.permission import unique_id

MANAGED_LIMIT = 6144


def on_wire(document: str) -> str:
    """The document as IAM answers it: percent-encoded."""
    return quote(document, safe="")


def check_policy(call: Call, document: str, limit: int = MANAGED_LIMIT, quota: str = "PolicySize") -> None:
    """Refuse a permissions policy that IAM would not save."""
    _readable(document, Kind.IDENTITY)
    if size(document) > limit:
        raise ApiError("LimitExceeded", f"Cannot exceed quota for {quota}: {limit}")


def _readable(document: str, kind: Kind) -> None:
    try:
        parse(document, kind)
    except PolicyError as wrong:
        raise ApiError("MalformedPolicyDocument", _first_line(wrong)) from None


def _first_line(wrong: PolicyError) -> str:
    return str(wrong.faults[0]) if wrong.faults else "Syntax errors in policy."


def check_trust(call: Call, document: str) -> dict[str, str]:
    """Refuse a trust policy that IAM would not save; the unique id of each role and user it names."""
    _readable(document, Kind.TRUST)
    quota = call.world.quotas.get(call.caller.account, call.settings.trust_policy_quota)
    if size(document) > quota:
        raise ApiError("LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {quota}")
    named: dict[str, str] = {}
    for principal in principals(document):
        identifier = _known(call, principal)
        if identifier is None:
            raise ApiError("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{principal}"')
        if identifier:
            named[principal] = identifier
    return named


def principals(document: str) -> Iterator[str]:
    """The AWS principals of a document, as written."""
    statements = json.loads(document)["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        for element in ("Principal", "NotPrincipal"):
            value: Any = statement.get(element)
            if isinstance(value, dict):
                names = value.get("AWS", [])
                yield from [names] if isinstance(names, str) else names


def _known(call: Call, principal: str) -> str | None:
    """The unique id of a principal; empty for what has none, None for what does not exist (yet, as far as IAM sees).

    Accounts that are not part of this world may exist elsewhere: nothing is known about their users and roles.
    """
    parts = principal.split(":", 5)
    if len(parts) != 6:
        return "" if principal == "*" or principal.isdigit() else _dangling(call, principal)
    account, what = parts[4], parts[5]
    if account not in call.world.iam or what == "root":
        return ""
    if parts[2] == "sts":
        name = what.split("/")[1].lower() if what.startswith("assumed-role/") else ""
        return "" if not name or name in call.world.iam_of(account).roles else None
    found = unique_id(call.world, principal)
    name = what.rpartition("/")[2].lower()
    iam = call.world.iam_of(account)
    entity = iam.roles.get(name) if what.startswith("role/") else iam.users.get(name)
    if found is None or entity is None:
        return None
    visible = entity.visible_from is None or entity.visible_from <= call.now
    return found if visible else None


def _dangling(call: Call, principal: str) -> str | None:
    """A unique id names something only while its owner lives."""
    for iam in call.world.iam.values():
        ids = {role.id for role in iam.roles.values()} | {user.id for user in iam.users.values()}
        if principal in ids:
            return ""
    return None
