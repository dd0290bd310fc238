"""Who asks for what: the caller with its session, and the request with the context keys AWS would fill in.

Keys per kind of caller: spec/teams.md 7.1 and AWS "AWS global condition context keys". Keys compare ignoring case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from gatepass.clock import iso, to_ms

Value = str | bool | int | datetime | Iterable[str]
"""What a context key may be given as; several texts make the key multi-valued."""


class CallerKind(StrEnum):
    ROOT = "root"
    """The root user of an account. It cannot assume roles."""
    USER = "user"
    ROLE = "role"
    """A session of a role; sessions of permission sets too."""
    FEDERATED_USER = "federated-user"
    PROVIDER = "provider"
    """Somebody whom a SAML or OIDC provider vouches for, before any role is assumed."""
    SERVICE = "service"
    ANONYMOUS = "anonymous"


_PRINCIPAL_TYPES = {
    CallerKind.ROOT: "Account",
    CallerKind.USER: "User",
    CallerKind.ROLE: "AssumedRole",
    CallerKind.FEDERATED_USER: "FederatedUser",
    CallerKind.ANONYMOUS: "Anonymous",
}


@dataclass(frozen=True)
class Caller:
    """Who calls. Make one with `root`, `user`, `role_session`, `provider` or `service`."""

    kind: CallerKind
    arn: str
    """As `aws:PrincipalArn` says it: a role's ARN with its path, never the session's; a provider's ARN or domain; a
    service's name."""
    account: str = ""
    session_arn: str = ""
    unique_id: str = ""
    """`AIDA...` or `AROA...`; a principal given by id in a document matches only this (T 11.3, dangling principal)."""
    tags: tuple[tuple[str, str], ...] = ()
    """Principal tags: the user's or role's own and the session's over them."""
    transitive: tuple[str, ...] = ()
    """Keys of session tags that go on to the next session of the chain (T-53)."""
    source_identity: str = ""
    mfa: bool | None = None
    """`aws:MultiFactorAuthPresent`; None where AWS leaves the key out (7.1)."""
    mfa_age: timedelta | None = None
    issued_at: datetime | None = None
    organization: str = ""
    """`o-...` of the caller's account, for `aws:PrincipalOrgID`."""
    chain: tuple[str, ...] = ()
    """ARNs of the principals this session came through, the first first."""

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`; empty for callers without an ARN."""
        parts = self.arn.split(":", 2)
        return parts[1] if len(parts) == 3 else ""

    @property
    def name(self) -> str:
        """The last step of the ARN: user, role or provider name."""
        return self.arn.rpartition("/")[2] if "/" in self.arn else self.arn.rpartition(":")[2]

    @cached_property
    def keys(self) -> dict[str, tuple[str, ...]]:
        """The context keys that follow from the caller alone, lower-case."""
        found: dict[str, Value] = {"aws:principalisawsservice": self.kind is CallerKind.SERVICE}
        if self.kind in _PRINCIPAL_TYPES:
            found["aws:principaltype"] = _PRINCIPAL_TYPES[self.kind]
        if self.account and self.kind is not CallerKind.PROVIDER:
            found |= {
                "aws:principalarn": self.session_arn if self.kind is CallerKind.FEDERATED_USER else self.arn,
                "aws:principalaccount": self.account,
                "aws:userid": self._user_id,
            }
        if self.kind is CallerKind.USER:
            found["aws:username"] = self.name
        if self.kind is CallerKind.SERVICE:
            found["aws:principalservicename"] = self.arn
        optional: dict[str, Value | None] = {
            "aws:principalorgid": self.organization or None,
            "aws:sourceidentity": self.source_identity or None,
            "aws:multifactorauthpresent": self.mfa,
            "aws:multifactorauthage": None if self.mfa_age is None else int(self.mfa_age.total_seconds()),
            "aws:tokenissuetime": self.issued_at,
        }
        found |= {key: value for key, value in optional.items() if value is not None}
        found |= {f"aws:principaltag/{key}": value for key, value in self.tags}
        return context_keys(found)

    @property
    def _user_id(self) -> str:
        if self.kind is CallerKind.ROLE:
            return f"{self.unique_id or 'AROA'}:{self.session_arn.rpartition('/')[2]}"
        return self.unique_id or self.account


def context_keys(values: Mapping[str, Value]) -> dict[str, tuple[str, ...]]:
    """Keys in lower case, values as the texts that conditions compare."""
    return {key.lower(): _texts(value) for key, value in values.items()}


def _texts(value: Value) -> tuple[str, ...]:
    match value:
        case bool():
            return (str(value).lower(),)
        case str():
            return (value,)
        case int():
            return (str(value),)
        case datetime():
            return (iso(value),)
    return tuple(value)


def account_of(arn: str) -> str:
    """The account field of an ARN; empty when there is none."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def root(account: str, *, partition: str = "aws") -> Caller:
    """The root user of an account."""
    return Caller(CallerKind.ROOT, f"arn:{partition}:iam::{account}:root", account)


def user(
    arn: str,
    *,
    unique_id: str = "",
    tags: Mapping[str, str] | None = None,
    mfa: bool | None = None,
    mfa_age: timedelta | None = None,
    organization: str = "",
) -> Caller:
    """An IAM user. `mfa` stays None for long-term keys, which do not say it (7.1)."""
    return Caller(
        CallerKind.USER,
        arn,
        account_of(arn),
        unique_id=unique_id,
        tags=_pairs(tags),
        mfa=mfa,
        mfa_age=mfa_age,
        organization=organization,
    )


def role_session(
    role_arn: str,
    session_name: str = "session",
    *,
    unique_id: str = "",
    tags: Mapping[str, str] | None = None,
    transitive: Iterable[str] = (),
    source_identity: str = "",
    mfa: bool | None = None,
    issued_at: datetime | None = None,
    organization: str = "",
    chain: tuple[str, ...] = (),
) -> Caller:
    """A session of the role, given with its path. A permission set's session is one of its reserved role."""
    return Caller(
        CallerKind.ROLE,
        role_arn,
        account_of(role_arn),
        session_arn=session_arn(role_arn, session_name),
        unique_id=unique_id,
        tags=_pairs(tags),
        transitive=tuple(transitive),
        source_identity=source_identity,
        mfa=mfa,
        issued_at=issued_at,
        organization=organization,
        chain=chain,
    )


def provider(arn_or_domain: str) -> Caller:
    """Whoever the SAML or OIDC provider vouches for; what it says about them goes into the request's context
    (`SAML:aud`, `token.actions.githubusercontent.com:sub`, ...)."""
    return Caller(CallerKind.PROVIDER, arn_or_domain, account_of(arn_or_domain))


def service(name: str) -> Caller:
    """An AWS service, such as `ec2.amazonaws.com`."""
    return Caller(CallerKind.SERVICE, name)


def session_arn(role_arn: str, session_name: str) -> str:
    """`arn:P:sts::<account>:assumed-role/<role name without path>/<session name>`."""
    partition = role_arn.split(":", 2)[1]
    return f"arn:{partition}:sts::{account_of(role_arn)}:assumed-role/{role_arn.rpartition('/')[2]}/{session_name}"


def _pairs(tags: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((tags or {}).items()))


@dataclass(frozen=True)
class Request:
    """One call to be judged. `context` adds keys to those of the caller and beats them; `now` gives the time keys."""

    caller: Caller
    action: str
    resource: str
    context: Mapping[str, Value] = field(default_factory=dict)
    now: datetime | None = None

    @cached_property
    def keys(self) -> dict[str, tuple[str, ...]]:
        """Every context key of the request, lower-case."""
        found = dict(self.caller.keys)
        if account := account_of(self.resource):
            found["aws:resourceaccount"] = (account,)
        if self.now is not None:
            found |= {"aws:currenttime": (iso(self.now),), "aws:epochtime": (str(to_ms(self.now) // 1000),)}
        return found | context_keys(self.context)
