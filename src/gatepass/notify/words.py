"""What messages say, in one place, as plain text. Faces dress it; none adds facts of its own.

Everything that people wrote is data here: control characters are taken out, lengths are bounded, nothing is
interpreted (security.md 16, 25). Escaping for Slack or HTML is for who dresses it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from gatepass.access.requests import Answer, Grant
from gatepass.access.states import GrantState, RequestState
from gatepass.estate.durations import format_duration
from gatepass.notify.notice import Notice

LONGEST = 500
"""Characters of one person's text in a message; the page shows all of it."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_NEWS = {
    "pending": "{who} asks for {what}",
    "answered": "{by} approved; {left} more must",
    "approved": "Approved by {by}: access is being given",
    "denied": "Denied by {by}",
    "cancelled": "Withdrawn",
    "expired": "Nobody answered in time",
    "failed": "Failed: {why}",
    "active": "Access has begun",
    "covered": "Held already, outside gatepass: nothing was given and nothing will be taken",
    "extension": "{who} asks for {more} more",
    "extended": "Access is longer now",
    "ended": "Access has ended ({why})",
    "reminder": "Still waiting for a decision",
    "forwarded": "Nobody answered here in time: somebody else is asked now",
    "changed": "{state}",
}
_STATE = {
    RequestState.ASKED: "Being checked",
    RequestState.PENDING: "Waiting for a decision",
    RequestState.APPROVED: "Approved",
    RequestState.ENDED: "Ended",
    RequestState.DENIED: "Denied",
    RequestState.CANCELLED: "Withdrawn",
    RequestState.EXPIRED: "Expired: nobody answered",
    RequestState.FAILED: "Failed",
}
_ENDED = {
    "time": "its time is over",
    "requester": "given back",
    "approver": "taken back by {by}",
    "admin": "taken back by {by}",
}


def plain(text: str, most: int = LONGEST) -> str:
    """Somebody's text on its way into a message: no control characters, no direction tricks, bounded."""
    clean = _CONTROL.sub(" ", text).strip()
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def moment(at: datetime) -> str:
    """A moment for people, where their time zone is not known."""
    return at.strftime("%Y-%m-%d %H:%M UTC")


def what(notice: Notice) -> str:
    """What is asked for: the target, its account and organization; or the flow, when it gives nothing."""
    request, estate = notice.request, notice.estate
    flow = notice.flow
    if request.target is None:
        return flow.label if flow is not None else request.flow
    target = estate.targets.get(request.target)
    parts = [target.label if target is not None else request.target]
    if request.account_id is not None:
        parts.append(f"in account {request.account_id}")
    organization = estate.organizations.get(request.organization or "")
    if organization is not None and organization.label != parts[0]:
        parts.append(f"of {organization.label}")
    return " ".join(parts)


def news(notice: Notice, event: str = "") -> str:
    """One line: what happened."""
    request = notice.request
    by = [d.by for d in notice.decisions if d.round == request.round]
    words = _NEWS[event or notice.event]
    return words.format(
        who=notice.person(request.requester),
        what=what(notice),
        by=", ".join(notice.person(each) if each != "rule" else "the rule itself" for each in by)
        or "the rule",
        left=max(0, request.terms.needed - len(by)),
        more=format_duration(request.extension) if request.extension else "time",
        why=plain(_why(notice)),
        state=state(notice),
    )


def state(notice: Notice) -> str:
    """Where the request stands, in a word or three."""
    request = notice.request
    if request.extension is not None:
        return "Active; more time is asked for"
    if request.state is RequestState.APPROVED and notice.grants:
        states = {grant.state for grant in notice.grants}
        if states & {GrantState.WAITING, GrantState.GRANTING}:
            return "Approved; access is being given"
        if GrantState.ENDING in states:
            return "Access is being taken back"
        if GrantState.ACTIVE in states:
            return "Active"
    covered = notice.grants and all(grant.state is GrantState.COVERED for grant in notice.grants)
    return "Held already" if covered else _STATE[request.state]


def _why(notice: Notice) -> str:
    grant = next((g for g in reversed(notice.grants) if g.why), None)
    if grant is None:
        return notice.request.why or "no reason was given"
    return _ENDED.get(grant.why, grant.why).format(by=notice.person(grant.ended_by))


def facts(notice: Notice) -> tuple[tuple[str, str | datetime], ...]:
    """Everything an approver decides on and a requester counts on, label by label, from the state now."""
    request = notice.request
    found: list[tuple[str, str | datetime]] = [
        ("Who", notice.person(request.requester)),
        ("What", what(notice)),
        ("State", state(notice)),
    ]
    if request.asked_by is not None:
        found.append(("Asked by", notice.person(request.asked_by)))
    if request.duration is not None:
        found.append(("For", format_duration(request.duration)))
    if request.extension is not None:
        found.append(("More time", format_duration(request.extension)))
    if request.reason:
        found.append(("Reason", plain(request.reason)))
    found += [(label, plain(value)) for label, value in _values(notice)]
    found += _answers(notice)
    found += ends(notice)
    if request.why and request.final:
        found.append(("Why", plain(request.why)))
    return tuple(found)


def _values(notice: Notice) -> list[tuple[str, str]]:
    flow = notice.flow
    labels = {field.name: field.label for field in flow.fields} if flow is not None else {}
    return [(labels.get(name, name), shown(name, value)) for name, value in notice.request.values.items()]


def shown(name: str, value: object) -> str:
    """A field's value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "duration" and isinstance(value, int):
        return format_duration(timedelta(seconds=value))
    return ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)


def _answers(notice: Notice) -> list[tuple[str, str]]:
    said = []
    for decision in notice.decisions:
        verb = "Approved by" if decision.answer is Answer.APPROVE else "Denied by"
        by = "the rule" if decision.by == "rule" else notice.person(decision.by)
        said.append((verb, by + (f": {plain(decision.message)}" if decision.message else "")))
    return said


def ends(notice: Notice) -> list[tuple[str, datetime]]:
    """Both times of the access: until when new sessions begin, and when the last of them is over (security.md 3.7)."""
    held = [grant for grant in notice.grants if grant.ends_at is not None and _counts(grant)]
    if not held:
        return []
    last = max(grant.ended_at or grant.ends_at for grant in held if grant.ends_at is not None)
    sessions = [g.last_session_ends_by for g in held if g.last_session_ends_by is not None]
    found = [("No new sessions after", last)]
    if sessions:
        found.append(("Last session ends by", max(sessions)))
    return found


def _counts(grant: Grant) -> bool:
    return grant.state not in (GrantState.COVERED, GrantState.FAILED)


def subject(notice: Notice) -> str:
    """One line that says it all: for a mail's subject and a notification's text."""
    line = news(notice)
    return line if what(notice) in line else f"{line}: {what(notice)}"


def text(notice: Notice) -> str:
    """The whole message as plain text."""
    lines = [news(notice), ""]
    for label, value in facts(notice):
        lines.append(f"{label}: {moment(value) if isinstance(value, datetime) else value}")
    if notice.url:
        lines += ["", f"See and decide: {notice.url}"]
    lines.append(f"Request {notice.request.id}")
    return "\n".join(lines)
