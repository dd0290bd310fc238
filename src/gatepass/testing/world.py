"""A `handlers.World` of plain values, for the tests of gatepass and of implementers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gatepass.estate.model import Person
from gatepass.handlers import Answers, Ask, Unanswered
from gatepass.handlers.event import person_json


class FakeWorld:
    """Answers what a real server answers, from what it is given; remembers every question in `asked`.

    Services that are not given are not configured: asking them raises their named error, as on a server.
    """

    def __init__(
        self,
        people: Sequence[Person] = (),
        *,
        accounts: Mapping[str, str] | None = None,
        units: Mapping[str, Sequence[str]] | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        secrets: Mapping[str, str] | None = None,
        event_counts: Mapping[str, int] | None = None,
        answers: Mapping[str, Any | Callable[[Ask], Any]] | None = None,
    ) -> None:
        """`accounts`: id -> name. `units`: id -> accounts directly below. `groups`: display name -> ids of people.

        `secrets`: id -> value. `event_counts`: event -> count. `answers`: function -> its answer, or what makes it.
        """
        self.asked: list[Ask] = []
        self._people = {person.id: person for person in people}
        self._accounts = dict(accounts or {})
        self._units = dict(units or {})
        self._groups = dict(groups or {})
        self._secrets = dict(secrets or {})
        self._counts = dict(event_counts or {})
        self._answers = Answers(
            {**self._known(), **{name: _answering(each) for name, each in (answers or {}).items()}}
        )

    def ask(self, ask: Ask) -> Any:
        """The answer; raises `Unanswered` as a server would."""
        self.asked.append(ask)
        return self._answers.ask(ask)

    def _known(self) -> dict[str, Callable[[Ask], Any]]:
        return {
            "aws_sso.list_accounts": self._list_accounts,
            "aws_sso.list_groups": lambda ask: [
                {"GroupId": name, "DisplayName": name} for name in self._groups
            ],
            "aws_sso.users_in_group": lambda ask: self._members(str(ask.arguments["group_name"])),
            "aws_sso.is_user_in_group": self._is_in_group,
            "sym.get_or_create_user_by_email": lambda ask: self._by_email(str(ask.arguments["email"])),
            "sym.get_or_create_users_by_emails": self._by_emails,
            "secret.retrieve_value": self._secret,
            "user.get_event_count": lambda ask: self._counts.get(str(ask.arguments["event_name"]), 0),
            "utils.persist_user_identity": lambda ask: {
                key: ask.arguments[key] for key in ("service", "service_id", "user_id")
            },
        }

    def _list_accounts(self, ask: Ask) -> list[dict[str, str]]:
        unit = ask.arguments["organizational_unit_id"]
        if unit is not None and unit not in self._units:
            raise Unanswered("AWSSSO", "OU_NOT_FOUND", f"there is no organizational unit {unit}")
        ids = list(self._accounts) if unit is None else self._units[unit]
        return [
            {"Id": each, "Name": self._accounts.get(each, each), "Email": "", "Status": "ACTIVE"}
            for each in ids
        ]

    def _group(self, name: str) -> Sequence[str]:
        if name not in self._groups:
            raise Unanswered("AWSSSO", "GROUP_NOT_FOUND", f"there is no group {name}")
        return self._groups[name]

    def _members(self, name: str) -> list[dict[str, Any]]:
        members = self._group(name)
        if len(members) > 20:
            raise Unanswered("AWSSSO", "TOO_MANY_USERS", f"group {name} has more than 20 members")
        return [person_json(self._people[each]) for each in members]

    def _is_in_group(self, ask: Ask) -> bool:
        return ask.arguments["user"] in self._members(str(ask.arguments["group_name"]))

    def _by_email(self, email: str) -> dict[str, Any]:
        for person in self._people.values():
            if email.casefold() in person.emails:
                return person_json(person)
        if "@" not in email:
            raise Unanswered("SymIntegration", "USER_PROCESSING_ERROR", f"{email} is no e-mail address")
        return person_json(Person(email, email, frozenset({email}), email, "guest"))

    def _by_emails(self, ask: Ask) -> list[dict[str, Any]]:
        found = []
        for email in ask.arguments["emails"]:
            try:
                found.append(self._by_email(str(email)))
            except Unanswered:
                if ask.arguments["raise_on_error"]:
                    raise
        return found

    def _secret(self, ask: Ask) -> str:
        known = self._secrets.get(str(ask.arguments["secret_id"]))
        if known is None:
            raise Unanswered("SymSDK", "SECRET_NOT_FOUND", f"there is no secret {ask.arguments['secret_id']}")
        return known


def _answering(given: Any) -> Callable[[Ask], Any]:
    return given if callable(given) else lambda ask: given
