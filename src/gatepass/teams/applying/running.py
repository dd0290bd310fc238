"""Planning against live accounts, plan files, and applying them: where the pure parts meet the calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from gatepass.aws.errors import AwsError, Denied, Missing
from gatepass.clock import Clock, iso
from gatepass.errors import GatepassError
from gatepass.teams.applying.apply import STALE, USUAL, Applier, Manner, Outcome, Report, Result
from gatepass.teams.applying.calls import Calls, Patient, pages, tags_of
from gatepass.teams.applying.halfway import Parts
from gatepass.teams.applying.live import Live, read_live, role_arns
from gatepass.teams.compiling.sizes import QUOTA_CODE, STEPS
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.kinds.center import AssignmentKind, Center, DirectoryGroupKind, SetKind, undeclared
from gatepass.teams.kinds.entries import KINDS, OIDC, SAML, Entry, assignment_name, center_entries
from gatepass.teams.kinds.kind import Kind, owned
from gatepass.teams.model import Account, Compiled, Level, OidcProvider, Resources, SamlProvider
from gatepass.teams.planning.making import joined_in, make_plan
from gatepass.teams.planning.of_teams import of_teams, team_roles
from gatepass.teams.planning.plan import Action, Change, Options, Plan, estate_hash, plan_json, predicted
from gatepass.teams.reach.changes import meaning
from gatepass.teams.reach.states import merged
from gatepass.teams.reach.words import change_lines
from gatepass.teams.reading import nearest

P = TypeVar("P", SamlProvider, OidcProvider)
VERSION = 2
"""Of plan files."""
CENTER = "identity-center"
"""Stands for Identity Center where accounts are chosen."""


class TeamsError(GatepassError):
    """The operator acts: the declaration or the plan file does not allow what was asked."""

    code = "teams"


class StalePlan(TeamsError):
    """What was planned is not what is declared any more. Nothing was written."""

    code = "stale_plan"


class Lockout(TeamsError):
    """Applying would leave an account without a way in. Nothing was written."""

    code = "lockout"


@dataclass(frozen=True, slots=True)
class Planned:
    """One change as a plan file keeps it; the fields are those of `Change`."""

    action: Action
    fingerprint: str
    phase: int
    before: Parts | None

    @property
    def is_write(self) -> bool:
        return self.action not in {Action.NONE, Action.BLOCKED}


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan as it is kept: what it was made from, and what it would do."""

    wanted: Wanted
    options: Options
    made_at: datetime
    accounts: tuple[str, ...] | None = None
    estate_hash: str = ""
    changes: Mapping[str, Planned] = field(default_factory=dict)
    """By change id."""
    apply_role: str = ""
    acknowledged: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.estate_hash[:12]}-{iso(self.made_at)}"


def centers_of(resources: Resources, *, planning: bool) -> dict[str, Center]:
    """The Identity Center instances that are described well enough to call."""
    management = {account.organization: account for account in resources.accounts if account.management}
    found = {}
    for organization in resources.organizations:
        if not organization.instance_arn or not organization.identity_store_id:
            continue
        through = organization.connector_role.split(":")[4] if organization.connector_role else ""
        home = management.get(organization.name)
        account_id = through or (home.id if home else "")
        if account_id:
            found[organization.name] = Center(organization, account_id, planning)
    return found


def accounts_in(compiled: Compiled, only: Iterable[str] | None = None) -> list[Account]:
    """The accounts in which something is declared, by name or id."""
    resources = compiled.resources
    listed = (resources.roles, resources.policies, resources.users, resources.groups)
    ids = {item.account.id for items in listed for item in items}
    ids |= {item.account.id for item in resources.saml_providers if item.managed}
    ids |= {item.account.id for item in resources.oidc_providers if item.managed}
    chosen = None if only is None else set(only)
    known = {item.account.id: item.account for items in listed for item in items}
    known |= {account.id: account for account in resources.accounts}
    return [
        account
        for number, account in sorted(known.items())
        if number in ids and (chosen is None or account.name in chosen or number in chosen)
    ]


def known_accounts(compiled: Compiled, names: Iterable[str]) -> tuple[str, ...]:
    """The ids of these accounts, by name, `organization/name` or id; `CENTER` stands for itself.

    Raises `TeamsError` for an account that the declaration does not know.
    """
    accounts = compiled.resources.accounts
    found = []
    for name in names:
        ids = [account.id for account in accounts if name in (account.name, account.full_name, account.id)]
        if not ids and name != CENTER:
            known = {account.full_name for account in accounts}
            raise TeamsError(f"account {name!r} is not declared", advice=nearest(name, {*known, CENTER}))
        found += ids or [CENTER]
    return tuple(found)


def plan_live(
    calls: Calls, clock: Clock, compiled: Compiled, options: Options, only: Iterable[str] | None = None,
    now: datetime | None = None,
) -> Plan:  # fmt: skip
    """Reads the accounts and plans. Changes nothing in AWS. Errors of one account do not stop the others."""
    calls = Patient(calls, clock)
    teams = team_roles(compiled.resources, options.teams)
    accounts = accounts_in(compiled, only)
    live = refined(calls, read_live(calls, accounts), compiled.resources, everything=options.allow_delete)
    if not options.actors:
        options = replace(options, actors=actors(calls, compiled))
    pairs, strays, unread = _center(calls, compiled, options, only)
    live = replace(
        live, unread={**live.unread, **unread}, others=_others(calls, compiled.resources, accounts)
    )
    names = [account.id for account in accounts]
    plan = make_plan(
        compiled, live, options, now=now or clock.now(), center=pairs, undeclared=strays, accounts=names
    )
    if teams:
        plan = of_teams(plan, teams, live.resources, compiled.resources, options.actors)
    return replace(plan, ways=ways(live.resources, compiled.resources, plan))


def _others(calls: Calls, wanted: Resources, read: Iterable[Account]) -> dict[str, frozenset[str]]:
    """The roles of accounts that are not part of this plan, but of which trust that is part of it speaks by pattern
    (C-7). An account that cannot be read is missing."""
    seen = {account.id for account in read}
    spoken = {number for role in wanted.roles if role.account.id in seen for number in joined_in(role)}
    found = {}
    for number in sorted(spoken & {account.id for account in wanted.accounts} - seen):
        with suppress(AwsError):
            found[number] = role_arns(calls, number)
    return found


def ways(live: Resources, wanted: Resources, plan: Plan) -> tuple[str, ...]:
    """Which people gain or lose which role by the plan, in words."""
    writes = [change for change in plan.writes if change.kind in {"role", "policy", "user", "group"}]
    if not writes:
        return ()
    before = merged(live, wanted)
    found = meaning(before, predicted(before, wanted, writes))
    return tuple(change_lines(change) for change in found.ways)


def request_quotas(calls: Calls, plan: Plan) -> dict[str, int]:
    """Asks AWS for longer trust policies in the accounts that need them (T-55); account id -> what was asked for.
    AWS grants it within minutes as a rule; the plan is made again then."""
    needed: dict[str, int] = {}
    for change in plan.too_long:
        fitting = [step for step in STEPS if step >= change.wanted.characters]
        if fitting:
            needed[change.account_id] = max(needed.get(change.account_id, 0), fitting[0])
    for account_id, value in sorted(needed.items()):
        params = {"ServiceCode": "iam", "QuotaCode": QUOTA_CODE, "DesiredValue": float(value)}
        calls.call(account_id, "service-quotas", "RequestServiceQuotaIncrease", **params)
    return needed


def estate_name(compiled: Compiled) -> str:
    """What the tag `gatepass:managed` says where nobody says otherwise: the organizations' names."""
    organizations = compiled.resources.organizations
    return "+".join(sorted(each.name for each in organizations if each.name)) or "gatepass"


def actors(calls: Calls, compiled: Compiled) -> tuple[str, ...]:
    """Who must keep a way in: whoever applies, and the declared break-glass principals."""
    declared = [arn for organization in compiled.resources.organizations for arn in organization.break_glass]
    return tuple(dict.fromkeys((calls.identity(), *declared)))


def _center(
    calls: Calls, compiled: Compiled, options: Options, only: Iterable[str] | None
) -> tuple[list[tuple[Entry, Any]], list[Entry], dict[str, str]]:
    """Wanted things of Identity Center with their live values, what is ours and undeclared, and what did not answer."""
    if only is not None and CENTER not in only:
        return [], [], {}
    centers = centers_of(compiled.resources, planning=True)
    found: list[tuple[Entry, Any]] = []
    unread: dict[str, str] = {}
    for entry in center_entries(compiled.resources, centers, options.estate):
        try:
            found.append((entry, entry.kind.read(calls, entry.value)))
        except AwsError as error:
            unread[f"{entry.account_id} (Identity Center)"] = str(error)
    strays: list[Entry] = []
    for center in centers.values():
        try:
            strays += _strays(calls, center, compiled.resources, options.estate)
        except AwsError as error:
            unread[f"{center.account_id} (Identity Center)"] = str(error)
    return found, strays, unread


def _strays(calls: Calls, center: Center, resources: Resources, estate: str) -> list[Entry]:
    mine = center.organization.name
    sets, held = undeclared(
        calls,
        center,
        [item for item in resources.permission_sets if item.organization == mine],
        [item for item in resources.assignments if item.organization == mine],
        lambda tags: owned(tags, estate),
    )
    return [
        *(Entry(SetKind(center), center.account_id, item.name, item) for item in sets),
        *(Entry(AssignmentKind(center), center.account_id, assignment_name(item), item) for item in held),
    ]


def refined(calls: Calls, live: Live, wanted: Resources, *, everything: bool) -> Live:
    """The live state with what the bulk reading leaves out: tags of policies, metadata of providers."""
    arns = {policy.arn for policy in wanted.policies}
    policies = tuple(
        replace(policy, tags=_policy_tags(calls, policy.account.id, policy.arn))
        if everything or policy.arn in arns
        else policy
        for policy in live.resources.policies
    )
    saml = {provider.arn: provider for provider in wanted.saml_providers}
    oidc = {provider.arn: provider for provider in wanted.oidc_providers}
    resources = replace(
        live.resources,
        policies=policies,
        saml_providers=tuple(
            _with_tags(SAML, calls, saml.get(item.arn, item)) for item in live.resources.saml_providers
        ),
        oidc_providers=tuple(
            _with_tags(OIDC, calls, oidc.get(item.arn, item)) for item in live.resources.oidc_providers
        ),
    )
    return replace(live, resources=resources)


def _with_tags(kind: Kind[P], calls: Calls, item: P) -> P:
    """A provider as it is; what must not be read (an organization's own) stays as it was listed: nobody's."""
    try:
        return kind.read(calls, item) or item
    except Denied:
        return item


def _policy_tags(calls: Calls, account_id: str, arn: str) -> dict[str, str]:
    try:
        return tags_of(pages(calls, account_id, "ListPolicyTags", "Tags", PolicyArn=arn))
    except Missing:
        return {}


def kind_table(compiled: Compiled) -> dict[str, Callable[[Change], Kind[Any]]]:
    """Every kind by its name; those of Identity Center by the organization of the thing."""
    centers = centers_of(compiled.resources, planning=False)
    table: dict[str, Callable[[Change], Kind[Any]]] = {}

    def fixed(kind: Kind[Any]) -> Callable[[Change], Kind[Any]]:
        return lambda change: kind

    for kind, _ in KINDS:
        table[kind.name] = fixed(kind)
    table[SAML.name], table[OIDC.name] = fixed(SAML), fixed(OIDC)
    made: tuple[tuple[str, Callable[[Center], Kind[Any]]], ...] = (
        ("permission-set", SetKind),
        ("assignment", AssignmentKind),
        ("directory-group", DirectoryGroupKind),
    )

    def by_organization(make: Callable[[Center], Kind[Any]]) -> Callable[[Change], Kind[Any]]:
        return lambda change: make(centers[(change.wanted or change.live).organization])

    for name, make in made:
        table[name] = by_organization(make)
    return table


# Plan files ----------------------------------------------------------------------------------------------------------


def write_plan(path: Path, plan: Plan, compiled: Compiled, file: PlanFile) -> None:
    """Keeps a plan. The file holds no secret (T-77)."""
    wanted, options = file.wanted, file.options
    value = {
        "gatepass_plan": VERSION,
        "made_at": iso(file.made_at),
        "estate_hash": estate_hash(compiled),
        "wanted": {
            "paths": [str(item) for item in wanted.paths],
            "context": str(wanted.context) if wanted.context else None,
            "component": wanted.component,
            "account": wanted.account,
            "base": str(wanted.base) if wanted.base else None,
        },
        "options": {**asdict(options), "used_within": options.used_within.total_seconds()},
        "apply_role": file.apply_role,
        "acknowledged": list(file.acknowledged),
        "accounts": None if file.accounts is None else list(file.accounts),
        **plan_json(plan),
    }
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_plan(path: Path) -> PlanFile:
    """Reads a plan file back. Raises `TeamsError` when it is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["gatepass_plan"] != VERSION:
            raise TeamsError(f"{path} is a plan of another version", advice="plan again")
        wanted = value["wanted"]
        options = dict(value["options"])
        options["used_within"] = timedelta(seconds=options["used_within"])
        options["actors"] = tuple(options["actors"])
        options["leaving"] = tuple(options["leaving"])
        options["teams"] = tuple(options.get("teams", ()))
        return PlanFile(
            Wanted(
                tuple(Path(item) for item in wanted["paths"]),
                Path(wanted["context"]) if wanted["context"] else None,
                wanted["component"],
                wanted["account"],
                Path(wanted["base"]) if wanted["base"] else None,
            ),
            Options(**options),
            datetime.fromisoformat(value["made_at"].replace("Z", "+00:00")),
            None if value["accounts"] is None else tuple(value["accounts"]),
            value["estate_hash"],
            {change["id"]: planned_from(change) for change in value["changes"]},
            value.get("apply_role", ""),
            tuple(value.get("acknowledged", ())),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TeamsError(
            f"{path} is no plan file: {error}", advice="make one with gatepass teams plan --out"
        ) from error


def planned_from(change: Mapping[str, Any]) -> Planned:
    """One change of a plan document (`change_json`)."""
    action, before = Action(change["action"]), change["before"]
    if before is not None:
        before = {
            str(name): part if isinstance(part, Mapping) else str(part) for name, part in before.items()
        }
    return Planned(action, str(change["fingerprint"]), int(change["phase"]), before)


def refuse_faulty(compiled: Compiled, acknowledged: Iterable[str] = ()) -> None:
    """Nothing is planned or applied from a faulty declaration, nor with a lint of level error that nobody has
    acknowledged (T-25, H5)."""
    if compiled.faults:
        listed = "\n".join(str(finding) for finding in compiled.faults)
        raise TeamsError(
            f"{len(compiled.faults)} errors in the declaration:\n{listed}", advice="nothing was applied"
        )
    known = set(acknowledged)
    open_ = [item for item in compiled.lints if item.level is Level.ERROR and item.id not in known]
    if open_:
        listed = "\n".join(str(finding) for finding in open_)
        ids = ", ".join(sorted({finding.id for finding in open_}))
        raise TeamsError(f"lints of level error:\n{listed}", advice=f"correct them, or --acknowledge {ids}")


def apply_file(
    calls: Calls,
    clock: Clock,
    file: PlanFile,
    manner: Manner = USUAL,
    acknowledged: Iterable[str] = (),
    only: Iterable[str] | None = None,
) -> Report:
    """Applies a plan file: the declaration must be what it was, and each thing what it was (T-76). `only` limits it to
    some accounts, or to Identity Center (`CENTER`)."""
    compiled = compile_wanted(file.wanted)
    refuse_faulty(compiled, acknowledged)
    if estate_hash(compiled) != file.estate_hash:
        raise StalePlan("the declaration changed since the plan was made", advice="plan again and read it")
    chosen = file.accounts if only is None else tuple(only)
    plan = plan_live(calls, clock, compiled, file.options, chosen)
    manner = replace(manner, plan_id=file.id)
    plan = only_planned(plan, file)
    report = apply_plan(calls, clock, compiled, plan, manner)
    stale = tuple(Result(change, Outcome.STALE, reason=change.reason or STALE) for change in plan.blocked)
    return replace(report, results=(*report.results, *stale))


def only_planned(plan: Plan, file: PlanFile) -> Plan:
    """The writes that stand in the file, in the phase they were planned for. A thing whose live state moved keeps what
    it was then, so that it is found stale and left alone, or half done by an earlier run and finished."""
    kept = []
    for change in plan.changes:
        planned = file.changes.get(change.id)
        if planned is None or not planned.is_write:
            kept.append(replace(change, action=Action.NONE))
        else:
            kept.append(
                replace(change, fingerprint=planned.fingerprint, before=planned.before, phase=planned.phase)
            )
    return replace(plan, changes=tuple(kept))


def apply_plan(
    calls: Calls,
    clock: Clock,
    compiled: Compiled,
    plan: Plan,
    manner: Manner = USUAL,
) -> Report:
    """Applies a plan that was just made. Refuses, before the first write, to lock everybody out (T-79)."""
    if plan.lockouts:
        listed = ", ".join(plan.lockouts)
        advice = (
            "keep a role that the apply identity or a break-glass principal can assume; declare break_glass"
        )
        raise Lockout(f"nobody could get into {listed} any more", advice=advice)
    return Applier(Patient(calls, clock), clock, kind_table(compiled), manner).apply(plan)
