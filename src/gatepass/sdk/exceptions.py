"""Exceptions that SDK functions raise while a handler runs; `error_code` is `<error_type>:<name>` and stable."""

from __future__ import annotations

from typing import ClassVar


class SymException(Exception):
    """The root: which system (`error_type`), which condition (`name`), and the message for a person."""

    def __init__(self, error_type: str, name: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.name = name
        self.message = message

    @property
    def error_code(self) -> str:
        return f"{self.error_type}:{self.name}"

    def to_dict(self) -> dict[str, object]:
        """The shape in which an error crosses to other systems."""
        return {"error": True, "message": self.message, "code": self.error_code}


class ExceptionWithHint:
    """Mixed into exceptions that can say what to do next."""

    hint: str | None = None


class _Named(ExceptionWithHint, SymException):
    """An exception whose `error_type` belongs to its class."""

    TYPE: ClassVar[str] = ""

    def __init__(self, name: str, message: str, hint: str | None = None) -> None:
        super().__init__(self.TYPE, name, message)
        self.hint = hint


class AccessStrategyError(_Named):
    TYPE = "AccessStrategy"


class AptibleError(_Named):
    TYPE = "Aptible"


class AWSError(_Named):
    TYPE = "AWS"


class AWSIAMError(_Named):
    TYPE = "AWSIAM"


class AWSLambdaError(_Named):
    TYPE = "AWSLambda"


class AWSSSOError(_Named):
    TYPE = "AWSSSO"


class BoundaryError(_Named):
    TYPE = "Boundary"


class GitHubError(_Named):
    TYPE = "GitHub"


class GoogleError(_Named):
    TYPE = "Google"


class HTTPError(_Named):
    TYPE = "HTTP"


class IdentityError(_Named):
    TYPE = "Identity"


class JiraError(_Named):
    TYPE = "Jira"


class KnowBe4Error(_Named):
    TYPE = "KnowBe4"


class OktaError(_Named):
    TYPE = "Okta"


class OneLoginError(_Named):
    TYPE = "OneLogin"


class PagerDutyError(_Named):
    TYPE = "PagerDuty"


class SDKError(_Named):
    TYPE = "SymSDK"


class SlackError(_Named):
    TYPE = "Slack"


class SymIntegrationError(_Named):
    """Raised by functions of `integrations.sym`. Another class than the one in `errors`."""

    TYPE = "SymIntegration"


class CouldNotSaveError(IdentityError):
    """An identity could not be kept."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__("COULD_NOT_SAVE", message, hint)


class IdentityNotFound(IdentityError):
    """No identity of a person is known for a service."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__("NOT_FOUND", message, hint)


class MissingArgument(SDKError):
    """A function was called without an argument it needs."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__("MISSING_ARGUMENT", message, hint)


_BY_CODE: dict[str, type[CouldNotSaveError | IdentityNotFound | MissingArgument]] = {
    "Identity:COULD_NOT_SAVE": CouldNotSaveError,
    "Identity:NOT_FOUND": IdentityNotFound,
    "SymSDK:MISSING_ARGUMENT": MissingArgument,
}
_BY_TYPE: dict[str, type[_Named]] = {
    kind.TYPE: kind for kind in _Named.__subclasses__() if kind.TYPE and kind.__module__ == __name__
}


def exception_of(error_type: str, name: str, message: str, hint: str | None = None) -> SymException:
    """The exception that `<error_type>:<name>` names; a plain `SymException` for a type nobody declared."""
    special = _BY_CODE.get(f"{error_type}:{name}")
    if special is not None:
        return special(message, hint)
    named = _BY_TYPE.get(error_type)
    return named(name, message, hint) if named else SymException(error_type, name, message)
