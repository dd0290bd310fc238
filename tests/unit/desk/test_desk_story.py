"""The desk on a real store (SQLite), with the seeds' estate: ask, decide, end, extend, cancel, leave."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from gatepass.access.decide import Reason, Refused
from gatepass.access.facts import Fact, FactKey, assignment
from gatepass.access.requests import Answer, Claim, Request
from gatepass.access.states import GrantState, RequestState
from gatepass.desk import (
    Ask,
    BadAsk,
    Book,
    Caller,
    Coding,
    Deciding,
    Desk,
    Ending,
    Forms,
    Gatekeeper,
    NotFound,
    Preparing,
    Repeat,
    Said,
)
from gatepass.engine.leavers import end_all
from gatepass.engine.ports import Silent
from gatepass.errors import GatepassError
from gatepass.estate.model import Estate, Person
from gatepass.estate.reading.sources import load_directory
from gatepass.estate.wire import to_plain
from gatepass.handlers import NOBODY, Runner
from gatepass.store import EstateVersion, KnownAccount, open_store
from gatepass.store.facts import Facts
from gatepass.testing.clock import VirtualClock

EXAMPLE = Path(__file__).parents[3] / "examples" / "multi-organization"
HOUR = timedelta(hours=1)
ANA, BEN, CLEO, DAN, EVE = (Caller(name, "cli") for name in ("ana", "ben", "cleo", "dan", "eve"))


@dataclass(frozen=True)
class FoundFact:
    claims: tuple[Claim, ...]
    user_id: str
    discovered: bool


class DirectoryFake:
    """Finds everybody under their own name; whom it does not know, it says."""

    def __init__(self) -> None:
        self.unknown: set[str] = set()

    def find(
        self,
        organization: str,
        target_type: str,
        settings: dict[str, str],
        person: Person,
        stored: str | None,
    ) -> FoundFact:
        if person.id in self.unknown:
            raise GatepassError(f"{person.id} is not in the directory of {organization}")
        account = settings.get("account_id", "group")
        arn = (
            settings.get("permission_set_arn")
            or settings.get("permission_set_name")
            or settings["group_name"]
        )
        key = assignment(f"instance-of-{organization}", account, arn, stored or f"u-{person.id}")
        return FoundFact((Claim(key, HOUR),), f"u-{person.id}", stored is None)


class Office:
    """A desk with everything around it."""

    def __init__(self, path: Path, estate: Estate) -> None:
        self.clock = VirtualClock()
        self.store = open_store(f"sqlite:///{path}/gatepass.db", self.clock, audit_key=b"k" * 32)
        counter = itertools.count(1)
        book = Book()
        deciding = Deciding(
            book,
            lambda letter: f"{letter}{next(counter)}",
            HOUR,
            lambda rows, claim, ends, now: timedelta(minutes=5),
            Silent(),
        )
        self.directory = DirectoryFake()
        coding = Coding(Runner(), lambda about: NOBODY)  # these flows have no code: nothing is started
        self.desk = Desk(self.store, self.clock, book, deciding, Ending(Silent()), coding)
        self.preparing = Preparing(
            self.store,
            self.clock,
            book,
            deciding,
            Gatekeeper(book),
            self.directory,
            coding,
            Forms(self.store, book, coding, self.clock.now),
            lambda problem: False,
        )
        self.apply(estate)
        accounts = [
            KnownAccount("666666666666", "Data", unit_path="r-abcd/ou-abcd-11111111/ou-abcd-22222222"),
            KnownAccount("777777777777", "Old", unit_path="r-abcd/ou-abcd-11111111", status="SUSPENDED"),
            KnownAccount("888888888888", "Production", unit_path="r-abcd"),
        ]
        with self.store.write() as tx:
            tx.estates.replace_accounts("tenant_bar", accounts)

    def apply(self, estate: Estate) -> None:
        with self.store.write() as tx:
            number = tx.estates.current_number() + 1
            source = json.dumps(to_plain(estate)).encode()
            tx.estates.apply(EstateVersion(number, estate.digest, source, tx.now, "test"))

    def ask(self, caller: Caller = ANA, **fields: object) -> Request:
        target = str(fields.pop("target", "tenant_foo-main"))
        made = self.desk.ask(caller, Ask("aws-access", target=target, fields={"reason": "deploy", **fields}))
        self.preparing.prepare(made.id)
        return self.get(made.id)

    def get(self, request_id: str) -> Request:
        with self.store.read() as view:
            found = view.requests.get(request_id)
        assert found is not None
        return found

    def approve(self, caller: Caller, request: Request, **more: object) -> Request:
        said = Said(request.id, Answer.APPROVE, request.content_hash, **more)  # type: ignore[arg-type]
        return self.desk.answer(caller, said)

    def activate(self, request: Request) -> None:
        """What the engine does, in short."""
        with self.store.write() as tx:
            for grant in tx.requests.grants_of(request.id):
                tx.facts.lock({grant.fact: grant.organization})
                begun = replace(
                    grant, state=GrantState.GRANTING, starts_at=tx.now, ends_at=tx.now + grant.duration
                )
                tx.requests.move_grant(begun)
                fresh = tx.requests.grant(grant.id)
                assert fresh is not None
                tx.requests.move_grant(replace(fresh, state=GrantState.ACTIVE))

    def grants(self, request: Request) -> list[GrantState]:
        with self.store.read() as view:
            return [grant.state for grant in view.requests.grants_of(request.id)]

    def kinds(self, organization: str | None) -> list[str]:
        with self.store.read() as view:
            return [json.loads(entry.body)["kind"] for entry in view.entries.entries(organization)]


@pytest.fixture(scope="module")
def estate() -> Estate:
    return load_directory(EXAMPLE)


@pytest.fixture
def office(tmp_path: Path, estate: Estate) -> Iterator[Office]:
    office = Office(tmp_path, estate)
    yield office
    office.store.close()


def test_asked_found_approved_and_the_grant_is_on_its_way(office: Office) -> None:
    request = office.ask(duration="1h")
    assert request.state is RequestState.PENDING
    assert [claim.fact.parts[0] for claim in request.claims] == ["333333333333"]
    done = office.approve(BEN, request)
    assert done.state is RequestState.APPROVED
    assert office.grants(request) == [GrantState.WAITING]
    assert office.kinds("tenant_foo") == [
        "request.asked",
        "request.pending",
        "request.decision",
        "request.approved",
        "grant.made",
    ]


def test_the_requester_cannot_approve_and_the_try_is_in_the_log_I7(office: Office) -> None:
    request = office.ask(BEN, duration="1h")
    with pytest.raises(Refused) as refused:
        office.approve(BEN, request)
    assert refused.value.verdict.reason is Reason.IS_REQUESTER
    assert office.get(request.id).state is RequestState.PENDING
    assert office.kinds("tenant_foo")[-1] == "request.refused"


def test_two_approvers_are_two_people_and_each_counts_once_I8_I9(office: Office) -> None:
    request = office.ask(target="tenant_bar-admin", duration="30m")
    assert office.approve(BEN, request).state is RequestState.PENDING
    with pytest.raises(Refused, match="answered this request already"):
        office.approve(BEN, request)
    assert office.approve(EVE, request).state is RequestState.APPROVED
    with pytest.raises(Refused, match="is approved, decided by eve"):
        office.approve(CLEO, request)


def test_one_action_delivered_twice_has_one_effect_I9(office: Office) -> None:
    repeat = Repeat("POST /v1/requests", "key-1", "hash")
    ask = Ask("aws-access", target="tenant_foo-main", fields={"reason": "x", "duration": "1h"})
    assert office.desk.ask(ANA, ask, repeat).id == office.desk.ask(ANA, ask, repeat).id
    with pytest.raises(GatepassError):
        office.desk.ask(ANA, ask, replace(repeat, body_hash="other"))


def test_a_rule_may_approve_by_itself(office: Office) -> None:
    request = office.ask(BEN, target="tenant_bar-read-only", duration="30m", account_id="666666666666")
    assert request.state is RequestState.APPROVED
    assert office.grants(request) == [GrantState.WAITING]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"duration": "5h"}, "duration"),
        ({"duration": "1h", "status": "approved"}, "status: this flow has no such field"),
        ({"duration": "1h", "target": "tenant_bar-read-only", "account_id": "777777777777"}, "account_id"),
        ({"duration": "1h", "target": "tenant_bar-read-only", "account_id": "999999999999"}, "account_id"),
    ],
)
def test_only_what_was_offered_I10(office: Office, fields: dict[str, object], told: str) -> None:
    with pytest.raises(BadAsk, match=told):
        office.ask(**fields)


def test_what_does_not_exist_is_told_with_what_does(office: Office) -> None:
    with pytest.raises(NotFound, match="tenant_bar-admin"):
        office.ask(target="tenant_bar-root", duration="1h")
    with pytest.raises(NotFound, match="no flow 'nothing'"):
        office.desk.ask(ANA, Ask("nothing"))
    with pytest.raises(NotFound, match="no flow 'aws-access'"):
        office.desk.ask(EVE, Ask("aws-access"))


def test_somebody_who_is_not_in_the_directory_is_told_before_anybody_is_asked(office: Office) -> None:
    office.directory.unknown.add("ana")
    request = office.ask(duration="1h")
    assert (request.state, request.why) == (RequestState.FAILED, "ana is not in the directory of tenant_foo")


def test_an_account_that_left_the_unit_meanwhile_is_refused_I10(office: Office) -> None:
    made = office.desk.ask(
        ANA,
        Ask(
            "aws-access",
            target="tenant_bar-read-only",
            fields={"reason": "x", "duration": "1h", "account_id": "666666666666"},
        ),
    )
    with office.store.write() as tx:
        tx.estates.replace_accounts("tenant_bar", [KnownAccount("888888888888", "Production")])
    office.preparing.prepare(made.id)
    assert "not offered by tenant_bar-read-only any more" in office.get(made.id).why


def test_early_end_by_the_requester_and_only_once(office: Office) -> None:
    request = office.ask(duration="1h")
    office.approve(BEN, request)
    office.activate(request)
    office.desk.end(ANA, request.id)
    assert office.grants(request) == [GrantState.ENDING]
    with pytest.raises(NotFound):
        office.desk.end(DAN, request.id)


def test_ending_before_it_began_ends_the_request(office: Office) -> None:
    request = office.ask(duration="1h")
    office.approve(BEN, request)
    assert office.desk.end(ANA, request.id).state is RequestState.ENDED


def test_an_extension_is_a_new_decision_under_the_cap_I11(office: Office) -> None:
    request = office.ask(duration="1h")
    office.approve(BEN, request)
    office.activate(request)
    with pytest.raises(Refused, match="longer than allowed"):
        office.desk.extend(ANA, request.id, timedelta(hours=9))
    question = office.desk.extend(ANA, request.id, HOUR)
    with pytest.raises(Refused, match="changed after it was shown"):
        office.approve(BEN, request)
    office.approve(BEN, question)
    with office.store.read() as view:
        grant = view.requests.grants_of(request.id)[0]
    assert grant.ends_at == grant.made_at + 2 * HOUR


def test_a_leaver_has_nothing_I13(office: Office) -> None:
    pending, active = office.ask(duration="1h"), office.ask(duration="30m")
    office.approve(BEN, active)
    office.activate(active)
    with office.store.write() as tx:
        tx.people.disable("ana", "cleo", "left")
        end_all(tx, "ana", "disabled", Silent())
    assert office.get(pending.id).state is RequestState.CANCELLED
    assert office.grants(active) == [GrantState.ENDING]
    with pytest.raises(Refused, match="not an active person"):
        office.desk.ask(ANA, Ask("aws-access"))


def test_somebody_disabled_does_not_count_as_an_approver_I8(office: Office) -> None:
    request = office.ask(target="tenant_bar-admin", duration="30m")
    office.approve(BEN, request)
    with office.store.write() as tx:
        tx.people.disable("ben", "cleo", "left")
    assert office.approve(EVE, request).state is RequestState.PENDING
    assert office.approve(CLEO, request).state is RequestState.APPROVED


def test_a_flow_that_gives_nothing_is_over_with_the_decision(office: Office) -> None:
    made = office.desk.ask(ANA, Ask("freeze-exception", fields={"change": "C-1", "risk": "low"}))
    office.preparing.prepare(made.id)
    request = office.get(made.id)
    assert office.approve(CLEO, request).state is RequestState.ENDED


def test_what_people_see_and_may_do(office: Office) -> None:
    request = office.ask(duration="1h")
    assert office.desk.show(ANA, request.id).may == {"cancel"}
    assert office.desk.show(BEN, request.id).may == {"approve", "deny"}
    assert [r.id for r in office.desk.to_decide(BEN)] == [request.id]
    assert office.desk.to_decide(ANA) == ()
    assert [r.id for r in office.desk.requests(ANA).requests] == [request.id]
    assert office.desk.requests(DAN).requests == ()
    office.approve(BEN, request, duration=HOUR / 2)
    held = office.desk.held(ANA)
    assert [h.grant.duration for h in held] == [HOUR / 2]
    assert {offer.target.short for offer in office.desk.offers(ANA) if offer.target} >= {
        "main",
        "admin",
        "read-only",
    }
    cancelled = office.desk.cancel(DAN, office.ask(DAN, duration="1h").id)
    assert cancelled.state is RequestState.CANCELLED


def test_more_lateness_than_a_rule_accepts_is_refused(office: Office, estate: Estate) -> None:
    flow = estate.flows["aws-access"]
    rules = tuple(replace(rule, accepted_lateness=timedelta(minutes=1)) for rule in flow.decide.rules)
    strict = replace(flow, decide=replace(flow.decide, rules=rules))
    office.apply(replace(estate, flows={**estate.flows, flow.name: strict}))
    request = office.ask(duration="1h")
    with pytest.raises(Refused, match="taken back only"):
        office.approve(BEN, request)


def test_what_the_estate_took_away_after_it_was_asked_is_not_begun_I18(
    office: Office, estate: Estate
) -> None:
    """Requests are not grants, so applying does not look at them: the gate must."""
    request = office.ask(duration="1h")
    gate = Gatekeeper(Book())
    bar, foo = estate.organizations["tenant_bar"], estate.organizations["tenant_foo"]
    moved = replace(foo, connector=replace(foo.connector, instance_arn=bar.connector.instance_arn[:-1] + "7"))
    for changed, told in (
        (estate, ""),
        (
            replace(estate, flows={n: f for n, f in estate.flows.items() if n != "aws-access"}),
            "flow aws-access",
        ),
        (replace(estate, targets={n: t for n, t in estate.targets.items() if n != request.target}), "target"),
        (replace(estate, organizations={**estate.organizations, "tenant_foo": moved}), "another instance"),
    ):
        office.apply(changed)
        with office.store.read() as view:
            why = gate.why_not(view, request)
        assert told in why
        assert bool(why) == bool(told)


def test_an_extension_decided_as_the_access_ended_extends_nothing_I11(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for a lock looks at the clock again: what has ended meanwhile is over."""
    request = office.ask(duration="30m")
    office.approve(BEN, request)
    office.activate(request)
    question = office.desk.extend(ANA, request.id, HOUR / 2)
    lock = Facts.lock

    def late(self: Facts, keys: Mapping[FactKey, str]) -> dict[FactKey, Fact]:
        office.clock.advance(HOUR / 2)
        return lock(self, keys)

    monkeypatch.setattr(Facts, "lock", late)
    office.approve(BEN, question)
    with office.store.read() as view:
        (grant,) = view.requests.grants_of(request.id)
    assert grant.starts_at is not None
    assert grant.ends_at == grant.starts_at + HOUR / 2


def test_an_answer_by_a_token_issued_in_somebodys_name_does_not_count_I7(office: Office) -> None:
    request = office.ask(duration="1h")
    for said in (Answer.APPROVE, Answer.DENY):
        with pytest.raises(Refused, match="issued in your name") as refused:
            office.desk.answer(replace(BEN, signed_in=False), Said(request.id, said, request.content_hash))
        assert refused.value.verdict.reason is Reason.NOT_SIGNED_IN
    assert office.get(request.id).state is RequestState.PENDING
    assert office.kinds("tenant_foo").count("request.refused") == 2
