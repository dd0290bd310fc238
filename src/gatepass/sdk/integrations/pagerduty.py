"""PagerDuty. Raises `PagerDutyError`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from gatepass.sdk import link
from gatepass.sdk.exceptions import PagerDutyError
from gatepass.sdk.integrations.people import ask_dicts, ask_users
from gatepass.sdk.user import User


class PagerDutyStatus(str, Enum):
    """The state of an incident."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class PagerDutyUrgency(str, Enum):
    """How urgent an incident is."""

    LOW = "low"
    HIGH = "high"


_OPEN = (PagerDutyStatus.TRIGGERED, PagerDutyStatus.ACKNOWLEDGED)


def is_on_call(
    user: User,
    *,
    escalation_policy_name: str | None = None,
    escalation_policy_id: str | None = None,
    schedule_name: str | None = None,
    schedule_id: str | None = None,
) -> bool:
    """Whether the person is on call for the policy or schedule named; for any, when none is."""
    found = link.ask(
        "pagerduty.is_on_call",
        user=user.as_json(),
        escalation_policy_name=escalation_policy_name,
        escalation_policy_id=escalation_policy_id,
        schedule_name=schedule_name,
        schedule_id=schedule_id,
    )
    return bool(found)


def users_on_call(
    *,
    escalation_policy_name: str | None = None,
    escalation_policy_id: str | None = None,
    schedule_name: str | None = None,
    schedule_id: str | None = None,
) -> list[User]:
    """The people on call for the policy or schedule named; for any, when none is."""
    return ask_users(
        "pagerduty.users_on_call",
        escalation_policy_name=escalation_policy_name,
        escalation_policy_id=escalation_policy_id,
        schedule_name=schedule_name,
        schedule_id=schedule_id,
    )


def users_for_schedule(*, schedule_name: str | None = None, schedule_id: str | None = None) -> list[User]:
    """Everybody on a schedule, on call or not."""
    return ask_users("pagerduty.users_for_schedule", schedule_name=schedule_name, schedule_id=schedule_id)


def get_incidents(
    *,
    assignees: Sequence[User] | None = None,
    service_ids: Sequence[str] | None = None,
    statuses: Sequence[PagerDutyStatus | str] = _OPEN,
    urgencies: Sequence[PagerDutyUrgency | str] = (PagerDutyUrgency.HIGH,),
    since: str | None = None,
    until: str | None = None,
) -> list[dict[str, Any]]:
    """Incidents; by default the open, urgent ones since 24 hours ago. `resolved` is refused with `assignees`."""
    wanted = [PagerDutyStatus(status).value for status in statuses]
    if assignees and PagerDutyStatus.RESOLVED.value in wanted:
        raise PagerDutyError(
            "INVALID_ARGUMENT", "resolved incidents have no assignees: leave one of the two out"
        )
    return ask_dicts(
        "pagerduty.get_incidents",
        assignees=None if assignees is None else [user.as_json() for user in assignees],
        service_ids=None if service_ids is None else list(service_ids),
        statuses=wanted,
        urgencies=[PagerDutyUrgency(urgency).value for urgency in urgencies],
        since=since,
        until=until,
    )


def has_incident(
    *,
    assignees: Sequence[User] | None = None,
    service_ids: Sequence[str] | None = None,
    statuses: Sequence[PagerDutyStatus | str] = _OPEN,
    urgencies: Sequence[PagerDutyUrgency | str] = (PagerDutyUrgency.HIGH,),
    since: str | None = None,
    until: str | None = None,
) -> bool:
    """Whether `get_incidents` of the same arguments finds any."""
    return bool(
        get_incidents(
            assignees=assignees,
            service_ids=service_ids,
            statuses=statuses,
            urgencies=urgencies,
            since=since,
            until=until,
        )
    )
