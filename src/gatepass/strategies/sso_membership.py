"""A user is a member of a group of the identity store.

Both changes are done when AWS answers. A membership has an id of its own: while it is known, only that one is ours.
In this service a conflict with the reason of uniqueness means that the membership is there already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from gatepass.access.facts import FactKey, Reading
from gatepass.access.plans import Called, Polled
from gatepass.access.states import Verb
from gatepass.access.strategy import CallResult, OperationStatus
from gatepass.aws.door import Door
from gatepass.aws.errors import AwsError, Busy, Missing
from gatepass.strategies.outcome import failed

_SERVICE = "identitystore"
_FEW = 3
"""So many members of one group are looked up one by one; more of them by one list."""

_THERE = "UNIQUENESS_CONSTRAINT_VIOLATION"
"""The reason of a conflict that says so; every other one says nothing, and a read will tell."""

_GONE_WITH = ("USER", "GROUP", "GROUP_MEMBERSHIP")
"""What may be missing for a membership to be surely absent; a missing store says nothing."""


class SsoMembership:
    """Strategy for facts `(identity store, group, user)`."""

    kind = "aws_sso_membership"

    def __init__(self, door: Door) -> None:
        self._door = door

    def observe(self, organization: str, keys: Sequence[FactKey], now: datetime) -> Mapping[FactKey, Reading]:
        """A few members of a group one by one, many of them by one list of the group."""
        groups: defaultdict[tuple[str, str], list[FactKey]] = defaultdict(list)
        for key in keys:
            groups[key.scope, key.parts[0]].append(key)
        readings: dict[FactKey, Reading] = {}
        for (store, group), wanted in groups.items():
            if len(wanted) > _FEW:
                handles = self._members(organization, store, group)
                found = {key: handles.get(key.parts[1]) for key in wanted}
            else:
                found = {key: self._handle(organization, key) for key in wanted}
            readings |= {key: Reading(handle is not None, now, handle) for key, handle in found.items()}
        return readings

    def grant(self, organization: str, key: FactKey) -> CallResult:
        """One CreateGroupMembership."""
        group, user_id = key.parts
        try:
            answer = self._door.call(
                organization,
                _SERVICE,
                "CreateGroupMembership",
                IdentityStoreId=key.scope,
                GroupId=group,
                MemberId={"UserId": user_id},
            )
        except Busy as conflict:
            if conflict.about != _THERE:
                return failed(conflict)
            return CallResult(Called.DONE, detail="it was there already")
        except AwsError as error:
            return failed(error)
        return CallResult(Called.DONE, handle=str(answer["MembershipId"]))

    def revoke(self, organization: str, key: FactKey, handle: str | None) -> CallResult:
        """One DeleteGroupMembership, of the id we know or else of the one that is found."""
        try:
            found = handle or self._handle(organization, key)
        except AwsError as error:
            return failed(error, reading=True)
        if found is None:
            return CallResult(Called.NOTHING, detail="no membership is found to remove")
        try:
            self._door.call(
                organization, _SERVICE, "DeleteGroupMembership", IdentityStoreId=key.scope, MembershipId=found
            )
        except AwsError as error:
            if isinstance(error, Missing) and self._surely_gone(organization, key.scope, error):
                return CallResult(Called.DONE, detail="it was gone already")
            return failed(error)
        return CallResult(Called.DONE)

    def poll(
        self, organization: str, scope: str, operations: Mapping[str, Verb]
    ) -> Mapping[str, OperationStatus]:
        """Nothing here is ever in flight."""
        return {op_ref: OperationStatus(Polled.GONE) for op_ref in operations}

    # -- calls

    def _handle(self, organization: str, key: FactKey) -> str | None:
        group, user_id = key.parts
        try:
            answer = self._door.call(
                organization,
                _SERVICE,
                "GetGroupMembershipId",
                IdentityStoreId=key.scope,
                GroupId=group,
                MemberId={"UserId": user_id},
            )
        except Missing as missing:
            if not self._surely_gone(organization, key.scope, missing):
                raise
            return None
        return str(answer["MembershipId"])

    def _members(self, organization: str, store: str, group: str) -> dict[str, str]:
        try:
            rows = self._door.pages(
                organization,
                _SERVICE,
                "ListGroupMemberships",
                "GroupMemberships",
                IdentityStoreId=store,
                GroupId=group,
            )
        except Missing as missing:
            if not self._surely_gone(organization, store, missing):
                raise
            return {}
        return {row["MemberId"]["UserId"]: row["MembershipId"] for row in rows if "UserId" in row["MemberId"]}

    def _surely_gone(self, organization: str, store: str, missing: Missing) -> bool:
        """Whether what is missing is the membership, its user or its group. AWS may leave the kind out."""
        if missing.about:
            return missing.about in _GONE_WITH
        self._door.call(organization, _SERVICE, "ListGroups", IdentityStoreId=store, MaxResults=1)
        return True
