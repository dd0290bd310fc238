"""sts: sessions for whom somebody else vouches, by SAML assertion or web identity token.

The content of assertions and tokens is checked: provider, audience, time, role. Their signatures are not: the keys of
an identity provider are not part of a simulated AWS.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree

from gatepass.policy import Form, Value, provider
from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.sts import SERVICE, ask_of, assume

_SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_AWS = "https://aws.amazon.com/SAML/Attributes/"
_AUDIENCES = ("https://signin.aws.amazon.com/saml", "urn:amazon:webservices")


@dataclass(frozen=True)
class Assertion:
    """What a SAML assertion says that STS looks at."""

    issuer: str
    subject: str
    audience: str
    until: datetime | None
    attributes: dict[str, list[str]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The first value of one of AWS's own attributes; empty when it is missing."""
        return next(iter(self.attributes.get(_AWS + name, [])), "")


def _invalid(text: str) -> ApiError:
    return ApiError("InvalidIdentityToken", text)


def read_assertion(encoded: str) -> Assertion:
    """The assertion of a base64 SAML response; refuses what cannot be read, and any document type declaration."""
    try:
        text = base64.b64decode(encoded, validate=True)
        if b"<!" in text:  # no DTD, so no entities: nothing for the parser to expand
            raise _invalid("The SAML response must not declare a document type.")
        tree = ElementTree.fromstring(text)  # noqa: S314
    except (binascii.Error, ElementTree.ParseError, ValueError):
        raise _invalid("Could not parse the SAML response.") from None
    found = tree if tree.tag == f"{_SAML}Assertion" else tree.find(f".//{_SAML}Assertion")
    if found is None:
        raise _invalid("The SAML response holds no assertion.")
    conditions = found.find(f"{_SAML}Conditions")
    until = conditions.get("NotOnOrAfter") if conditions is not None else None
    return Assertion(
        found.findtext(f"{_SAML}Issuer", "").strip(),
        found.findtext(f"{_SAML}Subject/{_SAML}NameID", "").strip(),
        found.findtext(f".//{_SAML}Audience", "").strip(),
        datetime.fromisoformat(until.replace("Z", "+00:00")) if until else None,
        {
            attribute.get("Name", ""): [
                (value.text or "").strip() for value in attribute.findall(f"{_SAML}AttributeValue")
            ]
            for attribute in found.iter(f"{_SAML}Attribute")
        },
    )


@operation(SERVICE, "AssumeRoleWithSAML", open_to_all=True)
def assume_role_with_saml(call: Call, params: Params) -> Answer:
    """The provider must exist in the role's account and have issued the assertion; that must name both."""
    assertion = read_assertion(params["SAMLAssertion"])
    arn, role = params["PrincipalArn"], params["RoleArn"]
    known = call.world.iam_of(role.split(":")[4]).saml.get(arn) if role.count(":") >= 5 else None
    if known is None or assertion.issuer not in known.metadata:
        raise _invalid("Issuer not present in specified provider")
    if assertion.until is None or assertion.until <= call.now:
        raise ApiError("ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance")
    if assertion.audience not in _AUDIENCES:
        raise _invalid("SAML Assertion doesn't contain a valid audience")
    pairs = [set(pair.replace(" ", "").split(",")) for pair in assertion.attributes.get(_AWS + "Role", [])]
    if {role, arn} not in pairs:
        raise call.refuse("denied", "Not authorized to perform sts:AssumeRoleWithSAML")
    name = assertion.one("RoleSessionName")
    asked = ask_of(call, params, name)
    asserted = assertion.one("SessionDuration")
    if asked.lasts is None and asserted:
        asked = replace(asked, lasts=timedelta(seconds=int(asserted)))
    context: dict[str, Value] = {
        "SAML:aud": assertion.audience,
        "SAML:iss": assertion.issuer,
        "SAML:sub": assertion.subject,
        "SAML:sub_type": "persistent",
    }
    asked = replace(
        asked, context=context, tags=_tags(assertion), source_identity=assertion.one("SourceIdentity") or None
    )
    answer = assume(call, params, provider(arn), asked, Form.SAML)
    said = {
        "Subject": assertion.subject,
        "SubjectType": "persistent",
        "Issuer": assertion.issuer,
        "Audience": assertion.audience,
    }
    return {**answer, **said}


def _tags(assertion: Assertion) -> dict[str, str]:
    prefix = f"{_AWS}PrincipalTag:"
    return {
        name.removeprefix(prefix): values[0]
        for name, values in assertion.attributes.items()
        if name.startswith(prefix) and values
    }


def read_token(token: str) -> dict[str, Any]:
    """The claims of a JSON web token; refuses what is none."""
    parts = token.split(".")
    try:
        if len(parts) != 3:
            raise _invalid("The ID Token provided is not a valid JWT.")
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        raise _invalid("The ID Token provided is not a valid JWT.") from None
    if not isinstance(claims, dict) or not {"iss", "sub", "aud", "exp"} <= claims.keys():
        raise _invalid("Missing a required claim: iss, sub, aud, exp")
    return claims


@operation(SERVICE, "AssumeRoleWithWebIdentity", open_to_all=True)
def assume_role_with_web_identity(call: Call, params: Params) -> Answer:
    """The issuer must be a provider of the role's account, the audience one of its clients, the token not expired."""
    claims = read_token(params["WebIdentityToken"])
    role = params["RoleArn"]
    host = str(claims["iss"]).removeprefix("https://")
    arn = f"arn:aws:iam::{role.split(':')[4] if role.count(':') >= 5 else ''}:oidc-provider/{host}"
    known = call.world.iam_of(arn.split(":")[4]).oidc.get(arn)
    if known is None:
        raise _invalid(f"No OpenIDConnect provider found in your account for {claims['iss']}")
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if not set(audiences) & set(known.audiences):
        raise _invalid("Incorrect token audience")
    if float(claims["exp"]) <= call.now.timestamp():
        raise ApiError("ExpiredTokenException", "Token expired")
    context: dict[str, Value] = {
        f"{host}:{name}": value if isinstance(value, str) else [str(item) for item in value]
        for name, value in claims.items()
        if isinstance(value, str | list)
    }
    asked = replace(ask_of(call, params, params["RoleSessionName"]), context=context)
    answer = assume(call, params, provider(arn), asked, Form.WEB_IDENTITY)
    said = {"SubjectFromWebIdentityToken": claims["sub"], "Provider": claims["iss"], "Audience": audiences[0]}
    return {**answer, **said}
