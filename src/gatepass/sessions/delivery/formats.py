"""Credentials as environment variables and as text for shells (S-41, S-42; formats as AWS CLI `export-credentials`)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime

from gatepass.sessions.errors import BadInput
from gatepass.sessions.model import Credentials, Session, StaticEndpoint

FORMATS = ("env", "env-no-export", "fish", "powershell", "windows-cmd", "process", "json")
# Everything by which an SDK could find other credentials than the ones given (S-41).
CREDENTIAL_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_BEARER_TOKEN_BEDROCK",
)


def rfc3339(moment: datetime) -> str:
    """Whole seconds, T and Z: the strictest SDK takes it (3.3)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def environment(session: Session, credentials: Credentials, expires_at: datetime) -> dict[str, str]:
    """The variables of specification 3.2, keys included."""
    found = {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token or "",
        "AWS_CREDENTIAL_EXPIRATION": rfc3339(expires_at),
        "AWS_ACCOUNT_ID": credentials.account_id or session.account_id or "",
        **about(session),
        "GATEPASS_EXPIRES": rfc3339(expires_at),
    }
    return {key: value for key, value in found.items() if value}


def about(session: Session) -> dict[str, str]:
    """The variables that are no secret: which session, which region, which endpoint."""
    found = {"GATEPASS_SESSION": session.name}
    if session.region is not None:
        found |= {"AWS_REGION": session.region, "AWS_DEFAULT_REGION": session.region}
    if isinstance(session.recipe, StaticEndpoint):
        found["AWS_ENDPOINT_URL"] = session.recipe.endpoint_url
    return found


def without_credentials(inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child that gets its credentials from us alone (S-41)."""
    return {key: value for key, value in inherited.items() if key not in CREDENTIAL_VARIABLES}


def rendered(form: str, variables: Mapping[str, str], payload: Mapping[str, object]) -> str:
    """The text to print; `payload` is the credential_process object. Raises `BadInput` for an unknown format."""
    match form:
        case "env":
            return "".join(f"export {key}={shlex.quote(value)}\n" for key, value in variables.items())
        case "env-no-export":
            return "".join(f"{key}={shlex.quote(value)}\n" for key, value in variables.items())
        case "fish":
            return "".join(f"set -gx {key} {_fish(value)}\n" for key, value in variables.items())
        case "powershell":
            return "".join(
                f"$Env:{key}='{value.replace(chr(39), chr(39) * 2)}'\n" for key, value in variables.items()
            )
        case "windows-cmd":
            return "".join(f'set "{key}={_plain(value)}"\n' for key, value in variables.items())
        case "process":
            return json.dumps(payload) + "\n"
        case "json":
            return json.dumps(dict(variables), indent=2) + "\n"
    raise BadInput(f"--format: found {form!r}; allowed: {', '.join(FORMATS)}")


def _fish(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _plain(value: str) -> str:
    """cmd.exe has no quoting that holds for these: refuse rather than guess."""
    if any(c in value for c in '"%!^&|<>\r\n'):
        raise BadInput("a value cannot be written for cmd.exe", advice="use --format powershell")
    return value
