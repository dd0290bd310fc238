"""What a flow's code may ask while it runs: people, accounts and groups of its own organization, secrets by reference.

Answers come from what gatepass keeps (no AWS call for accounts), or through the organization's own connector. What has
no integration raises the SDK's named "not configured" error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gatepass.access.requests import Grant, Request
from gatepass.access.states import GrantState
from gatepass.app.references import look_up
from gatepass.aws import organizations
from gatepass.aws.directory import Directory
from gatepass.aws.door import Door
from gatepass.aws.errors import AwsError, Invalid, Missing
from gatepass.desk.coding import About
from gatepass.estate.model import Person, normalise_email
from gatepass.handlers import Answers, Ask, Unanswered, World
from gatepass.handlers.event import integration_json, person_id, person_json
from gatepass.store import RequestFilter, Store
from gatepass.store.estates import KnownAccount

MOST_MEMBERS = 20
"""A larger group is refused, as in Sym (spec/sym.md 2.10)."""
SERVICE = "aws_sso"
_GROUP = ("GroupId", "DisplayName", "Description", "ExternalIds", "IdentityStoreId")
Function = Callable[[Ask], Any]


@dataclass(frozen=True, slots=True)
class RealWorlds:
    """Makes a `World` for each call. `more` makes the functions of faces (slack), by name."""

    store: Store
    door: Door
    directory: Directory
    more: Callable[[About], Mapping[str, Function]]

    def __call__(self, about: About) -> World:
        one = _OneWorld(self, about)
        return Answers({**one.functions(), **self.more(about)})


@dataclass(frozen=True, slots=True)
class _OneWorld:
    parts: RealWorlds
    about: About

    def functions(self) -> dict[str, Function]:
        return {
            "aws_sso.list_accounts": self._list_accounts,
            "aws_sso.list_groups": lambda ask: self._in_aws(self._groups),
            "aws_sso.users_in_group": lambda ask: self._in_aws(
                lambda: [person_json(each) for each in self._members(str(ask.arguments["group_name"]))]
            ),
            "aws_sso.is_user_in_group": self._is_in_group,
            "sym.get_or_create_user_by_email": lambda ask: person_json(
                self._by_email(str(ask.arguments["email"]))
            ),
            "sym.get_or_create_users_by_emails": self._by_emails,
            "secret.retrieve_value": lambda ask: self._secret(str(ask.arguments["secret_id"])),
            "user.get_event_count": self._event_count,
            "utils.persist_user_identity": self._persist,
        }

    # -- AWS

    def _organization(self) -> str:
        """The one organization this is about: of the target, or the only one the flow has."""
        if self.about.organization is not None:
            return self.about.organization
        found = self.about.flow.organizations
        if len(found) == 1:
            return found[0]
        raise Unanswered(
            "AWSSSO",
            "NO_ORGANIZATION",
            f"flow {self.about.flow.name} is for several organizations, and none is chosen yet",
            "Ask after a target is chosen, or make one flow for each organization.",
        )

    def _list_accounts(self, ask: Ask) -> list[dict[str, str]]:
        """From the list gatepass keeps; a unit's direct children only, as in Sym. A unit that the list does not know
        has no accounts or is not there: AWS is asked which."""
        organization = self._organization()
        with self.parts.store.read() as view:
            known = view.estates.accounts(organization)
        unit = ask.arguments["organizational_unit_id"]
        if unit is not None and not any(unit in each.unit_path.split("/") for each in known):
            return self._children(organization, str(unit))
        return [_account(each) for each in known if unit is None or each.unit_path.split("/")[-1] == unit]

    def _children(self, organization: str, unit: str) -> list[dict[str, str]]:
        try:
            found = organizations.children(self.parts.door, organization, unit)
        except (Missing, Invalid) as unknown:
            raise Unanswered("AWSSSO", "OU_NOT_FOUND", f"there is no organizational unit {unit}") from unknown
        except AwsError as refused:
            raise Unanswered("AWSSSO", refused.code.upper(), str(refused)) from refused
        return [
            {
                "Id": each.id,
                "Name": each.name,
                "Email": each.email,
                "Status": "SUSPENDED" if each.suspended else "ACTIVE",
            }
            for each in found
        ]

    def _in_aws(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except AwsError as refused:
            raise Unanswered("AWSSSO", refused.code.upper(), str(refused)) from refused

    def _groups(self) -> list[dict[str, Any]]:
        organization = self._organization()
        store = self.parts.directory.store(organization)
        rows = self.parts.door.pages(
            organization, "identitystore", "ListGroups", "Groups", IdentityStoreId=store
        )
        return [{key: row[key] for key in _GROUP if key in row} for row in rows]

    def _member_ids(self, name: str) -> list[str]:
        organization = self._organization()
        group = self.parts.directory.find_group(organization, name)
        store = self.parts.directory.store(organization)
        rows = self.parts.door.pages(
            organization,
            "identitystore",
            "ListGroupMemberships",
            "GroupMemberships",
            IdentityStoreId=store,
            GroupId=group,
        )
        return [str(row["MemberId"]["UserId"]) for row in rows]

    def _members(self, name: str) -> list[Person]:
        ids = self._member_ids(name)
        if len(ids) > MOST_MEMBERS:
            raise Unanswered("AWSSSO", "TOO_MANY_USERS", f"group {name} has more than {MOST_MEMBERS} members")
        return [person for each in ids if (person := self._by_user_id(each)) is not None]

    def _is_in_group(self, ask: Ask) -> bool:
        person = self._person(ask.arguments["user"])
        name = str(ask.arguments["group_name"])
        found = self._in_aws(lambda: self._member_ids(name))
        return person is not None and any(self._by_user_id(each) == person for each in found)

    def _by_user_id(self, user_id: str) -> Person | None:
        """The person of the estate with this id in the organization's directory: stored, or of that address."""
        organization, estate = self._organization(), self.about.version.estate
        instance = estate.organizations[organization].connector.instance_arn
        known = estate.person_by_identity(SERVICE, instance, user_id)
        if known is not None:
            return known
        with self.parts.store.read() as view:
            for each in view.people.identities():
                if (each.service, each.external_id, each.identity) == (SERVICE, instance, user_id):
                    return estate.people.get(each.person)
        row = self.parts.door.call(
            organization,
            "identitystore",
            "DescribeUser",
            IdentityStoreId=self.parts.directory.store(organization),
            UserId=user_id,
        )
        addresses = [row.get("UserName", ""), *(each.get("Value", "") for each in row.get("Emails", ()))]
        return next((p for a in addresses if (p := estate.person_by_email(a)) is not None), None)

    # -- people

    def _person(self, given: Mapping[str, Any]) -> Person | None:
        wanted = str(given["id"])
        people = self.about.version.estate.people.values()
        return next((each for each in people if person_id(each.id) == wanted), None)

    def _by_email(self, email: str) -> Person:
        """Whoever the estate knows under the address. gatepass makes nobody: people are declared."""
        known = self.about.version.estate.person_by_email(email)
        if known is not None:
            return known
        if "@" not in email:
            raise Unanswered("SymIntegration", "USER_PROCESSING_ERROR", f"{email} is no e-mail address")
        address = normalise_email(email)
        return Person(address, email, frozenset({address}), email, "guest")

    def _by_emails(self, ask: Ask) -> list[dict[str, Any]]:
        found = []
        for email in ask.arguments["emails"]:
            try:
                found.append(person_json(self._by_email(str(email))))
            except Unanswered:
                if ask.arguments["raise_on_error"]:
                    raise
        return found

    def _persist(self, ask: Ask) -> dict[str, str]:
        given = {key: str(ask.arguments[key]) for key in ("service", "service_id", "user_id")}
        person = self.about.version.estate.person_by_email(str(ask.arguments["email"]))
        if person is None:
            raise Unanswered(
                "Identity", "COULD_NOT_SAVE", f"nobody in the estate has the address {ask.arguments['email']}"
            )
        with self.parts.store.write() as tx:
            kept = tx.people.store_identity(
                person.id, given["service"], given["service_id"], given["user_id"], by=self.about.flow.name
            )
        return {**given, "user_id": kept.identity}

    def _event_count(self, ask: Ask) -> int:
        """Events on requests that the person made through this flow (or for this target), within the bounds."""
        person = self._person(ask.arguments["user"])
        if person is None:
            return 0
        wanted = RequestFilter(flow=self.about.flow.name, requester=person.id)
        if ask.arguments["filter_on"] == "target":
            if self.about.target is None:
                return 0  # none is chosen yet
            wanted = RequestFilter(target=self.about.target, requester=person.id)
        errored = bool(ask.arguments.get("include_errored"))
        since, until = (_moment(ask.arguments[name]) for name in ("since", "until"))
        with self.parts.store.read() as view:
            count, cursor = 0, None
            while True:
                page = view.requests.find(None, wanted, cursor=cursor, limit=500)
                for request in page.requests:
                    grants = view.requests.grants_of(request.id)
                    moments = _when(str(ask.arguments["event_name"]), request, grants, errored=errored)
                    count += sum(
                        1 for at in moments if (not since or at >= since) and (not until or at <= until)
                    )
                cursor = page.next
                if cursor is None:
                    return count

    # -- secrets

    def _secret(self, secret_id: str) -> str:
        """The value that a reference of one of the environment's integrations names; never kept, never logged."""
        estate = self.about.version.estate
        environment = estate.environments.get(self.about.flow.environment or "")
        for name in environment.integrations.values() if environment else ():
            integration = estate.integrations[name]
            for key, setting in integration_json(integration)["settings"].items():
                if isinstance(setting, dict) and setting.get("secret_id") == secret_id:
                    return _dereference(integration.settings[key])
        raise Unanswered("SymSDK", "SECRET_NOT_FOUND", f"there is no secret {secret_id} in this environment")


def _dereference(reference: str) -> str:
    words = f"the reference {reference} names nothing on the server"
    try:
        value = look_up(reference)
    except ValueError:
        value, words = None, "a literal stands where a reference to a secret belongs"
    if value is None:
        raise Unanswered("SymSDK", "SECRET_NOT_FOUND", words)
    return value


def _account(each: KnownAccount) -> dict[str, str]:
    return {"Id": each.id, "Name": each.name, "Email": each.email, "Status": each.status}


def _moment(text: object) -> datetime | None:
    if text is None:
        return None
    at = datetime.fromisoformat(str(text))
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _when(event: str, request: Request, grants: Sequence[Grant], *, errored: bool) -> list[datetime]:
    """When events of this name happened on a request; those that failed only if they are wanted."""
    match event:
        case "request":
            return [request.asked_at]
        case "approve" if request.state.value in ("approved", "ended"):
            return [request.decided_at] if request.decided_at else []
        case "deny" if request.state.value == "denied":
            return [request.decided_at or request.asked_at]
        case "escalate":
            given = [g for g in grants if errored or g.state is not GrantState.FAILED]
            return [grant.starts_at for grant in given if grant.starts_at]
        case "deescalate":
            return [grant.ended_at for grant in grants if grant.ended_at and grant.starts_at]
    return []
