"""What a laptop needs to use what a person may ask for: logins and sessions, without secrets (`GET /v1/sessions`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from gatepass.api.render import lasts
from gatepass.desk import Ask, Caller, Desk
from gatepass.errors import GatepassError
from gatepass.estate.model import Offer, Target
from gatepass.estate.naming import session_name

Json = dict[str, Any]
ACCOUNT = "account_id"


class AwsTells(Protocol):
    """Names that only AWS knows; empty while they are not known. Answers at once."""

    def permission_set(self, organization: str, arn: str) -> str:
        """The name of a permission set that the estate gives by its ARN."""
        ...

    def store(self, organization: str) -> str:
        """The identity store's id, which names the organization's access portal."""
        ...


def sessions_json(desk: Desk, aws: AwsTells, caller: Caller) -> Json:
    """Everything this person may ask for, one session per account; `complete` false: AWS's names come in a moment."""
    gathered = _Gathered(desk, aws, caller)
    for offer in desk.offers(caller):
        gathered.take(offer)
    return {
        "complete": gathered.complete,
        "logins": list(gathered.logins.values()),
        "sessions": gathered.sessions,
        "problems": gathered.problems,
    }


class _Gathered:
    def __init__(self, desk: Desk, aws: AwsTells, caller: Caller) -> None:
        self._desk, self._aws, self._caller = desk, aws, caller
        self._estate = desk.estate()
        self._accounts_of: dict[str, Mapping[str, str]] = {}
        self.complete = True
        self.logins: dict[str, Json] = {}
        self.sessions: list[Json] = []
        self.problems: list[str] = []

    def take(self, offer: Offer) -> None:
        """Adds what the offer opens; groups and flows that give nothing open no session."""
        target, organization = offer.target, offer.organization
        if target is None or organization is None or target.type == "aws_sso_group":
            return
        role = self._role(target)
        store = organization.connector.identity_store_id or self._aws.store(organization.name)
        if not role or not store:
            self.complete = False
            return
        self.logins[organization.name] = {
            "organization": organization.name,
            "label": organization.label,
            "start_url": f"https://{store}.awsapps.com/start",
            "region": organization.connector.region,
        }
        try:
            names = self._names(target.organization)
            for account in self._accounts(offer, target):
                self.sessions.append(self._session(offer, target, role, account, names))
        except GatepassError as error:
            self.problems.append(f"flow {offer.flow.name}, target {target.name}: {error.message}")

    def _role(self, target: Target) -> str:
        name = target.settings.get("permission_set_name", "")
        arn = target.settings.get("permission_set_arn")
        return name or (self._aws.permission_set(target.organization, arn) if arn else "")

    def _accounts(self, offer: Offer, target: Target) -> Iterator[str]:
        """The accounts as the person would be offered them: of the estate, of AWS or of the flow's code."""
        if ACCOUNT in target.settings:
            yield target.settings[ACCOUNT]
            return
        form = self._desk.form(self._caller, Ask(offer.flow.name, target.name, target.organization, {}))
        options = form.options.get(ACCOUNT)
        if options is not None and options.problem:
            self.problems.append(f"flow {offer.flow.name}, target {target.name}: {options.problem}")
        for option in options.options if options is not None else ():
            yield str(option.value)
        if options is None and target.accounts is not None:
            yield from sorted(target.accounts.ids)

    def _names(self, organization: str) -> Mapping[str, str]:
        if organization not in self._accounts_of:
            self._accounts_of[organization] = self._desk.accounts(organization)
        return self._accounts_of[organization]

    def _session(
        self, offer: Offer, target: Target, role: str, account: str, names: Mapping[str, str]
    ) -> Json:
        return {
            "name": session_name(self._estate, offer.flow.name, target, account, names),
            "flow": offer.flow.name,
            "target": target.name,
            "organization": target.organization,
            "account_id": account,
            "account": names.get(account, ""),
            "role_name": role,
            "longest": lasts(offer.cap),
        }
