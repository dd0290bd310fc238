"""The one place where the laptop talks to AWS: botocore, imported on first use, without the shared config.

The shared config is not read because it may point back at gatepass. Endpoint, proxy and certificate variables hold.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gatepass.clock import Clock
from gatepass.sessions.errors import (
    BadInput,
    Denied,
    SessionError,
    StaleParent,
    Upstream,
    scrub,
)
from gatepass.sessions.model import Credentials
from gatepass.sessions.providers.answers import bound, no_answer, not_aws

WARN_SKEW = timedelta(seconds=60)
CORRECT_SKEW = timedelta(minutes=4)
_STALE = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "UnauthorizedException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "ForbiddenException", "UnauthorizedOperation"}
_CLOCK = {"SignatureDoesNotMatch", "RequestTimeTooSkewed", "RequestExpired", "InvalidSignatureException"}
_ADVICE = {
    "SignatureDoesNotMatch": "check the machine's clock; then put the access key in anew: gatepass session secret NAME",
    "RegionDisabledException": "the account has not enabled this region: set another region on the session",
    "MalformedPolicyDocument": "correct the session's policy",
    "PackedPolicyTooLarge": "shorten the session's policy and tags",
    "Throttling": "wait a little and try again",
}


_AWS_HOSTS = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
)


def foreign_endpoints(environment: Mapping[str, str]) -> list[str]:
    """The variables that would lead calls to a host neither AWS's nor this machine's.

    An agent keeps the environment of whatever tool happened to start it: a project's setting, or worse, must not
    decide for days where tokens and keys are sent. Such addresses belong into `[settings.endpoints]`.
    """
    from urllib.parse import urlsplit

    found = []
    for name, value in environment.items():
        if name.startswith("AWS_ENDPOINT_URL"):
            try:
                host = urlsplit(value).hostname or ""
            except ValueError:
                host = ""
            if host not in ("localhost", "127.0.0.1", "::1") and not host.endswith(_AWS_HOSTS):
                found.append(name)
    return sorted(found)


class AwsRefused(Upstream):
    """AWS answered with an error that is neither a refusal nor stale credentials; `aws_code` is its name."""

    code = "aws_refused"

    def __init__(self, message: str, *, aws_code: str, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.aws_code = aws_code


class Transport:
    """Makes calls and learns the clock's skew from their answers. Thread-safe."""

    def __init__(
        self, clock: Clock, endpoints: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None
    ) -> None:
        """`endpoints` by service, as they are or as they may change."""
        self._clock = clock
        self._endpoints = endpoints if callable(endpoints) else lambda: endpoints or {}
        self._lock = threading.Lock()
        self._session: Any = None
        self._unsigned: dict[tuple[str, str, str | None], Any] = {}
        self.skew = timedelta(0)

    def now(self) -> datetime:
        """The present by AWS's clock (S-79)."""
        return self._clock.now() + (self.skew if abs(self.skew) > WARN_SKEW else timedelta(0))

    @property
    def endpoints(self) -> Mapping[str, str]:
        """The addresses that were set for services, by their name with underscores."""
        return self._endpoints()

    def pause(self, seconds: float) -> None:
        """Wait between two tries."""
        self._clock.sleep(seconds)

    def call(
        self,
        service: str,
        operation: str,
        params: Mapping[str, object],
        *,
        region: str,
        credentials: Credentials | None = None,
        doing: str,
    ) -> dict[str, Any]:
        """The answer of one operation; unsigned without credentials. Raises a `SessionError` with `doing` in it."""
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
        from botocore.parsers import ResponseParserError

        try:
            try:
                return self._once(service, operation, params, region, credentials)
            except ClientError as error:
                if not self._was_the_clock(error.response):
                    raise
                return self._once(service, operation, params, region, credentials)
        except ClientError as error:
            raise self._explained(error.response, doing) from error
        except ParamValidationError as error:
            raise BadInput(f"{doing}: {scrub(str(error))}") from error
        except BotoCoreError as error:
            raise no_answer(error, doing, f"{service} in {region}") from error
        except (ResponseParserError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise not_aws(doing) from error  # botocore's parsers stumble over what no service sends

    def _once(
        self,
        service: str,
        operation: str,
        params: Mapping[str, object],
        region: str,
        credentials: Credentials | None,
    ) -> dict[str, Any]:
        """The answer of one try. Raises botocore's errors, and `LookupError` for one that has nothing of its form."""
        client = self._client(service, region, credentials)
        answer: dict[str, Any] = getattr(client, operation)(**params)
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
        members = model.output_shape.members if model.output_shape is not None else {}
        if members and not members.keys() & answer.keys():
            raise LookupError(operation)
        return answer

    def _was_the_clock(self, response: Mapping[str, Any]) -> bool:
        """Whether the signature was refused for its time, and we have just learned AWS's (S-79)."""
        refused = response.get("Error", {}).get("Code") in _CLOCK
        return refused and abs(self.skew) > CORRECT_SKEW

    def _client(self, service: str, region: str, credentials: Credentials | None) -> Any:
        """A client for this call. Those without credentials are kept: making one costs more than a call."""
        endpoint = self.endpoints.get(service.replace("-", "_"))
        key = (service, region, endpoint)
        kept = self._unsigned.get(key) if credentials is None else None
        if kept is not None:
            return kept
        made = self._made(service, region, endpoint, credentials)
        if credentials is None:
            self._unsigned[key] = made
        return made

    def _made(self, service: str, region: str, endpoint: str | None, credentials: Credentials | None) -> Any:
        from botocore import UNSIGNED
        from botocore.config import Config

        config = Config(
            connect_timeout=5,
            read_timeout=15,
            # the portal's refusals are paced by `discovery`; a second try here would hide them
            retries={"total_max_attempts": 1 if service == "sso" else 2, "mode": "standard"},
            signature_version=UNSIGNED if credentials is None else None,
        )
        with self._lock:
            session = self._botocore()
            client = session.create_client(
                service,
                region_name=region,
                endpoint_url=endpoint,
                aws_access_key_id=credentials.access_key_id if credentials else "unsigned",
                aws_secret_access_key=credentials.secret_access_key if credentials else "unsigned",
                aws_session_token=credentials.session_token if credentials else None,
                config=config,
            )
        client.meta.events.register("after-call", self._learn_skew)
        client.meta.events.register("before-send", bound(client._endpoint.http_session.send))
        return client

    def _botocore(self) -> Any:
        if self._session is None:
            import botocore.session

            self._session = botocore.session.Session(
                session_vars={
                    "config_file": (None, None, os.devnull, None),
                    "credentials_file": (None, None, os.devnull, None),
                    "profile": (None, None, None, None),
                }
            )
        return self._session

    def _learn_skew(self, http_response: Any, **_: object) -> None:
        """Compare the answer's date with our clock; a skew over 4 min makes later calls sign by AWS's clock."""
        from email.utils import parsedate_to_datetime

        text = http_response.headers.get("date")
        try:
            theirs = parsedate_to_datetime(text).astimezone(UTC)
        except (TypeError, ValueError):
            return
        self.skew = theirs - self._clock.now()
        if abs(self.skew) > CORRECT_SKEW:
            _sign_with(self.now)

    @staticmethod
    def _explained(response: Mapping[str, Any], doing: str) -> SessionError:
        error = response.get("Error", {})
        code, message = str(error.get("Code", "?")), scrub(str(error.get("Message", "")))
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code == "?" or code.isdecimal():  # no service's: something before it answered
            return _from_between(status, doing)
        text = f"{doing}: AWS says {code}" + (f" ({message})" if message else "")
        if code in _STALE:
            return StaleParent(text, advice="log in or start the session again")
        if code in _DENIED:
            return Denied(text)
        later = "wait a little, then run the command again" if status >= 500 else ""
        return AwsRefused(text, aws_code=code, advice=_ADVICE.get(code, later))


def _from_between(status: int, doing: str) -> SessionError:
    if status == 407:
        return Upstream(
            f"{doing}: the proxy wants a login (HTTP 407)",
            advice="put user and password into HTTPS_PROXY, then run the command again",
        )
    if status >= 500 or status == 429:
        return AwsRefused(
            f"{doing}: AWS, or a proxy before it, failed (HTTP {status})",
            aws_code=str(status),
            advice="wait a little, then run the command again",
        )
    return not_aws(f"{doing}: HTTP {status}")


def _sign_with(now: Callable[[], datetime]) -> None:
    """botocore reads the time through this one name when it signs; there is no setting for it."""
    import botocore.auth

    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: (
        now().replace(tzinfo=None) if remove_tzinfo else now()
    )
