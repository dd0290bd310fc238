"""One seeded history: what people, administrators, AWS, the database and the operating system do, in some order."""

from __future__ import annotations

import logging
import shutil
import tempfile
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from tests.histories.checkers import Found, Seen, check
from tests.histories.code import CHANGES
from tests.histories.estates import KINDS
from tests.histories.office import PEOPLE, TARGETS, Killed, Office

from gatepass.access.requests import Request
from gatepass.sim import Assignment, Membership

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)

_LENGTHS = (40, 120, 300, 600)
_FAULTS = (
    "throttle", "deny", "conflict", "error", "request-lost", "answer-lost", "fail", "never-ends",
    "short-page", "empty-page", "token-error", "stale", "slow",
)  # fmt: skip
_SENDS = ("before CreateAccountAssignment", "before DeleteAccountAssignment",
          "before CreateGroupMembership", "before DeleteGroupMembership")  # fmt: skip


@dataclass
class Calm:
    """Stretches of time in which something was wrong, each with what its repair may take."""

    troubles: list[tuple[datetime, datetime]] = field(default_factory=list)
    pauses: list[tuple[datetime, datetime]] = field(default_factory=list)

    def trouble(self, since: datetime, until: datetime, repair: timedelta) -> None:
        self.troubles.append((since, until + repair))

    def pause(self, since: datetime, until: datetime) -> None:
        self.pauses.append((since, until))
        self.trouble(since, until, 5 * MINUTE + 30 * SECOND + MINUTE)


class History:
    """Runs one seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.dice = Random(seed)
        lag = self.dice.choice([0.0, 0.0, 2.0, 20.0])
        pages = self.dice.choice([0, 1, 2])
        self.office = Office(folder, self.dice, seed=seed, list_lag=lag, page_size=pages)
        self.calm = Calm()
        self.log: list[str] = []
        self.keys = self.office.keys()
        self.start = self.office.clock.now()
        self.fault_until: datetime | None = None
        self.busy = False
        self.kind = "whole"
        self.kill_after = 0
        self.pause_at = ""
        self.coded = Random(seed + 1)
        """Dice of their own: what is asked of flows with code changes nothing else of a seed."""
        self.office.at_point = self.at_point
        self.office.store.fail = self.commit
        self.commits_fail_until: datetime | None = None

    def run(self, length: timedelta = 12 * MINUTE) -> list[Found]:
        """Live through it, then through quiet, then judge."""
        office = self.office
        end = self.start + length
        while office.clock.now() < end:
            self.act()
            if self.coded.random() < 0.25:
                self.ask_code()
            self.live(timedelta(seconds=self.dice.choice([0, 1, 3, 10, 20, 45])))
        self.quiet()
        self.live(MINUTE + SECOND)
        self.give_up_endless()  # what was called in progress for ever just before the quiet
        self.live(6 * MINUTE)
        if self.dice.random() < 0.7:
            self.live(12 * MINUTE)
        truth, now = office.sim.truth(), office.clock.now()
        seen = Seen(truth.changes, list(office.sim.calls), office.export(), now, office.lost)
        return check(seen, self.calm.troubles, self.calm.pauses, self.keys)

    def note(self, words: str) -> None:
        at = (self.office.clock.now() - self.start).total_seconds()
        self.log.append(f"{at:9.2f} {words}")

    # -- time

    def live(self, length: timedelta, but: int | None = None) -> None:
        """Time passes, from one moment of interest to the next; engines work at each."""
        office = self.office
        until = office.clock.now() + length
        office.tick(but)
        while office.clock.now() < until:
            now = office.clock.now()
            due = office.next_due()
            step = min(until, max(due, now + SECOND / 10) if due else until, now + 30 * SECOND)
            office.clock.advance(step - now)
            office.tick(but)

    def quiet(self) -> None:
        self.fault_until = self.office.clock.now()
        self.clear_fault()
        self.commits_fail_until = None
        self.kill_after, self.pause_at = 0, ""
        self.office.code.chance = 0.0
        self.note("quiet")

    # -- what happens inside a step

    def at_point(self, engine: int, name: str) -> None:
        if self.busy:
            return
        if self.kill_after:
            self.kill_after -= 1
            if not self.kill_after:
                self.note(f"w{engine} killed at {name}")
                self.calm.trouble(self.office.clock.now(), self.office.clock.now(), 2 * MINUTE + 30 * SECOND)
                raise Killed
        if self.pause_at and name == self.pause_at:
            self.pause(engine, name)

    def pause(self, engine: int, name: str) -> None:
        """The process stands still, past its lease or not; the others and the people go on."""
        self.pause_at, self.busy = "", True
        since = self.office.clock.now()
        length = timedelta(seconds=self.dice.choice([5, 20, 90, 200, 400]))
        engines = self.office.engines
        place = next(n for n, each in enumerate(engines) if self.office.numbers[id(each)] == engine)
        self.note(f"w{engine} paused at {name} for {length}")
        self.elsewhere(length / 2, place)
        self.busy = False
        if self.dice.random() < 0.7:
            self.people()
        self.busy = True
        self.elsewhere(length / 2, place)
        self.busy = False
        self.calm.pause(since, self.office.clock.now())
        self.note(f"w{engine} goes on")

    def elsewhere(self, length: timedelta, but: int) -> None:
        """The others go on, with nothing of what the paused one holds in its thread (its lease, its slot)."""
        Context().run(self.live, length, but)

    def commit(self) -> str:
        if self.commits_fail_until is None or self.office.clock.now() > self.commits_fail_until:
            return ""
        return self.dice.choice(["", "", "before", "after"])

    # -- what happens between steps

    def act(self) -> None:
        self.clear_fault()
        kind = self.dice.random()
        if kind < 0.62:
            self.people()
        elif kind < 0.68:
            self.hand()
        elif kind < 0.85:
            self.fault()
        elif kind < 0.90:
            self.kill_after = self.dice.randint(1, 14)
            self.note(f"a kill {self.kill_after} points from now")
        elif kind < 0.95:
            self.pause_at = self.dice.choice(_SENDS)
            self.note(f"a pause {self.pause_at}")
        else:
            now = self.office.clock.now()
            self.commits_fail_until = now + timedelta(seconds=self.dice.choice([1, 10, 40]))
            self.calm.trouble(now, self.commits_fail_until, 2 * MINUTE + 30 * SECOND)
            self.note("commits fail")

    def people(self) -> None:
        """Somebody does something at the desk; not always what they may."""
        dice = self.dice
        kind, grants, pending = dice.random(), self.office.grants(), self.office.pending()
        if kind < 0.55:
            self.ask()
        elif kind < 0.68 and pending:
            self.answer(dice.choice(pending))
        elif kind < 0.81 and grants:
            grant = dice.choice(grants)
            who = dice.choice([grant.person, "eve"])
            self.note(f"{who} ends {grant.request}: {self.office.end(who, grant.request)}")
        elif kind < 0.90 and grants:
            grant, by = dice.choice(grants), timedelta(seconds=dice.choice(_LENGTHS))
            self.note(
                f"{grant.person} extends {grant.request}: {self.office.extend(grant.person, grant.request, by)}"
            )
        elif kind < 0.92 and pending:
            request = dice.choice(pending)
            self.note(
                f"{request.requester} cancels {request.id}: {self.office.cancel(request.requester, request.id)}"
            )
        elif kind < 0.95:
            person = dice.choice(["cleo", "ben"])
            self.note(f"{person} leaves, or is back: {self.office.come_or_go(person)}")
        else:
            self.kind = dice.choice(KINDS) if self.kind == "whole" else "whole"
            self.note(f"estate {self.kind}: {self.office.apply(self.kind)}")

    def ask(self) -> None:
        """Mostly the same few things, so that grants overlap; and mostly approved soon after."""
        dice = self.dice
        few = dice.random() < 0.6
        person = "ana" if few else dice.choice(PEOPLE)
        target = dice.choice(TARGETS[:1] if few and dice.random() < 0.5 else TARGETS)
        request_id = self.office.ask(person, target, dice.choice(["40s", "2m", "5m", "10m"]))
        self.note(f"{person} asks for {target}: {request_id}")
        if dice.random() < 0.8 and not self.busy:
            self.live(SECOND)
            asked = [request for request in self.office.pending() if request.id == request_id]
            for approver in dice.sample([name for name in (*PEOPLE, "eve") if name != person], 2):
                for request in asked:
                    self.note(f"{approver} approves {request_id}: {self.office.answer(approver, request)}")

    def ask_code(self) -> None:
        """Somebody asks a flow with code, for what others hold too; its handlers fail now and then."""
        dice = self.coded
        person, target = dice.choice(PEOPLE[:2]), dice.choice(("admin", "read", "auditors"))
        flow, lasts = dice.choice(("coded", "free")), dice.choice(["40s", "2m", "5m"])
        request_id = self.office.ask(person, target, lasts, flow, change=dice.choice(CHANGES))
        self.note(f"{person} asks {flow} for {target}: {request_id}")
        if dice.random() < 0.7 and not self.busy:
            self.live(SECOND)
            for request in [each for each in self.office.pending() if each.id == request_id]:
                for approver in dice.sample(("cleo", "dan", "eve"), 2):
                    self.note(f"{approver} approves {request_id}: {self.office.answer(approver, request)}")

    def answer(self, request: Request) -> None:
        """Anybody answers anything: requesters themselves, twice, what they did not see."""
        dice = self.dice
        person = dice.choice((*PEOPLE, "eve"))
        stale, deny = dice.random() < 0.1, dice.random() < 0.1
        what = self.office.answer(person, request, stale=stale, deny=deny)
        self.note(f"{person} answers {request.id}{' stale' if stale else ''}{' no' if deny else ''}: {what}")

    def hand(self) -> None:
        """An administrator makes or unmakes access."""
        key = self.dice.choice(sorted(self.keys, key=lambda each: each.text))
        truth, now = self.office.sim.truth(), self.office.clock.now()
        present = self.dice.random() < 0.5
        self.note(f"by hand: {key.parts} {'made' if present else 'removed'}")
        if key.kind == "aws_sso_membership":
            memberships, member = truth.stores[key.scope].memberships, Membership(key.scope, *key.parts)
            if present:
                memberships.add(member, now, identifier=truth.uuid(), by="hand", operation="hand")
            else:
                memberships.remove(member, now, by="hand", operation="hand")
            return
        assignments = truth.instances[key.scope].assignments
        made = Assignment(key.scope, key.parts[0], key.parts[1], "USER", key.parts[2])
        if present:
            assignments.add(made, now, identifier="hand", by="hand", operation="hand")
        else:
            assignments.remove(made, now, by="hand", operation="hand")

    def fault(self) -> None:
        dice, now = self.dice, self.office.clock.now()
        lines = []
        for _ in range(dice.choice([1, 1, 3])):
            line = {"do": dice.choice(_FAULTS), "chance": dice.choice([0.2, 0.5, 1.0])}
            if line["do"] == "stale":
                line["seconds"] = dice.choice([5, 60, 110])
            if line["do"] == "slow":
                line["seconds"] = dice.choice([1, 6])
            if line["do"] == "error":
                line |= {"status": dice.choice([400, 500])}
            if line["do"] == "never-ends":
                line["times"] = 1
            lines.append(line)
        length = timedelta(seconds=dice.choice([2, 20, 90, 300]))
        self.fault_until = now + length
        self.office.sim.set_faults([{**line, "until": length.total_seconds()} for line in lines])
        repair = 2 * MINUTE + 30 * SECOND
        if any(line["do"] == "never-ends" for line in lines):
            repair += 11 * MINUTE
        self.calm.trouble(now, self.fault_until, repair)
        self.note(f"faults for {length}: {lines}")

    def clear_fault(self) -> None:
        if self.fault_until is not None and self.office.clock.now() >= self.fault_until:
            self.office.sim.set_faults([])
            self.fault_until = None
            self.give_up_endless()

    def give_up_endless(self) -> None:
        """AWS, too, ends at last what it called in progress for ever: it failed."""
        for instance in self.office.sim.truth().instances.values():
            since = self.office.clock.now() - MINUTE
            for operation in [each for each in instance.running.values() if each.created < since]:
                del instance.running[operation.id]
                operation.status, operation.reason = "FAILED", "Request timed out"


def run(seed: int) -> tuple[list[Found], list[str]]:
    """What is wrong with one history, and what happened in it."""
    shared = Path("/dev/shm")  # commits are flushed to the disk; here it need not be a slow one
    logging.getLogger("gatepass").setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="gp-", dir=shared if shared.is_dir() else None))
    history = History(seed, folder)
    try:
        return history.run(), history.log
    finally:
        history.office.close()
        shutil.rmtree(folder, ignore_errors=True)
