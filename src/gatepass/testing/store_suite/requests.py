"""Requests, answers and grants as faces see them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from gatepass.access.events import Event
from gatepass.access.requests import Answer, Claim, Decision, Request, Terms
from gatepass.access.states import GrantState, RequestState
from gatepass.errors import Conflict
from gatepass.estate.model import Who
from gatepass.store import BadCursor, KeyReused, RequestFilter
from gatepass.testing.store_suite.lab import HOUR, StoreLab, approve, ask, claim, grant, key, refused, sending


class RequestCases:
    """Cases of requests."""

    def test_a_request_comes_back_as_it_was_given(self, lab: StoreLab) -> None:
        terms = Terms(
            "rule 2",
            approvers=Who(people=frozenset({"p9"}), groups=frozenset({"ops"})),
            needed=2,
            max_duration=HOUR,
            accepted_lateness=timedelta(minutes=3),
        )
        request = ask(
            lab,
            terms=terms,
            target="prod",
            account_id="111111111111",
            duration=HOUR,
            reason="broken \u2713\n'quoted'",
            values={"ticket": "T-1", "many": ["a", "b"], "count": 3, "sure": True},
            claims=(Claim(key(), HOUR),),
            extension=HOUR,
            asked_by="bot",
            context={"channel": "C1"},
        )
        with lab.store.read() as view:
            stored = view.requests.get(request.id)
        assert stored == request
        assert stored is not None
        assert stored.content_hash == request.content_hash

    def test_only_the_first_of_two_changes_is_kept(self, lab: StoreLab) -> None:
        """Compare and set on the version (I9)."""
        request = ask(lab)
        with lab.store.write() as tx:
            stored = tx.requests.save(replace(request, state=RequestState.PENDING))
        with refused(Conflict), lab.store.write() as tx:
            tx.requests.save(replace(request, state=RequestState.CANCELLED))
        with lab.store.read() as view:
            assert view.requests.get(request.id) == stored

    def test_one_answer_a_person_and_round(self, lab: StoreLab) -> None:
        request = ask(lab)
        first = self._decision("d1", request, "p2", Answer.APPROVE, lab)
        with lab.store.write() as tx:
            assert tx.requests.decide(first, Event("request.denied", "foo", {"request": "r1"}))
            assert not tx.requests.decide(replace(first, id="d2", answer=Answer.DENY))
            assert tx.requests.decide(replace(first, id="d3", by="p3"))
            assert tx.requests.decide(replace(first, id="d4", round=2))
        with lab.store.read() as view:
            assert [d.id for d in view.requests.decisions(request.id)] == ["d1", "d3", "d4"]
            assert view.requests.decisions(request.id)[0] == first
            assert len(view.entries.entries("foo")) == 1

    def _decision(
        self, decision_id: str, request: Request, by: str, answer: Answer, lab: StoreLab
    ) -> Decision:
        return Decision(
            decision_id, request.id, 1, request.content_hash, answer, by, lab.clock.now(), "fine", HOUR
        )

    def test_requests_are_found_by_what_they_are(self, lab: StoreLab) -> None:
        ask(lab, "r1", flow="a", target="t1", requester="p1")
        lab.clock.advance(HOUR)
        second = ask(lab, "r2", flow="b", target="t2", requester="p2")
        with lab.store.write() as tx:
            tx.requests.save(replace(second, state=RequestState.DENIED))
        late = lab.clock.now()
        for wanted, expected in (
            (RequestFilter(), ["r2", "r1"]),
            (RequestFilter(flow="a"), ["r1"]),
            (RequestFilter(target="t2"), ["r2"]),
            (RequestFilter(organization="nowhere"), []),
            (RequestFilter(requester="p1"), ["r1"]),
            (RequestFilter(states=frozenset({RequestState.DENIED, RequestState.FAILED})), ["r2"]),
            (RequestFilter(since=late), ["r2"]),
            (RequestFilter(until=late), ["r1"]),
            (RequestFilter(flow="a", requester="p2"), []),
        ):
            assert self._found(lab, ["foo"], wanted) == expected, wanted

    def test_an_organization_never_sees_another_ones_requests(self, lab: StoreLab) -> None:
        """I12, Tenant 2."""
        ask(lab, "foo1", "foo")
        ask(lab, "bar1", "bar")
        ask(lab, "none", organization=None)  # type: ignore[arg-type]
        assert self._found(lab, ["foo"]) == ["foo1"]
        assert self._found(lab, ["foo", "bar"]) == ["foo1", "bar1"]
        assert self._found(lab, []) == []
        assert self._found(lab, None) == ["none", "foo1", "bar1"]

    def _found(
        self, lab: StoreLab, organizations: Iterable[str] | None, wanted: RequestFilter | None = None
    ) -> list[str]:
        with lab.store.read() as view:
            return [r.id for r in view.requests.find(organizations, wanted or RequestFilter()).requests]

    def test_pages_hold_each_request_once(self, lab: StoreLab) -> None:
        """Also those asked at the same moment, and while new ones arrive."""
        for number in range(7):
            ask(lab, f"r{number}")
        seen: list[str] = []
        cursor: str | None = None
        while True:
            with lab.store.read() as view:
                page = view.requests.find(["foo"], limit=3, cursor=cursor)
            seen.extend(r.id for r in page.requests)
            lab.clock.advance(timedelta(seconds=1))
            ask(lab, f"later{len(seen)}")
            if page.next is None:
                break
            cursor = page.next
        assert seen == [f"r{number}" for number in reversed(range(7))]

    def test_a_made_up_cursor_is_refused(self, lab: StoreLab) -> None:
        for cursor in ("", "x", "1", "-", "1-", "\u0664-r1"):
            with refused(BadCursor), lab.store.read() as view:
                view.requests.find(["foo"], cursor=cursor)

    def test_grants_are_found_by_request_and_by_person(self, lab: StoreLab) -> None:
        approve(lab, ask(lab))
        first = grant(lab, "g1", request_id="r1")
        second = grant(lab, "g2", fact=key("u2"), request_id="r1")
        with lab.store.write() as tx:
            tx.facts.hold(key())
            tx.requests.move_grant(
                replace(first, state=GrantState.FAILED, ended_at=lab.clock.now(), why="refused")
            )
        with lab.store.read() as view:
            assert [g.id for g in view.requests.grants_of("r1")] == ["g1", "g2"]
            assert view.requests.grants_of_person("p1") == (second,)
            assert [g.id for g in view.requests.grants_of_person("p1", open_only=False)] == ["g2", "g1"]
            assert not view.requests.grants_of_person("p2")
            assert view.requests.open_grants(["foo"]) == (second,)
            assert view.requests.open_grants(None) == (second,)
            assert not view.requests.open_grants(["bar"])
            assert [r.id for r in view.requests.open_of_person("p1")] == ["r1"]
            assert view.requests.grant("g9") is None

    def test_the_attempts_of_a_request_are_those_on_its_facts(self, lab: StoreLab) -> None:
        grant(lab)
        claimed = claim(lab)
        with lab.store.write() as tx:
            tx.facts.apply(sending(lab, tx.facts.hold(key())), claimed.lease)
        with lab.store.read() as view:
            assert [a.id for a in view.requests.attempts_of("request-of-g1")] == ["a1"]
            assert not view.requests.attempts_of("r9")

    def test_the_same_key_gives_the_same_answer_for_a_day(self, lab: StoreLab) -> None:
        """Idempotency (I9, architecture.md 9)."""
        with lab.store.write() as tx:
            assert tx.once.result("p1", "POST /r", "k", "hash") is None
            tx.once.keep("p1", "POST /r", "k", "hash", "r1")
        with lab.store.write() as tx:
            assert tx.once.result("p1", "POST /r", "k", "hash") == "r1"
            assert tx.once.result("p2", "POST /r", "k", "hash") is None
            assert tx.once.result("p1", "POST /other", "k", "hash") is None
            with refused(KeyReused):
                tx.once.result("p1", "POST /r", "k", "another body")
        with refused(Conflict), lab.store.write() as tx:
            tx.once.keep("p1", "POST /r", "k", "hash", "r2")
        lab.clock.advance(timedelta(hours=24))
        with lab.store.write() as tx:
            assert tx.once.result("p1", "POST /r", "k", "another body") is None
            tx.once.keep("p1", "POST /r", "k", "another body", "r3")

    def test_what_comes_first_comes_once_a_day(self, lab: StoreLab) -> None:
        """A delivery that any process has had is no first one again (I9)."""
        assert lab.store.first("slack delivery", "v0=a")
        assert not lab.store.first("slack delivery", "v0=a")
        assert lab.store.first("slack delivery", "v0=b")
        assert lab.store.first("another kind", "v0=a")
        lab.clock.advance(timedelta(hours=24))
        assert lab.store.first("slack delivery", "v0=a")

    def test_questions_are_what_is_open_and_not_answered_by_the_person(self, lab: StoreLab) -> None:
        """Pending, or approved with more time asked for; each round anew."""
        due = lab.clock.now() + HOUR
        pending = ask(lab, "r1")
        extended = ask(lab, "r2")
        for each in (ask(lab, "r3"), ask(lab, "r4")):
            with lab.store.write() as tx:
                tx.requests.save(replace(each, state=RequestState.CANCELLED))
        with lab.store.write() as tx:
            pending = tx.requests.save(replace(pending, state=RequestState.PENDING, expires_at=due))
            extended = tx.requests.save(replace(extended, state=RequestState.PENDING, expires_at=due))
            extended = tx.requests.save(replace(extended, state=RequestState.APPROVED, expires_at=None))
        self._asked(lab, "p2", ["r1"])
        with lab.store.write() as tx:
            tx.requests.decide(self._decision("d1", extended, "p2", Answer.APPROVE, lab))
            tx.requests.save(replace(extended, extension=HOUR, expires_at=due, round=2))
            tx.requests.decide(self._decision("d2", pending, "p3", Answer.APPROVE, lab))
        self._asked(lab, "p2", ["r1", "r2"])
        self._asked(lab, "p3", ["r2"])

    def _asked(self, lab: StoreLab, person: str, wanted: list[str]) -> None:
        with lab.store.read() as view:
            assert [request.id for request in view.requests.questions(person)] == wanted
            assert sum(many for _, many in view.requests.questions_counted(person)) == len(wanted)
            assert all(question.requester == "p1" for question, _ in view.requests.questions_counted(person))
