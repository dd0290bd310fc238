"""Worlds from data: organizations, accounts, instances, people and roles, written as YAML, JSON or Python.

The words of a description are in docs/simulator.md. Identifiers that are left out are made from the seed, so that the
same description gives the same world.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from gatepass.clock import Clock
from gatepass.errors import GatepassError
from gatepass.policy import Caller, CallerKind, root, user
from gatepass.sim.iam.documents import principals
from gatepass.sim.iam.state import AccessKey, Device, Permissions, Provider, Role, User
from gatepass.sim.identity_center.assignments import apply
from gatepass.sim.identity_center.directory import new_id
from gatepass.sim.identity_center.instances import SSO
from gatepass.sim.permission import unique_id
from gatepass.sim.settings import Settings
from gatepass.sim.simulator import Simulator
from gatepass.sim.timeline import Assignment, Membership, Timeline
from gatepass.sim.world import (
    Account,
    Circle,
    Credential,
    Instance,
    Organization,
    PermissionSet,
    Person,
    Principal,
    Store,
    Unit,
    World,
)
from gatepass.sim.worlds.form import faults

Described = Mapping[str, Any]


class WorldError(GatepassError):
    """A description of a world says something that cannot be built."""

    code = "bad_world"
    exit_code = 2


def build(description: Described, clock: Clock, settings: Settings | None = None) -> Simulator:
    """A simulator of the world described. Raises `WorldError` naming what cannot be built."""
    if wrong := list(faults(description)):
        raise WorldError(
            "the description of the world says what cannot be:\n  " + "\n  ".join(wrong),
            advice="see docs/simulator.md",
        )
    settings = settings or Settings()
    world = World(clock.now(), Random(settings.seed))  # noqa: S311 - repeatable on purpose
    builder = _Builder(world, clock.now())
    try:
        for organization in description.get("organizations", []):
            builder.organization(organization)
        for role in description.get("roles", []):
            builder.role(role)
        for made in description.get("users", []):
            builder.user(made)
        for provider in description.get("providers", []):
            builder.provider(provider)
        world.quotas.update({str(account): quota for account, quota in description.get("quotas", {}).items()})
    except KeyError as missing:
        raise WorldError(
            f"the description of the world lacks or does not know {missing}", advice="see docs/simulator.md"
        ) from None
    except (ValueError, TypeError) as wrong:
        raise WorldError(f"the world cannot be built: {wrong}", advice="see docs/simulator.md") from None
    _name_principals(world)
    return Simulator(world, clock, settings)


def _name_principals(world: World) -> None:
    """Remember the unique ids of whom the trust policies name, as IAM does when a document is saved."""
    for iam in world.iam.values():
        for role in iam.roles.values():
            known = {arn: unique_id(world, arn) for arn in principals(role.trust)}
            role.named = {arn: identifier for arn, identifier in known.items() if identifier}


class _Builder:
    def __init__(self, world: World, now: datetime) -> None:
        self.world = world
        # Everything that stands at the start has stood for a while: a list that lags shows it too.
        self.then = now - timedelta(days=30)

    def organization(self, described: Described) -> None:
        world = self.world
        root_id = described.get("root", f"r-{world.hexadecimal(4)}")
        management = described["management"]
        home = Organization(described.get("id", f"o-{world.hexadecimal(10)}"), management["id"], root_id)
        home.units[root_id] = Unit(root_id, "Root", "")
        world.organizations[home.id] = home
        self._account(home, management, root_id)
        self._level(home, described, root_id)
        for service, accounts in described.get("delegated_administrators", {}).items():
            home.delegated[service] = dict.fromkeys(accounts, self.then)
        if center := described.get("identity_center"):
            self._identity_center(home, center)

    def _level(self, home: Organization, described: Described, parent: str) -> None:
        for account in described.get("accounts", []):
            self._account(home, account, parent)
        for unit in described.get("units", []):
            suffix = self.world.hexadecimal(8)
            made = Unit(unit.get("id", f"ou-{home.root.removeprefix('r-')}-{suffix}"), unit["name"], parent)
            home.units[made.id] = made
            home.tags[made.id] = dict(unit.get("tags", {}))
            self._level(home, unit, made.id)

    def _account(self, home: Organization, described: Described, parent: str) -> None:
        identifier = str(described["id"])
        name = described.get("name", identifier)
        account = Account(
            identifier,
            name,
            described.get("email", f"{identifier}@accounts.example"),
            parent,
            self.then,
            described.get("status", "ACTIVE"),
            dict(described.get("tags", {})),
        )
        self.world.add_account(home, account)
        self.world.iam_of(identifier)

    def _identity_center(self, home: Organization, described: Described) -> None:
        world, owner = self.world, home.management
        identifier = described.get("instance", f"ssoins-{world.hexadecimal()}")
        region = described.get("region", "us-east-1")
        store_id = described.get("identity_store", f"d-{world.hexadecimal(10)}")
        store = Store(store_id, region, owner, Timeline(world.changes))
        world.stores[store.id] = store
        instance = Instance(
            f"arn:aws:sso:::instance/{identifier.rpartition('/')[2]}",
            region,
            owner,
            store.id,
            home.id,
            self.then,
            Timeline(world.changes),
            start_url=described.get("start_url", f"https://{store.id}.awsapps.com/start"),
        )
        world.instances[instance.arn] = instance
        for permission_set in described.get("permission_sets", []):
            self._permission_set(instance, permission_set)
        for person in described.get("users", []):
            self._person(store, person)
        for group in described.get("groups", []):
            self._group(store, group)
        for assignment in described.get("assignments", []):
            self._assign(instance, store, assignment)
        if (account := described.get("delegated_administrator")) is not None:
            home.delegated.setdefault(SSO, {})[account] = self.then

    def _permission_set(self, instance: Instance, described: Described) -> None:
        identifier = described.get("id", f"ps-{self.world.hexadecimal()}").rpartition("/")[2]
        arn = f"{instance.arn.replace(':instance/', ':permissionSet/')}/{identifier}"
        inline = described.get("inline")
        instance.permission_sets[arn] = PermissionSet(
            arn,
            described["name"],
            self.then,
            description=described.get("description", ""),
            session=described.get("session", "PT1H"),
            managed={p: p.rpartition("/")[2] for p in described.get("managed", [])},
            inline=json.dumps(inline) if inline else "",
            tags=dict(described.get("tags", {})),
        )

    def _person(self, store: Store, described: Described) -> None:
        email = described.get("email", "")
        name = described.get("user_name", email)
        given, _, family = described.get("name", name).partition(" ")
        person = Person(
            described.get("id", new_id(self.world, store)),
            name,
            described.get("name", name),
            given,
            family,
            [{"Value": email, "Type": "work", "Primary": True}] if email else [],
            [(issuer, value) for issuer, value in described.get("external_ids", {}).items()],
        )
        store.users[person.id] = person

    def _group(self, store: Store, described: Described) -> None:
        circle = Circle(described.get("id", new_id(self.world, store)), described["name"])
        store.groups[circle.id] = circle
        for member in described.get("members", []):
            fact = Membership(store.id, circle.id, self._find_user(store, member))
            store.memberships.add(
                fact, self.then, identifier=new_id(self.world, store), by="hand", operation="standing"
            )

    def _find_user(self, store: Store, name: str) -> str:
        return next(p.id for p in store.users.values() if name in (p.user_name, p.id)) if name else ""

    def _assign(self, instance: Instance, store: Store, described: Described) -> None:
        permission_set = described["permission_set"]
        arn = next(p.arn for p in instance.permission_sets.values() if permission_set in (p.name, p.arn))
        if "user" in described:
            kind, principal = "USER", self._find_user(store, described["user"])
        else:
            kind = "GROUP"
            principal = next(
                g.id for g in store.groups.values() if described["group"] in (g.display_name, g.id)
            )
        for account in described["accounts"]:
            fact = Assignment(instance.arn, str(account), arn, kind, principal)
            apply(self.world, instance, fact, True, self.then, by="hand", operation="standing")

    def role(self, described: Described) -> None:
        account = str(described["account"])
        if account not in self.world.iam:
            raise ValueError(f"role {described['name']}: account {account} is in no organization")
        role = Role(
            account,
            described["name"],
            described.get("path", "/"),
            self.world.unique("AROA"),
            json.dumps(described["trust"]) if "trust" in described else trusting(described),
            self.then,
            max_session=described.get("max_session", 3600),
            tags=dict(described.get("tags", {})),
            permissions=_permissions(described),
        )
        self.world.iam_of(account).roles[role.name.lower()] = role

    def user(self, described: Described) -> None:
        account, world = str(described["account"]), self.world
        made = User(
            account,
            described["name"],
            described.get("path", "/"),
            world.unique("AIDA"),
            self.then,
            permissions=_permissions(described),
        )
        world.iam_of(account).users[made.name.lower()] = made
        key = AccessKey(
            described.get("access_key", world.unique("AKIA", 16)),
            described.get("secret", world.secret()),
            self.then,
        )
        made.keys[key.id] = key
        if device := described.get("mfa"):
            serial = device.get("serial", f"arn:aws:iam::{account}:mfa/{made.name}")
            world.iam_of(account).devices[serial] = Device(
                serial, device["seed"].encode(), made.name, self.then
            )
            made.devices.append(serial)
        caller = user(made.arn, unique_id=made.id)
        world.credentials[key.id] = Credential(key.id, key.secret, Principal(caller, made.id))

    def provider(self, described: Described) -> None:
        account = str(described["account"])
        iam = self.world.iam_of(account)
        if "url" in described:
            host = described["url"].removeprefix("https://")
            arn = f"arn:aws:iam::{account}:oidc-provider/{host}"
            iam.oidc[arn] = Provider(arn, self.then, url=host, audiences=list(described.get("audiences", [])))
        else:
            arn = f"arn:aws:iam::{account}:saml-provider/{described['name']}"
            iam.saml[arn] = Provider(arn, self.then, metadata=described["metadata"])


def root_credential(world: World, account: str) -> Credential:
    """Keys of the account's root user, made on first use; for tests and for setting a world up by hand."""
    key = f"AKIAROOT{account}"
    if key not in world.credentials:
        caller: Caller = root(account)
        assert caller.kind is CallerKind.ROOT
        world.credentials[key] = Credential(key, world.secret(), Principal(caller, account))
    return world.credentials[key]


def trusting(described: Described) -> str:
    """A trust policy for `trusted_by` (ARNs), with the external id that has to be sent, if one is named."""
    principals: str | Sequence[str] = described["trusted_by"]
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": principals if isinstance(principals, str) else list(principals)},
        "Action": "sts:AssumeRole",
    }
    if external_id := described.get("external_id"):
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    more = {**statement, "Action": ["sts:SetSourceIdentity", "sts:TagSession"]}
    more.pop("Condition", None)
    return json.dumps({"Version": "2012-10-17", "Statement": [statement, more]})


def _permissions(described: Described) -> Permissions:
    inline = {
        name: document if isinstance(document, str) else json.dumps(document)
        for name, document in described.get("policies", {}).items()
    }
    allowed = described.get("allow")
    if allowed:
        statement = {"Effect": "Allow", "Action": list(allowed), "Resource": "*"}
        inline["allow"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return Permissions(inline, list(described.get("managed", [])))
