"""Profiles of the shared AWS config and credentials files, granted's dialect included (S-56)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from urllib.parse import urlsplit

from gatepass.sessions.arn import parse_role_arn
from gatepass.sessions.config import text
from gatepass.sessions.importing.found import Found, clean_name
from gatepass.sessions.workspace.schema import PROFILE

Keys = Mapping[str, str]


def read_aws(config: bytes, credentials: bytes) -> Found:
    """Sessions for every profile outside gatepass's own block."""
    lines = text.split(text.decode(config), "the config file").outside()
    sections = text.sections(lines)
    profiles: dict[str, dict[str, str]] = {}
    for section in sections:
        if section.profile is not None:
            profiles.setdefault(section.profile, {}).update(section.keys)
    for section in text.sections(text.decode(credentials)):
        profiles.setdefault(section.header, {}).update(section.keys)
    centers = {
        s.header.split(None, 1)[1].strip(): s.keys for s in sections if s.header.startswith("sso-session ")
    }
    reader = _Reader(profiles, centers)
    for name in profiles:
        reader.profile(name)
    return reader.found


class _Reader:
    def __init__(self, profiles: Mapping[str, Keys], centers: Mapping[str, Keys]) -> None:
        self._profiles, self._centers = profiles, centers
        self.found = Found()

    def profile(self, name: str) -> None:
        """One profile, by the first way an SDK would take."""
        keys = self._profiles[name]
        table = self._table(name, keys)
        if table is None:
            return
        if keys.get("region"):
            table["region"] = keys["region"]
        session = clean_name(name)
        if session != name and "profile" not in table and PROFILE.fullmatch(name):
            table["profile"] = name
        self.found.tables["session", session] = table

    def _table(self, name: str, keys: Keys) -> dict[str, object] | None:
        if "role_arn" in keys:
            return self._role(name, keys)
        sso = {key.removeprefix("granted_"): value for key, value in keys.items()}
        if "sso_session" in sso or "sso_start_url" in sso:
            return self._sso(name, sso)
        if "aws_access_key_id" in keys:
            return self._user(name, keys)
        if "login_session" in keys:
            command = ["aws", "configure", "export-credentials", "--profile", name, "--format", "process"]
            return {"kind": "process", "command": command, "profile": f"{clean_name(name)}-gatepass"}
        if "credential_process" in keys:
            return self._process(name, keys["credential_process"])
        self.found.skipped.append(f"{name}: it has no credentials of its own")
        return None

    def _process(self, name: str, command: str) -> dict[str, object] | None:
        try:
            words = shlex.split(command)
        except ValueError as error:
            return self._skip(name, f"its credential_process cannot be read ({error})")
        return {"kind": "process", "command": words} if words else self._skip(name, "its command is empty")

    def _role(self, name: str, keys: Keys) -> dict[str, object] | None:
        try:
            parse_role_arn(keys["role_arn"])
        except ValueError as error:
            return self._skip(name, str(error))
        common = {"role_arn": keys["role_arn"]} | _kept(keys, {"role_session_name": "role_session_name"})
        if "web_identity_token_file" in keys:
            return {"kind": "web-identity", **common, "token_file": keys["web_identity_token_file"]}
        if "source_profile" not in keys:
            return self._skip(
                name, f"credential_source {keys.get('credential_source', 'missing')} is of a server"
            )
        source = keys["source_profile"]
        if source == name:
            source = f"{name}-keys"
            user = self._user(source, keys)
            self.found.tables["session", clean_name(source)] = user
        table: dict[str, object] = {"kind": "role", **common, "via": clean_name(source)}
        table |= _kept(keys, {"external_id": "external_id", "mfa_serial": "mfa_serial"})
        if keys.get("duration_seconds", "").isdecimal():
            table["duration"] = min(max(int(keys["duration_seconds"]), 900), 43200)
        return table

    def _sso(self, name: str, keys: Keys) -> dict[str, object] | None:
        if not {"sso_account_id", "sso_role_name"} <= keys.keys():
            return self._skip(name, "sso_account_id or sso_role_name is missing")
        center = self._centers.get(keys.get("sso_session", ""), keys)
        start_url = center.get("sso_start_url")
        if start_url is None:
            return self._skip(name, f"there is no [sso-session {keys.get('sso_session')}]")
        integration = clean_name(
            keys.get("sso_session") or (urlsplit(start_url).hostname or "sso").split(".")[0]
        )
        region = center.get("sso_region", "us-east-1")
        self.found.tables["integration", integration] = {
            "kind": "identity-center",
            "start_url": start_url,
            "region": region,
        }
        return {
            "kind": "sso-role",
            "integration": integration,
            "account_id": keys["sso_account_id"],
            "role_name": keys["sso_role_name"],
        }

    def _user(self, name: str, keys: Keys) -> dict[str, object]:
        session = clean_name(name)
        if keys.get("aws_session_token"):
            self.found.skipped.append(f"{name}: its keys are temporary and were left where they are")
        elif keys.get("aws_secret_access_key"):
            self.found.keys[session] = (keys["aws_access_key_id"], keys["aws_secret_access_key"])
        return {"kind": "iam-user"} | _kept(keys, {"mfa_serial": "mfa_serial"})

    def _skip(self, name: str, why: str) -> dict[str, object] | None:
        self.found.skipped.append(f"{name}: {why}")
        return None


def _kept(keys: Keys, wanted: Mapping[str, str]) -> dict[str, object]:
    return {new: keys[old] for old, new in wanted.items() if keys.get(old)}


def comment_out_keys(credentials: bytes, profiles: set[str]) -> bytes:
    """The file with the access keys of these sessions' profiles commented out; every other byte stays (S-56)."""
    lines = text.decode(credentials)
    for section in text.sections(lines):
        name = section.header.removeprefix("profile ").strip()
        if clean_name(name) not in profiles:
            continue
        for number in range(section.start + 1, section.end):
            pair = text.pair(lines[number].lstrip(" \t"))
            key = pair[0] if pair is not None else ""
            if key in ("aws_access_key_id", "aws_secret_access_key"):
                ending = lines[number][len(lines[number].rstrip("\r\n")) :]
                lines[number] = f"# {key}: moved to gatepass's vault{ending}"
    return text.encode(lines)
