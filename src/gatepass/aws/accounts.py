"""Calls in many accounts by id, each through a role of its own name: what planning and applying standing trust needs.

Unlike `door`, which keeps one connector per organization, this goes into every member account, with the caller's own
credentials where they already are in it. The SDK does not retry; whoever calls decides.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import botocore.session
from botocore import exceptions as sdk
from botocore import xform_name
from botocore.config import Config

from gatepass.aws.errors import Lost, Place, Unreachable
from gatepass.aws.translate import answered, unanswered
from gatepass.clock import Clock

IAM_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Where a partition keeps IAM's control plane (specification of teams, T-72)."""
_RENEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class AccountReach:
    """How one account is entered; an empty role means the caller's own credentials."""

    account_id: str
    partition: str = "aws"
    role_arn: str = ""
    external_id: str = ""
    region: str = ""
    """For regional services; IAM has its own."""


@dataclass
class _Entered:
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    expires_at: datetime | None = None


class Accounts:
    """Calls in accounts. Thread-safe. Credentials of two accounts are never mixed."""

    def __init__(
        self,
        reach: Callable[[str], AccountReach],
        clock: Clock,
        *,
        source: botocore.session.Session | None = None,
        name: str = "gatepass-teams",
    ) -> None:
        self._reach = reach
        self._clock = clock
        self._source = source or botocore.session.get_session()
        self._name = name
        self._lock = threading.Lock()
        self._entered: dict[str, _Entered] = {}
        self._own: dict[tuple[str, str], Any] = {}
        self._identity: str | None = None

    def identity(self) -> str:
        """ARN of the caller: a user, or the role behind a session (without its path, which STS does not tell)."""
        if self._identity is None:
            place = Place("own", "sts", "GetCallerIdentity")
            arn = str(self._invoke(self._own_client("sts", "us-east-1", place), place, {})["Arn"])
            self._identity = _principal(arn)
        return self._identity

    def call(self, account_id: str, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """One call, sent at most once; or an `AwsError`."""
        reach = self._reach(account_id)
        place = Place(account_id, service, operation, reach.role_arn, account_id)
        region = reach.region or IAM_REGIONS[reach.partition]
        if service in {"iam", "sts", "service-quotas"}:  # the quotas of IAM are kept where IAM is
            region = IAM_REGIONS[reach.partition]
        return self._invoke(self._client(reach, service, region, place), place, params)

    def _client(self, reach: AccountReach, service: str, region: str, place: Place) -> Any:
        if not reach.role_arn or reach.account_id == self.identity().split(":")[4]:
            return self._own_client(service, region, place)
        with self._lock:
            entered = self._entered.get(reach.account_id)
        if entered is None or (entered.expires_at and entered.expires_at - self._clock.now() < _RENEW):
            entered = self._enter(reach)
            with self._lock:
                self._entered[reach.account_id] = entered
        with self._lock:
            key = (service, region)
            if key not in entered.clients:
                entered.clients[key] = self._source.create_client(
                    service, region_name=region, config=_CONFIG, **entered.keys
                )
            return entered.clients[key]

    def _enter(self, reach: AccountReach) -> _Entered:
        place = Place(reach.account_id, "sts", "AssumeRole", "", reach.account_id)
        params = {"RoleArn": reach.role_arn, "RoleSessionName": self._name, "DurationSeconds": 3600}
        if reach.external_id:
            params["ExternalId"] = reach.external_id
        client = self._own_client("sts", IAM_REGIONS[reach.partition], place)
        try:
            given = self._invoke(client, place, params)["Credentials"]
        except Lost as lost:  # of no matter: nothing was to be changed
            raise Unreachable(place, lost.found) from lost
        keys = {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }
        return _Entered(keys=keys, expires_at=given["Expiration"])

    def _own_client(self, service: str, region: str, place: Place) -> Any:
        with self._lock:
            key = (service, region)
            if key not in self._own:
                try:
                    self._own[key] = self._source.create_client(service, region_name=region, config=_CONFIG)
                except sdk.BotoCoreError as error:
                    raise unanswered(error, place) from error
            return self._own[key]

    def _invoke(self, client: Any, place: Place, params: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(client, xform_name(place.operation))(**params)
        except sdk.ClientError as error:
            raise answered(error, place) from error
        except (sdk.BotoCoreError, OSError) as error:
            cause = error if isinstance(error, sdk.BotoCoreError) else sdk.HTTPClientError(error=error)
            raise unanswered(cause, place) from error
        return answer


_CONFIG = Config(
    connect_timeout=3,
    read_timeout=20,
    retries={"total_max_attempts": 1},
    max_pool_connections=32,
    user_agent_extra="gatepass",
)


def _principal(arn: str) -> str:
    """`arn:P:sts::<id>:assumed-role/<role>/<session>` is a session of `arn:P:iam::<id>:role/<role>`."""
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[5].startswith("assumed-role/"):
        return f"arn:{parts[1]}:iam::{parts[4]}:role/{parts[5].split('/')[1]}"
    return arn
