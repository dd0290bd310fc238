"""Signing in to the console with a session's credentials, in every public partition (3.8)."""

from __future__ import annotations

import http.client
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

from gatepass.sessions.errors import BadInput, Denied, Upstream
from gatepass.sessions.model import (
    MAX_TOKEN_DURATION,
    Credentials,
    IamUser,
    Session,
    StaticEndpoint,
    Workspace,
)
from gatepass.sessions.partitions import Partition, partition_of_region
from gatepass.sessions.plan import FEDERATION, Step
from gatepass.sessions.providers.answers import AGAIN, TooMuch, TooSlow, not_aws, read_within
from gatepass.sessions.providers.transport import Transport

ISSUER = "gatepass"
LEAST_SECONDS, MOST_SECONDS = 900, 43200


@dataclass(frozen=True)
class ConsoleWish:
    """What the person asked for."""

    destination: str | None = None
    service: str | None = None
    region: str | None = None
    duration_seconds: int | None = None
    logout_first: bool = False


def console_url(
    transport: Transport,
    workspace: Workspace,
    steps: tuple[Step, ...],
    credentials: Credentials,
    wish: ConsoleWish,
) -> str:
    """An address that signs in; good for 15 minutes and to be treated as a secret (S-76).

    Credentials of an IAM user are those of its `console_step`: the sign-in service takes no others of it (S-75).
    """
    session = steps[-1].session
    _refuse_unfit(session)
    region, partition = _region(workspace, session, wish)
    query = {
        "Action": "getSigninToken",
        "Session": json.dumps(
            {
                "sessionId": credentials.access_key_id,
                "sessionKey": credentials.secret_access_key,
                "sessionToken": credentials.session_token,
            }
        ),
    }
    seconds = duration_for(steps, wish.duration_seconds)
    if seconds is not None:
        query["SessionDuration"] = str(seconds)
    endpoint = _endpoint(transport, partition)
    token = _signin_token(f"{endpoint}/federation", query)
    return login_url(partition, region, wish, token, endpoint)


def login_url(partition: Partition, region: str, wish: ConsoleWish, token: str, endpoint: str) -> str:
    """The address to open, with an older console session dropped first if wanted (S-77)."""
    query = {
        "Action": "login",
        "Issuer": ISSUER,
        "Destination": destination(partition, region, wish),
        "SigninToken": token,
    }
    url = f"{endpoint}/federation?{urllib.parse.urlencode(query)}"
    if wish.logout_first:
        return f"{endpoint}/oauth?{urllib.parse.urlencode({'Action': 'logout', 'redirect_uri': url})}"
    return url


def destination(partition: Partition, region: str, wish: ConsoleWish) -> str:
    """The console page: what was asked for, otherwise a service's home or the console's, in the region."""
    if wish.destination is not None:
        # by its letters, not by a parser: browsers take a backslash for a slash, and what is before an @ for a name
        inside = rf"https://([a-z0-9-]+\.)*{re.escape(partition.console)}([/?#][!-\[\]-~]*)?"
        if not re.fullmatch(inside, wish.destination):
            raise BadInput(
                f"--destination: found {wish.destination!r}; allowed: https addresses of {partition.console}"
            )
        return wish.destination
    service = wish.service or "console"
    if not service.replace("-", "").isalnum():
        raise BadInput(f"--service: found {service!r}; allowed: a service name like ec2")
    if not re.fullmatch(r"[a-z0-9-]+", region):
        raise BadInput(f"--region: found {region!r}; allowed: a region like eu-west-1")
    return f"https://{region}.{partition.console}/{service}/home?region={region}"


def duration_for(steps: tuple[Step, ...], wished: int | None) -> int | None:
    """SessionDuration, or None where AWS refuses one: chained roles, federated users, lengths not ours (S-74)."""
    last = steps[-1]
    check_length(last.session, wished)
    chained = last.call == "sts:AssumeRole" and last.from_keys is None
    return None if chained or last.call == FEDERATION else wished


def check_length(session: Session, wished: int | None) -> None:
    """Raise `BadInput` for a length that this kind of session cannot have at the console (S-74, 3.9)."""
    is_user = isinstance(session.recipe, IamUser)
    most = int(MAX_TOKEN_DURATION.total_seconds()) if is_user else MOST_SECONDS
    if wished is not None and not LEAST_SECONDS <= wished <= most:
        raise BadInput(f"--duration: found {wished}; allowed: {LEAST_SECONDS} to {most} seconds")


def _refuse_unfit(session: Session) -> None:
    if isinstance(session.recipe, StaticEndpoint):
        raise BadInput(f"session {session.name!r} is a local endpoint; it has no console")


def _region(workspace: Workspace, session: Session, wish: ConsoleWish) -> tuple[str, Partition]:
    from gatepass.sessions.agent.minter import region_of

    region = wish.region or region_of(workspace, session)
    return region, partition_of_region(region)


def _endpoint(transport: Transport, partition: Partition) -> str:
    """The sign-in service; led elsewhere by the settings and the standard variables, as every service is."""
    named = transport.endpoints.get("signin") or os.environ.get("AWS_ENDPOINT_URL_SIGNIN")
    return (named or os.environ.get("AWS_ENDPOINT_URL") or f"https://{partition.signin}").rstrip("/")


def _signin_token(url: str, query: dict[str, str]) -> str:
    """POST, so that a long token fits and nothing lands in a proxy's log."""
    body = urllib.parse.urlencode(query).encode()
    request = urllib.request.Request(url, data=body, method="POST")  # noqa: S310  https, or the configured endpoint
    try:
        with urllib.request.urlopen(request, timeout=15) as response:  # noqa: S310
            return str(json.loads(read_within(response, 65536))["SigninToken"])
    except urllib.error.HTTPError as error:
        raise Denied(
            f"the sign-in service refused these credentials ({error.code})", advice="start the session again"
        ) from error
    except (OSError, http.client.HTTPException, TooSlow, TooMuch) as error:
        raise Upstream(
            f"the sign-in service at {url} gave no answer ({_words(error)})", advice=AGAIN
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise not_aws(f"the sign-in service at {url} gave no token") from error


def _words(error: BaseException) -> str:
    """What the network said; urllib wraps it."""
    return str(getattr(error, "reason", "") or error) or type(error).__name__
