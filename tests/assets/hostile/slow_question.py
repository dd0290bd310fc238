# expect: hung
"""Asks something that takes the server longer than the deadline allows."""

from sym.sdk.annotations import reducer
from sym.sdk.integrations import aws_sso


@reducer
def get_permissions(event):
    return aws_sso.list_groups()
