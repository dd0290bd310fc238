"""A dynamic target: the accounts of one unit, with a form that changes as it is filled in."""

import datetime

from sym.sdk.annotations import hook, prefetch, reducer
from sym.sdk.errors import SymSDKError
from sym.sdk.exceptions import AWSSSOError
from sym.sdk.field_option import FieldOption
from sym.sdk.forms import FieldType, PromptField, SlackUserSelection, SymPromptForm
from sym.sdk.integrations import aws_sso
from sym.sdk.request_permission import PermissionLevel, RequestPermission
from sym.sdk.templates import ApprovalTemplate


@prefetch(field_name="account_id")
def accounts(event):
    unit = event.flow.vars.get("unit")
    try:
        found = aws_sso.list_accounts(organizational_unit_id=unit)
    except AWSSSOError as refused:
        print("falling back to every account:", refused.error_code)
        found = aws_sso.list_accounts()
    return [FieldOption(value=account["Id"], label=account["Name"]) for account in found]


@reducer
def get_permissions(event):
    return RequestPermission(
        webapp_view=PermissionLevel.ADMIN, approve_deny=PermissionLevel.MEMBER, allow_self_approval=False
    )


@hook
def on_request(event):
    fields = event.payload.fields
    if fields["target"].type != "aws_sso_permission_set":
        return ApprovalTemplate.deny(reason=f"{fields['target'].label} is not for this flow")
    if datetime.timedelta(seconds=fields["duration"]) > datetime.timedelta(hours=4):
        return ApprovalTemplate.ignore(message="At most four hours, please.")
    if event.get_context("request") and event.get_actor("request") == event.user:
        print("asked by a program for", event.user.username)


def on_change_urgent(username: str, form: SymPromptForm) -> SymPromptForm:
    urgent: PromptField = form.fields["urgent"]
    reason = form.fields["reason"]
    assert urgent.type == FieldType.STRING
    reason.visible = reason.required = urgent.value == "yes"
    reason.label = f"Why is it urgent, {username}?"
    reason.current_allowed_values = [
        value for value in reason.original_allowed_values if value != "curiosity"
    ]
    form.additional_header_text = f"*{form.flow_vars['team']}* will be told"
    try:
        form.fields["urgent"].name = "other"
    except TypeError:
        pass
    for field in form.fields.values():
        if isinstance(field.value, SlackUserSelection) and field.value.username is None:
            raise SymSDKError(f"{field.value.user_id} is unknown", hint="Choose somebody of this company.")
    return form
