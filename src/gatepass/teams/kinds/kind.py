"""What a kind of thing is to plan and apply: how it is read, compared, made, changed and removed.

Comparison knows no noise (T 11.3): documents by their normal form, lists as sets, tags of AWS's own left out. Every
kind answers `steps(live, wanted)` with the writes that lead from one to the other, in an order that is safe to break
off anywhere; running it again continues.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from gatepass.aws.errors import Missing
from gatepass.policy import same
from gatepass.teams.applying.calls import Calls, Op, document, iam, pages, pairs, text
from gatepass.teams.model import Account, Document

MANAGED, OWNER_KEY = "gatepass:managed", "gatepass:owner-key"
"""Ownership tags: the estate a thing belongs to, and which declaration made it (T-80)."""
PROTECT = "gatepass:protect"
"""Tag of what was declared `protect: true`: it is not removed when it is no longer declared."""
RESERVED_PATHS = ("/aws-reserved/", "/aws-service-role/")
REVOKED = "AWSRevokeOlderSessions"
"""Inline policy that ends living sessions (T-82); the planner carries it along until it has done its work."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Field:
    """One difference between live and wanted, as JSON values."""

    name: str
    before: Any
    after: Any


class Kind(Protocol[T]):
    """What plan and apply ask of one kind of thing."""

    name: str
    bare: Mapping[str, Any]
    """What `shown` says of the fields that are filled only after the thing is made, and emptied before it is removed,
    while they are empty."""

    def read(self, calls: Calls, wanted: T) -> T | None:
        """The live thing with the name of `wanted`; None when there is none."""
        ...

    def differences(self, live: T, wanted: T) -> list[Field]:
        """What is not as wanted; empty when equal."""
        ...

    def steps(self, calls: Calls, live: T | None, wanted: T) -> Iterator[Op]:
        """The writes that make it as wanted."""
        ...

    def removal(self, calls: Calls, live: T) -> Iterator[Op]:
        """The writes that remove it, in the order AWS demands."""
        ...

    def shown(self, value: T) -> dict[str, Any]:
        """The thing as JSON values, for plans and fingerprints."""
        ...


def fingerprint(kind: Kind[T], value: T | None) -> str:
    """A short hash of the live state: equal exactly when nothing relevant changed."""
    shown = kind.shown(value) if value is not None else None
    normalized = json.dumps(shown, sort_keys=True, default=str)
    return hashlib.sha256(normalized.encode()).hexdigest()[:24]


def owned(tags: Mapping[str, str], estate: str) -> bool:
    """Whether a thing is ours: only those are ever changed or removed without being asked (T-80, T-81)."""
    return tags.get(MANAGED) == estate


def with_owner(tags: Mapping[str, str], estate: str, key: str) -> dict[str, str]:
    """The tags plus ours."""
    return {**tags, MANAGED: estate, OWNER_KEY: key}


def _same_documents(live: Mapping[str, Document], wanted: Mapping[str, Document]) -> bool:
    return live.keys() == wanted.keys() and all(same(live[name], wanted[name]) for name in live)


def permissions_of(
    calls: Calls, account_id: str, holder: str, name: str
) -> tuple[tuple[str, ...], dict[str, Document]]:
    """The attached policies and the inline ones of a `holder` (Role, User or Group) of this name."""
    named = {f"{holder}Name": name}
    inline: dict[str, Document] = {}
    for policy in pages(calls, account_id, f"List{holder}Policies", "PolicyNames", **named):
        found = calls.call(account_id, "iam", f"Get{holder}Policy", **named, PolicyName=policy)
        inline[policy] = document(found["PolicyDocument"])
    listed = pages(calls, account_id, f"ListAttached{holder}Policies", "AttachedPolicies", **named)
    return tuple(sorted(item["PolicyArn"] for item in listed)), inline


def tag_steps(
    prefix: str, named: Mapping[str, Any], live: Mapping[str, str], wanted: Mapping[str, str]
) -> Iterator[Op]:
    """The writes between two sets of tags: new ones first, so that ownership is never lost in between."""
    changed = {key: value for key, value in wanted.items() if live.get(key) != value}
    if changed:
        yield iam(f"Tag{prefix}", **named, Tags=pairs(changed))
    gone = sorted(key for key in live if key not in wanted)
    if gone:
        yield iam(f"Untag{prefix}", **named, TagKeys=gone)


def policy_steps(prefix: str, named: Mapping[str, Any], live: Any, wanted: Any) -> Iterator[Op]:
    """The writes between two sets of attached and inline policies of a role, user or group."""
    for arn in wanted.policies:
        if live is None or arn not in live.policies:
            yield iam(f"Attach{prefix}Policy", **named, PolicyArn=arn)
    for name, value in sorted(wanted.inline.items()):
        if live is None or name not in live.inline or not same(live.inline[name], value):
            yield iam(f"Put{prefix}Policy", **named, PolicyName=name, PolicyDocument=text(value))
    if live is None:
        return
    for arn in live.policies:
        if arn not in wanted.policies:
            yield iam(f"Detach{prefix}Policy", **named, PolicyArn=arn)
    for name in sorted(live.inline):
        if name not in wanted.inline:
            yield iam(f"Delete{prefix}Policy", **named, PolicyName=name)


def permission_fields(live: Any, wanted: Any) -> Iterator[Field]:
    """Differences in attached and inline policies."""
    if set(live.policies) != set(wanted.policies):
        yield Field("policies", sorted(live.policies), sorted(wanted.policies))
    if not _same_documents(live.inline, wanted.inline):
        yield Field("inline", dict(live.inline), dict(wanted.inline))


def found_or_none(calls: Calls, account: Account, operation: str, **params: Any) -> Mapping[str, Any] | None:
    """The answer, or None when AWS has no such thing."""
    try:
        return calls.call(account.id, "iam", operation, **params)
    except Missing:
        return None
