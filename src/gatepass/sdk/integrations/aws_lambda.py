"""AWS Lambda functions. Raises `AWSLambdaError`."""

from __future__ import annotations

from typing import Any

from gatepass.sdk import link
from gatepass.sdk.event import Event


def invoke(arn: str, payload: dict[str, Any] | Event | None = None) -> Any:
    """Call the function and wait; its answer, decoded from JSON."""
    return link.ask("aws_lambda.invoke", arn=arn, payload=_written(payload))


def invoke_async(arn: str, payload: dict[str, Any] | Event | None = None) -> bool:
    """Hand the call to the function's queue; whether it was taken."""
    return bool(link.ask("aws_lambda.invoke_async", arn=arn, payload=_written(payload)))


def _written(payload: dict[str, Any] | Event | None) -> Any:
    return payload.as_json() if isinstance(payload, Event) else payload
