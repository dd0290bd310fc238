"""Looking into a running simulator over HTTP, and reaching into it: `/_sim/...`, clearly apart from AWS's own paths."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from gatepass.clock import iso
from gatepass.errors import GatepassError
from gatepass.sim.hand import Hand
from gatepass.sim.simulator import Record, Simulator
from gatepass.sim.timeline import Assignment, Change, Fact
from gatepass.sim.wire import Incoming, Outgoing

PREFIX = "/_sim/"


class Inspection:
    """Answers `/_sim/...`. Reads: calls, truth, world. Writes, all by hand: assignments, memberships, users, accounts,
    faults."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._hand = Hand(sim)

    def handle(self, incoming: Incoming) -> Outgoing:
        """The answer as JSON; 404 and 400 say what is known."""
        known = self._known()
        act = known.get((incoming.method, incoming.path.removeprefix(PREFIX).strip("/")))
        if act is None:
            ways = [f"{method} {PREFIX}{name}" for method, name in known]
            return _json(404, {"error": f"{incoming.method} {incoming.path} is not known", "known": ways})
        try:
            return _json(200, act(incoming))
        except (GatepassError, KeyError, TypeError, ValueError) as wrong:
            return _json(400, {"error": f"{type(wrong).__name__}: {wrong}"})

    def _known(self) -> dict[tuple[str, str], Callable[[Incoming], Any]]:
        return {
            ("GET", "calls"): self._calls,
            ("GET", "truth"): self._truth,
            ("GET", "world"): self._world,
            ("POST", "faults"): self._faults,
            ("POST", "assignments"): self._assignments,
            ("POST", "memberships"): self._memberships,
            ("POST", "users"): self._users,
            ("POST", "accounts"): self._accounts,
            ("POST", "clock"): self._clock,
        }

    def _calls(self, incoming: Incoming) -> Any:
        """`?after=N` skips the first N calls; `?operation=Name` keeps one operation's."""
        asked = parse_qs(incoming.query)
        after, operation = int(asked.get("after", ["0"])[0]), asked.get("operation", [""])[0]
        records = [r for r in list(self._sim.calls) if r.number > after and operation in ("", r.operation)]
        return {"calls": [_record(record) for record in records]}

    def _truth(self, incoming: Incoming) -> Any:
        world = self._sim.truth()
        timelines = [i.assignments.now for i in world.instances.values()]
        stores = [s.memberships.now for s in world.stores.values()]
        facts: list[Fact] = [fact for now in timelines for fact in now] + [
            fact for now in stores for fact in now
        ]
        return {
            "now": iso(self._sim.clock.now()),
            "present": [_fact(fact) for fact in facts],
            "changes": [_change(change) for change in world.changes],
        }

    def _world(self, incoming: Incoming) -> Any:
        world = self._sim.truth()
        return {
            "organizations": {
                home.id: {
                    "management": home.management,
                    "accounts": {a.id: {"name": a.name, "status": a.status} for a in home.accounts.values()},
                }
                for home in world.organizations.values()
            },
            "instances": {
                instance.arn: {
                    "region": instance.region,
                    "identity_store": instance.store,
                    "permission_sets": {p.arn: p.name for p in instance.permission_sets.values()},
                    "users": {u.user_name: u.id for u in world.stores[instance.store].users.values()},
                    "groups": {g.display_name: g.id for g in world.stores[instance.store].groups.values()},
                }
                for instance in world.instances.values()
            },
        }

    def _faults(self, incoming: Incoming) -> Any:
        """Body: the fault script, a list of rules; an empty list ends all faults."""
        script = json.loads(incoming.body)
        self._sim.set_faults(script)
        return {"rules": len(script)}

    def _assignments(self, incoming: Incoming) -> Any:
        """Body: `{instance, account, permission_set, user, present}`; names or ids."""
        asked = json.loads(incoming.body)
        act = self._hand.assign if asked.pop("present", True) else self._hand.unassign
        return _fact(act(**asked))

    def _memberships(self, incoming: Incoming) -> Any:
        """Body: `{store, group, user, present}`; the store by its id or by its instance."""
        asked = json.loads(incoming.body)
        act = self._hand.join if asked.pop("present", True) else self._hand.leave
        return _fact(act(**asked))

    def _users(self, incoming: Incoming) -> Any:
        """Body: `{store, user, do}` with do `delete`, or `change-email` and `email`, or `add` and `email`."""
        asked = json.loads(incoming.body)
        store, user = asked["store"], asked["user"]
        match asked["do"]:
            case "delete":
                self._hand.delete_user(store, user)
            case "change-email":
                self._hand.change_email(store, user, asked["email"])
            case "add":
                return {"user": self._hand.add_user(store, user, asked["email"])}
            case other:
                raise ValueError(f"do: {other!r} is none of delete, change-email, add")
        return {"user": user}

    def _accounts(self, incoming: Incoming) -> Any:
        """Body: `{account, do}` with do `suspend`, `reopen` or `remove`."""
        asked = json.loads(incoming.body)
        acts = {
            "suspend": self._hand.suspend,
            "reopen": self._hand.reopen,
            "remove": self._hand.remove_account,
        }
        if asked["do"] not in acts:
            raise ValueError(f"do: {asked['do']!r} is none of {', '.join(acts)}")
        acts[asked["do"]](asked["account"])
        return {"account": asked["account"]}

    def _clock(self, incoming: Incoming) -> Any:
        """Body: `{skew}`, the seconds by which the `Date` of answers is off."""
        self._sim.skew = timedelta(seconds=float(json.loads(incoming.body)["skew"]))
        return {"date": iso(self._sim.date())}


def _json(status: int, value: Any) -> Outgoing:
    return Outgoing(status, json.dumps(value, default=str).encode(), {"Content-Type": "application/json"})


def _fact(fact: Fact) -> dict[str, str]:
    return {"kind": "assignment" if isinstance(fact, Assignment) else "membership", **fact._asdict()}


def _change(change: Change) -> dict[str, Any]:
    return {
        "at": iso(change.at),
        "fact": _fact(change.fact),
        "present": change.present,
        "by": change.by,
        "operation": change.operation,
    }


_SECRETS = {
    "accesstoken", "refreshtoken", "clientsecret", "devicecode", "code", "codeverifier", "samlassertion",
    "webidentitytoken", "tokencode", "password", "newpassword", "oldpassword", "authenticationcode1",
    "authenticationcode2",
}  # fmt: skip


def _without_secrets(params: Any) -> dict[str, Any]:
    return {name: "(secret)" if name.lower() in _SECRETS else value for name, value in params.items()}


def _record(record: Record) -> dict[str, Any]:
    return {
        "number": record.number,
        "at": iso(record.at),
        "caller": record.caller,
        "account": record.account,
        "service": record.service,
        "operation": record.operation,
        "region": record.region,
        "params": _without_secrets(record.params),
        "outcome": record.outcome,
    }
