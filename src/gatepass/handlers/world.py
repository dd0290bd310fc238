"""What implementer code may ask of the server, and the Protocol by which the server answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Protocol

# Function -> error_type of the exception that its failure is (sym.md 2.10). What is not here cannot be asked.
_SERVICES = {
    "aws_sso": ("AWSSSO", "is_user_in_group list_groups users_in_group list_accounts"),
    "aws_iam": ("AWSIAM", "is_user_in_group"),
    "aws_lambda": ("AWSLambda", "invoke invoke_async"),
    "slack": (
        "Slack",
        "user send_message send_thread_message get_user_info list_users is_user_in_group users_in_channel",
    ),
    "pagerduty": ("PagerDuty", "is_on_call users_on_call users_for_schedule get_incidents"),
    "okta": ("Okta", "is_user_in_group users_in_group get_user_info list_groups"),
    "onelogin": ("OneLogin", "list_roles get_user_info users_in_role is_user_in_role"),
    "google": ("Google", "is_user_in_group list_groups users_in_group"),
    "github": ("GitHub", "get_repo_collaborators"),
    "jira": ("Jira", "search_issues add_comment_to_issue create_issue"),
    "knowbe4": ("KnowBe4", "get_training_enrollments_for_user is_user_in_group"),
    "boundary": ("Boundary", "list_groups get_group"),
    "sym": ("SymIntegration", "get_or_create_user_by_email get_or_create_users_by_emails"),
    "store": ("SymSDK", "fetch put"),
    "secret": ("SymSDK", "retrieve_value"),
    "user": ("SymSDK", "get_event_count"),
    "utils": ("Identity", "persist_user_identity"),
}
FUNCTIONS: Mapping[str, str] = MappingProxyType(
    {f"{service}.{name}": kind for service, (kind, known) in _SERVICES.items() for name in known.split()}
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question: a name of `FUNCTIONS` with its arguments as checked JSON, to be answered within a time."""

    function: str
    arguments: Mapping[str, Any]
    within: timedelta


class Unanswered(Exception):
    """A question that gets an exception instead of an answer: raised in the handler under its published class."""

    def __init__(self, error_type: str, name: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.name = name
        self.message = message
        self.hint = hint


class World(Protocol):
    """Answers the questions of one call, with the integration's own credentials. Used by one thread at a time."""

    def ask(self, ask: Ask) -> Any:
        """JSON, before `ask.within` has passed; or raises `Unanswered`."""
        ...


def not_configured(function: str) -> Unanswered:
    """What asking for a service raises that the environment has no integration for."""
    service = function.split(".")[0]
    return Unanswered(
        FUNCTIONS.get(function, "SymSDK"),
        "NOT_CONFIGURED",
        f"{function} cannot be answered: this environment has no {service} integration",
        f"Declare a {service} integration in the estate, or do not use the function.",
    )


class Answers:
    """A World of named functions; what is not named is not configured."""

    def __init__(self, functions: Mapping[str, Callable[[Ask], Any]] | None = None) -> None:
        functions = functions or {}
        unknown = functions.keys() - FUNCTIONS.keys()
        if unknown:
            raise ValueError(f"no handler can ask {', '.join(sorted(unknown))}")
        self._functions = dict(functions)

    def ask(self, ask: Ask) -> Any:
        """The named function's answer."""
        answer = self._functions.get(ask.function)
        if answer is None:
            raise not_configured(ask.function)
        return answer(ask)


NOBODY = Answers()
"""A World that answers nothing."""
