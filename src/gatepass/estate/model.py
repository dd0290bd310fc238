"""What exists and what may be asked for, as frozen values; and the questions the front door asks of them.

Not here: reading YAML (`loader`), and every decision about one request (`gatepass.access`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import Literal

from gatepass.estate.canonical import digest
from gatepass.estate.drift import Drift
from gatepass.estate.fields import Code, Field
from gatepass.estate.notify import Notify

Role = Literal["admin", "member", "guest"]
ROLES: tuple[Role, ...] = ("admin", "member", "guest")
SOURCES = ("slack", "api")
"""Where a request may come from: `slack`, and `api` for everything else (web, command line, bots)."""
TARGET_TYPES = ("aws_sso_permission_set", "aws_sso_group")

GROUP_ID = "(?:[0-9a-f]{10}-)?[A-Fa-f0-9]{8}(?:-[A-Fa-f0-9]{4}){3}-[A-Fa-f0-9]{12}"
"""The form of an identity store's group id (identitystore API, type ResourceId)."""
_BOUND_LABELS = {"account_id": "Account", "permission_set_arn": "Permission set", "group_id": "Group"}


def normalise_email(text: str) -> str:
    """The form in which addresses are compared: NFC, case folded, trimmed (security.md rule 3)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold())


@dataclass(frozen=True)
class Person:
    """Somebody who asks or decides, known by a stable `id` that is never given to another."""

    id: str
    email: str
    """As written. Only for reaching the person and finding them once; never proof of who they are (I7)."""
    emails: frozenset[str]
    """Every address of theirs, normalised; contains `email`."""
    label: str
    role: Role = "member"
    groups: frozenset[str] = frozenset()
    identities: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Service -> external id (workspace, instance ARN, account, issuer) -> id there."""
    active: bool = True

    def identity(self, service: str, external_id: str) -> str | None:
        """The stored id of this person in one service, or None: then it must be discovered."""
        return self.identities.get(service, {}).get(external_id)


@dataclass(frozen=True)
class Who:
    """A set of people: named, by group, by role. Empty means nobody."""

    groups: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    """Ids of people."""
    roles: frozenset[Role] = frozenset()

    def includes(self, person: Person) -> bool:
        """Whether this person belongs to it now. Somebody inactive belongs to nothing (I13)."""
        named = person.id in self.people or person.role in self.roles or bool(self.groups & person.groups)
        return person.active and named

    def words(self) -> str:
        """For people to read: `group oncall, person cleo`."""
        parts = [
            *(f"group {each}" for each in sorted(self.groups)),
            *sorted(self.people),
            *(f"every {each}" for each in sorted(self.roles)),
        ]
        return ", ".join(parts) or "nobody"


NOBODY = Who()
MEMBERS = Who(roles=frozenset(("admin", "member")))
ADMINS = Who(roles=frozenset(("admin",)))


@dataclass(frozen=True)
class Connector:
    """How gatepass reaches one organization's Identity Center: which role, which instance, which region."""

    instance_arn: str
    region: str
    role_arn: str
    external_id: str | None = None
    """For assume-role. None: the one that gatepass generates for this organization (security.md 3.12)."""
    identity_store_id: str | None = None
    """None: read from the instance."""


@dataclass(frozen=True)
class Organization:
    """One AWS Organization with its Identity Center instance: a tenant, a customer, one's own."""

    name: str
    label: str
    connector: Connector
    sso_account_id: str
    """The account in which the connector's role stands."""
    max_duration: timedelta | None = None
    """No access in it is given for longer, whatever a flow says."""
    end_sessions: Literal["wait"] = "wait"
    """What happens to sessions still running at the end of access; `deny` is refused until it is built."""


@dataclass(frozen=True)
class Accounts:
    """Accounts from which the asker chooses one: any that is named, or below a unit, or carries all the tags.

    Units and tags are read from AWS when they are needed; what is outside the organization is never offered.
    """

    ids: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    """Organizational units or the root (`ou-...`, `r-...`); every account below, at any depth."""
    tags: Mapping[str, str] = field(default_factory=dict)
    all: bool = False
    """Any account of the organization (which ones are offered is for the flow's prefetch field to say)."""

    @property
    def known(self) -> bool:
        """Whether the choice is in the estate itself, so that AWS need not be asked."""
        return not (self.units or self.tags or self.all)


@dataclass(frozen=True)
class Target:
    """One thing that a person can be given."""

    name: str
    """Unique in the estate and stable: `<organization>-<short>` when it was written inside an organization."""
    short: str
    """As flows and rules name it; the same word may stand in several organizations."""
    label: str
    type: str
    organization: str
    settings: Mapping[str, str]
    """Sym's keys (spec/sym.md 1.8), plus `permission_set_name` and `group_name` where the id is looked up in AWS."""
    field_bindings: tuple[str, ...] = ()
    """Settings that come from the request's field of the same name."""
    accounts: Accounts | None = None
    """What `account_id` may be when the asker chooses it; None when `settings` names the one account, or for groups."""
    max_duration: timedelta | None = None

    def bound(self, values: Mapping[str, object]) -> dict[str, str]:
        """The settings completed with the bound fields of a request. KeyError when one is missing."""
        return {**self.settings, **{name: str(values[name]) for name in self.field_bindings}}


@dataclass(frozen=True)
class Integration:
    """A typed connection to one external service instance."""

    name: str
    type: str
    external_id: str
    label: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Strategy:
    """A way of granting: a type, the integration it works through, the targets it knows, in order."""

    name: str
    type: str
    label: str
    integration: str
    targets: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Environment:
    """What flows share: named integrations for code and messages."""

    name: str
    label: str
    integrations: Mapping[str, str] = field(default_factory=dict)
    """Service word -> name of an integration."""


@dataclass(frozen=True)
class Approval:
    """Who may approve, and how many different people must."""

    who: Who
    needed: int = 1


@dataclass(frozen=True)
class Rule:
    """Under these conditions, decided so. Rules are read top down; the first that matches wins, whole."""

    ask: Who | None = None
    """Only for requests of these people; None: of everybody who may ask."""
    targets: frozenset[str] = frozenset()
    """Names or short names; empty: every target."""
    organizations: frozenset[str] = frozenset()
    """Empty: every organization."""
    approve: Approval | None = None
    """None only with `automatic`."""
    automatic: bool = False
    """Alone: approved at once, nobody is asked. Beside `approve`: the flow's code may approve in their place."""
    allow_self: bool = False
    max_duration: timedelta | None = None
    unanswered_after: timedelta | None = None
    """A request that nobody answered expires after so long; None: after `access.decide.UNANSWERED_AFTER`, a day."""
    accepted_lateness: timedelta | None = None
    """No approval when the forecast of the end is later than due by more than this; None: any (security.md 4)."""

    def about(self, target: Target | None) -> bool:
        """Whether this rule is about this target; None stands for a flow that gives nothing."""
        if target is None:
            return not self.targets and not self.organizations
        named = not self.targets or bool(self.targets & {target.name, target.short})
        return named and (not self.organizations or target.organization in self.organizations)

    def matches(self, target: Target | None, person: Person) -> bool:
        """Whether this rule decides when this person asks for this."""
        return self.about(target) and (self.ask is None or self.ask.includes(person))

    @property
    def needed(self) -> int:
        """How many people must approve; 0 when it is automatic alone."""
        return self.approve.needed if self.approve else 0

    @property
    def approvers(self) -> Who:
        """Who may approve under this rule."""
        return self.approve.who if self.approve else NOBODY


@dataclass(frozen=True)
class Decide:
    """The declarative block of a flow: who may ask, and the rules by which it is decided."""

    ask: Who
    rules: tuple[Rule, ...]


SYM_RULES = Decide(ask=MEMBERS, rules=(Rule(approve=Approval(ADMINS)),))
"""Without a declarative block: members and admins ask, admins decide (spec/sym.md 3.3, no permission reducer)."""


@dataclass(frozen=True)
class Flow:
    """What a person picks: a form, what may be given through it, and how it is decided."""

    name: str
    label: str
    organizations: tuple[str, ...]
    """Names, `all` already resolved. Empty only for a flow that gives nothing (approval only)."""
    targets: tuple[str, ...]
    """Full names of the targets offered, in the order in which they are shown; empty: approval only."""
    fields: tuple[Field, ...]
    """Declared fields, and `duration` where it is implied (spec/sym.md 3.6). See also `Estate.form`."""
    decide: Decide = SYM_RULES
    declarative: bool = False
    """Whether `decide` was written: then code can only narrow it."""
    strategies: tuple[str, ...] = ()
    environment: str | None = None
    vars: Mapping[str, str] = field(default_factory=dict)
    implementation: Code | None = None
    hosts: frozenset[str] = frozenset()
    """`name` or `name:port` that the code may connect to; empty: no network (security.md rule 26)."""
    allowed_sources: frozenset[str] = frozenset(SOURCES)
    """Empty: nobody can start the flow."""
    schedule_deescalation: bool = True
    """False: no duration is asked; access ends by hand, at the latest at the organization's `max_duration`."""
    allow_revoke: bool = True
    include_decision_message: bool = False
    allow_guest_interaction: bool = False
    additional_header_text: str = ""
    notify: Notify = field(default_factory=Notify)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything in this flow: the version that a request was made under."""
        return digest(self)

    def field(self, name: str) -> Field | None:
        """The declared (or implied duration) field of that name."""
        return next((each for each in self.fields if each.name == name), None)


@dataclass(frozen=True)
class Offer:
    """One thing that one person may ask for through one flow, with the rule that would decide it."""

    flow: Flow
    organization: Organization | None
    target: Target | None
    """None, like `organization`, for a flow that gives nothing."""
    rule: Rule
    cap: timedelta | None
    """Longest length; None for a flow that gives nothing."""


@dataclass(frozen=True)
class Estate:
    """Everything declared, as one version. Equal content has equal `digest`, wherever it was loaded from."""

    people: Mapping[str, Person]
    organizations: Mapping[str, Organization]
    integrations: Mapping[str, Integration]
    targets: Mapping[str, Target]
    strategies: Mapping[str, Strategy]
    environments: Mapping[str, Environment]
    flows: Mapping[str, Flow]
    teams: str | None = None
    """Where the teams are declared, within the estate's directory."""
    drift: Drift | None = None
    """How AWS is compared with what the teams declare; None: not by the server."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the whole content, in hex."""
        return digest(self)

    @cached_property
    def _by_email(self) -> Mapping[str, Person]:
        return {email: person for person in self.people.values() for email in person.emails}

    @cached_property
    def _by_identity(self) -> Mapping[tuple[str, str, str], Person]:
        return {
            (service, external, identity): person
            for person in self.people.values()
            for service, stored in person.identities.items()
            for external, identity in stored.items()
        }

    def person_by_email(self, email: str) -> Person | None:
        """Who has this address, whatever its case. The loader refuses an address that two people have."""
        return self._by_email.get(normalise_email(email))

    def person_by_identity(self, service: str, external_id: str, identity: str) -> Person | None:
        """Who is known under this id in this service."""
        return self._by_identity.get((service, external_id, identity))

    def targets_of(self, flow: Flow) -> tuple[Target, ...]:
        """What a flow offers, in order."""
        return tuple(self.targets[name] for name in flow.targets)

    def rule_for(self, flow: Flow, target: Target | None, person: Person) -> Rule | None:
        """The first rule that matches this request, whole (security.md rule 1); None: it may not be asked for.

        Guests never ask, whatever group they are in (spec/sym.md 3.3).
        """
        if person.role == "guest" or not flow.decide.ask.includes(person):
            return None
        return next((rule for rule in flow.decide.rules if rule.matches(target, person)), None)

    def cap(self, flow: Flow, target: Target | None, rule: Rule) -> timedelta | None:
        """The longest that access may last: min(flow's rule, target, organization, longest length offered) (I11).

        None only for a flow that gives nothing. Never empty otherwise: a flow with targets either lists its lengths
        or lies in organizations that have a `max_duration`; the loader refuses the rest.
        """
        if target is None:
            return None
        limits = [
            rule.max_duration,
            target.max_duration,
            self.organizations[target.organization].max_duration,
        ]
        asked = flow.field("duration")
        lengths = [each for each in asked.allowed_values if isinstance(each, timedelta)] if asked else []
        known = [each for each in limits if each is not None] + ([max(lengths)] if lengths else [])
        assert known, f"flow {flow.name} offers {target.name} without any limit"
        return min(known)

    def flows_for(self, person: Person, source: str | None = None) -> tuple[Flow, ...]:
        """The flows this person may ask through, in the estate's order; only those open to `source` when given."""
        return tuple(
            flow
            for flow in self.flows.values()
            if (source is None or source in flow.allowed_sources)
            and any(True for _ in self.offers(flow, person))
        )

    def offers(self, flow: Flow, person: Person) -> Iterator[Offer]:
        """All that this person may ask for through this flow, in order, each with its rule and cap."""
        for target in self.targets_of(flow) or (None,):
            rule = self.rule_for(flow, target, person)
            if rule is not None:
                organization = self.organizations[target.organization] if target else None
                yield Offer(flow, organization, target, rule, self.cap(flow, target, rule))

    def form(self, flow: Flow, target: Target | None, cap: timedelta | None = None) -> tuple[Field, ...]:
        """The fields to ask for this target; pass them to `check_fields`.

        Lengths over `cap` are not offered. A setting that the target binds is asked for even when the flow declares no
        field for it, and always has the form of such a setting: a permission set of this organization's instance, an
        account id. `account_id` is limited to the target's accounts where the estate names them; otherwise it is a
        prefetch field, and whoever fills `offered` intersects the options with what the target's units, tags or
        organization hold in AWS now (security.md rule 28).
        """
        fields = tuple(_capped(each, cap) for each in flow.fields if each.name != "target_id")
        if target is None:
            return fields
        declared = {each.name: each for each in fields}
        bound = {
            name: self._bound_field(target, declared.get(name) or Field(name, "string", _BOUND_LABELS[name]))
            for name in target.field_bindings
        }
        implied = tuple(each for name, each in bound.items() if name not in declared)
        return implied + tuple(bound.get(each.name, each) for each in fields)

    def _bound_field(self, target: Target, field: Field) -> Field:
        if field.name != "account_id":
            instance = self.organizations[target.organization].connector.instance_arn.split("/")[1]
            sets = rf"arn:[a-z-]+:sso:::permissionSet/{re.escape(instance)}/ps-[a-zA-Z0-9./-]{{16}}"
            return replace(field, pattern=sets if field.name == "permission_set_arn" else GROUP_ID)
        field = replace(field, pattern="[0-9]{12}")
        if target.accounts is None or not target.accounts.known:
            return field if field.allowed_values else replace(field, prefetch=True)
        allowed = target.accounts.ids & set(field.allowed_values or target.accounts.ids)
        return replace(field, prefetch=False, allowed_values=tuple(sorted(str(each) for each in allowed)))


def _capped(field: Field, cap: timedelta | None) -> Field:
    if field.name != "duration" or cap is None:
        return field
    fitting = (each for each in field.allowed_values if isinstance(each, timedelta) and each <= cap)
    return replace(field, allowed_values=tuple(fitting))
