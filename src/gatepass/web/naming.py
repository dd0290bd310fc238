"""Names for people: what a request is about, in the words of the estate and of AWS's own account list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from urllib.parse import quote

from gatepass.access.requests import Request
from gatepass.desk.asking import ACCOUNT
from gatepass.estate.model import Estate, Target, Who
from gatepass.store import Store


class AwsTells(Protocol):
    """Names that only AWS knows; empty while they are not known. Answers at once."""

    def permission_set(self, organization: str, arn: str) -> str:
        """The name of a permission set that the estate gives by its ARN."""
        ...

    def store(self, organization: str) -> str:
        """The identity store's id, which names the organization's access portal."""
        ...


class NothingTold:
    """AWS is not asked."""

    def permission_set(self, organization: str, arn: str) -> str:
        return ""

    def store(self, organization: str) -> str:
        return ""


NAMED = 8
"""So many people are named where it is said who decides; the rest is counted."""


@dataclass(frozen=True, slots=True)
class What:
    """One thing that is asked for or held, ready to be read."""

    flow: str
    organization: str
    account_id: str
    account: str
    """The account's name where AWS told it; else empty."""
    access: str
    """Permission set or group, by its name in AWS where the estate says it."""
    label: str
    """As the estate calls it."""
    kind: str
    """permission set, group, or decision."""
    region: str = ""
    role: str = ""
    """The permission set's name; empty where the estate has only its ARN, and for groups."""
    store_id: str = ""

    @property
    def console(self) -> str:
        """AWS's own portal, at this account and role; the person signs in there, not here. Empty: not known."""
        if not self.store_id:
            return ""
        start = f"https://{self.store_id}.awsapps.com/start/#/"
        if self.role and self.account_id:
            return f"{start}console?account_id={self.account_id}&role_name={quote(self.role, safe='')}"
        return start


class Names:
    """Looks names up for one page; accounts of an organization are read once. Not thread-safe."""

    def __init__(self, estate: Estate, store: Store, aws: AwsTells | None = None) -> None:
        self._estate = estate
        self._aws = aws or NothingTold()
        self._store = store
        self._accounts: dict[str, Mapping[str, str]] = {}

    def person(self, person_id: str | None) -> str:
        """A person by their label; rules and handlers by what they are."""
        if person_id is None:
            return ""
        person = self._estate.people.get(person_id)
        if person is not None:
            return person.label
        return "the rule itself" if person_id == "rule" else person_id

    def flow(self, name: str) -> str:
        flow = self._estate.flows.get(name)
        return flow.label if flow is not None else name

    def durations(self, name: str) -> tuple[timedelta, ...]:
        """The lengths that a flow lists, if it does."""
        flow = self._estate.flows.get(name)
        asked = flow.field("duration") if flow is not None else None
        listed = asked.allowed_values if asked is not None else ()
        return tuple(each for each in listed if isinstance(each, timedelta))

    def account(self, organization: str | None, account_id: str | None) -> str:
        if organization is None or account_id is None:
            return ""
        if organization not in self._accounts:
            with self._store.read() as view:
                listed = view.estates.accounts(organization)
            self._accounts[organization] = {each.id: each.name for each in listed}
        return self._accounts[organization].get(account_id, "")

    def what(self, request: Request) -> What:
        """What a request is about. A target that has left the estate keeps its bare name."""
        target = self._estate.targets.get(request.target or "")
        if target is None:
            where = request.organization or ""
            kind = "decision" if request.target is None else "permission set"
            words = request.target or self.flow(request.flow)
            return What(self.flow(request.flow), where, request.account_id or "", "", words, words, kind)
        return self.target(target, self.flow(request.flow), request.account_id)

    def target(self, target: Target, flow: str = "", account_id: str | None = None) -> What:
        """What a target gives, in an account where that is known."""
        organization = self._estate.organizations[target.organization]
        settings = target.settings
        account_id = account_id or settings.get(ACCOUNT)
        group = target.type == "aws_sso_group"
        name = settings.get("group_name" if group else "permission_set_name", "")
        if not name and not group and "permission_set_arn" in settings:
            name = self._aws.permission_set(target.organization, settings["permission_set_arn"])
        return What(
            flow=flow,
            organization=organization.label,
            account_id=account_id or "",
            account=self.account(target.organization, account_id),
            access=name or target.label,
            label=target.label,
            kind="group" if group else "permission set",
            region=organization.connector.region,
            role="" if group else name,
            store_id=organization.connector.identity_store_id or self._aws.store(target.organization),
        )

    def deciders(self, who: Who, but_not: str = "") -> tuple[str, ...]:
        """Who belongs to it now, by name, at most `NAMED` and then how many more."""
        found = sorted(p.label for p in self._estate.people.values() if p.id != but_not and who.includes(p))
        more = len(found) - NAMED
        return (*found[:NAMED], f"{more} more") if more > 0 else tuple(found)
