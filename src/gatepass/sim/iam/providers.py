"""iam: SAML and OpenID Connect identity providers of an account."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.iam.entities import SERVICE, exists, iam_of, tag_list, tags_of
from gatepass.sim.iam.state import Provider

MOST_PROVIDERS, MOST_CLIENTS, MOST_THUMBPRINTS = 100, 100, 5


def by(key: str) -> Callable[[Call, Params], list[str]]:
    return lambda call, params: [params[key]]


def find_provider(table: dict[str, Provider], arn: str) -> Provider:
    found = table.get(arn)
    if found is None:
        raise ApiError("NoSuchEntity", f"Provider {arn} not found in your account.")
    return found


def _room(table: dict[str, Provider], kind: str) -> None:
    if len(table) >= MOST_PROVIDERS:
        raise ApiError(
            "LimitExceeded", f"Cannot exceed quota for {kind}ProvidersPerAccount: {MOST_PROVIDERS}"
        )


def _check_metadata(text: str) -> None:
    """SAML metadata is XML with an entity id and without a document type declaration."""
    try:
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ApiError("InvalidInput", "The metadata must not declare a document type")
        root = ElementTree.fromstring(text)  # noqa: S314 - no DTD, so no entities
    except ElementTree.ParseError:
        raise ApiError("InvalidInput", "Could not parse metadata") from None
    if not root.get("entityID"):
        raise ApiError("InvalidInput", "The metadata has no entityID")


@operation(SERVICE, "CreateSAMLProvider")
def create_saml(call: Call, params: Params) -> Answer:
    table = iam_of(call).saml
    arn = f"arn:aws:iam::{call.caller.account}:saml-provider/{params['Name']}"
    _check_metadata(params["SAMLMetadataDocument"])
    if any(other.lower() == arn.lower() for other in table):
        raise exists("Provider", params["Name"])
    _room(table, "SAML")
    table[arn] = Provider(arn, call.now, params["SAMLMetadataDocument"], tags=tags_of(call, params))
    return {"SAMLProviderArn": arn, "Tags": tag_list(table[arn].tags)}


@operation(SERVICE, "GetSAMLProvider", resources=by("SAMLProviderArn"))
def get_saml(call: Call, params: Params) -> Answer:
    found = find_provider(iam_of(call).saml, params["SAMLProviderArn"])
    row = {"SAMLMetadataDocument": found.metadata, "CreateDate": found.created}
    return {
        **row,
        "ValidUntil": found.created.replace(year=found.created.year + 100),
        "Tags": tag_list(found.tags),
    }


@operation(SERVICE, "ListSAMLProviders")
def list_saml(call: Call, params: Params) -> Answer:
    found = iam_of(call).saml.values()
    return {"SAMLProviderList": [{"Arn": p.arn, "CreateDate": p.created} for p in found]}


@operation(SERVICE, "UpdateSAMLProvider", resources=by("SAMLProviderArn"))
def update_saml(call: Call, params: Params) -> Answer:
    found = find_provider(iam_of(call).saml, params["SAMLProviderArn"])
    if "SAMLMetadataDocument" in params:
        _check_metadata(params["SAMLMetadataDocument"])
        found.metadata = params["SAMLMetadataDocument"]
    return {"SAMLProviderArn": found.arn}


@operation(SERVICE, "DeleteSAMLProvider", resources=by("SAMLProviderArn"))
def delete_saml(call: Call, params: Params) -> Answer:
    table = iam_of(call).saml
    del table[find_provider(table, params["SAMLProviderArn"]).arn]
    return {}


@operation(SERVICE, "CreateOpenIDConnectProvider")
def create_oidc(call: Call, params: Params) -> Answer:
    url, table = params["Url"], iam_of(call).oidc
    if not url.startswith("https://"):
        raise call.refuse("invalid", "Invalid Open ID Connect Provider URL")
    host = url.removeprefix("https://").rstrip("/")
    arn = f"arn:aws:iam::{call.caller.account}:oidc-provider/{host}"
    if arn in table:
        raise exists("Provider", url)
    _room(table, "OpenIDConnect")
    made = Provider(arn, call.now, url=host, tags=tags_of(call, params))
    made.audiences = list(dict.fromkeys(params.get("ClientIDList", [])))
    made.thumbprints = list(params.get("ThumbprintList", []))
    _check_lists(made)
    table[arn] = made
    return {"OpenIDConnectProviderArn": arn, "Tags": tag_list(made.tags)}


def _check_lists(found: Provider) -> None:
    if len(found.audiences) > MOST_CLIENTS:
        raise ApiError(
            "LimitExceeded", f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {MOST_CLIENTS}"
        )
    if len(found.thumbprints) > MOST_THUMBPRINTS:
        raise ApiError(
            "InvalidInput", f"Thumbprint list must contain fewer than {MOST_THUMBPRINTS + 1} entries."
        )


@operation(SERVICE, "GetOpenIDConnectProvider", resources=by("OpenIDConnectProviderArn"))
def get_oidc(call: Call, params: Params) -> Answer:
    found = find_provider(iam_of(call).oidc, params["OpenIDConnectProviderArn"])
    return {
        "Url": found.url,
        "ClientIDList": list(found.audiences),
        "ThumbprintList": list(found.thumbprints),
        "CreateDate": found.created,
        "Tags": tag_list(found.tags),
    }


@operation(SERVICE, "ListOpenIDConnectProviders")
def list_oidc(call: Call, params: Params) -> Answer:
    return {"OpenIDConnectProviderList": [{"Arn": arn} for arn in iam_of(call).oidc]}


@operation(SERVICE, "AddClientIDToOpenIDConnectProvider", resources=by("OpenIDConnectProviderArn"))
def add_client(call: Call, params: Params) -> Answer:
    found = find_provider(iam_of(call).oidc, params["OpenIDConnectProviderArn"])
    if params["ClientID"] not in found.audiences:
        found.audiences.append(params["ClientID"])
    return {}


@operation(SERVICE, "RemoveClientIDFromOpenIDConnectProvider", resources=by("OpenIDConnectProviderArn"))
def remove_client(call: Call, params: Params) -> Answer:
    found = find_provider(iam_of(call).oidc, params["OpenIDConnectProviderArn"])
    found.audiences = [audience for audience in found.audiences if audience != params["ClientID"]]
    return {}


@operation(SERVICE, "UpdateOpenIDConnectProviderThumbprint", resources=by("OpenIDConnectProviderArn"))
def update_thumbprint(call: Call, params: Params) -> Answer:
    found = find_provider(iam_of(call).oidc, params["OpenIDConnectProviderArn"])
    found.thumbprints = list(params["ThumbprintList"])
    return {}


@operation(SERVICE, "DeleteOpenIDConnectProvider", resources=by("OpenIDConnectProviderArn"))
def delete_oidc(call: Call, params: Params) -> Answer:
    table = iam_of(call).oidc
    del table[find_provider(table, params["OpenIDConnectProviderArn"]).arn]
    return {}
