"""Leapp's workspace file: obfuscated with AES under the machine's id, which every local user can read (1.6)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from gatepass.sessions.errors import BadInput
from gatepass.sessions.importing.found import Found, clean_name

_KINDS = {"awsIamUser", "awsIamRoleChained", "awsIamRoleFederated", "awsSsoRole", "localstack"}


def open_leapp(raw: bytes, machine_id: str) -> dict[str, Any]:
    """The workspace in the file. Raises `BadInput` when neither the id nor its digest opens it."""
    text = raw.decode("ascii", "replace").strip()
    if text.startswith("{"):
        return _object(text)
    for key in (hashlib.sha256(machine_id.encode()).hexdigest(), machine_id):
        plain = _decrypt(text, key)
        if plain is not None:
            return _object(plain)
    raise BadInput(
        "Leapp's workspace cannot be opened with this machine's id", advice="import it where it was made"
    )


def _decrypt(text: str, passphrase: str) -> str | None:
    """The OpenSSL way: `Salted__`, then AES-256-CBC under a key made by MD5."""
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    if data[:8] != b"Salted__":
        return None
    made, block = b"", b""
    while len(made) < 48:
        block = hashlib.md5(block + passphrase.encode() + data[8:16], usedforsecurity=False).digest()
        made += block
    decryptor = Cipher(algorithms.AES(made[:32]), modes.CBC(made[32:48])).decryptor()
    try:
        padded = decryptor.update(data[16:]) + decryptor.finalize()
        unpadder = padding.PKCS7(128).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode("utf-8")
    except ValueError:
        return None


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput("Leapp's workspace is not JSON", advice="export it again") from error
    if not isinstance(found, dict):
        raise BadInput("Leapp's workspace is not an object")
    return {str(key).lstrip("_"): value for key, value in found.items()}


def read_leapp(workspace: dict[str, Any]) -> Found:
    """Sessions and integrations of a Leapp workspace. Keys stay in Leapp's own keychain items. Raises `BadInput`."""
    try:
        return _read(workspace)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise BadInput(
            f"Leapp's workspace lacks something that Leapp writes ({type(error).__name__}: {str(error)[:80]})",
            advice="let Leapp write it anew",
        ) from error


def _read(workspace: dict[str, Any]) -> Found:
    found = Found()
    profiles = {p["id"]: p["name"] for p in workspace.get("profiles", [])}
    centers: dict[str, str] = {}
    for each in workspace.get("awsSsoIntegrations", []):
        name = clean_name(str(each.get("alias") or each["id"]))
        centers[each["id"]] = name
        center = {"kind": "identity-center", "start_url": each["portalUrl"], "region": each["region"]}
        found.tables["integration", name] = center
    sessions = [s for s in workspace.get("sessions", []) if s.get("type") in _KINDS]
    names = {s["sessionId"]: clean_name(str(s["sessionName"])) for s in sessions}
    idps = {i["id"]: i["url"] for i in workspace.get("idpUrl", [])}
    for session in sessions:
        name = names[session["sessionId"]]
        table = _table(session, name, names, centers, idps, found)
        if table is None:
            continue
        if session.get("region"):
            table["region"] = session["region"]
        profile = profiles.get(session.get("profileId"))
        if profile not in (None, "default", name):
            table["profile"] = profile
        found.tables["session", name] = table
    return found


def _table(
    session: dict[str, Any],
    name: str,
    names: dict[str, str],
    centers: dict[str, str],
    idps: dict[str, str],
    found: Found,
) -> dict[str, object] | None:
    match session["type"]:
        case "awsIamUser":
            found.keys_elsewhere.append(name)
            mfa = session.get("mfaDevice")
            return {"kind": "iam-user"} | ({"mfa_serial": mfa} if mfa else {})
        case "awsIamRoleChained":
            parent = names.get(session.get("parentSessionId", ""))
            if parent is None:
                found.skipped.append(f"{name}: its parent session is missing")
                return None
            return {"kind": "role", "role_arn": session["roleArn"], "via": parent}
        case "awsSsoRole":
            return _sso(session, name, centers, found)
        case "awsIamRoleFederated":
            url = idps.get(session.get("idpUrlId", ""), "https://idp.example.invalid/")
            integration = clean_name(f"saml-{url.split('/')[2]}")
            found.tables["integration", integration] = {"kind": "saml", "start_url": url}
            keys = {"principal_arn": session["idpArn"], "role_arn": session["roleArn"]}
            return {"kind": "saml-role", "integration": integration, **keys}
        case _:
            return {
                "kind": "static-endpoint",
                "endpoint_url": session.get("endPointUrl") or "http://localhost:4566",
            }


def _sso(
    session: dict[str, Any], name: str, centers: dict[str, str], found: Found
) -> dict[str, object] | None:
    """Leapp writes `arn:aws:iam::ACCOUNT/ROLENAME`, which is no ARN: read it by its last colon and slash."""
    account, _, role = str(session["roleArn"]).rpartition(":")[2].partition("/")
    center = centers.get(session.get("awsSsoConfigurationId", ""))
    if center is None or not role:
        found.skipped.append(f"{name}: its integration is missing")
        return None
    return {"kind": "sso-role", "integration": center, "account_id": account, "role_name": role}
