"""What a SAML assertion says, as far as AWS cares: its roles and its end. The signature is AWS's to check."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from xml.etree import ElementTree

from gatepass.sessions.errors import BadInput

_ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_ROLE = "https://aws.amazon.com/SAML/Attributes/Role"
LIMIT = 100_000  # characters STS takes


def read_assertion(text: str) -> tuple[datetime | None, tuple[tuple[str, str], ...]]:
    """The assertion's SessionNotOnOrAfter and its (role, provider) pairs. Raises `BadInput`."""
    try:
        xml = base64.b64decode("".join(text.split()), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise BadInput("the SAML assertion is not base64 of UTF-8 text") from error
    # No document types: entities could be made to explode. Nor what the parser could read in another encoding.
    if len(text) > LIMIT or "<!" in xml or "\0" in xml:
        raise BadInput("the SAML assertion is too large or carries a document type")
    try:
        root = ElementTree.fromstring(xml)  # noqa: S314  document types were refused above
    except ElementTree.ParseError as error:
        raise BadInput("the SAML assertion is not XML") from error
    ends = [e.get("SessionNotOnOrAfter") for e in root.iter(f"{_ASSERTION}AuthnStatement")]
    moments = [datetime.fromisoformat(text).astimezone(UTC) for text in ends if text]
    roles = [
        _pair(value.text or "")
        for attribute in root.iter(f"{_ASSERTION}Attribute")
        if attribute.get("Name") == _ROLE
        for value in attribute.iter(f"{_ASSERTION}AttributeValue")
    ]
    return (min(moments) if moments else None), tuple(roles)


def _pair(text: str) -> tuple[str, str]:
    """Role and provider come in either order."""
    first, _, second = (part.strip() for part in text.partition(","))
    return (second, first) if ":saml-provider/" in first else (first, second)
