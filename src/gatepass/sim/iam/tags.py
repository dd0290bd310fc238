"""iam: tags: the same three operations for everything that has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.iam.entities import (
    SERVICE,
    find_role,
    find_user,
    iam_of,
    merged,
    named,
    paged,
    role_to_change,
    tag_list,
    tags_of,
    without,
)
from gatepass.sim.iam.policies import by_arn, find_policy
from gatepass.sim.iam.providers import by, find_provider
from gatepass.sim.iam.state import Policy, Provider, Role, User


@dataclass(frozen=True)
class Tagged:
    """One kind of thing with tags: what its operations are called, what names it, how it is found."""

    kind: str
    find: Callable[[Call, Params], Role | User | Policy | Provider]
    change: Callable[[Call, Params], Role | User | Policy | Provider]
    resources: Callable[[Call, Params], list[str]]


def _saml(call: Call, params: Params) -> Provider:
    return find_provider(iam_of(call).saml, params["SAMLProviderArn"])


def _oidc(call: Call, params: Params) -> Provider:
    return find_provider(iam_of(call).oidc, params["OpenIDConnectProviderArn"])


def _user(call: Call, params: Params) -> User:
    return find_user(call, params["UserName"])


def _policy(call: Call, params: Params) -> Policy:
    return find_policy(call, params["PolicyArn"])


TAGGED = (
    Tagged(
        "Role",
        lambda call, params: find_role(call, params["RoleName"]),
        lambda call, params: role_to_change(call, params["RoleName"]),
        named("role"),
    ),
    Tagged("User", _user, _user, named("user")),
    Tagged("Policy", _policy, _policy, by_arn),
    Tagged("SAMLProvider", _saml, _saml, by("SAMLProviderArn")),
    Tagged("OpenIDConnectProvider", _oidc, _oidc, by("OpenIDConnectProviderArn")),
)


def _enter(tagged: Tagged) -> None:
    @operation(SERVICE, f"List{tagged.kind}Tags", resources=tagged.resources)
    def list_tags(call: Call, params: Params) -> Answer:
        tags = tag_list(tagged.find(call, params).tags)
        return paged(call, params, "Tags", [(tag["Key"], tag) for tag in tags])

    @operation(SERVICE, f"Tag{tagged.kind}", resources=tagged.resources)
    def tag(call: Call, params: Params) -> Answer:
        found = tagged.change(call, params)
        found.tags = merged(call, found.tags, tags_of(call, params))
        return {}

    @operation(SERVICE, f"Untag{tagged.kind}", resources=tagged.resources)
    def untag(call: Call, params: Params) -> Answer:
        found = tagged.change(call, params)
        found.tags = without(found.tags, params["TagKeys"])
        return {}


for _tagged in TAGGED:
    _enter(_tagged)
