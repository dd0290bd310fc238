"""Answers in Slack, after the acknowledgement: approve, deny, take back, more time, withdraw; and what one holds.

A button's request id and version say only what was on the screen; the desk decides everything.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from gatepass.access.requests import Answer, Request
from gatepass.clock import Clock
from gatepass.desk import Desk, Held, NotFound, Repeat, Said
from gatepass.errors import Conflict
from gatepass.estate.model import Estate
from gatepass.slack import cards
from gatepass.slack.elements import modal
from gatepass.slack.modals import LENGTHS, more_view
from gatepass.slack.text import Block, button, context, date, escape, section
from gatepass.slack.visitors import TurnedAway, Visitor

_VALUE = re.compile(r"(r[a-z0-9]{4,40}):([0-9]{1,9})")


class Memory(Protocol):
    """What was shown where."""

    def shown(self, request: str, version: int, where: str) -> str | None:
        """The content hash of the card that stands at `where` (channel:timestamp), if it shows that version."""
        ...


@dataclass(frozen=True, slots=True)
class Pressed:
    """One press of a button, or the modal that it opened being sent."""

    action: str
    value: str
    where: str
    """channel:timestamp of the message; empty in a modal."""
    key: str
    """The same for every delivery of one press."""

    @property
    def request(self) -> str:
        """The request's id. Raises `NotFound` for a value that is not of ours."""
        return self._parts()[0]

    @property
    def version(self) -> int:
        return self._parts()[1]

    def _parts(self) -> tuple[str, int]:
        match = _VALUE.fullmatch(self.value)
        if match is None:
            raise NotFound("this button is not one of gatepass")
        return match.group(1), int(match.group(2))


class Answers:
    """What buttons do."""

    def __init__(self, desk: Desk, memory: Memory, clock: Clock) -> None:
        self._desk = desk
        self._memory = memory
        self._clock = clock

    def press(
        self, visitor: Visitor, pressed: Pressed, message: str = "", lasts: timedelta | None = None
    ) -> str:
        """Do it; what to tell who pressed. Raises `Refused`, `NotFound`, `Conflict`, in words for them."""
        self._guests(visitor, pressed)
        match pressed.action:
            case "approve" | "approve_with" | "approve_less":
                return self._answer(visitor, pressed, Answer.APPROVE, message, lasts)
            case "deny":
                return self._answer(visitor, pressed, Answer.DENY, message)
            case "end":
                self._desk.end(visitor.caller, pressed.request, self._repeat(pressed, message))
                return "It is being taken back now."
            case "cancel":
                self._desk.cancel(visitor.caller, pressed.request, self._repeat(pressed, message))
                return "Withdrawn."
        raise NotFound("this button is not one of gatepass")

    def _answer(
        self,
        visitor: Visitor,
        pressed: Pressed,
        answer: Answer,
        message: str,
        lasts: timedelta | None = None,
    ) -> str:
        request = self._desk.show(visitor.caller, pressed.request).request
        shown = self._shown(request, pressed)
        said = Said(request.id, answer, shown, message[:2000], lasts)
        after = self._desk.answer(visitor.caller, said, self._repeat(pressed, message))
        if answer is Answer.DENY:
            return "You denied it."
        return "You approved it." if after.state != "pending" else "You approved it; others still have to."

    def _shown(self, request: Request, pressed: Pressed) -> str:
        """The hash of what stood on the screen: now, or on the card at the version that the button names (I4)."""
        if pressed.version == request.version:
            return request.content_hash
        kept = self._memory.shown(request.id, pressed.version, pressed.where)
        if kept is None and not request.final:
            raise Conflict(
                "the request has changed since this message was made", advice="look at the message again"
            )
        return kept or request.content_hash

    def _repeat(self, pressed: Pressed, message: str) -> Repeat:
        body = hashlib.sha256(f"{pressed.action}\n{pressed.value}\n{message}".encode()).hexdigest()
        return Repeat(f"slack.{pressed.action}", pressed.key, body)

    def _guests(self, visitor: Visitor, pressed: Pressed) -> None:
        if not visitor.guest:
            return
        request = self._desk.show(visitor.caller, pressed.request).request
        flow = self._desk.estate().flows.get(request.flow)
        if flow is None or not flow.allow_guest_interaction:
            raise TurnedAway("this flow does not let guests of the workspace press its buttons")

    def more(self, visitor: Visitor, value: str) -> Block:
        """The choice of more time, up to what the request's rule allows."""
        request = self._desk.show(visitor.caller, Pressed("extend", value, "", "").request).request
        cap = request.terms.max_duration or timedelta(0)
        return more_view(value, [each for each in LENGTHS if each <= cap] or [cap])

    def extend(self, visitor: Visitor, pressed: Pressed, seconds: int) -> str:
        """Ask for more time."""
        self._guests(visitor, pressed)
        by = timedelta(seconds=seconds)
        self._desk.extend(visitor.caller, pressed.request, by, self._repeat(pressed, str(seconds)))
        return "More time is asked for."

    def mine(self, visitor: Visitor) -> Block:
        """What a person holds and waits for, with what they may do about it."""
        held, estate = self._desk.held(visitor.caller), self._desk.estate()
        blocks: list[Block] = []
        for each in held[:20]:
            blocks += self._held(each, estate)
        waiting = [r for r in self._desk.requests(visitor.caller).requests if r.requester == visitor.person]
        for request in [r for r in waiting if r.state in ("asked", "pending")][:20]:
            blocks.append(section(f"*{escape(_name(estate, request))}* · {request.state} · `{request.id}`"))
            blocks.append(_row(button("cancel", "Withdraw", cards.value_of(request))))
        return modal("My access", blocks or [section("You hold nothing and wait for nothing.")])

    def _held(self, held: Held, estate: Estate) -> list[Block]:
        grant, request = held.grant, held.request
        lines = f"*{escape(_name(estate, request))}* · {grant.state} · `{request.id}`"
        blocks: list[Block] = [section(lines)]
        if grant.ends_at is not None:
            last = grant.last_session_ends_by
            also = f" · last session ends by {date(last)}" if last is not None else ""
            blocks.append(context(f"no new sessions after {date(grant.ends_at)}{also}"))
        if grant.live(self._clock.now()):
            value = cards.value_of(request)
            more = button("extend", "Ask for more time", value)
            blocks.append(_row(more, button("end", "Give back", value, "danger")))
        return blocks

    def whoami(self, visitor: Visitor, team: str) -> Block:
        """Who gatepass takes this user for."""
        person = self._desk.who(visitor.caller)
        groups = ", ".join(sorted(person.groups)) or "none"
        lines = [
            f"*{escape(person.label)}* (`{escape(person.id)}`)",
            f"Role: {person.role}",
            f"Groups: {escape(groups)}",
            f"Slack: `{team}` / `{visitor.user}`" + (" (guest)" if visitor.guest else ""),
        ]
        return modal("Who am I?", [section("\n".join(lines))])


def _row(*buttons: Block) -> Block:
    return {"type": "actions", "elements": list(buttons)}


def _name(estate: Estate, request: Request) -> str:
    target = estate.targets.get(request.target or "")
    flow = estate.flows.get(request.flow)
    name = target.label if target is not None else flow.label if flow is not None else request.flow
    where = f" in account {request.account_id}" if request.account_id is not None else ""
    return name + where


def press_key(body: Mapping[str, Any], action: Mapping[str, Any]) -> str:
    """The same for every delivery of one press: who, where, which, when Slack says it was."""
    user = (body.get("user") or {}).get("id", "")
    container = body.get("container") or {}
    place = container.get("message_ts") or container.get("view_id") or ""
    parts = (user, place, action.get("action_id"), action.get("value"), action.get("action_ts"))
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
