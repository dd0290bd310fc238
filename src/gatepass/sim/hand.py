"""What an administrator does by hand, past every API: for tests, demos and rehearsals of drift.

Every change enters the truth over time with `hand` as its cause.
"""

from __future__ import annotations

from datetime import datetime

from gatepass.errors import GatepassError
from gatepass.sim.identity_center.assignments import apply
from gatepass.sim.identity_center.directory import new_id
from gatepass.sim.simulator import Simulator
from gatepass.sim.timeline import Assignment, Membership
from gatepass.sim.world import Account, Instance, Organization, PermissionSet, Person, Store, World

_BY = "hand"


class HandError(GatepassError):
    """What the hand was to touch does not exist."""

    code = "no_such_thing"


class Hand:
    """Changes a simulator's world at once, between two calls. Names are as people say them: user names, group and set
    names, or ids; instances and stores by ARN or id."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim

    def assign(self, instance: str, account: str, permission_set: str, user: str) -> Assignment:
        """Give a user an assignment; nothing happens when it is there."""
        return self._set(instance, account, permission_set, user, True)

    def unassign(self, instance: str, account: str, permission_set: str, user: str) -> Assignment:
        """Take a user's assignment away; nothing happens when it is gone."""
        return self._set(instance, account, permission_set, user, False)

    def _set(self, instance: str, account: str, permission_set: str, user: str, present: bool) -> Assignment:
        with self._sim.held() as (world, now):
            found = _instance(world, instance)
            if account not in world.organizations[found.organization].accounts:
                raise HandError(f"account {account} is not in the organization of {found.arn}")
            arn = _permission_set(found, permission_set).arn
            fact = Assignment(found.arn, account, arn, "USER", _person(world.stores[found.store], user))
            apply(world, found, fact, present, now, by=_BY, operation="assign" if present else "unassign")
            return fact

    def join(self, store: str, group: str, user: str) -> Membership:
        """Put a user into a group; nothing happens when the user is in it."""
        with self._sim.held() as (world, now):
            fact, found = _membership(world, store, group, user)
            found.memberships.add(fact, now, identifier=new_id(world, found), by=_BY, operation="join")
            return fact

    def leave(self, store: str, group: str, user: str) -> Membership:
        """Take a user out of a group; nothing happens when the user is not in it."""
        with self._sim.held() as (world, now):
            fact, found = _membership(world, store, group, user)
            found.memberships.remove(fact, now, by=_BY, operation="leave")
            return fact

    def delete_user(self, store: str, user: str) -> None:
        """Delete a user from an identity store, with its memberships; assignments stay behind as orphans."""
        with self._sim.held() as (world, now):
            found = _store(world, store)
            person = _person(found, user)
            for fact in [m for m in found.memberships.now if m.user == person]:
                found.memberships.remove(fact, now, by=_BY, operation="delete-user")
            found.users.pop(person, None)

    def add_user(self, store: str, user_name: str, email: str) -> str:
        """A new user of an identity store; its id. Two users may be given one address, as directories sometimes do."""
        with self._sim.held() as (world, _):
            found = _store(world, store)
            person = Person(new_id(world, found), user_name, user_name, emails=_emails(email))
            found.users[person.id] = person
            return person.id

    def change_email(self, store: str, user: str, email: str) -> None:
        """Change a user's user name and address."""
        with self._sim.held() as (world, _):
            found = _store(world, store)
            person = found.users[_person(found, user)]
            person.user_name, person.emails = email, _emails(email)
            person.revision += 1

    def suspend(self, account: str) -> None:
        """Suspend an account: it stays in its organization, and operations on it fail."""
        with self._sim.held() as (world, _):
            _account(world, account)[0].status = "SUSPENDED"

    def reopen(self, account: str) -> None:
        """Make a suspended account active again."""
        with self._sim.held() as (world, _):
            _account(world, account)[0].status = "ACTIVE"

    def remove_account(self, account: str) -> None:
        """Take an account out of its organization, with every assignment it had."""
        with self._sim.held() as (world, now):
            _, home = _account(world, account)
            for instance in world.instances.values():
                _clear(world, instance, now, "remove-account", account=account)
            world.remove_account(home, account)

    def remove_permission_set(self, instance: str, permission_set: str) -> None:
        """Delete a permission set, with every assignment it had."""
        with self._sim.held() as (world, now):
            found = _instance(world, instance)
            arn = _permission_set(found, permission_set).arn
            _clear(world, found, now, "remove-permission-set", permission_set=arn)
            del found.permission_sets[arn]


def _clear(
    world: World, instance: Instance, now: datetime, why: str, *, account: str = "", permission_set: str = ""
) -> None:
    """Remove every assignment of an account or of a permission set."""
    for fact in list(instance.assignments.now):
        if account in ("", fact.account) and permission_set in ("", fact.permission_set):
            apply(world, instance, fact, False, now, by=_BY, operation=why)


def _emails(address: str) -> list[dict[str, object]]:
    return [{"Value": address, "Type": "work", "Primary": True}]


def _account(world: World, account: str) -> tuple[Account, Organization]:
    home = world.organization_of(account)
    if home is None:
        raise HandError(f"account {account} is in no organization")
    return home.accounts[account], home


def _instance(world: World, instance: str) -> Instance:
    found = next((i for i in world.instances.values() if instance in (i.arn, i.id)), None)
    if found is None:
        raise HandError(f"there is no instance {instance}", advice=f"known: {', '.join(world.instances)}")
    return found


def _permission_set(instance: Instance, permission_set: str) -> PermissionSet:
    found = next((p for p in instance.permission_sets.values() if permission_set in (p.name, p.arn)), None)
    if found is None:
        names = ", ".join(p.name for p in instance.permission_sets.values())
        raise HandError(f"permission set {permission_set} is not in {instance.arn}", advice=f"known: {names}")
    return found


def _store(world: World, store: str) -> Store:
    found = world.stores.get(store)
    return found if found is not None else world.stores[_instance(world, store).store]


def _person(store: Store, user: str) -> str:
    """The id of a user by name; an id is taken as it is, also of a user who was deleted."""
    found = next((p.id for p in store.users.values() if p.user_name.lower() == user.lower()), "")
    if found or user in store.users or ("-" in user and "@" not in user):
        return found or user
    raise HandError(f"user {user} is not in {store.id}")


def _membership(world: World, store: str, group: str, user: str) -> tuple[Membership, Store]:
    found = _store(world, store)
    circle = next((g.id for g in found.groups.values() if group in (g.display_name, g.id)), "")
    if not circle:
        raise HandError(f"group {group} is not in {found.id}")
    return Membership(found.id, circle, _person(found, user)), found
