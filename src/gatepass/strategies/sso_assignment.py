"""A user holds a permission set in an account: assignments of IAM Identity Center.

AWS works on both changes for a while after accepting them; an accepted call is not yet a grant (security.md 3.2).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from gatepass.access.facts import FactKey, Reading
from gatepass.access.plans import Called, Polled
from gatepass.access.states import Verb
from gatepass.access.strategy import CallResult, OperationStatus
from gatepass.aws.door import Door
from gatepass.aws.errors import AwsError, Missing
from gatepass.strategies.outcome import failed

_FEW = 2
"""So many operations are asked for one by one; more of them by one page of the latest."""

_STATUS = {"IN_PROGRESS": Polled.IN_PROGRESS, "SUCCEEDED": Polled.SUCCEEDED, "FAILED": Polled.FAILED}

# Verb -> what AWS calls its operations.
_WORD = {Verb.GRANT: "Creation", Verb.REVOKE: "Deletion"}
_CALL = {Verb.GRANT: "CreateAccountAssignment", Verb.REVOKE: "DeleteAccountAssignment"}


class SsoAssignment:
    """Strategy for facts `(instance, account, permission set, user)`."""

    kind = "aws_sso_assignment"

    def __init__(self, door: Door) -> None:
        self._door = door

    def observe(self, organization: str, keys: Sequence[FactKey], now: datetime) -> Mapping[FactKey, Reading]:
        """One list per account and permission set, shared by all their users."""
        places: defaultdict[tuple[str, str, str], list[FactKey]] = defaultdict(list)
        for key in keys:
            places[key.scope, key.parts[0], key.parts[1]].append(key)
        readings: dict[FactKey, Reading] = {}
        for (instance, account, permission_set), wanted in places.items():
            holders = self._holders(organization, instance, account, permission_set)
            readings |= {key: Reading(key.parts[2] in holders, now) for key in wanted}
        return readings

    def grant(self, organization: str, key: FactKey) -> CallResult:
        """One CreateAccountAssignment; making what is there succeeds."""
        return self._change(organization, key, Verb.GRANT)

    def revoke(self, organization: str, key: FactKey, handle: str | None) -> CallResult:
        """One DeleteAccountAssignment; unmaking what is gone succeeds. Needs nothing but the key."""
        return self._change(organization, key, Verb.REVOKE)

    def poll(
        self, organization: str, scope: str, operations: Mapping[str, Verb]
    ) -> Mapping[str, OperationStatus]:
        """One page of the latest operations answers for many; the rest, and why one failed, by a call of their own."""
        latest: dict[str, str] = {}
        if len(operations) > _FEW:
            for verb in sorted(set(operations.values())):
                latest |= self._latest(organization, scope, verb)
        return {
            op_ref: OperationStatus(_STATUS[latest[op_ref]])
            if latest.get(op_ref) in ("IN_PROGRESS", "SUCCEEDED")
            else self._status(organization, scope, verb, op_ref)
            for op_ref, verb in operations.items()
        }

    # -- calls

    def _holders(self, organization: str, instance: str, account: str, permission_set: str) -> frozenset[str]:
        try:
            rows = self._door.pages(
                organization,
                "sso-admin",
                "ListAccountAssignments",
                "AccountAssignments",
                InstanceArn=instance,
                AccountId=account,
                PermissionSetArn=permission_set,
            )
        except Missing:
            # The account or the permission set is gone, and its assignments with it; unless the instance itself is
            # not to be found, which says that we look in the wrong place and nothing about what is there.
            self._door.call(organization, "sso-admin", "DescribeInstance", InstanceArn=instance)
            return frozenset()
        return frozenset(_users(rows))

    def _change(self, organization: str, key: FactKey, verb: Verb) -> CallResult:
        account, permission_set, user_id = key.parts
        try:
            answer = self._door.call(
                organization,
                "sso-admin",
                _CALL[verb],
                InstanceArn=key.scope,
                TargetId=account,
                TargetType="AWS_ACCOUNT",
                PermissionSetArn=permission_set,
                PrincipalType="USER",
                PrincipalId=user_id,
            )
        except AwsError as error:
            return failed(error)
        status = answer[f"AccountAssignment{_WORD[verb]}Status"]
        return CallResult(Called.ACCEPTED, op_ref=status["RequestId"])

    def _latest(self, organization: str, instance: str, verb: Verb) -> dict[str, str]:
        """Operation -> its status, of the hundred that AWS lists first; others are asked for one by one."""
        answer = self._door.call(
            organization,
            "sso-admin",
            f"ListAccountAssignment{_WORD[verb]}Status",
            InstanceArn=instance,
            MaxResults=100,
        )
        rows = answer[f"AccountAssignments{_WORD[verb]}Status"]
        return {str(row["RequestId"]): str(row["Status"]) for row in rows}

    def _status(self, organization: str, instance: str, verb: Verb, op_ref: str) -> OperationStatus:
        word = _WORD[verb]
        params = {"InstanceArn": instance, f"AccountAssignment{word}RequestId": op_ref}
        try:
            answer = self._door.call(
                organization, "sso-admin", f"DescribeAccountAssignment{word}Status", **params
            )
        except Missing as gone:
            return OperationStatus(Polled.GONE, gone.message)
        row = answer[f"AccountAssignment{word}Status"]
        return OperationStatus(_STATUS[row["Status"]], str(row.get("FailureReason", "")))


def _users(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    return (row["PrincipalId"] for row in rows if row["PrincipalType"] == "USER")
