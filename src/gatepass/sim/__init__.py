"""A simulated AWS, strict where AWS is: for trying an estate, for testing flows, and for gatepass's own tests.

    sim = build(two_tenants({"tenant_foo": "external-id"}), VirtualClock())
    foo = root_credential(sim.world, "123456789012")
    client = session(sim, foo).create_client("sso-admin")          # in process, without HTTP
    sim.set_faults([{"operation": "CreateAccountAssignment", "do": "answer-lost", "calls": [1]}])
    sim.truth().changes                                            # what was true, and when

`dispatch` of `Simulator` is the one way in; `inprocess` and the HTTP front are entrances to it.
"""

from __future__ import annotations

from gatepass.sim.answers import ApiError, ConnectionLost
from gatepass.sim.faults import FaultError
from gatepass.sim.hand import Hand
from gatepass.sim.inprocess import install, session
from gatepass.sim.settings import Settings
from gatepass.sim.simulator import Record, Request, Simulator
from gatepass.sim.timeline import Assignment, Change, Membership
from gatepass.sim.world import Credential, World
from gatepass.sim.worlds.builder import WorldError, build, root_credential
from gatepass.sim.worlds.of_estate import world_of
from gatepass.sim.worlds.of_seeds import two_tenants

__all__ = [
    "ApiError",
    "Assignment",
    "Change",
    "ConnectionLost",
    "Credential",
    "FaultError",
    "Hand",
    "Membership",
    "Record",
    "Request",
    "Settings",
    "Simulator",
    "World",
    "WorldError",
    "build",
    "install",
    "root_credential",
    "session",
    "two_tenants",
    "world_of",
]
