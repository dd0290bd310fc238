"""Whether a request was signed with the secret of the key it names (Signature Version 4)."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gatepass.sim.answers import ApiError
from gatepass.sim.wire import Incoming
from gatepass.sim.world import Credential

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,"
    r"\s*SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_LONGEST_SKEW = timedelta(minutes=15)


@dataclass(frozen=True)
class Scope:
    """What the Authorization header says: the key, and what the signature is good for."""

    key: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str


def scope(incoming: Incoming) -> Scope | None:
    """The scope of a signed request; None for an unsigned one."""
    found = _HEADER.fullmatch(incoming.headers.get("authorization", "").strip())
    if found is None:
        return None
    headers = tuple(found["headers"].split(";"))
    return Scope(found["key"], found["region"], found["service"], headers, found["signature"])


def verify(incoming: Incoming, signed: Scope, credential: Credential, now: datetime) -> None:
    """Raise `ApiError` unless the signature is right and was made within 15 minutes of `now`."""
    stamp = incoming.headers.get("x-amz-date", "")
    try:
        made = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ApiError("IncompleteSignature", "Request must contain a valid X-Amz-Date header.") from None
    if abs(now - made) > _LONGEST_SKEW:
        raise ApiError(
            "SignatureDoesNotMatch", f"Signature expired: {stamp} is not near {now:%Y%m%dT%H%M%SZ}"
        )
    if not hmac.compare_digest(_signature(incoming, signed, credential, stamp), signed.signature):
        raise ApiError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method.",
        )


def _signature(incoming: Incoming, signed: Scope, credential: Credential, stamp: str) -> str:
    kind = S3SigV4Auth if signed.service == "s3" else SigV4Auth
    signer = kind(Credentials(credential.access_key, credential.secret), signed.service, signed.region)
    query = f"?{incoming.query}" if incoming.query else ""
    request = AWSRequest(incoming.method, f"http://{incoming.host}{incoming.path}{query}", data=incoming.body)
    for name in signed.headers:
        request.headers[name] = incoming.headers.get(name, "")
    request.context["timestamp"] = stamp
    return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))
