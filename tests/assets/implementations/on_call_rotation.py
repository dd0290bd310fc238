"""People on call get in at once, a few times; everybody else asks them. Told in Slack, then by mail."""

from datetime import datetime, timedelta, timezone

from sym.sdk import (
    ApprovalTemplate,
    PermissionLevel,
    RequestDestinationFallback,
    RequestPermission,
    SlackChannelID,
    SlackChannelName,
    SlackUser,
    SlackUserGroup,
    hook,
    okta,
    onelogin,
    pagerduty,
    reducer,
    slack,
)
from sym.sdk.exceptions import (
    ExceptionWithHint,
    OktaError,
    OneLoginError,
    PagerDutyError,
    SlackError,
    SymException,
)
from sym.sdk.integrations import google, knowbe4
from sym.sdk.integrations import okta as okta_of_integrations
from sym.sdk.notifications import Notification
from sym.sdk.request_destination import (
    RequestDestination,
    RequestDestinationFallback as Fallback,
    RequestForwardContext,
    SlackChannelID as ById,
    SlackChannelName as ByName,
    SlackRequestDestination,
    SlackUser as Person,
    SlackUserGroup as People,
)
from sym.sdk.user import UserRole, user_ids


def on_call():
    try:
        return pagerduty.users_on_call(escalation_policy_name="platform")
    except PagerDutyError as refused:
        assert isinstance(refused, ExceptionWithHint) and isinstance(refused, SymException)
        assert refused.to_dict()["code"] == "PagerDuty:NOT_CONFIGURED"
        return []


@hook
def on_request(event):
    since = datetime.now(timezone.utc) - timedelta(days=1)
    if (
        event.user in on_call()
        and event.user.get_event_count("escalate", since=since, filter_on="target") < 3
    ):
        return ApprovalTemplate.approve(reason="on call")
    for lookup, refusal in (
        (lambda: okta.is_user_in_group(event.user, group_id="00g1"), OktaError),
        (lambda: onelogin.is_user_in_role(event.user, role_id="7"), OneLoginError),
    ):
        try:
            lookup()
        except refusal as unavailable:
            print(unavailable.error_code)


@reducer
def get_permissions(event):
    people = on_call()
    if not people:
        return RequestPermission(webapp_view=PermissionLevel.MEMBER, approve_deny=PermissionLevel.ADMIN)
    return RequestPermission(webapp_view=PermissionLevel.MEMBER, approve_deny=user_ids(people))


@reducer
def get_request_notifications(event):
    channel = slack.channel("#platform")
    direct = slack.user(event.user)
    assert isinstance(channel, SlackChannelName) and isinstance(channel, SlackRequestDestination)
    assert isinstance(slack.channel("C0123456"), SlackChannelID)
    assert direct.mention() == slack.mention(event.user)
    assert RequestDestination.parse_obj({"user_id": "U1"}) == SlackUser(user_id="U1")
    return [
        Notification(destinations=[channel], timeout=600),
        Notification(destinations=[slack.group([direct, "U0123456"])], timeout=600),
        Notification(destinations=[event.user]),
    ]


@reducer
def get_approvers(event):
    assert (ById, ByName, Person, People) == (SlackChannelID, SlackChannelName, SlackUser, SlackUserGroup)
    assert okta_of_integrations is okta and Fallback is RequestDestinationFallback
    fallback = slack.fallback(slack.channel("#platform"), slack.user("U0123456"), continue_on_timeout=True)
    assert isinstance(fallback, RequestDestinationFallback)
    assert isinstance(slack.group(["U0123456"]), SlackUserGroup)
    return fallback


@hook
def on_request_forward(event, context: RequestForwardContext):
    print(f"destination {context.current_destination_index} of {len(context.all_request_destinations)}")


@hook
def on_approve(event):
    if event.user.role != UserRole.ADMIN and PermissionLevel.ADMIN in event.user.role.permission_levels():
        return ApprovalTemplate.ignore(message="Roles do not add up.")
    try:
        google.is_user_in_group(event.user, group_email="platform@host.example")
        knowbe4.is_user_in_group(event.user, 7)
    except SymException as refused:
        print(refused.error_type, refused.name, refused.message)


@hook
def after_escalate(event):
    try:
        slack.send_message(event.get_actor("request"), "You have access.")
        slack.send_thread_message("Access was given.")
    except SlackError as refused:
        print(refused.error_code)
