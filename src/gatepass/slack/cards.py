"""What is posted to Slack: the card of a request and news about it. Pure; rendered from the state now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gatepass.access.decide import open_to_answers
from gatepass.access.requests import Request
from gatepass.access.states import GrantState, RequestState
from gatepass.notify import words
from gatepass.notify.notice import Notice
from gatepass.slack.text import FIELD, FIELDS, Block, button, context, date, escape, fit, marked, section

_SIGNS = {
    RequestState.ASKED: ":hourglass_flowing_sand:",
    RequestState.PENDING: ":hourglass_flowing_sand:",
    RequestState.APPROVED: ":white_check_mark:",
    RequestState.ENDED: ":checkered_flag:",
    RequestState.DENIED: ":no_entry:",
    RequestState.CANCELLED: ":leftwards_arrow_with_hook:",
    RequestState.EXPIRED: ":alarm_clock:",
    RequestState.FAILED: ":warning:",
}


def value_of(request: Request) -> str:
    """What a button carries."""
    return f"{request.id}:{request.version}"


def card(notice: Notice) -> list[Block]:
    """The one message of a request at a destination, as it stands now."""
    request = notice.request
    headline = f"{_SIGNS[request.state]} *{escape(words.state(notice))}*: {escape(_asks(notice))}"
    blocks = [section(headline), *_facts(notice), _footer(notice)]
    buttons = _deciding(notice) + _ending(notice, "Revoke")
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return blocks


def line(notice: Notice) -> list[Block]:
    """A request that was over before Slack could be told of it, in one line."""
    return [context(f"{_SIGNS[notice.request.state]} {escape(words.state(notice))}: {escape(_asks(notice))}")]


def news(notice: Notice, events: Sequence[str]) -> list[Block]:
    """What happened, for the requester or whoever is told; both end times, and what can be done about it."""
    lines = "\n".join(f"• {escape(words.news(notice, each))}" for each in events)
    blocks = [
        section(lines if len(events) > 1 else f"*{escape(words.news(notice, events[0]))}*"),
        *_facts(notice),
    ]
    blocks.append(_footer(notice))
    return blocks


def own_news(notice: Notice, events: Sequence[str]) -> list[Block]:
    """News for the requester themselves, with what only they may do."""
    buttons = _ending(notice, "Give back")
    if _live(notice) and notice.request.terms.timed and notice.request.extension is None:
        buttons.insert(0, button("extend", "Ask for more time", value_of(notice.request)))
    if notice.request.state in (RequestState.ASKED, RequestState.PENDING):
        buttons.append(
            button("cancel", "Withdraw", value_of(notice.request), confirm="Nobody is asked any more.")
        )
    actions: list[Block] = [{"type": "actions", "elements": buttons}] if buttons else []
    return [*news(notice, events), *actions]


def _asks(notice: Notice) -> str:
    return f"{notice.person(notice.request.requester)} · {words.what(notice)}"


def _facts(notice: Notice) -> list[Block]:
    shown = [
        marked(
            f"*{escape(label)}*\n{date(value) if isinstance(value, datetime) else fit(escape(value), FIELD - 200)}",
            FIELD,
        )
        for label, value in words.facts(notice)
        if label != "State"
    ]
    return [{"type": "section", "fields": shown[i : i + FIELDS]} for i in range(0, len(shown), FIELDS)]


def _footer(notice: Notice) -> Block:
    request = notice.request
    parts = [f"`{request.id}`", escape(request.terms.rule)]
    if open_to_answers(request):
        given = len({d.by for d in notice.decisions if d.round == request.round})
        parts.append(f"{given} of {request.terms.needed} approvals")
        if request.expires_at is not None:
            parts.append(f"unanswered it expires {date(request.expires_at)}")
    if notice.url:
        parts.append(f"<{notice.url}|open>")
    return context(" · ".join(parts))


def _deciding(notice: Notice) -> list[Block]:
    request, flow = notice.request, notice.flow
    if not open_to_answers(request):
        return []
    message = flow is not None and flow.include_decision_message
    approve = "approve_with" if message else "approve"
    value = value_of(request)
    buttons = [button(approve, "Approve", value, "primary"), button("deny", "Deny", value, "danger")]
    if request.duration is not None and request.terms.timed:
        buttons.append(button("approve_less", "Approve for less…", value))
    return buttons


def _live(notice: Notice) -> bool:
    return any(grant.live(notice.now) for grant in notice.grants)


def _ending(notice: Notice, label: str) -> list[Block]:
    open_grants = [g for g in notice.grants if not g.final and g.state is not GrantState.ENDING]
    if not open_grants or not notice.request.terms.allow_revoke:
        return []
    confirm = "The access ends now. Sessions that run already live on to their own end."
    return [button("end", label, value_of(notice.request), "danger", confirm)]
