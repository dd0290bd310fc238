"""What an administrator does by hand, past every API: for tests, demos and rehearsals of drift.

Every change enters the truth over time with `hand` as its cause.
"""

from __future__ import annotations

from gatepass.errors import GatepassError
from gatepass.sim.assignments import apply
from gatepass.sim.identitystore import new_id
from gatepass.sim.simulator import Simulator
from gatepass.sim.timeline import Assignment, Membership
from gatepass.sim.world import Account, Instance, Person, Store

_BY = "hand"


class HandError(GatepassError):
    """What the hand was to touch does not exist."""

    code = "no_such_thing"


class Hand:
    """Changes a simulator's world at once. Names are as people say them: user names, group and set names, or ids."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim

    def assign(self, instance: str, account: str, permission_set: str, user: str) -> Assignment:
        """Give a user an assignment; nothing happens when it is there."""
        return self._set(instance, account, permission_set, user, True)

    def unassign(self, instance: str, account: str, permission_set: str, user: str) -> Assignment:
        """Take a user's assignment away; nothing happens when it is gone."""
        return self._set(instance, account, permission_set, user, False)

    def _set(self, instance: str, account: str, permission_set: str, user: str, present: bool) -> Assignment:
        world = self._sim.truth()
        found = self.instance(instance)
        fact = self.assignment(found, account, permission_set, user)
        if account not in world.organizations[found.organization].accounts:
            raise HandError(f"account {account} is not in the organization of {found.arn}")
        apply(
            world,
            found,
            fact,
            present,
            self._sim.clock.now(),
            by=_BY,
            operation="assign" if present else "unassign",
        )
        return fact

    def assignment(self, instance: Instance, account: str, permission_set: str, user: str) -> Assignment:
        """The fact of these names, whether it is there or not."""
        sets = instance.permission_sets.values()
        arn = next((p.arn for p in sets if permission_set in (p.name, p.arn)), "")
        if not arn:
            raise HandError(f"permission set {permission_set} is not in {instance.arn}")
        person = self.person(self._sim.world.stores[instance.store], user)
        return Assignment(instance.arn, account, arn, "USER", person)

    def join(self, store: str, group: str, user: str) -> Membership:
        """Put a user into a group; nothing happens when the user is in it."""
        fact, found = self._membership(store, group, user)
        now, identifier = self._sim.clock.now(), new_id(self._sim.world, found)
        found.memberships.add(fact, now, identifier=identifier, by=_BY, operation="join")
        return fact

    def leave(self, store: str, group: str, user: str) -> Membership:
        """Take a user out of a group; nothing happens when the user is not in it."""
        fact, found = self._membership(store, group, user)
        found.memberships.remove(fact, self._sim.clock.now(), by=_BY, operation="leave")
        return fact

    def _membership(self, store: str, group: str, user: str) -> tuple[Membership, Store]:
        found = self.store(store)
        circle = next((g.id for g in found.groups.values() if group in (g.display_name, g.id)), "")
        if not circle:
            raise HandError(f"group {group} is not in {found.id}")
        return Membership(found.id, circle, self.person(found, user)), found

    def delete_user(self, store: str, user: str) -> None:
        """Delete a user from an identity store; assignments stay behind as orphans."""
        found = self.store(store)
        person = self.person(found, user)
        for fact in [m for m in found.memberships.now if m.user == person]:
            found.memberships.remove(fact, self._sim.clock.now(), by=_BY, operation="delete-user")
        del found.users[person]

    def add_user(self, store: str, user_name: str, email: str) -> str:
        """A new user of an identity store; its id. Two users may be given one address, as directories sometimes do."""
        found = self.store(store)
        person = Person(new_id(self._sim.world, found), user_name, user_name)
        person.emails = [{"Value": email, "Type": "work", "Primary": True}]
        found.users[person.id] = person
        return person.id

    def change_email(self, store: str, user: str, email: str) -> None:
        """Change a user's user name and address."""
        found = self.store(store)
        person = found.users[self.person(found, user)]
        person.user_name = email
        person.emails = [{"Value": email, "Type": "work", "Primary": True}]

    def suspend(self, account: str) -> None:
        """Suspend an account: it stays in its organization, and operations on it fail."""
        self._account(account).status = "SUSPENDED"

    def reopen(self, account: str) -> None:
        """Make a suspended account active again."""
        self._account(account).status = "ACTIVE"

    def remove_account(self, account: str) -> None:
        """Take an account out of its organization, with every assignment it had."""
        world, now = self._sim.truth(), self._sim.clock.now()
        home = world.organization_of(self._account(account).id)
        assert home is not None
        for instance in world.instances.values():
            for fact in [a for a in instance.assignments.now if a.account == account]:
                instance.assignments.remove(fact, now, by=_BY, operation="remove-account")
        world.remove_account(home, account)

    def remove_permission_set(self, instance: str, permission_set: str) -> None:
        """Delete a permission set, with every assignment it had."""
        world, now, found = self._sim.truth(), self._sim.clock.now(), self.instance(instance)
        arn = next((p.arn for p in found.permission_sets.values() if permission_set in (p.name, p.arn)), "")
        if not arn:
            raise HandError(f"permission set {permission_set} is not in {found.arn}")
        for fact in [a for a in found.assignments.now if a.permission_set == arn]:
            apply(world, found, fact, False, now, by=_BY, operation="remove-permission-set")
        del found.permission_sets[arn]

    def _account(self, account: str) -> Account:
        found = self._sim.truth().account(account)
        if found is None:
            raise HandError(f"account {account} is in no organization")
        return found

    def instance(self, instance: str) -> Instance:
        """The instance of this ARN or id."""
        found = next((i for i in self._sim.truth().instances.values() if instance in (i.arn, i.id)), None)
        if found is None:
            raise HandError(f"there is no instance {instance}")
        return found

    def store(self, store: str) -> Store:
        """The identity store of this id, or of this instance."""
        world = self._sim.truth()
        found = world.stores.get(store)
        return found if found is not None else world.stores[self.instance(store).store]

    def person(self, store: Store, user: str) -> str:
        """The id of a user, by user name or id, also of one that was deleted when an id is given."""
        if user in store.users or ("-" in user and "@" not in user):
            return user
        found = next((p.id for p in store.users.values() if p.user_name.lower() == user.lower()), "")
        if not found:
            raise HandError(f"user {user} is not in {store.id}")
        return found
