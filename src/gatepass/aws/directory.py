"""Reading an identity store: which one an organization has, and the ids behind e-mails, names and groups."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from gatepass.aws.door import Door
from gatepass.aws.errors import Ambiguous, Missing, Place

_SERVICE = "identitystore"


class Directory:
    """The identity stores of all organizations. Thread-safe; remembers which store an instance has."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._lock = threading.Lock()
        self._stores: dict[str, str] = {}

    def store(self, organization: str) -> str:
        """The id of the organization's identity store."""
        reach = self._door.reach(organization)
        if reach.identity_store_id:
            return reach.identity_store_id
        with self._lock:
            known = self._stores.get(reach.instance_arn)
        if known is None:
            answer = self._door.call(
                organization, "sso-admin", "DescribeInstance", InstanceArn=reach.instance_arn
            )
            known = str(answer["IdentityStoreId"])
            with self._lock:
                self._stores[reach.instance_arn] = known
        return known

    def user(self, organization: str, user_id: str) -> bool:
        """Whether the store has a user of that id."""
        try:
            self._door.call(
                organization,
                _SERVICE,
                "DescribeUser",
                IdentityStoreId=self.store(organization),
                UserId=user_id,
            )
        except Missing:
            return False
        return True

    def find_user(self, organization: str, emails: Iterable[str]) -> str | None:
        """The one user who has any of these addresses as e-mail or user name; None: nobody has.

        Raises `Ambiguous` when several users answer to them: gatepass does not choose (issue 2, H4).
        """
        found: dict[str, str] = {}
        for email in sorted(set(emails)):
            for attribute in ("emails.value", "userName"):
                user_id = self._lookup(organization, attribute, email)
                if user_id is not None:
                    found.setdefault(user_id, f"{attribute} {email}")
        if len(found) > 1:
            places = "; ".join(f"{user_id} by {how}" for user_id, how in sorted(found.items()))
            raise Ambiguous(
                Place(organization, _SERVICE, "GetUserId"),
                f"several users answer to one person: {places}",
                advice="store the right id under the person's identities (aws_sso, instance ARN) in the estate",
            )
        return next(iter(found), None)

    def find_group(self, organization: str, name: str) -> str:
        """The id of the group of that display name; `Missing` when there is none."""
        answer = self._door.call(
            organization,
            _SERVICE,
            "GetGroupId",
            IdentityStoreId=self.store(organization),
            AlternateIdentifier={"UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": name}},
        )
        return str(answer["GroupId"])

    def _lookup(self, organization: str, attribute: str, value: str) -> str | None:
        try:
            answer = self._door.call(
                organization,
                _SERVICE,
                "GetUserId",
                IdentityStoreId=self.store(organization),
                AlternateIdentifier={
                    "UniqueAttribute": {"AttributePath": attribute, "AttributeValue": value}
                },
            )
        except Missing as missing:
            if missing.about not in ("", "USER"):
                raise  # a wrong store has nobody in it: that is not an answer about the person
            return None
        return str(answer["UserId"])
