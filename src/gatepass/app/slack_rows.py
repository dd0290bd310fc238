"""Who is who in Slack, and what was said there: from the estate in force and the store."""

from __future__ import annotations

from dataclasses import dataclass

from gatepass.desk import Book
from gatepass.notify import CARD
from gatepass.notify.upto import read_ref
from gatepass.store import Store, Tx, View

SLACK = "slack"


@dataclass(frozen=True, slots=True)
class SlackRows:
    """Fills the Slack face's `Links` and `Memory` from the estate in force and the store."""

    store: Store
    book: Book
    team: str

    def person(self, team: str, user: str) -> str | None:
        with self.store.read() as view:
            known = self.book.current(view).estate.person_by_identity(SLACK, team, user)
            stored = view.people.identities()
        found = {known.id} if known is not None else set()
        found |= {
            each.person
            for each in stored
            if (each.service, each.external_id, each.identity) == (SLACK, team, user)
            and each.failed_at is None
        }
        return found.pop() if len(found) == 1 else None

    def linked(self, users: frozenset[str]) -> frozenset[str]:
        """The people behind these users of the workspace; who is linked to several, or not at all, is left out."""
        with self.store.read() as view:
            estate = self.book.current(view).estate
            known = {
                each.identity: each.person
                for each in view.people.identities()
                if (each.service, each.external_id) == (SLACK, self.team) and each.failed_at is None
            }
        found = set()
        for user in users:
            declared = estate.person_by_identity(SLACK, self.team, user)
            people = {each for each in (declared and declared.id, known.get(user)) if each}
            found |= people if len(people) == 1 else set()
        return frozenset(found)

    def user(self, person: str) -> str | None:
        with self.store.read() as view:
            return self.user_in(view, person)

    def user_in(self, rows: View | Tx, person: str) -> str | None:
        """The same within a transaction."""
        declared = self.book.current(rows).estate.people.get(person)
        known = declared.identity(SLACK, self.team) if declared is not None else None
        if known is not None:
            return known
        kept = rows.people.identity(person, SLACK, self.team)
        return kept.identity if kept is not None and kept.failed_at is None else None

    def thread(self, request: str) -> tuple[str, str] | None:
        """Channel and timestamp of the request's first card."""
        with self.store.read() as view:
            cards = [
                m for m in view.outbox.of_request(request) if m.kind == CARD and m.channel.startswith(SLACK)
            ]
        refs = (read_ref(each) for each in cards)
        return next(((ref["channel"], ref["ts"]) for ref in refs if ref.get("ts")), None)

    def shown(self, request: str, version: int, where: str) -> str | None:
        with self.store.read() as view:
            refs = [read_ref(each) for each in view.outbox.of_request(request) if each.sent_ref]
        for ref in reversed(refs):
            if ref.get("version") == version and where == f"{ref.get('channel')}:{ref.get('ts')}":
                return str(ref["hash"])
        return None
