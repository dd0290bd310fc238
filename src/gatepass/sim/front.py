"""From an HTTP request to the simulator and back: which service and operation it is, who signed it, what it asks."""

from __future__ import annotations

from collections.abc import Callable

from gatepass.sim import wire
from gatepass.sim.answers import ApiError, error
from gatepass.sim.inprocess import http_date
from gatepass.sim.services import OPERATIONS, SERVICES
from gatepass.sim.sign_in.pages import Pages
from gatepass.sim.signature import Scope, scope, verify
from gatepass.sim.simulator import Request, Simulator
from gatepass.sim.wire import Incoming, Outgoing

_GREETING = b"""This is a simulated AWS, run by `gatepass sim`.

Lead a client here with AWS_ENDPOINT_URL. What is in it: /_sim/world. What is true and was: /_sim/truth.
Who called what: /_sim/calls. All of it: docs/simulator.md.
"""
_QUERY_VERSIONS = {"2011-06-15": "sts", "2010-05-08": "iam"}


class Front:
    """Answers requests on the wire. Thread-safe. What is not ours goes to `behind`, with the caller's account."""

    def __init__(self, sim: Simulator, behind: Callable[[Incoming, str], Outgoing] | None = None) -> None:
        self._sim = sim
        self._behind = behind
        self._pages = Pages(sim)

    def handle(self, incoming: Incoming) -> Outgoing:
        """The answer. Raises `ConnectionLost` where the fault script takes it away."""
        page = self._pages.handle(incoming)
        if page is not None:
            return page
        signed = scope(incoming)
        service, operation = _target(incoming, signed)
        request_id = f"{self._sim.clock.now():%Y%m%d}-sim-{id(incoming):x}"
        try:
            if service not in SERVICES:
                made = self._delegate(incoming, signed, service)
            else:
                made = self._answer(incoming, signed, service, operation, request_id)
        except ApiError as refused:
            made = wire.refusal(service if service in SERVICES else "sso-admin", refused, request_id)
        made.headers["Date"] = http_date(self._sim.date())
        return made

    def _answer(
        self, incoming: Incoming, signed: Scope | None, service: str, operation: str, request_id: str
    ) -> Outgoing:
        if operation not in wire.model(service).operation_names:
            raise ApiError("UnknownOperationException", f"{service} has no operation {operation!r}")
        if (service, operation) not in OPERATIONS:
            raise _unknown(service, operation)
        self._verify(incoming, signed, service)
        params = wire.parameters(service, operation, incoming)
        request = Request(
            service,
            operation,
            signed.key if signed else "",
            incoming.headers.get("x-amz-security-token", ""),
            signed.region if signed else "us-east-1",
            wire.model(service).operation_model(operation),
        )
        return wire.answer(service, operation, self._sim.dispatch(request, params), request_id)

    def _verify(self, incoming: Incoming, signed: Scope | None, service: str) -> str:
        """The account of a rightly signed request, empty for an unsigned one."""
        if signed is None:
            return ""
        credential = self._sim.world.credentials.get(signed.key)
        if credential is None:
            raise error("unknown-key", service, "The security token included in the request is invalid.")
        verify(incoming, signed, credential, self._sim.clock.now())
        return credential.principal.account

    def _delegate(self, incoming: Incoming, signed: Scope | None, service: str) -> Outgoing:
        if signed is None and incoming.path == "/" and not incoming.body:
            return Outgoing(200, _GREETING, {"Content-Type": "text/plain; charset=utf-8"})
        if self._behind is None or signed is None:
            raise _unknown(service or "an unsigned request to", incoming.path)
        self._sim.check_key(signed.key, incoming.headers.get("x-amz-security-token", ""), service)
        return self._behind(incoming, self._verify(incoming, signed, service))


def _unknown(service: str, operation: str) -> ApiError:
    return ApiError(
        "NotImplementedBySimulator", f"gatepass sim does not know {service}:{operation}", status=400
    )


def _target(incoming: Incoming, signed: Scope | None) -> tuple[str, str]:
    """Service and operation: by target header, by path, by Action and Version, else the scope's service."""
    prefix, _, operation = incoming.headers.get("x-amz-target", "").partition(".")
    if prefix in wire.TARGETS:
        return wire.TARGETS[prefix], operation
    if rest := wire.rest_operation(incoming.method, incoming.path):
        return rest
    named = signed.service if signed else ""
    if named in ("", "sts", "iam"):
        form = incoming.form()
        return named or _QUERY_VERSIONS.get(form.get("Version", ""), ""), form.get("Action", "")
    return named, operation
