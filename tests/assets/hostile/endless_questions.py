# expect: asked_too_much
"""Asks the server the same question for ever."""

from sym.sdk.annotations import reducer
from sym.sdk.exceptions import SymException
from sym.sdk.integrations import aws_sso


@reducer
def get_permissions(event):
    while True:
        try:
            aws_sso.list_accounts()
        except SymException:
            continue
