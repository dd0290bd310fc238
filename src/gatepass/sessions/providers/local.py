"""Credentials that need no AWS call of ours: commands, dummy keys, and the wire form of credential_process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime

from gatepass.sessions.errors import BadInput, Upstream, scrub
from gatepass.sessions.model import Credentials, Process, WebIdentity

COMMAND_SECONDS = 55.0
CODE_SECONDS = 10.0
# What tells the child where credentials come from must not lead it back to us or to others.
_DROPPED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")


def run(argv: Sequence[str], doing: str, seconds: float) -> str:
    """What a program prints. Raises `Upstream` when it fails, cannot be found or takes too long."""
    environment = {k: v for k, v in os.environ.items() if k not in _DROPPED}
    try:
        done = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise Upstream(
            f"{doing}: {argv[0]!r} took longer than {seconds:.0f} s", advice="run it by hand"
        ) from error
    except OSError as error:
        raise Upstream(
            f"{doing}: {argv[0]!r} cannot be run ({error.strerror})", advice="check the path"
        ) from error
    if done.returncode != 0:
        said = scrub(done.stderr.decode("utf-8", "replace").strip())[:300]
        raise Upstream(
            f"{doing}: {argv[0]!r} ended with {done.returncode} and said {said or 'nothing'}",
            advice="run it by hand",
        )
    return done.stdout.decode("utf-8", "replace")


def process_credentials(recipe: Process, name: str, now: datetime) -> Credentials:
    """What the command prints as credential_process JSON. Raises `Upstream`, `BadInput`."""
    text = run(recipe.command, f"session {name!r}", COMMAND_SECONDS)
    return parse_process_json(text, f"session {name!r}: {recipe.command[0]!r}", now)


def parse_process_json(text: str, source: str, now: datetime) -> Credentials:
    """Credentials from credential_process JSON; refuses a missing or passed `Expiration`."""
    try:
        found = json.loads(text)
        if found["Version"] != 1:
            raise ValueError(f"Version {found['Version']!r}")
        expires_at = datetime.fromisoformat(found["Expiration"])
        if expires_at.tzinfo is None:
            raise ValueError("Expiration has no time zone")
        made = Credentials(
            access_key_id=str(found["AccessKeyId"]),
            secret_access_key=str(found["SecretAccessKey"]),
            session_token=found.get("SessionToken"),
            expires_at=expires_at.astimezone(UTC),
            issued_at=now,
            account_id=found.get("AccountId"),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {scrub(str(error))[:80]}"
        raise BadInput(
            f"{source} did not print credential_process JSON with an Expiration ({reason})",
            advice="run it by hand",
        ) from error
    if expires_at <= now:
        raise Upstream(f"{source} printed credentials that have expired already", advice="run it by hand")
    return made


def web_identity_token(recipe: WebIdentity, name: str) -> str:
    """The OIDC token of the recipe's file or command."""
    if recipe.token_command:
        return run(recipe.token_command, f"session {name!r}", COMMAND_SECONDS).strip()
    assert recipe.token_file is not None
    try:
        with open(recipe.token_file, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as error:
        raise BadInput(
            f"session {name!r}: the token file {recipe.token_file} cannot be read ({error.strerror})"
        ) from error


def dummy_credentials(now: datetime, expires_at: datetime) -> Credentials:
    """Keys for a stand-in of AWS, which does not look at them."""
    return Credentials("AKIAGATEPASSDUMMY000", "dummy", "dummy", expires_at, now, "000000000000")


def process_json(credentials: Credentials, expires_at: datetime, account_id: str | None) -> bytes:
    """The one JSON object of credential_process (3.3), with `Expiration` as strict RFC 3339 in Z."""
    body: dict[str, object] = {
        "Version": 1,
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
    }
    if credentials.session_token is not None:
        body["SessionToken"] = credentials.session_token
    body["Expiration"] = expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    account = credentials.account_id or account_id
    if account is not None:
        body["AccountId"] = account
    return json.dumps(body).encode() + b"\n"
