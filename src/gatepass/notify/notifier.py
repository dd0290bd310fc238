"""Says the messages of the outbox: finds the state now, hands it to the sink, does what time-outs and refusals ask."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from gatepass.access.decide import open_to_answers
from gatepass.access.requests import Request
from gatepass.clock import Clock
from gatepass.desk import Book
from gatepass.engine.ports import Undeliverable
from gatepass.estate.model import Estate
from gatepass.notify.announcer import ask_at
from gatepass.notify.notice import CARD, TIMER, Notice, Sinks
from gatepass.notify.routing import MAIL, RoutingIn, alone_in_slack
from gatepass.store import Message, Store, Tx

log = logging.getLogger(__name__)

REMINDERS = 6
"""Of one question; each comes after twice the time of the one before."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Fills the engine's `Notifier`."""

    store: Store
    clock: Clock
    book: Book
    routing: RoutingIn
    sinks: Sinks
    page: str = ""
    """Where a request's page is, with `{id}` in it; empty: nowhere."""

    def send(self, message: Message) -> str | None:
        """Say one message. Raises what the sink raises; a destination that cannot be reached hands on to the next."""
        if message.kind == TIMER:
            self._due(message)
            return None
        name = message.channel.partition(":")[0]
        sink = self.sinks.get(name)
        if sink is None:
            raise Undeliverable(f"{name} is not configured in this process")
        notice = self._notice(message)
        try:
            return sink.send(notice)
        except Undeliverable:
            if not self._by_mail_instead(notice):
                self._hand_on(notice.request, message)
            raise

    def _by_mail_instead(self, notice: Notice) -> bool:
        """One person whom Slack does not reach (gone from there, or the app is blocked) is told by mail where there is
        mail. Whether they are."""
        message = notice.message
        person = notice.estate.people.get(alone_in_slack(message.channel) or "")
        if person is None or not person.email or MAIL not in self.sinks:
            return False
        instead = Message(message.request, f"{MAIL}:{person.email}", message.kind, message.body)
        with self.store.write() as tx:
            tx.requests.lock(message.request)
            said = tx.outbox.of_request(message.request)
            if not any(
                (m.channel, m.kind, m.body) == (instead.channel, instead.kind, instead.body) for m in said
            ):
                tx.outbox.add(instead, tx.now)
        self.store.wake()
        return True

    def _notice(self, message: Message) -> Notice:
        with self.store.read() as view:
            request = view.requests.get(message.request)
            if request is None:
                raise Undeliverable(f"there is no request {message.request}")
            history = view.outbox.of_request(message.request)
            return Notice(
                message=message,
                request=request,
                grants=view.requests.grants_of(request.id),
                decisions=view.requests.decisions(request.id),
                estate=self.book.at(view, request.estate_version).estate,
                history=tuple(each for each in history if each.channel == message.channel),
                now=self.clock.now(),
                url=self.page.format(id=request.id) if self.page else "",
            )

    # -- what time brings

    def _due(self, timer: Message) -> None:
        with self.store.write() as tx:
            request = tx.requests.lock(timer.request)
            if request is None or not open_to_answers(request) or request.round != timer.body.get("round"):
                return
            if timer.body.get("event") == "reminder":
                self._remind(tx, request, timer)
            else:
                self._forward(tx, request, _step(timer), close=True)
        self.store.wake()

    def _remind(self, tx: Tx, request: Request, timer: Message) -> None:
        """Say it again where it is asked now, and set the next reminder, twice as far off."""
        for channel in self._asked_now(tx, request):
            tx.outbox.add(Message(request.id, channel, CARD, {**timer.body, "event": "reminder"}), tx.now)
        after, count = timer.body.get("after_s"), timer.body.get("count", 1)
        assert isinstance(after, int)
        assert isinstance(count, int)
        if count < REMINDERS:
            row = replace(timer, body={**timer.body, "after_s": after * 2, "count": count + 1})
            tx.outbox.add(row, tx.now, tx.now + timedelta(seconds=after * 2))

    def _asked_now(self, tx: Tx, request: Request) -> tuple[str, ...]:
        cards = [m for m in tx.outbox.of_request(request.id) if m.kind == CARD and "step" in m.body]
        cards = [m for m in cards if m.body.get("round") == request.round]
        last = max((_step(m) for m in cards), default=0)
        return tuple(dict.fromkeys(m.channel for m in cards if _step(m) == last))

    def _hand_on(self, request: Request, message: Message) -> None:
        """The destination cannot be reached: the next one is asked, unless another of the same step was."""
        if "step" not in message.body:
            return
        with self.store.write() as tx:
            fresh = tx.requests.lock(request.id)
            if fresh is None or not open_to_answers(fresh) or fresh.round != message.body.get("round"):
                return
            beside = [
                m
                for m in tx.outbox.of_request(request.id)
                if m.kind == CARD and m.n != message.n and _step(m) == _step(message) and "step" in m.body
                if m.body.get("round") == fresh.round and not (m.last_error and m.sent_at is None)
            ]
            if not beside:
                self._forward(tx, fresh, _step(message), close=False)
        self.store.wake()

    def _forward(self, tx: Tx, request: Request, step: int, *, close: bool) -> None:
        estate: Estate = self.book.at(tx, request.estate_version).estate
        steps = self.routing(tx).steps(estate, request)
        asked = [m for m in tx.outbox.of_request(request.id) if m.kind == CARD and "step" in m.body]
        done = any(m.body.get("round") == request.round and _step(m) > step for m in asked)
        if done:
            return
        if not close and step < len(steps) and not steps[step].on_failure:
            log.warning("request %s: its flow asks nobody else", request.id)
            return
        if step + 1 >= len(steps) and close:
            tx.requests.save(replace(request, expires_at=tx.now))  # the engine expires what is due
            return
        if step + 1 >= len(steps):
            log.warning("request %s: no destination is left to ask", request.id)
            return
        if close:
            for channel in self._asked_now(tx, request):
                body = {"event": "forwarded", "round": request.round}
                tx.outbox.add(Message(request.id, channel, CARD, body), tx.now)
        ask_at(tx, request, steps, step + 1, "pending" if request.extension is None else "extension")


def _step(message: Message) -> int:
    step = message.body.get("step", 0)
    assert isinstance(step, int)
    return step
