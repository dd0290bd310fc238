"""From the SDK's exceptions and AWS's error codes to our errors. The only place that knows both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from botocore import exceptions as sdk

from gatepass.aws.errors import (
    AwsError,
    Busy,
    Denied,
    Invalid,
    Lost,
    Missing,
    NoCredentials,
    Place,
    Throttled,
    Unreachable,
)

_CODES: dict[type[AwsError], frozenset[str]] = {
    Denied: frozenset(
        {
            "AccessDenied",
            "AccessDeniedException",
            "AccessDeniedForDependencyException",
            "AWSOrganizationsNotInUseException",
            "ExpiredToken",
            "ExpiredTokenException",
            "ForbiddenException",
            "InvalidClientTokenId",
            "NotAuthorized",
            "OptInRequired",
            "SignatureDoesNotMatch",
            "UnauthorizedException",
            "UnrecognizedClientException",
        }
    ),
    Missing: frozenset(
        {
            "AccountNotFoundException",
            "NoSuchEntity",
            "NotFoundException",
            "OrganizationalUnitNotFoundException",
            "ParentNotFoundException",
            "ResourceNotFoundException",
            "TargetNotFoundException",
        }
    ),
    Throttled: frozenset(
        {
            "PriorRequestNotComplete",
            "RequestLimitExceeded",
            "SlowDownException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        }
    ),
    Busy: frozenset(
        {
            "ConcurrentModification",
            "ConcurrentModificationException",
            "ConflictException",
            "ServiceQuotaExceededException",
        }
    ),
}
_BY_CODE = {code: kind for kind, codes in _CODES.items() for code in codes}

# Nothing had been sent when these were raised.
_NOT_SENT = (
    sdk.ConnectTimeoutError,
    sdk.EndpointConnectionError,
    sdk.ProxyConnectionError,
    sdk.SSLError,
)


def answered(error: sdk.ClientError, place: Place) -> AwsError:
    """AWS answered with an error. An error on its side (5xx) may follow a change it made."""
    body: dict[str, Any] = error.response.get("Error", {})
    meta: dict[str, Any] = error.response.get("ResponseMetadata", {})
    code, message = str(body.get("Code", "")), str(body.get("Message", "")) or "no message"
    place = replace(place, request_id=str(meta.get("RequestId", "")))
    status = int(meta.get("HTTPStatusCode", 400))
    kind = _BY_CODE.get(code)
    if kind is None:
        kind = Lost if status >= 500 else Throttled if status == 429 else Invalid
    about = str(error.response.get("ResourceType") or error.response.get("Reason") or "")
    return kind(place, f"{code}: {message}", aws_code=code, about=about)


def unanswered(error: sdk.BotoCoreError, place: Place) -> AwsError:
    """The SDK got no answer. What is not known to have failed before sending may have been applied."""
    if isinstance(error, _NOT_SENT):
        return Unreachable(place, str(error))
    if isinstance(error, (sdk.NoCredentialsError, sdk.CredentialRetrievalError, sdk.PartialCredentialsError)):
        return NoCredentials(place, str(error))
    if isinstance(error, (sdk.ParamValidationError, sdk.ProfileNotFound, sdk.NoRegionError)):
        return Invalid(place, str(error))
    return Lost(place, str(error) or type(error).__name__)
