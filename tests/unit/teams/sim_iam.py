"""The simulator in this process as the calls of plan and apply: every account by its own root, nothing in it yet.

What goes wrong on the way is said here: throttles, lost answers, an account that denies, things that show only later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from gatepass.aws.accounts import AccountReach, Accounts
from gatepass.aws.errors import Denied, Lost, Missing, Place, Throttled
from gatepass.sim import Settings, build, root_credential, session
from gatepass.sim.iam.state import AccountIam, Role
from gatepass.testing.clock import VirtualClock

NUMBERS = ("111111111111", "123456789012", "222222222222", "333333333333", "555555555555")
READS = ("Get", "List", "Describe")


class SimIam:
    """Keeps the `Calls` promise. `writes` are the calls that reached AWS to change something."""

    def __init__(self, identity: str = "arn:aws:iam::222222222222:role/OrganizationAdmin") -> None:
        self.clock = VirtualClock()
        accounts = [{"id": number, "name": f"a{number}"} for number in NUMBERS if number != "222222222222"]
        organization = {
            "id": "o-a1b2c3d4e5",
            "root": "r-acme",
            "management": {"id": "222222222222", "name": "root"},
            "accounts": accounts,
        }
        self.sim = build({"organizations": [organization]}, self.clock, Settings(rates={}))
        self.writes: list[tuple[str, str, dict[str, Any]]] = []
        self.denied: set[str] = set()
        self.fault: Callable[[str, str, int], str] = lambda account, operation, number: ""
        self.lag = 0
        """How many reads do not show a role that was just made."""
        self.calls = 0
        self._hidden: dict[str, int] = {}
        self._identity = identity
        self._callers: dict[str, Accounts] = {}
        self._lock = threading.Lock()

    def identity(self) -> str:
        return self._identity

    def held(self, account_id: str) -> AccountIam:
        """What one account holds."""
        return self.sim.world.iam_of(account_id)

    def role(self, account_id: str, name: str) -> Role:
        return self.held(account_id).roles[name.lower()]

    def call(self, account_id: str, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        with self._lock:
            self.calls += 1
            number = self.calls
        place = Place(account_id, service, operation)
        if account_id in self.denied:
            raise Denied(place, "AccessDenied: not allowed", aws_code="AccessDenied")
        fault = self.fault(account_id, operation, number)
        if fault == "throttle":
            raise Throttled(place, "Throttling: Rate exceeded", aws_code="Throttling")
        self._must_show(operation, params, place)
        answer = self.by_hand(account_id, service, operation, **params)
        if operation == "CreateRole":
            self._hidden[params["RoleName"]] = self.lag
        if not operation.startswith(READS):
            self.writes.append((account_id, operation, params))
            if fault == "lost":
                raise Lost(place, "no answer")
        return answer

    def by_hand(self, account_id: str, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """The same by somebody else: neither hindered nor counted."""
        with self._lock:
            if account_id not in self._callers:
                own = session(self.sim, root_credential(self.sim.world, account_id))
                self._callers[account_id] = Accounts(AccountReach, self.clock, source=own)
        return self._callers[account_id].call(account_id, service, operation, **params)

    def _must_show(self, operation: str, params: Mapping[str, Any], place: Place) -> None:
        left = self._hidden.get(params.get("RoleName", ""), 0)
        if left and operation.startswith(READS):
            self._hidden[params["RoleName"]] = left - 1
            raise Missing(place, "NoSuchEntity: it does not show yet", aws_code="NoSuchEntity")
