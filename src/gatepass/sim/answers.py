"""What a simulated call can end in besides a result: an error AWS would answer, or no answer at all."""

from __future__ import annotations

from typing import Any

_STATUS = {
    "AccessDenied": 403,
    "AccessDeniedException": 400,
    "ConcurrentModification": 409,
    "DeleteConflict": 409,
    "EntityAlreadyExists": 409,
    "ExpiredToken": 403,
    "ForbiddenException": 403,
    "InvalidClientTokenId": 403,
    "LimitExceeded": 409,
    "MissingAuthenticationToken": 403,
    "NoSuchEntity": 404,
    "SignatureDoesNotMatch": 403,
    "TooManyRequestsException": 400,
    "UnauthorizedException": 401,
    "UnmodifiableEntity": 400,
}

# What the same event is called by each service; the rest use the words of the JSON services.
_WORDS = {
    "throttled": {
        "organizations": "TooManyRequestsException",
        "sts": "Throttling",
        "iam": "Throttling",
        "sso": "TooManyRequestsException",
        "sso-oidc": "SlowDownException",
        "": "ThrottlingException",
    },
    "denied": {
        "sts": "AccessDenied",
        "iam": "AccessDenied",
        "sso": "ForbiddenException",
        "": "AccessDeniedException",
    },
    "conflict": {
        "organizations": "ConcurrentModificationException",
        "iam": "ConcurrentModification",
        "": "ConflictException",
    },
    "invalid": {
        "organizations": "InvalidInputException",
        "sts": "ValidationError",
        "iam": "ValidationError",
        "sso": "InvalidRequestException",
        "sso-oidc": "InvalidRequestException",
        "": "ValidationException",
    },
    "missing": {"iam": "NoSuchEntity", "": "ResourceNotFoundException"},
    "unauthorized": {"": "UnauthorizedException"},
    "unsigned": {
        "sts": "MissingAuthenticationToken",
        "iam": "MissingAuthenticationToken",
        "": "MissingAuthenticationTokenException",
    },
    "unknown-key": {
        "sts": "InvalidClientTokenId",
        "iam": "InvalidClientTokenId",
        "": "UnrecognizedClientException",
    },
    "expired": {"sts": "ExpiredToken", "iam": "ExpiredToken", "": "ExpiredTokenException"},
}


class ApiError(Exception):
    """An error answer of the simulated AWS, in AWS's own words; not an error of gatepass."""

    def __init__(
        self, code: str, message: str, *, status: int = 0, members: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status or _STATUS.get(code, 400)
        self.members = members or {}


def error(kind: str, service: str, message: str, **members: Any) -> ApiError:
    """The answer for `kind` (throttled, denied, conflict, invalid, missing ...) as `service` words it."""
    words = _WORDS[kind]
    code = words.get(service) or words[""]
    status = 429 if code == "TooManyRequestsException" and service == "sso" else 0
    return ApiError(code, message, status=status, members=members)


class ConnectionLost(Exception):
    """No answer reaches the caller. `applied` says whether the call took effect all the same."""

    def __init__(self, applied: bool) -> None:
        super().__init__(
            "the connection was lost " + ("after" if applied else "before") + " the call was applied"
        )
        self.applied = applied
