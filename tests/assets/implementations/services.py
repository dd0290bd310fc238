"""Looks things up wherever it can, and says which services are not configured."""

from sym.sdk import SRN, Event, FieldOption, User, UserIdentity, UserRole, github, google, okta, prefetch
from sym.sdk import (
    AccessTarget,
    Channel,
    Environment,
    EventMeta,
    Flow,
    Payload,
    Run,
    SymIntegrationError,
    SymResource,
)
from sym.sdk import RequestDestination, SymSDKError, Template, aws_lambda
from sym.sdk import errors, exceptions
from sym.sdk.annotations import hook, reducer
from sym.sdk.errors import SymIntegrationError as DeclarationError
from sym.sdk.exceptions import (
    AptibleError,
    BoundaryError,
    GitHubError,
    GoogleError,
    JiraError,
    KnowBe4Error,
    MissingArgument,
    SDKError,
)
from sym.sdk.exceptions import SymIntegrationError as IntegrationError
from sym.sdk.forms import FieldOption as OptionOfForms
from sym.sdk.integrations import github as github_of_integrations
from sym.sdk.integrations import (
    boundary,
    jira,
    knowbe4,
    onelogin,
    pagerduty,
    slack,
    store,
    sym,
)
from sym.sdk.resource import (
    InvalidSlugError,
    InvalidSRNError,
    InvalidVersionError,
    MissingComponentError,
    MultipleErrors,
    TrailingSeparatorError,
)
from sym.sdk.utils import persist_user_identity

TRIES = {
    "github": lambda user: github.get_repo_collaborators(repo_name="app", roles=["admin"]),
    "google": lambda user: google.users_in_group("all@host.example", include_indirect_members=False),
    "google lists": lambda user: google.list_groups(),
    "okta": lambda user: okta.list_groups(name_filter="a"),
    "okta members": lambda user: okta.users_in_group(group_id="00g1"),
    "okta user": lambda user: okta.get_user_info(user),
    "jira": lambda user: jira.search_issues("project = OPS"),
    "jira comment": lambda user: jira.add_comment_to_issue("OPS-1", "seen"),
    "jira issue": lambda user: jira.create_issue("Access", "OPS", "Task", labels=["access"]),
    "knowbe4": lambda user: knowbe4.get_training_enrollments_for_user(user, campaign_id=1),
    "boundary": lambda user: boundary.list_groups(recursive=True),
    "boundary group": lambda user: boundary.get_group("g_1"),
    "onelogin": lambda user: onelogin.list_roles(),
    "onelogin user": lambda user: onelogin.get_user_info(user),
    "onelogin role": lambda user: onelogin.users_in_role("7"),
    "onelogin argument": lambda user: onelogin.users_in_role(""),
    "pagerduty": lambda user: pagerduty.is_on_call(user),
    "pagerduty schedule": lambda user: pagerduty.users_for_schedule(schedule_name="nights"),
    "pagerduty incidents": lambda user: pagerduty.has_incident(urgencies=["low", "high"]),
    "slack": lambda user: slack.users_in_channel("#ops"),
    "slack user": lambda user: slack.get_user_info(user),
    "slack users": lambda user: slack.list_users(active_only=False),
    "slack group": lambda user: slack.is_user_in_group(user, group_id="S1"),
    "lambda": lambda user: aws_lambda.invoke_async("arn", {"a": 1}),
    "store": lambda user: store.fetch("a.b"),
    "store put": lambda user: store.put("a.b", {"c": 1}),
}
KINDS = (
    GitHubError, GoogleError, JiraError, KnowBe4Error, BoundaryError, MissingArgument, SDKError, AptibleError,
    IntegrationError, exceptions.OktaError, exceptions.OneLoginError, exceptions.PagerDutyError, exceptions.SlackError,
    exceptions.AWSLambdaError,
)  # fmt: skip


@prefetch("service")
def services(event):
    codes = []
    for name, attempt in TRIES.items():
        try:
            attempt(event.user)
            codes.append(f"{name} works")
        except KINDS as refused:
            codes.append(f"{name} {refused.error_code}")
    assert OptionOfForms is FieldOption and github_of_integrations is github
    return [FieldOption(value=code[:55], label=code[:55]) for code in codes]


@reducer
def get_identity(event, service_type, external_id, user):
    if service_type != "aws_sso":
        return None
    kept = persist_user_identity(
        email=user.email, service=service_type, service_id=external_id, user_id=f"id-of-{user.username}"
    )
    assert isinstance(kept, UserIdentity)
    return kept.user_id


@reducer
def get_identity_lookup(event, service_type):
    return event.user.username.replace("@host.example", "@directory.example")


@reducer
def get_flows(user, flows, flows_filter_vars):
    hidden = flows_filter_vars.get("hidden", "")
    return [flow for flow in flows if flow.name != hidden or user.role == UserRole.ADMIN]


@hook
def on_request(event):
    users = sym.get_or_create_users_by_emails(["ana@host.example", "nobody", "ben@host.example"])
    assert users == [sym.get_or_create_user_by_email("ana@host.example"), users[1]]
    assert all(isinstance(user, User) for user in users)
    try:
        sym.get_or_create_users_by_emails(["nobody"], raise_on_error=True)
    except IntegrationError as refused:
        assert refused.error_code == "SymIntegration:USER_PROCESSING_ERROR"
    for text, kinds in (
        ("a:flow:b:1.0.0:", TrailingSeparatorError),
        ("a:flow:b", MissingComponentError),
        ("a:flow:b:1", InvalidVersionError),
        ("a:flow:b c:1.0.0", InvalidSlugError),
        ("a:flow:b:1.0.0:c:d", InvalidSRNError),
        ("a a:flow:b c:1", MultipleErrors),
    ):
        try:
            SRN.parse(text)
        except kinds as fault:
            assert isinstance(fault, SymSDKError) and fault.format_slack().startswith("*")
        else:
            raise AssertionError(text)
    kinds = (
        Event,
        Payload,
        Channel,
        EventMeta,
        Flow,
        Run,
        Environment,
        Template,
        AccessTarget,
        RequestDestination,
    )
    assert all(isinstance(kind, type) for kind in kinds)
    assert issubclass(Flow, SymResource)
    assert SymIntegrationError is DeclarationError is errors.SymIntegrationError
    assert DeclarationError is not IntegrationError
