"""AWS IAM groups. Raises `AWSIAMError`."""

from __future__ import annotations

from gatepass.sdk import link
from gatepass.sdk.user import User


def is_user_in_group(user: User, *, group_name: str) -> bool:
    """Whether the person's IAM user is in the group."""
    return bool(link.ask("aws_iam.is_user_in_group", user=user.as_json(), group_name=group_name))
