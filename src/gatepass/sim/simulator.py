"""One simulated AWS: state, clock, faults, and `dispatch`, through which every call of every entrance goes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from gatepass.clock import Clock
from gatepass.sim.answers import ApiError, ConnectionLost, error
from gatepass.sim.call import Answer, Call, Operation, Params
from gatepass.sim.constraints import check_answer, violations
from gatepass.sim.faults import Rule, Script, rules
from gatepass.sim.limits import RollingRate
from gatepass.sim.permission import check
from gatepass.sim.services import OPERATIONS
from gatepass.sim.settings import Settings
from gatepass.sim.world import ANONYMOUS, Principal, World


@dataclass(frozen=True)
class Request:
    """A call as it arrives: which operation, signed by which key, for which region."""

    service: str
    operation: str
    access_key: str = ""
    token: str = ""
    region: str = "us-east-1"
    model: Any = None
    """botocore's model of the operation, for the constraints on its input; None: they are not checked."""


@dataclass(frozen=True)
class Record:
    """One call in the log. `outcome` is `ok`, an error code, `request-lost` or `answer-lost`."""

    number: int
    at: datetime
    caller: str
    account: str
    service: str
    operation: str
    region: str
    params: Mapping[str, Any]
    outcome: str
    result: Mapping[str, Any]


class Simulator:
    """A simulated AWS. Thread-safe; without threads of its own; two of them share nothing."""

    def __init__(self, world: World, clock: Clock, settings: Settings | None = None) -> None:
        self.world = world
        self.clock = clock
        self.settings = settings or Settings()
        self.calls: deque[Record] = deque(maxlen=self.settings.keep_calls)
        self._script = Script(clock.now())
        self._rates = RollingRate()
        self._lock = threading.RLock()
        self._number = 0
        self.skew = timedelta(0)
        """How far the `Date` of answers is off the clock: what a machine with a wrong clock sees."""

    def date(self) -> datetime:
        """What answers carry as their `Date`."""
        return self.clock.now() + self.skew

    def set_faults(self, script: Iterable[Mapping[str, Any]]) -> None:
        """Replace the fault script; its times count from now, its dice start anew from the seed. Empty: no faults."""
        with self._lock:
            self._script = Script(self.clock.now(), rules(script), Random(self.settings.seed))  # noqa: S311

    @contextmanager
    def held(self) -> Iterator[tuple[World, datetime]]:
        """The world and the moment, with everything finished that is due and no call in between."""
        with self._lock:
            now = self.clock.now()
            self.world.settle(now)
            yield self.world, now

    def truth(self) -> World:
        """The world as it is now, with everything finished that is due. Read it; change it through `hand`."""
        with self._lock:
            self.world.settle(self.clock.now())
            return self.world

    def dispatch(self, request: Request, params: Params) -> Answer:
        """Do one call and answer it.

        Raises `ApiError` for what AWS would refuse and `ConnectionLost` where the fault script takes the answer away.
        """
        wait = self.settings.latency / 2
        if wait:
            self.clock.sleep(wait)
        with self._lock:
            now = self.clock.now()
            self.world.settle(now)
            run = _Run(self, request, params, now)
            answer = run.answer()
            self._note(request, params, now, run, answer)
        if run.fault is not None and run.fault.do == "slow":
            self.clock.sleep(run.fault.seconds)
        if wait:
            self.clock.sleep(wait)
        if isinstance(answer, ConnectionLost):
            self.clock.sleep(self.settings.lost_after)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _note(
        self,
        request: Request,
        params: Params,
        now: datetime,
        run: _Run,
        answer: Answer | ApiError | ConnectionLost,
    ) -> None:
        self._number += 1
        result: Mapping[str, Any] = {}
        match answer:
            case ApiError():
                outcome = answer.code
            case ConnectionLost():
                outcome, result = "answer-lost" if answer.applied else "request-lost", run.result
            case _:
                outcome, result = "ok", answer
        who = run.caller
        self.calls.append(
            Record(
                self._number,
                now,
                who.arn,
                who.account,
                request.service,
                request.operation,
                request.region,
                params,
                outcome,
                result,
            )
        )

    def check_key(self, access_key: str, token: str, service: str) -> Principal:
        """Whose key this is; refuses unknown, wrong and expired ones. For calls that are answered elsewhere."""
        with self._lock:
            return identify(self.world, Request(service, "", access_key, token), self.clock.now())

    def admit(self, service: str, key: str, now: datetime) -> bool:
        """Whether the service's rate leaves room for one more call on this key."""
        rate = self.settings.rates.get(service)
        return rate is None or self._rates.admit(f"{service}|{key}", rate, now)

    def pick_fault(self, request: Request, caller: Principal, params: Params, now: datetime) -> Rule | None:
        return self._script.pick(now, request.service, request.operation, caller.arn, params)


_STS_OPEN_TO = {
    "GetSessionToken": ("AssumeRole", "GetCallerIdentity"),
    "GetFederationToken": ("GetCallerIdentity",),
}
"""By the call that made a session: what of STS it may call. IAM it may call only when MFA was given."""


class _Run:
    """The steps of one call, in the order AWS takes them: who, how often, whether allowed, then what."""

    def __init__(self, sim: Simulator, request: Request, params: Params, now: datetime) -> None:
        self.sim, self.request, self.params, self.now = sim, request, params, now
        self.caller: Principal = ANONYMOUS
        self.fault: Rule | None = None
        self.result: Answer = {}

    def answer(self) -> Answer | ApiError | ConnectionLost:
        try:
            operation = self._operation()
            self.caller = identify(self.sim.world, self.request, self.now)
            self.fault = self.sim.pick_fault(self.request, self.caller, self.params, self.now)
            lost = self._refuse_by_script()
            if lost is not None:
                return lost
            self._refuse_too_many()
            self._refuse_anonymous(operation)
            self._refuse_bad_input()
            call = Call(
                self.sim.world,
                self.sim.settings,
                self.request.service,
                self.request.operation,
                self.caller,
                self.request.region,
                self.now,
                self.fault,
            )
            check(call, operation, self.params)
            self.result = operation.run(call, self.params)
            if self.sim.settings.check_answers and self.request.model is not None:
                check_answer(self.request.model.output_shape, self.result)
            self.sim.world.settle(self.now)
        except ApiError as refused:
            return ConnectionLost(applied=False) if self._answer_lost() else refused
        return ConnectionLost(applied=True) if self._answer_lost() else self.result

    def _answer_lost(self) -> bool:
        return self.fault is not None and self.fault.do == "answer-lost"

    def _operation(self) -> Operation:
        found = OPERATIONS.get((self.request.service, self.request.operation))
        if found is None:
            raise ApiError(
                "NotImplementedBySimulator",
                f"gatepass sim does not know {self.request.service}:{self.request.operation}",
                status=400,
            )
        return found

    def _refuse_anonymous(self, operation: Operation) -> None:
        if operation.action and self.caller is ANONYMOUS:
            raise error("unsigned", self.request.service, "Request is missing Authentication Token")
        self._refuse_session_token()

    def _refuse_session_token(self) -> None:
        """What a user's own sessions reach of STS and IAM (spec/sessions.md 3.9)."""
        open_to = _STS_OPEN_TO.get(self.caller.source)
        if open_to is None:
            return
        request = self.request
        if request.service == "sts" and request.operation not in open_to:
            raise error("denied", "sts", f"Cannot call {request.operation} with session credentials")
        if request.service == "iam" and not self.caller.caller.mfa:
            raise error("unknown-key", "iam", "The security token included in the request is invalid")

    def _refuse_by_script(self) -> ConnectionLost | None:
        rule, service = self.fault, self.request.service
        if rule is None:
            return None
        match rule.do:
            case "throttle":
                raise error("throttled", service, "Rate exceeded")
            case "deny":
                raise error("denied", service, f"User: {self.caller.arn} is not authorized (fault script)")
            case "conflict":
                raise error(
                    "conflict", service, "Another operation on this resource is in progress (fault script)"
                )
            case "error":
                raise ApiError(rule.code, rule.message, status=rule.status)
            case "request-lost":
                return ConnectionLost(applied=False)
            case _:
                return None

    def _refuse_bad_input(self) -> None:
        model = self.request.model
        if model is None or model.input_shape is None:
            return
        found = list(violations(model.input_shape, self.params))
        if found:
            plural = "s" if len(found) > 1 else ""
            message = f"{len(found)} validation error{plural} detected: {'; '.join(found)}"
            raise error("invalid", self.request.service, message)

    def _refuse_too_many(self) -> None:
        # Collective: all calls of one organization to one region count together, whoever makes them.
        home = self.sim.world.organization_of(self.caller.account)
        key = f"{home.id if home else self.caller.account}|{self.request.region}"
        if not self.sim.admit(self.request.service, key, self.now):
            raise error("throttled", self.request.service, "Rate exceeded")


def identify(world: World, request: Request, now: datetime) -> Principal:
    """Whose key signed the call; refuses unknown keys, wrong session tokens and expired sessions."""
    if not request.access_key:
        return ANONYMOUS
    credential = world.credentials.get(request.access_key)
    if credential is None or credential.token != request.token:
        raise error("unknown-key", request.service, "The security token included in the request is invalid.")
    if credential.expires is not None and credential.expires <= now:
        raise error("expired", request.service, "The security token included in the request is expired")
    return credential.principal
