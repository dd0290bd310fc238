"""The entrance without HTTP: botocore's own events lead a client's calls into the simulator.

Parameter validation, paginators, waiters and modeled exceptions of botocore stay as they are; its retries, signing and
wire formats are left out. Nothing here starts a thread or reads a clock.
"""

from __future__ import annotations

import copy
from datetime import datetime
from email.utils import format_datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore.credentials import CredentialResolver
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.hooks import HierarchicalEmitter
from botocore.loaders import create_loader

from gatepass.sim.answers import ApiError, ConnectionLost
from gatepass.sim.simulator import Request, Simulator
from gatepass.sim.world import Credential

_PARAMS = "gatepass_sim_params"


def session(sim: Simulator, credential: Credential | None = None, region: str = "us-east-1") -> Any:
    """A botocore session whose clients call the simulator, signed with `credential` (anonymous without one).

    For boto3: `boto3.Session(botocore_session=session(...))`. It reads no configuration file of the machine.
    """
    made = botocore.session.Session(
        session_vars={"config_file": (None, None, "/dev/null", None)},
        event_hooks=copy.copy(_builtin_handlers()),
        include_builtin_handlers=False,
    )
    made.register_component("data_loader", _models())
    # Nothing of the machine signs these calls: no environment, file or metadata service is asked.
    made.register_component("credential_provider", CredentialResolver(providers=[]))
    made.set_config_variable("region", region)
    if credential is not None:
        made.set_credentials(credential.access_key, credential.secret, credential.token or None)
    install(made, sim)
    return made


@cache
def _builtin_handlers() -> HierarchicalEmitter:
    """botocore's own handlers, registered once and copied into each session: half the cost of making one."""
    events = HierarchicalEmitter()
    botocore.session.Session(event_hooks=events)
    return events


@cache
def _models() -> Any:
    """The service models, read from disk once for all sessions."""
    return create_loader()


def install(target: Any, sim: Simulator) -> None:
    """Lead every client made from `target` (a boto3 or botocore session) from now on, or one client, here."""
    events = events_of(target)
    entrance = _Entrance(sim)
    events.register_last("before-parameter-build", entrance.keep, unique_id=f"gatepass-sim-keep-{id(sim)}")
    events.register_first("before-call", entrance.call, unique_id=f"gatepass-sim-call-{id(sim)}")


def events_of(target: Any) -> Any:
    """The event system of a client, a boto3 session or a botocore session."""
    if hasattr(target, "meta"):
        return target.meta.events
    return target.events if hasattr(target, "events") else target.get_component("event_emitter")


class _Entrance:
    def __init__(self, sim: Simulator) -> None:
        self._sim = sim

    def keep(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[_PARAMS] = params

    def call(
        self, model: Any, params: dict[str, Any], request_signer: Any, context: dict[str, Any], **_: Any
    ) -> tuple[Any, dict[str, Any]]:
        request = _request(model, request_signer)
        try:
            answer = copied(self._sim.dispatch(request, copied(context[_PARAMS])))
        except ApiError as refused:
            return self._http(refused.status), self._parsed(_error(refused), refused.status)
        except ConnectionLost as lost:
            if lost.applied:
                raise ReadTimeoutError(endpoint_url=params["url"]) from None
            raise EndpointConnectionError(endpoint_url=params["url"]) from None
        return self._http(200), self._parsed(answer, 200)

    def _http(self, status: int) -> Any:
        return SimpleNamespace(status_code=status, headers={})

    def _parsed(self, body: dict[str, Any], status: int) -> dict[str, Any]:
        body["ResponseMetadata"] = {
            "RequestId": "simulated",
            "HTTPStatusCode": status,
            "HTTPHeaders": {"date": http_date(self._sim.date())},
            "RetryAttempts": 0,
        }
        return body


def http_date(moment: datetime) -> str:
    """The `Date` header of an answer: gatepass compares its own clock with it."""
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


def _request(model: Any, signer: Any) -> Request:
    service, region = model.service_model.service_name, signer._region_name or "us-east-1"
    held = signer._credentials
    if model.auth_type == "none" or held is None:
        return Request(service, model.name, region=region, model=model)
    frozen = held.get_frozen_credentials()
    return Request(service, model.name, frozen.access_key, frozen.token or "", region, model=model)


def _error(refused: ApiError) -> dict[str, Any]:
    head = {"Code": refused.code, "Message": refused.message}
    return {"Error": head, "message": refused.message, **refused.members}


def copied(value: Any) -> Any:
    """A copy of plain data, so that no caller can reach into the state."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [copied(item) for item in value]
    return value
