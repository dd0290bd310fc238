"""Rotating the access key of an IAM user: the old key works until the new one is proved and stored."""

from __future__ import annotations

import time
from typing import Any, Protocol

from gatepass.sessions.errors import Denied, NeedsHuman, SessionError
from gatepass.sessions.model import Credentials, IamUser, Session
from gatepass.sessions.providers.sts import Sts
from gatepass.sessions.providers.transport import Transport

ARRIVAL_SECONDS = 20.0
"""A new key works everywhere only after a few seconds."""


class Secrets(Protocol):
    """The vault, as far as it is needed here."""

    def get(self, name: str) -> dict[str, Any] | None: ...
    def put(self, name: str, value: dict[str, Any]) -> None: ...


def rotate_key(transport: Transport, secrets: Secrets, session: Session, token: Credentials) -> str:
    """Make a new key, prove it, store it, delete the old one; the new key's id.

    Signed with the long-term key, or with the session token where MFA is in force. When something fails before the
    new key is stored, the new key is deleted again and the old one stays.
    """
    if not isinstance(session.recipe, IamUser):
        raise Denied(f"session {session.name!r} is no IAM user; only those have access keys to rotate")
    name = f"iam-user/{session.name}"
    old = secrets.get(name)
    if old is None:
        raise NeedsHuman(f"the vault has no access key for session {session.name!r}", advice="add one first")
    keys = Credentials(str(old["access_key_id"]), str(old["secret_access_key"]))
    signer = token if session.recipe.mfa_serial else keys
    doing = f"session {session.name!r}: rotating its access key"
    region = session.region or "us-east-1"

    def iam(operation: str, **params: object) -> dict[str, Any]:
        return transport.call("iam", operation, params, region=region, credentials=signer, doing=doing)

    made = iam("create_access_key")["AccessKey"]
    new = Credentials(made["AccessKeyId"], made["SecretAccessKey"])
    try:
        _wait_until_it_works(transport, region, new, session.name)
        secrets.put(name, {"access_key_id": new.access_key_id, "secret_access_key": new.secret_access_key})
    except SessionError:
        iam("delete_access_key", AccessKeyId=new.access_key_id)
        raise
    iam("delete_access_key", AccessKeyId=keys.access_key_id)
    return new.access_key_id


def _wait_until_it_works(transport: Transport, region: str, keys: Credentials, name: str) -> None:
    ends = time.monotonic() + ARRIVAL_SECONDS
    sts = Sts(transport, region)
    while True:
        try:
            sts.caller(keys, name)
            return
        except SessionError:
            if time.monotonic() > ends:
                raise
            time.sleep(1.0)
