"""Laboratories for the strategies of gatepass: the seeds' world in the simulator, behind the real door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gatepass.access.facts import FactKey, assignment, membership
from gatepass.aws.door import Door, Reach
from gatepass.sim import Assignment, Membership, Settings, Simulator, build, session, two_tenants
from gatepass.sim.worlds.of_seeds import ACCESS_KEY, BAR_ROLE, FOO_ROLE
from gatepass.strategies.sso_assignment import SsoAssignment
from gatepass.strategies.sso_membership import SsoMembership
from gatepass.testing.clock import VirtualClock

EXTERNAL = {"tenant_foo": "gp-foo-external", "tenant_bar": "gp-bar-external"}
FOO_INSTANCE = "arn:aws:sso:::instance/ssoins-7223000000000000"
BAR_INSTANCE = "arn:aws:sso:::instance/ssoins-7223000000000001"
FOO_ADMIN = "arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000001"
FOO_STORE = "d-9067000000"

REACHES = {
    "tenant_foo": Reach("tenant_foo", FOO_ROLE, EXTERNAL["tenant_foo"], "us-east-1", FOO_INSTANCE, FOO_STORE),
    "tenant_bar": Reach("tenant_bar", BAR_ROLE, EXTERNAL["tenant_bar"], "eu-west-1", BAR_INSTANCE),
}


class Reaches:
    """How the two tenants are reached; tests change it in place."""

    def __init__(self, reaches: Mapping[str, Reach] = REACHES) -> None:
        self.all = dict(reaches)

    def reach(self, organization: str) -> Reach:
        return self.all[organization]


def world(clock: VirtualClock, **settings: Any) -> Simulator:
    return build(two_tenants(EXTERNAL), clock, Settings(**{"rates": {}, **settings}))


def door_to(sim: Simulator, clock: VirtualClock, **parts: Any) -> Door:
    own = session(sim, sim.world.credentials[ACCESS_KEY])
    return Door(parts.pop("reaches", None) or Reaches(), clock, source=own, **parts)


class SimLab:
    """A strategy in front of the simulator; what `StrategyLab` asks for."""

    organization = "tenant_foo"
    waits = True
    words: Mapping[str, tuple[str, ...]]

    def __init__(self, **settings: Any) -> None:
        self.clock = VirtualClock()
        self.sim = world(self.clock, **settings)
        self.door = door_to(self.sim, self.clock)

    def user(self, name: str) -> str:
        people = self.sim.world.stores[FOO_STORE].users.values()
        return next(person.id for person in people if person.user_name.startswith(name))

    def fail(self, call: str, fault: str, **how: Any) -> None:
        names = self.words[call] if call else ("",)
        lines = [{"operation": name, "do": fault, **how} for name in names]
        self.sim.set_faults(lines)

    def heal(self) -> None:
        self.sim.set_faults([])

    def calls(self) -> list[str]:
        return [record.operation for record in self.sim.calls if record.service != "sts"]


class AssignmentLab(SimLab):
    words: ClassVar = {
        "grant": ("CreateAccountAssignment",),
        "revoke": ("DeleteAccountAssignment",),
        "list": ("ListAccountAssignments",),
        "status": ("DescribeAccountAssignmentCreationStatus", "ListAccountAssignmentCreationStatus"),
        "connect": ("AssumeRole",),
    }

    def __init__(self) -> None:
        super().__init__(operation_seconds=2.0)
        self.strategy = SsoAssignment(self.door)
        self.key = assignment(FOO_INSTANCE, "333333333333", FOO_ADMIN, self.user("ana"))
        self.other = assignment(FOO_INSTANCE, "333333333333", FOO_ADMIN, self.user("ben"))

    def _fact(self, key: FactKey) -> Assignment:
        return Assignment(key.scope, key.parts[0], key.parts[1], "USER", key.parts[2])

    def true(self, key: FactKey) -> bool:
        return self._fact(key) in self.sim.truth().instances[FOO_INSTANCE].assignments.now

    def by_hand(self, key: FactKey, present: bool) -> None:
        timeline = self.sim.truth().instances[FOO_INSTANCE].assignments
        if present:
            timeline.add(self._fact(key), self.clock.now(), identifier="hand", by="hand", operation="hand")
        else:
            timeline.remove(self._fact(key), self.clock.now(), by="hand", operation="hand")

    def vanish(self) -> None:
        instance = self.sim.truth().instances[FOO_INSTANCE]
        for fact in list(instance.assignments.now):
            instance.assignments.remove(fact, self.clock.now(), by="hand", operation="hand")
        del instance.permission_sets[FOO_ADMIN]


class MembershipLab(SimLab):
    waits = False
    words: ClassVar = {
        "grant": ("CreateGroupMembership",),
        "revoke": ("DeleteGroupMembership",),
        "list": ("ListGroupMemberships", "GetGroupMembershipId"),
        "status": (),
        "connect": ("AssumeRole",),
    }

    def __init__(self) -> None:
        super().__init__()
        self.strategy = SsoMembership(self.door)
        self.group = next(iter(self.sim.world.stores[FOO_STORE].groups))
        self.key = membership(FOO_STORE, self.group, self.user("ana"))
        self.other = membership(FOO_STORE, self.group, self.user("ben"))

    def _fact(self, key: FactKey) -> Membership:
        return Membership(key.scope, key.parts[0], key.parts[1])

    def true(self, key: FactKey) -> bool:
        return self._fact(key) in self.sim.truth().stores[FOO_STORE].memberships.now

    def by_hand(self, key: FactKey, present: bool) -> None:
        timeline = self.sim.truth().stores[FOO_STORE].memberships
        if present:
            name = self.sim.world.uuid()
            timeline.add(self._fact(key), self.clock.now(), identifier=name, by="hand", operation="hand")
        else:
            timeline.remove(self._fact(key), self.clock.now(), by="hand", operation="hand")

    def vanish(self) -> None:
        store = self.sim.truth().stores[FOO_STORE]
        for fact in list(store.memberships.now):
            store.memberships.remove(fact, self.clock.now(), by="hand", operation="hand")
        del store.groups[self.group]
