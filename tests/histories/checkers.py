"""The invariants, decided from what AWS really held over time and from the exported audit, and from nothing else.

(security.md 2: none of them needs gatepass's own tables.) Each checker yields what it found wrong.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.histories.code import GRANT_SIDE
from tests.histories.estates import OPEN_FLOW

from gatepass.access.chain import read_export, verify_chains
from gatepass.access.facts import FactKey
from gatepass.access.states import FINAL_GRANT, GRANT_STEPS, GrantState
from gatepass.sim import Assignment, Change, Record

BOUND = timedelta(seconds=60)
"""B of security.md 4, of time in which nothing was wrong."""
LAG = timedelta(seconds=130)
"""How old what was read may be: the list lag and the call itself."""
LEAVER = timedelta(minutes=5)
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Found:
    """One breach: which invariant, of what, when."""

    invariant: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


@dataclass(frozen=True)
class Said:
    """One entry of the audit."""

    seq: int
    at: datetime
    kind: str
    organization: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Span:
    """A fact was there from `since` until `until`; `by` made it, `gone_by` took it."""

    fact: str
    since: datetime
    until: datetime
    by: str
    gone_by: str


@dataclass
class Life:
    """One grant as the audit tells it."""

    id: str
    request: str
    fact: str
    person: str
    duration: timedelta
    steps: list[tuple[datetime, str]] = field(default_factory=list)
    starts: datetime | None = None
    ends: list[tuple[datetime, datetime]] = field(default_factory=list)
    """When said -> the end as it was then."""
    over: datetime | None = None
    """When somebody ended it, or it was final."""
    covered: bool = False
    shown_end: datetime | None = None
    """The end that was told when it was called active."""
    early: datetime | None = None
    """When it was said to be over by time, before its end."""

    def live(self) -> tuple[datetime, datetime] | None:
        """From when until when it was live."""
        if self.starts is None:
            return None
        until = self.ends[-1][1]
        return self.starts, min(until, self.over) if self.over else until


@dataclass(frozen=True)
class Seen:
    """All that checkers may look at."""

    changes: Sequence[Change]
    calls: Sequence[Record]
    export: Sequence[str]
    now: datetime
    lost: Sequence[tuple[str, datetime, datetime]] = ()
    """Who was in no group that may ask, since when and until when: what the operator's estates said."""


def check(
    seen: Seen,
    troubles: Sequence[tuple[datetime, datetime]],
    pauses: Sequence[tuple[datetime, datetime]],
    keys: Mapping[FactKey, tuple[str, str]],
) -> list[Found]:
    """Everything that is wrong. `troubles` are stretches in which something was broken, with time for its repair."""
    return list(_Check(seen, troubles, pauses, keys).all())


def text_of(fact: object) -> str:
    """A fact of the simulator as the key of ours."""
    if isinstance(fact, Assignment):
        parts = ("aws_sso_assignment", fact.instance, fact.account, fact.permission_set, fact.principal)
        return "|".join(parts)
    return "|".join(("aws_sso_membership", *fact))  # type: ignore[misc]


def ours(by: str) -> bool:
    """Whether gatepass's connector did it."""
    return ":assumed-role/" in by


class _Check:
    def __init__(
        self,
        seen: Seen,
        troubles: Sequence[tuple[datetime, datetime]],
        pauses: Sequence[tuple[datetime, datetime]],
        keys: Mapping[FactKey, tuple[str, str]],
    ) -> None:
        self.seen = seen
        self.troubles = sorted(troubles)
        self.pauses = pauses
        self.keys = {key.text: owner for key, owner in keys.items()}
        entries, self.unreadable = read_export(seen.export)
        self.chains, self.broken = verify_chains(entries)
        self.said = [_said(entry) for entry in entries]
        self.lives = self._lives()
        self.spans = self._spans()
        self.of_fact: dict[str, list[Life]] = defaultdict(list)
        for life in self.lives.values():
            self.of_fact[life.fact].append(life)

    def all(self) -> Iterator[Found]:
        for fault in (*self.unreadable, *self.broken):
            yield Found("I6", str(fault))
        yield from self.nothing_outlives_its_grants()
        yield from self.nothing_is_taken_from_under_a_live_grant()
        yield from self.standing_access_is_untouched()
        yield from self.no_fact_without_a_decision()
        yield from self.written_before_visible()
        yield from self.the_end_is_set_once()
        yield from self.states_tell_the_truth()
        yield from self.a_leaver_has_nothing()
        yield from self.who_may_not_ask_any_more_has_nothing()
        yield from self.code_that_fails_grants_nothing()
        yield from self.it_converges()

    # -- reading

    def _lives(self) -> dict[str, Life]:
        lives: dict[str, Life] = {}
        for said in self.said:
            grant = said.fields.get("grant")
            if not said.kind.startswith("grant.") or not isinstance(grant, str):
                continue
            fields = said.fields
            if said.kind == "grant.made":
                length = timedelta(milliseconds=fields["duration_ms"])
                lives[grant] = Life(grant, fields["request"], fields["fact"], fields["person"], length)
            life = lives[grant]
            life.steps.append((said.at, said.kind.removeprefix("grant.")))
            match said.kind:
                case "grant.granting":
                    life.starts = _moment(fields["starts_at"])
                    life.ends.append((said.at, _moment(fields["ends_at"])))
                case "grant.extended":
                    life.ends.append((said.at, _moment(fields["ends_at"])))
                case "grant.active":
                    life.shown_end = _moment(fields["ends_at"])
                case "grant.ending" | "grant.ended" | "grant.failed":
                    if (
                        fields.get("why") == "time"
                        and not life.over
                        and life.ends
                        and said.at < life.ends[-1][1]
                    ):
                        life.early = said.at
                    life.over = life.over or said.at
                    life.covered = life.covered or bool(fields.get("covered_by"))
                case "grant.covered":
                    life.over = said.at
        return lives

    def _spans(self) -> list[Span]:
        there: dict[str, Change] = {}
        spans = []
        for change in self.seen.changes:
            name = text_of(change.fact)
            if change.present:
                there[name] = change
            elif name in there:
                began = there.pop(name)
                spans.append(Span(name, began.at, change.at, began.by, change.by))
        for name, began in there.items():
            spans.append(Span(name, began.at, NEVER, began.by, ""))
        return spans

    def calm_part(self, since: datetime, until: datetime) -> timedelta:
        """How much of a stretch of time lies in no trouble."""
        calm, at = timedelta(0), since
        for begin, end in self.troubles:
            if end <= at or begin >= until:
                continue
            calm += max(begin - at, timedelta(0))
            at = max(at, min(end, until))
        return calm + max(until - at, timedelta(0))

    def in_trouble(self, at: datetime) -> bool:
        return any(begin <= at <= end for begin, end in self.troubles)

    def live_times(self, fact: str) -> list[tuple[datetime, datetime]]:
        return sorted(times for life in self.of_fact[fact] if (times := life.live()) is not None)

    # -- the invariants

    def nothing_outlives_its_grants(self) -> Iterator[Found]:
        for span in self.spans:
            if not ours(span.by):
                continue
            at, until = span.since, min(span.until, self.seen.now)
            for begin, end in [*self.live_times(span.fact), (until, until)]:
                bare = self.calm_part(at, min(begin, until)) if begin > at else timedelta(0)
                if bare > BOUND:
                    yield Found("I1", f"{span.fact} was there without a live grant for {bare} from {at}")
                at = max(at, end)

    def nothing_is_taken_from_under_a_live_grant(self) -> Iterator[Found]:
        for life in self.lives.values():
            if life.early is not None:
                yield Found(
                    "I2", f"{life.id} was called over at {life.early}, before its end {life.ends[-1][1]}"
                )
        for span in self.spans:
            if not ours(span.gone_by) or self.after_pause(span.until):
                continue
            for begin, end in self.live_times(span.fact):
                if begin < span.until < end:
                    yield Found(
                        "I2", f"{span.fact} was deleted at {span.until} under a grant live until {end}"
                    )

    def after_pause(self, at: datetime) -> bool:
        """Whether a paused process may have sent it: until what it did is found by the sweep."""
        return any(begin <= at <= end + timedelta(seconds=15) for begin, end in self.pauses)

    def standing_access_is_untouched(self) -> Iterator[Found]:
        for span in self.spans:
            if ours(span.by) or not ours(span.gone_by):
                continue
            if not (self.was_ours(span.fact, span.since) or self.doubted(span)):
                yield Found(
                    "I3", f"{span.fact}, made by {span.by} at {span.since}, was deleted at {span.until}"
                )

    def was_ours(self, fact: str, at: datetime) -> bool:
        """Whether we had begun to make it and not seen it gone when somebody made it by hand."""
        mine = False
        for said in self.said:
            if said.fields.get("fact") == fact and said.at <= at:
                if said.kind == "attempt.intent" and said.fields["verb"] == "grant":
                    mine = True
                if said.kind == "fact.absent":
                    mine = False
        return mine

    def doubted(self, span: Span) -> bool:
        """Whether the log says that it could not be told apart, or it was made between our read and our create."""
        for said in self.said:
            if said.fields.get("fact") != span.fact or not span.since - LAG <= said.at <= span.until:
                continue
            if said.kind == "fact.doubt":
                return True
            intent = said.kind == "attempt.intent" and said.fields["verb"] == "grant"
            if intent and said.fields["read_before"] is False and said.at - span.since <= LAG:
                return True
        return False

    def no_fact_without_a_decision(self) -> Iterator[Found]:
        """Each grant that began had as many valid approvals, of exactly what was shown, as its rule asks."""
        asked: dict[str, str] = {}
        hashes: dict[str, tuple[int, str]] = {}
        answers: dict[tuple[str, int], set[tuple[str, str]]] = defaultdict(set)
        for said in self.said:
            fields = said.fields
            if said.kind == "request.asked":
                asked[fields["request"]] = fields["requester"]
            if said.kind == "request.decision" and fields["answer"] == "approve":
                yield from self.one_answer(answers, said, asked[fields["request"]])
            if said.kind == "request.approved":
                hashes[fields["request"]] = (fields["round"], fields["content_hash"])
                given = {
                    by
                    for by, shown in answers[fields["request"], fields["round"]]
                    if shown == fields["content_hash"]
                }
                automatic = given == {"rule"} and fields["needed"] == 0
                if not automatic and len(given - {"rule"}) < fields["needed"]:
                    yield Found(
                        "I4",
                        f"{fields['request']} was approved by {sorted(given)}, {fields['needed']} needed",
                    )
        for life in self.lives.values():
            if life.starts is not None and life.request not in hashes:
                yield Found("I4", f"{life.id} began without an approval")
        for said in self.said:
            if said.kind == "attempt.intent" and said.fields["verb"] == "grant":
                live = self.live_times(said.fields["fact"])
                if not any(begin <= said.at <= end for begin, end in live):
                    yield Found(
                        "I4", f"a create of {said.fields['fact']} was intended at {said.at} for no live grant"
                    )

    def one_answer(
        self, answers: dict[tuple[str, int], set[tuple[str, str]]], said: Said, requester: str
    ) -> Iterator[Found]:
        fields = said.fields
        given = answers[fields["request"], fields["round"]]
        if fields["by"] == requester:
            yield Found("I7", f"{fields['request']} was approved by its requester")
        if any(by == fields["by"] for by, _ in given):
            yield Found("I9", f"{fields['by']} answered round {fields['round']} of {fields['request']} twice")
        given.add((fields["by"], fields["content_hash"]))

    def written_before_visible(self) -> Iterator[Found]:
        intents: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        for said in self.said:
            if said.kind == "attempt.intent":
                intents[said.fields["fact"], said.fields["verb"]].append(said.at)
        sent: dict[tuple[str, str], int] = defaultdict(int)
        for call in self.seen.calls:
            named = _named(call)
            if named is None:
                continue
            fact, verb = named
            sent[fact, verb] += 1
            before = sum(1 for at in intents[fact, verb] if at <= call.at)
            if sent[fact, verb] > before:
                yield Found("I5", f"{verb} of {fact} was sent at {call.at} before it was written")
        outcomes = {said.fields["attempt"] for said in self.said if said.kind == "attempt.outcome"}
        for said in self.said:
            settled = said.at < self.seen.now - timedelta(minutes=5)
            if said.kind == "attempt.intent" and settled and said.fields["attempt"] not in outcomes:
                yield Found("I6", f"attempt {said.fields['attempt']} has no outcome")

    def the_end_is_set_once(self) -> Iterator[Found]:
        for life in self.lives.values():
            begun = [step for _, step in life.steps if step == "granting"]
            if len(begun) > 1:
                yield Found("I9", f"{life.id} began {len(begun)} times")
            if life.starts is None:
                continue
            if life.ends[0][1] - life.starts != life.duration:
                yield Found(
                    "I11", f"{life.id} was to last {life.duration}, not {life.ends[0][1] - life.starts}"
                )
            if life.shown_end is not None and life.shown_end not in [end for _, end in life.ends]:
                yield Found(
                    "I11", f"{life.id} was to end at {life.ends[-1][1]}, and {life.shown_end} was told"
                )
            for (_, before), (at, after) in zip(life.ends, life.ends[1:], strict=False):
                if after < before or after > max(before, at + timedelta(hours=1)):
                    yield Found("I11", f"{life.id} was extended from {before} to {after} at {at}")

    def states_tell_the_truth(self) -> Iterator[Found]:
        for life in self.lives.values():
            state = GrantState.WAITING
            for at, step in life.steps:
                if step in ("made", "extended"):
                    continue
                if (state, GrantState(step)) not in GRANT_STEPS:
                    yield Found("I16", f"{life.id} went from {state} to {step}")
                state = GrantState(step)
                if step == "covered" and not self.present_during(life.fact, at - LAG, at):
                    yield Found("I16", f"{life.id} was called covered at {at}, and AWS held nothing")
                if step == "active" and not self.present_during(life.fact, at - LAG, at):
                    yield Found("I16", f"{life.id} was called active at {at}, and AWS held nothing")
                claimed_absent = step == "ended" and not life.covered and life.starts is not None
                if claimed_absent and not self.absent_during(life.fact, at - LAG, at):
                    yield Found("I16", f"{life.id} was called ended at {at}, and AWS held {life.fact}")

    def present_during(self, fact: str, since: datetime, until: datetime) -> bool:
        return any(s.fact == fact and s.since <= until and s.until >= since for s in self.spans)

    def absent_during(self, fact: str, since: datetime, until: datetime) -> bool:
        return not any(s.fact == fact and s.since <= since and s.until > until for s in self.spans)

    def a_leaver_has_nothing(self) -> Iterator[Found]:
        left: dict[str, datetime] = {}
        for said in self.said:
            if said.kind == "person.disabled":
                left[said.fields["person"]] = said.at
            if said.kind == "person.enabled":
                left.pop(said.fields["person"], None)
        for fact, (person, _) in self.keys.items():
            if person not in left:
                continue
            for span in self.spans:
                if span.fact != fact or not ours(span.by):
                    continue
                since, until = max(span.since, left[person]), min(span.until, self.seen.now)
                if until > since and self.calm_part(since, until) > LEAVER:
                    yield Found("I13", f"{person} left at {left[person]} and held {fact} until {until}")

    def who_may_not_ask_any_more_has_nothing(self) -> Iterator[Found]:
        """Nothing through a flow that asks for a group, that is: one whose code alone decides is open to everybody."""
        for person, lost, back in self.seen.lost:
            for span in self.spans:
                if self.keys.get(span.fact, ("", ""))[0] != person or not ours(span.by):
                    continue
                since, until = max(span.since, lost), min(span.until, back, self.seen.now)
                if until <= since or self.calm_part(since, until) <= LEAVER:
                    continue
                if not self.held_by_open_flow(span.fact, since, until):
                    yield Found(
                        "I13", f"{person} might not ask since {lost} and held {span.fact} until {until}"
                    )

    def held_by_open_flow(self, fact: str, since: datetime, until: datetime) -> bool:
        asked = {
            said.fields["request"]: said.fields["flow"] for said in self.said if said.kind == "request.asked"
        }
        lives = [life for life in self.of_fact[fact] if asked[life.request] == OPEN_FLOW]
        return any(
            begin < until and end > since for begin, end in filter(None, (life.live() for life in lives))
        )

    def code_that_fails_grants_nothing(self) -> Iterator[Found]:
        """A fault on the way to a grant is the end of its request; what follows a step changes nothing (I14)."""
        failed: dict[str, datetime] = {}
        for said in self.said:
            if said.kind == "handler.fault" and said.fields["handler"] in GRANT_SIDE:
                failed.setdefault(said.fields["request"], said.at)
        for life in self.lives.values():
            if life.request in failed and life.starts is not None and life.starts >= failed[life.request]:
                yield Found(
                    "I14", f"{life.id} began although its flow's code failed at {failed[life.request]}"
                )

    def it_converges(self) -> Iterator[Found]:
        if self.in_trouble(self.seen.now):
            return
        for span in self.spans:
            if span.until > self.seen.now and ours(span.by) and not self.wanted(span.fact):
                yield Found("I20", f"{span.fact} is still there at the end")
        there = {span.fact for span in self.spans if span.until > self.seen.now}
        for life in self.lives.values():
            times = life.live()
            begun = times is not None and times[0] < self.seen.now - BOUND and times[1] > self.seen.now
            if begun and life.fact not in there:
                yield Found("I20", f"{life.id} is live at the end and AWS does not hold {life.fact}")
            final = life.steps[-1][1] in {str(state) for state in FINAL_GRANT}
            if times is not None and times[1] < self.seen.now - timedelta(minutes=5) and not final:
                yield Found("I20", f"{life.id} was over at {times[1]} and is {life.steps[-1][1]} at the end")

    def wanted(self, fact: str) -> bool:
        since = self.seen.now - BOUND
        return any(begin <= self.seen.now and end > since for begin, end in self.live_times(fact))


def _named(call: Record) -> tuple[str, str] | None:
    """The fact and verb of a call that changes one and reached AWS."""
    if call.outcome == "request-lost":
        return None
    params = call.params
    match call.operation:
        case "CreateAccountAssignment" | "DeleteAccountAssignment":
            parts = (
                params["InstanceArn"],
                params["TargetId"],
                params["PermissionSetArn"],
                params["PrincipalId"],
            )
            verb = "grant" if call.operation.startswith("Create") else "revoke"
            return "|".join(("aws_sso_assignment", *parts)), verb
        case "CreateGroupMembership":
            parts = (params["IdentityStoreId"], params["GroupId"], params["MemberId"]["UserId"])
            return "|".join(("aws_sso_membership", *parts)), "grant"
    return None


def _said(entry: Any) -> Said:
    body = json.loads(entry.body)
    return Said(entry.seq, _moment(body["at"]), body["kind"], entry.organization, body["fields"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
