"""Offers the accounts directly below one organizational unit; the asker picks one by name."""

from sym.sdk.annotations import prefetch
from sym.sdk.field_option import FieldOption
from sym.sdk.integrations import aws_sso


@prefetch(field_name="account_id")
def get_account_ids(event):
    return [
        FieldOption(value=account["Id"], label=account["Name"])
        for account in aws_sso.list_accounts(organizational_unit_id="ou-abcd-11111111")
    ]
