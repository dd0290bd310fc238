"""GitHub repositories. Raises `GitHubError`."""

from __future__ import annotations

from collections.abc import Sequence

from gatepass.sdk.integrations.people import ask_users
from gatepass.sdk.user import User


def get_repo_collaborators(*, repo_name: str, roles: Sequence[str] | None = None) -> list[User]:
    """Collaborators known to gatepass whose role is exactly one of `roles`; of any role when none are given."""
    return ask_users(
        "github.get_repo_collaborators", repo_name=repo_name, roles=None if roles is None else list(roles)
    )
