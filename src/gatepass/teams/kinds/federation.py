"""SAML and OpenID Connect providers, as kinds of things."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gatepass.teams.applying.calls import Calls, Op, iam, pairs, tags_of
from gatepass.teams.kinds.kind import (
    Field,
    found_or_none,
    tag_steps,
)
from gatepass.teams.model import OidcProvider, SamlProvider


class SamlKind:
    """SAML providers that gatepass keeps."""

    name = "saml-provider"
    bare: Mapping[str, Any] = {}

    def read(self, calls: Calls, wanted: SamlProvider) -> SamlProvider | None:
        found = found_or_none(calls, wanted.account, "GetSAMLProvider", SAMLProviderArn=wanted.arn)
        if found is None:
            return None
        metadata = found.get("SAMLMetadataDocument", "")
        return replace(wanted, metadata=metadata, tags=tags_of(found.get("Tags")))

    def differences(self, live: SamlProvider, wanted: SamlProvider) -> list[Field]:
        found = []
        if live.metadata.strip() != wanted.metadata.strip():
            found.append(Field("metadata", _digest(live.metadata), _digest(wanted.metadata)))
        if dict(live.tags) != dict(wanted.tags):
            found.append(Field("tags", dict(live.tags), dict(wanted.tags)))
        return found

    def steps(self, calls: Calls, live: SamlProvider | None, wanted: SamlProvider) -> Iterator[Op]:
        if live is None:
            yield iam(
                "CreateSAMLProvider",
                Name=wanted.name,
                SAMLMetadataDocument=wanted.metadata,
                Tags=pairs(wanted.tags),
            )
            return
        named = {"SAMLProviderArn": wanted.arn}
        yield from tag_steps("SAMLProvider", named, live.tags, wanted.tags)
        if live.metadata.strip() != wanted.metadata.strip():
            yield iam("UpdateSAMLProvider", **named, SAMLMetadataDocument=wanted.metadata)

    def removal(self, calls: Calls, live: SamlProvider) -> Iterator[Op]:
        yield iam("DeleteSAMLProvider", SAMLProviderArn=live.arn)

    def shown(self, value: SamlProvider) -> dict[str, Any]:
        return {"metadata": _digest(value.metadata), "tags": dict(value.tags)}


def _digest(value: str) -> str:
    return hashlib.sha256(value.strip().encode()).hexdigest()[:16]


class OidcKind:
    """OpenID Connect providers that gatepass keeps."""

    name = "oidc-provider"
    bare: Mapping[str, Any] = {}

    def read(self, calls: Calls, wanted: OidcProvider) -> OidcProvider | None:
        found = found_or_none(
            calls, wanted.account, "GetOpenIDConnectProvider", OpenIDConnectProviderArn=wanted.arn
        )
        if found is None:
            return None
        return replace(
            wanted,
            audiences=tuple(sorted(found.get("ClientIDList", ()))),
            thumbprints=tuple(sorted(found.get("ThumbprintList", ()))),
            tags=tags_of(found.get("Tags")),
        )

    def differences(self, live: OidcProvider, wanted: OidcProvider) -> list[Field]:
        found = []
        if set(live.audiences) != set(wanted.audiences):
            found.append(Field("audiences", sorted(live.audiences), sorted(wanted.audiences)))
        if wanted.thumbprints and set(live.thumbprints) != set(wanted.thumbprints):
            found.append(Field("thumbprints", sorted(live.thumbprints), sorted(wanted.thumbprints)))
        if dict(live.tags) != dict(wanted.tags):
            found.append(Field("tags", dict(live.tags), dict(wanted.tags)))
        return found

    def steps(self, calls: Calls, live: OidcProvider | None, wanted: OidcProvider) -> Iterator[Op]:
        if live is None:
            thumbprints = {"ThumbprintList": list(wanted.thumbprints)} if wanted.thumbprints else {}
            yield iam(
                "CreateOpenIDConnectProvider",
                Url=f"https://{wanted.host}",
                ClientIDList=sorted(wanted.audiences),
                Tags=pairs(wanted.tags),
                **thumbprints,
            )
            return
        named = {"OpenIDConnectProviderArn": wanted.arn}
        yield from tag_steps("OpenIDConnectProvider", named, live.tags, wanted.tags)
        for audience in sorted(set(wanted.audiences) - set(live.audiences)):
            yield iam("AddClientIDToOpenIDConnectProvider", **named, ClientID=audience)
        for audience in sorted(set(live.audiences) - set(wanted.audiences)):
            yield iam("RemoveClientIDFromOpenIDConnectProvider", **named, ClientID=audience)
        if wanted.thumbprints and set(live.thumbprints) != set(wanted.thumbprints):
            yield iam(
                "UpdateOpenIDConnectProviderThumbprint", **named, ThumbprintList=sorted(wanted.thumbprints)
            )

    def removal(self, calls: Calls, live: OidcProvider) -> Iterator[Op]:
        yield iam("DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=live.arn)

    def shown(self, value: OidcProvider) -> dict[str, Any]:
        return {
            "audiences": sorted(value.audiences),
            "thumbprints": sorted(value.thumbprints),
            "tags": dict(value.tags),
        }
