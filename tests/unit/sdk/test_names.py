"""H3, C3: every name of the published surface exists where implementations import it from."""

from __future__ import annotations

import importlib

import pytest

SURFACE = {
    "": "AccessTarget ApprovalTemplate Channel Event EventMeta FieldOption Flow Run RequestPermission PermissionLevel "
    "Payload RequestDestination RequestDestinationFallback SRN SlackChannelID SlackChannelName SlackUser "
    "SlackUserGroup SymIntegrationError SymResource SymSDKError Template User UserIdentity UserRole aws_lambda "
    "github google hook okta onelogin pagerduty prefetch reducer slack Environment",
    "annotations": "reducer hook prefetch",
    "event": "Event Payload Channel EventMeta",
    "flow": "Flow Environment Run",
    "user": "User UserIdentity UserRole user_ids",
    "target": "AccessTarget",
    "strategy": "Strategy",
    "strategies": "AccessStrategy Integration",
    "forms": "FieldType FieldOption PromptField SlackUserSelection SymPromptForm",
    "field_option": "FieldOption",
    "notifications": "Notification",
    "request_destination": "RequestDestination SlackRequestDestination SlackChannelID SlackChannelName SlackUser "
    "SlackUserGroup RequestDestinationFallback RequestForwardContext",
    "request_permission": "PermissionLevel RequestPermission",
    "resource": "SRN SymBaseResource SymResource InvalidSRNError InvalidSlugError MissingComponentError "
    "InvalidVersionError TrailingSeparatorError MultipleErrors",
    "secret": "Secret SecretSource",
    "templates": "ApprovalTemplate ApprovalTemplateStep Template TemplateStep get_step_output",
    "utils": "persist_user_identity",
    "errors": "SymSDKError SymIntegrationError",
    "exceptions": "SymException ExceptionWithHint AccessStrategyError AptibleError AWSError AWSIAMError "
    "AWSLambdaError AWSSSOError BoundaryError GitHubError GoogleError HTTPError IdentityError CouldNotSaveError "
    "IdentityNotFound JiraError KnowBe4Error OktaError OneLoginError PagerDutyError SDKError MissingArgument "
    "SlackError SymIntegrationError",
    "integrations": "aws_iam aws_lambda aws_sso boundary github google jira knowbe4 okta onelogin pagerduty slack "
    "store sym",
}


@pytest.mark.parametrize("module", SURFACE)
def test_every_published_name_is_there(module: str) -> None:
    found = importlib.import_module(f"gatepass.sdk.{module}".rstrip("."))
    assert [name for name in SURFACE[module].split() if not hasattr(found, name)] == []


def test_both_locations_of_field_option_hold_one_class() -> None:
    from gatepass.sdk import FieldOption, field_option, forms

    assert FieldOption is forms.FieldOption is field_option.FieldOption


def test_the_two_integration_errors_are_different_classes() -> None:
    from gatepass.sdk import errors, exceptions

    assert errors.SymIntegrationError is not exceptions.SymIntegrationError


@pytest.mark.parametrize(
    ("error_type", "name", "kind"),
    [
        ("AWSSSO", "GROUP_NOT_FOUND", "AWSSSOError"),
        ("Identity", "NOT_FOUND", "IdentityNotFound"),
        ("Identity", "COULD_NOT_SAVE", "CouldNotSaveError"),
        ("Identity", "OTHER", "IdentityError"),
        ("SymSDK", "MISSING_ARGUMENT", "MissingArgument"),
        ("Slack", "NOT_IN_CHANNEL", "SlackError"),
        ("SymIntegration", "USER_PROCESSING_ERROR", "SymIntegrationError"),
        ("Nobody", "X", "SymException"),
    ],
)
def test_an_error_code_makes_its_exception(error_type: str, name: str, kind: str) -> None:
    from gatepass.sdk.exceptions import exception_of

    made = exception_of(error_type, name, "what happened")
    assert type(made).__name__ == kind
    assert made.to_dict() == {"error": True, "message": "what happened", "code": f"{error_type}:{name}"}
