"""The people gatepass knows. Raises `SymIntegrationError`."""

from __future__ import annotations

from collections.abc import Sequence

from gatepass.sdk import link
from gatepass.sdk.integrations.people import ask_users
from gatepass.sdk.user import User


def get_or_create_user_by_email(email: str) -> User:
    """The person of that address, created as a guest or member by the domain's rule when unknown."""
    return User(link.ask("sym.get_or_create_user_by_email", email=email))


def get_or_create_users_by_emails(emails: Sequence[str], raise_on_error: bool = False) -> list[User]:
    """The people of those addresses. Bad addresses are logged and left out, or raise when so asked."""
    return ask_users("sym.get_or_create_users_by_emails", emails=list(emails), raise_on_error=raise_on_error)
