"""Fourteen bugs that a careful programmer could make, each as a change to product code and the check that must see it.

An edit's `old` must stand in its file exactly once: one that no longer applies is a failure, not a pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "gatepass"


@dataclass(frozen=True)
class Edit:
    """One replacement in one file of `src/gatepass`."""

    file: str
    old: str
    new: str

    def apply(self) -> str:
        """The file's text with the bug in it. ValueError: the place is not there exactly once."""
        text = (SOURCE / self.file).read_text()
        found = text.count(self.old)
        if found != 1:
            raise ValueError(f"{self.file}: the place to change is there {found} times:\n{self.old}")
        return text.replace(self.old, self.new)

    @property
    def module(self) -> str:
        return "gatepass." + self.file.removesuffix(".py").replace("/", ".")


@dataclass(frozen=True)
class Planted:
    """A bug: what it is, how it is made, and the check of `scenarios` that must fail with it."""

    name: str
    edits: tuple[Edit, ...]
    check: str


BUGS = (
    Planted(
        "delete before the grants are re-read under the lock",
        (
            Edit(
                "engine/step.py",
                "        parts.point(DECIDING)\n"
                "        with parts.store.write() as tx:\n"
                "            situation = self._situation(tx)\n",
                "        with parts.store.read() as view:\n"
                "            early = view.facts.grants_on(self._fact.key)\n"
                "        parts.point(DECIDING)\n"
                "        with parts.store.write() as tx:\n"
                "            situation = replace(self._situation(tx), grants=early)\n",
            ),
            Edit(  # and without the second net, the version of the grant's row
                "store/facts.py",
                'grants.c.id == bindparam("at_id"), grants.c.version == bindparam("at_version")',
                'grants.c.id == bindparam("at_id"), grants.c.version + 1000 > bindparam("at_version")',
            ),
        ),
        "an_extension_while_a_take_back_is_decided",
    ),
    Planted(
        "intent written after the call",
        (
            Edit(
                "engine/step.py",
                "            tx.facts.apply(plan, kept)\n",
                "            if plan.next is Next.SEND and plan.attempt is not None:\n"
                "                self._early = self._call(plan.fact, plan.attempt.verb)\n"
                "            tx.facts.apply(plan, kept)\n",
            ),
            Edit(
                "engine/step.py",
                "        result = self._call(plan.fact, attempt.verb)\n",
                "        result = self._early\n",
            ),
        ),
        "a_kill_after_the_call",
    ),
    Planted(
        "standing remembered from an earlier grant",
        (
            Edit(
                "access/settle.py",
                "    if not fact.ours:\n        work.end_all_ending()\n",
                "    if not fact.ours:\n        work.end_all_ending()\n"
                "        if fact.state is FactState.PRESENT and work.waiting():\n"
                "            return work.cover()\n",
            ),
        ),
        "standing_is_read_anew",
    ),
    Planted(
        "only page 1 read",
        (
            Edit(
                "aws/door.py",
                "            if not token:\n                return found\n",
                "            return found\n",
            ),
        ),
        "every_page_counts",
    ),
    Planted(
        "FAILED taken for done",
        (
            Edit(
                "access/settle.py",
                "            work.close(attempt, Outcome.NOT_DONE, detail=detail, refused=attempt.verb is Verb.GRANT)\n"
                "            if attempt.verb is Verb.REVOKE:\n"
                "                return work.fail_try(attempt.verb, detail)\n",
                "            work.close(attempt, Outcome.DONE)\n",
            ),
        ),
        "failed_is_failed",
    ),
    Planted(
        "end moved by a retry",
        (
            Edit(
                "access/work.py",
                "        self.put(attempt)\n        self.set_state(FactState.CREATING if",
                "        for late in self.in_state(GrantState.GRANTING):\n"
                "            later = replace(late, ends_at=self.s.now + late.duration)\n"
                "            self.grants[late.id] = later\n"
                "            self.moves = [later if m.id == late.id else m for m in self.moves] or [later]\n"
                "        self.put(attempt)\n        self.set_state(FactState.CREATING if",
            ),
        ),
        "a_retry_moves_no_end",
    ),
    Planted(
        "a timed-out create taken for absent",
        (
            Edit(
                "access/settle.py",
                "            work.close(attempt, Outcome.UNKNOWN, detail=detail)\n"
                "            work.set_state(FactState.UNKNOWN)\n",
                "            work.close(attempt, Outcome.NOT_DONE, detail=detail)\n"
                "            work.set_state(FactState.UNKNOWN)\n",
            ),
        ),
        "a_lost_create_is_not_absent",
    ),
    Planted(
        "requester compared by e-mail",
        (
            Edit(
                "access/decide.py",
                "    if person.id in (request.requester, request.asked_by) and not request.terms.allow_self:\n",
                '    if person.email.partition("@")[0] in (request.requester, request.asked_by) and not '
                "request.terms.allow_self:\n",
            ),
        ),
        "a_requester_with_another_address",
    ),
    Planted(
        "second approval counted for a changed request",
        (
            Edit(
                "access/decide.py",
                "d.answer is Answer.APPROVE and d.content_hash == request.content_hash",
                "d.answer is Answer.APPROVE",
            ),
        ),
        "an_approval_of_what_was_shown_before",
    ),
    Planted(
        "audit row outside the transaction",
        (
            Edit(
                "store/store.py",
                "            yield tx\n            tx.entries.append(tx.now)\n",
                "            yield tx\n"
                "        with self._transaction(self._engines.writer) as later:\n"
                "            tx.entries._link = later\n"
                "            tx.entries.append(tx.now)\n",
            ),
        ),
        "no_change_without_its_audit_entry",
    ),
    Planted(
        "standing access deleted because every grant on it was covered",
        (
            Edit(
                "access/work.py",
                '        self.say("fact.standing")\n',
                '        self.say("fact.standing")\n        self.change_fact(ours=True)\n',
            ),
        ),
        "standing_stays",
    ),
    Planted(
        "an access made by an administrator after our end deleted by the sweep",
        (
            Edit(
                "access/settle.py",
                "    if work.perhaps_ours() and work.fact.absent_at is not None:\n",
                "    if work.fact.absent_at is not None:\n",
            ),
        ),
        "made_by_hand_after_our_end",
    ),
    Planted(
        "a reading counted from when the step goes on",
        (
            Edit(
                "engine/step.py",
                "        def decide(s: Situation) -> Plan:\n            if s.now > look.until:\n",
                "        look = replace(look, until=self._parts.clock.now() + self._parts.settings.lease)\n\n"
                "        def decide(s: Situation) -> Plan:\n            if s.now > look.until:\n",
            ),
        ),
        "held_no_more",
    ),
    Planted(
        "a group that was lost is forgotten",
        (
            Edit(
                "desk/gate.py",
                "    if estate.rule_for(flow, target, person) is not None:\n        return None\n    return f",
                "    if estate.rule_for(flow, target, person) is not None or person.active:\n"
                "        return None\n    return f",
            ),
        ),
        "who_is_in_no_group_that_may_ask",
    ),
)
