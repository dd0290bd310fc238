"""A strategy that calls a function: what it returned is told afterwards."""

import json

from sym.sdk.annotations import hook, reducer
from sym.sdk.event import Channel, Event, EventMeta, Payload
from sym.sdk.exceptions import AWSError, AWSIAMError, AWSLambdaError, HTTPError
from sym.sdk.flow import Environment, Flow, Run
from sym.sdk.integrations import aws_iam, aws_lambda
from sym.sdk.resource import SRN, SymBaseResource, SymResource
from sym.sdk.request_permission import RequestPermission
from sym.sdk.secret import Secret, SecretSource
from sym.sdk.strategies import Integration
from sym.sdk.strategy import Strategy
from sym.sdk.target import AccessTarget
from sym.sdk.templates import ApprovalTemplate, ApprovalTemplateStep, Template, TemplateStep, get_step_output
from sym.sdk.user import User, UserIdentity


@reducer
def get_permissions(event: Event):
    assert (
        isinstance(event, Event) and isinstance(event.payload, Payload) and isinstance(event.meta, EventMeta)
    )
    assert isinstance(event.channel, Channel) and isinstance(event.template, Template)
    assert (
        isinstance(event.flow, Flow)
        and isinstance(event.run, Run)
        and isinstance(event.flow.environment, Environment)
    )
    assert isinstance(event.flow.srn, SRN) and isinstance(event.flow, SymResource)
    assert isinstance(event.flow, SymBaseResource) and event.flow.name == event.flow.srn.slug
    strategy = event.flow.strategy
    assert isinstance(strategy, Strategy) and isinstance(strategy.integration, Integration)
    assert json.loads(strategy.json())["integration"]["external_id"] == strategy.integration.external_id
    assert all(isinstance(target, AccessTarget) for target in strategy.targets)
    assert isinstance(event.user, User) and isinstance(event.user.identity("slack"), UserIdentity)
    return RequestPermission(webapp_view="all_users", approve_deny="admin")


@hook
def on_escalate(event):
    try:
        aws_lambda.invoke("arn:aws:lambda:eu-west-1:111111111111:function:check", event)
        aws_iam.is_user_in_group(event.user, group_name="Operators")
    except (AWSLambdaError, AWSIAMError, AWSError, HTTPError) as refused:
        print(refused.error_code)


@hook
def after_escalate(event):
    output = get_step_output(ApprovalTemplateStep.ESCALATE)
    assert output == get_step_output("escalate")
    if output.get("errors"):
        return ApprovalTemplate.deescalate()
    assert TemplateStep.IGNORE == "ignore"
    print("the function said", output["body"]["said"])


@hook
def after_deescalate(event):
    for integration in event.flow.environment.integrations.values():
        secret = integration.settings.get("api_token_secret")
        if isinstance(secret, Secret) and isinstance(secret.source, SecretSource):
            print(len(secret.retrieve_value()), "characters of", secret.path)
