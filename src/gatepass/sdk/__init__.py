"""What implementers import: the SDK that flows in Python are written against (spec: sym.md 2).

Existing files say `sym.sdk...`; at load time, inside the process that runs them, those names resolve to this package.
Nothing here reaches anything by itself: what a function needs from outside it asks of the process that called it.
"""

from gatepass.sdk.annotations import hook, prefetch, reducer
from gatepass.sdk.errors import SymIntegrationError, SymSDKError
from gatepass.sdk.event import Channel, Event, EventMeta, Payload
from gatepass.sdk.flow import Environment, Flow, Run
from gatepass.sdk.forms import FieldOption
from gatepass.sdk.integrations import aws_lambda, github, google, okta, onelogin, pagerduty, slack
from gatepass.sdk.request_destination import (
    RequestDestination,
    RequestDestinationFallback,
    SlackChannelID,
    SlackChannelName,
    SlackUser,
    SlackUserGroup,
)
from gatepass.sdk.request_permission import PermissionLevel, RequestPermission
from gatepass.sdk.resource import SRN, SymResource
from gatepass.sdk.target import AccessTarget
from gatepass.sdk.templates import ApprovalTemplate, Template
from gatepass.sdk.user import User, UserIdentity, UserRole

__all__ = [
    "SRN",
    "AccessTarget",
    "ApprovalTemplate",
    "Channel",
    "Environment",
    "Event",
    "EventMeta",
    "FieldOption",
    "Flow",
    "Payload",
    "PermissionLevel",
    "RequestDestination",
    "RequestDestinationFallback",
    "RequestPermission",
    "Run",
    "SlackChannelID",
    "SlackChannelName",
    "SlackUser",
    "SlackUserGroup",
    "SymIntegrationError",
    "SymResource",
    "SymSDKError",
    "Template",
    "User",
    "UserIdentity",
    "UserRole",
    "aws_lambda",
    "github",
    "google",
    "hook",
    "okta",
    "onelogin",
    "pagerduty",
    "prefetch",
    "reducer",
    "slack",
]
