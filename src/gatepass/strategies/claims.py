"""Which facts a target and a person come to: names and addresses of the estate turned into AWS's own ids, once.

Done before anybody is asked to decide, so that approvers decide about exactly this fact (I4). Nothing is changed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatepass.access.facts import assignment, membership
from gatepass.access.requests import Claim
from gatepass.aws import permission_sets
from gatepass.aws.directory import Directory
from gatepass.aws.door import Door
from gatepass.aws.permission_sets import PermissionSet
from gatepass.errors import GatepassError
from gatepass.estate.model import Person

SERVICE = "aws_sso"
"""Under this word a person's identities are stored, by instance ARN (spec/sym.md 4.5)."""


class NotFound(GatepassError):
    """The person or the thing asked for is not in this organization's Identity Center."""

    code = "not_found_in_aws"


@dataclass(frozen=True, slots=True)
class Found:
    """What `Finder.find` found."""

    claims: tuple[Claim, ...]
    user_id: str
    discovered: bool
    """The user was found by address just now: store the id, so that it is never looked for again."""


REMEMBERED = timedelta(seconds=60)
"""A user who was there is taken to be there for so long: somebody who asks ten times in a minute is looked up once.
Whoever was deleted meanwhile is found out when the access is made, which AWS then refuses."""


class Finder:
    """Turns a target of the estate and a person into claims. Thread-safe; remembers permission sets for a while."""

    def __init__(self, door: Door, now: Callable[[], datetime]) -> None:
        self._door = door
        self._now = now
        self._directory = Directory(door)
        self._lock = threading.Lock()
        self._sets: dict[tuple[str, str], PermissionSet] = {}
        self._users: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        """Who was seen to be there, in the order of being seen."""

    def find(
        self,
        organization: str,
        target_type: str,
        settings: dict[str, str],
        person: Person,
        stored: str | None,
    ) -> Found:
        """The facts of a target with complete settings (`Target.bound`) for a person.

        `stored` is the identity kept for this person and instance, if any: it is used as it is, or the request fails;
        never is another one looked for (architecture.md 6). Raises `NotFound`, or an `aws.AwsError`.
        """
        instance = self._door.reach(organization).instance_arn
        user_id = self._user(organization, instance, person, stored)
        if target_type == "aws_sso_group":
            group = settings.get("group_id") or self._directory.find_group(
                organization, settings["group_name"]
            )
            key = membership(self._directory.store(organization), group, user_id)
            return Found((Claim(key),), user_id, stored is None)
        found = self._permission_set(organization, settings)
        key = assignment(instance, settings["account_id"], found.arn, user_id)
        return Found((Claim(key, found.session),), user_id, stored is None)

    def forget(self) -> None:
        """Read permission sets anew: their session length may have been changed."""
        with self._lock:
            self._sets.clear()

    def _user(self, organization: str, instance: str, person: Person, stored: str | None) -> str:
        if stored is not None:
            if not self._there(organization, instance, stored):
                raise NotFound(
                    f"the identity stored for {person.id} in {organization} ({stored}) is not in {instance} any more",
                    advice="an operator must find out whose it is; gatepass does not look by e-mail again",
                )
            return stored
        found = self._directory.find_user(organization, person.emails)
        if found is None:
            raise NotFound(
                f"{person.id} is not in the Identity Center of {organization} under {', '.join(sorted(person.emails))}",
                advice="create the user there, or store the id under the person's identities in the estate",
            )
        return found

    def _there(self, organization: str, instance: str, user_id: str) -> bool:
        """Whether the user is in the organization's store, or was less than a minute ago."""
        now = self._now()
        with self._lock:
            while self._users and next(iter(self._users.values())) <= now - REMEMBERED:
                self._users.popitem(last=False)
            if (instance, user_id) in self._users:
                return True
        there = self._directory.user(organization, user_id)
        if there:
            with self._lock:
                self._users[instance, user_id] = now
                self._users.move_to_end((instance, user_id))
        return there

    def _permission_set(self, organization: str, settings: dict[str, str]) -> PermissionSet:
        wanted = settings.get("permission_set_arn") or settings["permission_set_name"]
        with self._lock:
            known = self._sets.get((organization, wanted))
        if known is None:
            look = permission_sets.describe if wanted.startswith("arn:") else permission_sets.find
            known = look(self._door, organization, wanted)
            with self._lock:
                self._sets[organization, wanted] = known
        return known
