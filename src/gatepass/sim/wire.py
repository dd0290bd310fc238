"""AWS's wire formats: a request's parameters from its bytes, an answer's bytes from its members.

The only file that touches moto's parsers and serializers. They are no public interface of moto's: its version is pinned
exactly, and tests/conformance covers each protocol.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.validate import ParamValidator
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.datastructures import Headers, MultiDict

from gatepass.sim.answers import ApiError, error

TARGETS = {
    "SWBExternalService": "sso-admin",
    "AWSIdentityStore": "identitystore",
    "AWSOrganizationsV20161128": "organizations",
    "ServiceQuotasV20190624": "service-quotas",
}
"""X-Amz-Target prefix -> service."""

_REST = ("sso", "sso-oidc", "accessanalyzer")


@dataclass(frozen=True)
class Incoming:
    """An HTTP request as it came in. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    host: str = ""

    def form(self) -> dict[str, str]:
        """The fields of a form body, or of the query string."""
        text = self.body.decode("utf-8", "replace") if self.body else self.query
        return dict(parse_qsl(text, keep_blank_values=True))


@dataclass(frozen=True)
class Outgoing:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@cache
def model(service: str) -> Any:
    """The model of a service."""
    return get_service_model(service)


@cache
def _rest_operations(service: str) -> dict[tuple[str, str], str]:
    known = model(service)
    found = {}
    for name in known.operation_names:
        http = known.operation_model(name).http
        if "?" not in http["requestUri"]:
            found[http["method"], http["requestUri"]] = name
    return found


def rest_operation(method: str, path: str) -> tuple[str, str] | None:
    """Service and operation of a call to the portal, OIDC or Access Analyzer, which are told by their paths alone."""
    for service in _REST:
        name = _rest_operations(service).get((method, path))
        if name:
            return service, name
    return None


def parameters(service: str, operation: str, incoming: Incoming) -> dict[str, Any]:
    """What the caller passed. Raises `ApiError` for what cannot be read, lacks something, or is of another type."""
    operation_model = model(service).operation_model(operation)
    values = MultiDict(parse_qsl(incoming.query, keep_blank_values=True))
    protocol = _protocol(service)
    if protocol == "query":
        values.update(parse_qsl(incoming.body.decode("utf-8", "replace"), keep_blank_values=True))
    request: Any = {
        "method": incoming.method,
        "values": values,
        "headers": Headers(list(incoming.headers.items())),
        "body": incoming.body.decode("utf-8", "replace"),
        "url_path": incoming.path,
        "url_params": {},
    }
    try:
        parsed = PROTOCOL_PARSERS[protocol](operation_model).parse(request)
    except (ValueError, TypeError, KeyError, AttributeError) as unreadable:
        raise ApiError("SerializationException", f"The request cannot be read: {unreadable}") from None
    if operation_model.input_shape is not None:
        report = ParamValidator().validate(parsed, operation_model.input_shape)
        if report.has_errors():
            raise error("invalid", service, report.generate_report())
    return dict(parsed)


def answer(service: str, operation: str, result: dict[str, Any], request_id: str) -> Outgoing:
    """The bytes of a good answer."""
    operation_model = model(service).operation_model(operation)
    make = get_serializer_class(service, _protocol(service))
    made = make(operation_model, context=SerializationContext(request_id)).serialize(result)
    body = made["body"]
    headers = {name: str(value) for name, value in made["headers"].items()}
    headers["x-amzn-requestid"] = request_id
    return Outgoing(made["status_code"], body.encode() if isinstance(body, str) else body, headers)


def refusal(service: str, refused: ApiError, request_id: str) -> Outgoing:
    """The bytes of an error answer, in the service's protocol."""
    headers = {"x-amzn-requestid": request_id, "x-amzn-errortype": refused.code}
    if _protocol(service) == "query":
        kind = "Sender" if refused.status < 500 else "Receiver"
        text = (
            f"<ErrorResponse><Error><Type>{kind}</Type><Code>{escape(refused.code)}</Code>"
            f"<Message>{escape(refused.message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Outgoing(refused.status, text.encode(), {**headers, "Content-Type": "text/xml"})
    body = {"__type": refused.code, "message": refused.message, **refused.members}
    kind = "application/json" if service in _REST else "application/x-amz-json-1.1"
    return Outgoing(refused.status, json.dumps(body, default=str).encode(), {**headers, "Content-Type": kind})


def _protocol(service: str) -> str:
    return str(model(service).protocol)
