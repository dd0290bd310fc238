"""Messages: in order per request and channel, at least once."""

from __future__ import annotations

from gatepass.store import ClaimedMessage, LeaseLost, Message
from gatepass.testing.store_suite.lab import HOUR, LEASE, StoreLab, refused


def say(lab: StoreLab, *messages: tuple[str, str, str]) -> None:
    with lab.store.write() as tx:
        for request, channel, kind in messages:
            tx.outbox.add(Message(request, channel, kind, {"text": kind}), lab.clock.now())


def claimed(lab: StoreLab, worker: str = "w1") -> list[ClaimedMessage]:
    return list(lab.store.claim_messages(worker, lab.clock.now(), 10, LEASE))


class OutboxCases:
    """Cases of messages."""

    def test_only_the_oldest_unsent_of_a_request_and_channel_is_claimable(self, lab: StoreLab) -> None:
        say(
            lab,
            ("r1", "slack", "first"),
            ("r1", "slack", "second"),
            ("r1", "mail", "first"),
            ("r2", "slack", "x"),
        )
        got = {(m.message.request, m.message.channel): m for m in claimed(lab)}
        assert {place: m.message.kind for place, m in got.items()} == {
            ("r1", "slack"): "first",
            ("r1", "mail"): "first",
            ("r2", "slack"): "x",
        }
        assert not claimed(lab)
        with lab.store.write() as tx:
            tx.outbox.sent(got[("r1", "slack")], lab.clock.now(), "1700.01")
        (second,) = claimed(lab)
        assert (second.message.kind, second.message.body) == ("second", {"text": "second"})
        with lab.store.read() as view:
            first, *_ = view.outbox.of_request("r1")
        assert (first.sent_ref, first.sent_at) == ("1700.01", lab.clock.now())

    def test_a_message_that_cannot_be_said_holds_up_those_behind_it(self, lab: StoreLab) -> None:
        say(lab, ("r1", "slack", "first"), ("r1", "slack", "second"))
        (first,) = claimed(lab)
        with lab.store.write() as tx:
            tx.outbox.failed(first, "no answer", lab.clock.now() + HOUR)
        assert not claimed(lab)
        lab.clock.advance(HOUR)
        (again,) = claimed(lab)
        assert (again.message.kind, again.message.tries, again.message.last_error) == (
            "first",
            1,
            "no answer",
        )
        with lab.store.write() as tx:
            tx.outbox.failed(again, "no such channel", None)
        assert [m.message.kind for m in claimed(lab)] == ["second"]

    def test_a_message_of_a_dead_worker_is_said_by_another(self, lab: StoreLab) -> None:
        say(lab, ("r1", "slack", "first"))
        (dead,) = claimed(lab, "dead")
        lab.clock.advance(LEASE)
        (alive,) = claimed(lab, "alive")
        with refused(LeaseLost), lab.store.write() as tx:
            tx.outbox.sent(dead, lab.clock.now())
        with lab.store.write() as tx:
            tx.outbox.sent(alive, lab.clock.now())
        with lab.store.read() as view:
            assert view.outbox.unsent() == 0
