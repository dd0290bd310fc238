"""Reading permission sets: the ARN behind a name, and how long their sessions last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from gatepass.aws.door import Door
from gatepass.aws.errors import Missing, Place

_LENGTH = re.compile(r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$")
_DEFAULT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PermissionSet:
    """One permission set of an instance."""

    arn: str
    name: str
    session: timedelta
    """How long a role session begun with it may last (1 h unless set, at most 12 h)."""


def describe(door: Door, organization: str, arn: str) -> PermissionSet:
    """The permission set of that ARN; `Missing` when the instance has none."""
    instance = door.reach(organization).instance_arn
    answer = door.call(
        organization, "sso-admin", "DescribePermissionSet", InstanceArn=instance, PermissionSetArn=arn
    )
    row = answer["PermissionSet"]
    return PermissionSet(arn, str(row.get("Name", "")), session_length(row.get("SessionDuration")))


def find(door: Door, organization: str, name: str) -> PermissionSet:
    """The permission set of that name. Costs one call for each set until it is found; `Missing` when there is none."""
    instance = door.reach(organization).instance_arn
    arns = door.pages(organization, "sso-admin", "ListPermissionSets", "PermissionSets", InstanceArn=instance)
    for arn in arns:
        found = describe(door, organization, arn)
        if found.name == name:
            return found
    raise Missing(
        Place(organization, "sso-admin", "ListPermissionSets"),
        f"none of {len(arns)} permission sets of {instance} is called {name!r}",
    )


def session_length(text: object) -> timedelta:
    """`PT1H30M` as a length; what AWS leaves out is one hour."""
    match = _LENGTH.match(str(text or ""))
    if match is None or not any(match.groups()):
        return _DEFAULT
    days, hours, minutes, seconds = (int(each or 0) for each in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
