"""Minting with STS: tokens, roles, assertions. Limits are those of the service model (specification 3.9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gatepass.sessions.arn import Arn
from gatepass.sessions.errors import Denied, NeedsHuman, Upstream
from gatepass.sessions.learned import Learned
from gatepass.sessions.model import HOUR, Credentials, IamUser, Role, SamlRole, WebIdentity
from gatepass.sessions.providers.answers import NOT_AWS, over_already, understood
from gatepass.sessions.providers.transport import AwsRefused, Transport

EVERYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
_TOO_LONG = ("exceeds the MaxSessionDuration", "1 hour session limit")


class CodeSpent(NeedsHuman):
    """The MFA code went into a call that asked for too long; the same step with another code asks for less."""


@dataclass(frozen=True)
class Mfa:
    """A device and one of its codes."""

    serial: str
    code: str


class Sts:
    """The STS calls of one region. Blocking; each may be repeated, an MFA code may not."""

    def __init__(self, transport: Transport, region: str, learned: Learned | None = None) -> None:
        """`learned` is needed for what has a duration to learn: roles."""
        self._transport = transport
        self._region = region
        self._learned = learned

    def session_token(self, keys: Credentials, mfa: Mfa | None, lasts: timedelta, name: str) -> Credentials:
        """A token for the IAM user itself. Raises `NeedsHuman` for a refused code, `Denied`, `Upstream`."""
        params: dict[str, object] = {"DurationSeconds": int(lasts.total_seconds())}
        doing = f"session {name!r}: getting a session token"
        answer = self._call("get_session_token", {**params, **_mfa_params(mfa)}, keys, doing, mfa, name)
        return self._issued(answer, doing)

    def federated_user(
        self, recipe: IamUser, user_name: str, keys: Credentials, lasts: timedelta, name: str
    ) -> Credentials:
        """A session of the IAM user that the console takes; `user_name` is 2 to 32 characters (S-75).

        STS gives it what the user's own policies and the passed ones both allow, and nothing without passed ones:
        where the session names none, everything is passed, which leaves the user's own.
        """
        policy = recipe.console_policy or ("" if recipe.console_policy_arns else EVERYTHING)
        params: dict[str, object] = {
            "Name": user_name,
            "DurationSeconds": int(lasts.total_seconds()),
            **({"Policy": policy} if policy else {}),
            **_policy_arns(recipe.console_policy_arns),
        }
        doing = f"session {name!r}: getting a federation token for the console"
        return self._issued(self._call("get_federation_token", params, keys, doing, None, name), doing)

    def role(
        self, recipe: Role, session_name: str, via: Credentials, mfa: Mfa | None, lasts: timedelta, name: str
    ) -> Credentials:
        """The role's credentials; asks again for an hour when AWS finds `lasts` too long, and remembers (S-12).

        Raises `CodeSpent` instead of asking again with the same MFA code.
        """
        params = {**_role_params(recipe, session_name), **_mfa_params(mfa)}
        doing = f"session {name!r}: assuming {recipe.role_arn}"
        arn = str(recipe.role_arn)
        answer = self._lasting(
            arn, lasts, lambda p: self._call("assume_role", {**params, **p}, via, doing, mfa, name), mfa
        )
        return self._issued(answer, doing, recipe.role_arn)

    def role_with_policy(
        self, recipe: Role, session_name: str, via: Credentials, policy: str, name: str
    ) -> Credentials:
        """The role for 15 minutes under a session policy that ends it earlier (S-54)."""
        params = {**_role_params(recipe, session_name), "Policy": policy, "DurationSeconds": 900}
        doing = f"session {name!r}: assuming {recipe.role_arn}"
        return self._issued(self._call("assume_role", params, via, doing, None, name), doing, recipe.role_arn)

    def saml_role(
        self, recipe: SamlRole, assertion: str, lasts: timedelta, name: str, not_after: datetime | None
    ) -> Credentials:
        """The role for a SAML assertion; the assertion's own end wins when it is earlier."""
        params = {
            "RoleArn": str(recipe.role_arn),
            "PrincipalArn": str(recipe.principal_arn),
            "SAMLAssertion": assertion,
        }
        if not_after is not None:
            left = not_after - self._transport.now()
            lasts = max(min(lasts, left), timedelta(seconds=900))
        doing = f"session {name!r}: assuming {recipe.role_arn} with a SAML assertion"
        arn = str(recipe.role_arn)
        answer = self._lasting(
            arn,
            lasts,
            lambda p: self._call("assume_role_with_saml", {**params, **p}, None, doing, None, name),
        )
        return self._issued(answer, doing, recipe.role_arn)

    def web_identity_role(
        self, recipe: WebIdentity, session_name: str, token: str, lasts: timedelta, name: str
    ) -> Credentials:
        """The role for an OIDC token."""
        params = {
            "RoleArn": str(recipe.role_arn),
            "RoleSessionName": recipe.role_session_name or session_name,
            "WebIdentityToken": token,
        }
        doing = f"session {name!r}: assuming {recipe.role_arn} with a web identity token"
        arn = str(recipe.role_arn)
        answer = self._lasting(
            arn,
            lasts,
            lambda p: self._call("assume_role_with_web_identity", {**params, **p}, None, doing, None, name),
        )
        return self._issued(answer, doing, recipe.role_arn)

    def caller(self, credentials: Credentials, name: str) -> dict[str, str]:
        """Account, ARN and user id behind the credentials."""
        answer = self._call(
            "get_caller_identity", {}, credentials, f"session {name!r}: asking who this is", None, name
        )
        with understood(f"session {name!r}: asking who this is"):
            return {"account": answer["Account"], "arn": answer["Arn"], "user_id": answer["UserId"]}

    def _issued(self, answer: Mapping[str, Any], doing: str, role: Arn | None = None) -> Credentials:
        """The set of an answer. Raises `Upstream` for one that is no set, is over already, or of another account."""
        now = self._transport.now()
        with understood(doing):
            found = answer["Credentials"]
            arn = str(answer.get("AssumedRoleUser", {}).get("Arn", ""))
            made = Credentials(
                access_key_id=str(found["AccessKeyId"]),
                secret_access_key=str(found["SecretAccessKey"]),
                session_token=str(found["SessionToken"]),
                expires_at=found["Expiration"].astimezone(UTC),
                issued_at=now,
                account_id=arn.split(":")[4] if arn.count(":") >= 5 else None,
            )
        if made.expires_at is None or made.expires_at <= now:
            raise over_already(doing, made.expires_at or now)
        if role is not None and made.account_id not in (None, role.account):
            raise Upstream(
                f"{doing}: the credentials that came are of account {made.account_id}; they were thrown away",
                advice=NOT_AWS,
            )
        return made

    def _lasting(
        self,
        role_arn: str,
        lasts: timedelta,
        call: Callable[[Mapping[str, object]], dict[str, Any]],
        mfa: Mfa | None = None,
    ) -> dict[str, Any]:
        assert self._learned is not None
        try:
            answer = call({"DurationSeconds": int(lasts.total_seconds())})
        except AwsRefused as error:
            if lasts <= HOUR or error.aws_code != "ValidationError" or not _says_too_long(error):
                raise
            self._learned.refuse(role_arn, lasts)
            if mfa is not None:  # no code is sent twice (S-35)
                raise CodeSpent(error.message) from error
            return call({"DurationSeconds": int(HOUR.total_seconds())})
        self._learned.accept(role_arn, lasts)
        return answer

    def _call(
        self,
        operation: str,
        params: Mapping[str, object],
        credentials: Credentials | None,
        doing: str,
        mfa: Mfa | None,
        name: str,
    ) -> dict[str, Any]:
        try:
            return self._transport.call(
                "sts", operation, params, region=self._region, credentials=credentials, doing=doing
            )
        except AwsRefused as error:
            if error.aws_code != "SignatureDoesNotMatch" or operation not in _BY_USERS:
                raise
            advice = (
                f"check this machine's clock; then put the access key in anew: gatepass session secret {name}"
            )
            raise AwsRefused(error.message, aws_code=error.aws_code, advice=advice) from error
        except Denied as error:
            if mfa is not None and "MultiFactorAuthentication" in error.message:
                raise NeedsHuman(
                    f"{doing}: the MFA code of {mfa.serial} was refused",
                    advice=f"wait for the next code, then run: gatepass session start {name}",
                    state="needs-mfa",
                ) from error
            if operation == "get_federation_token":
                raise Denied(error.message, advice=_NO_CONSOLE) from error
            if operation.startswith("assume_role") and not error.advice:
                raise Denied(error.message, advice=_REFUSED) from error
            raise


_BY_USERS = ("get_session_token", "get_federation_token")
_REFUSED = (
    "the role must trust the caller and the caller's policies allow it; "
    "compare external_id, mfa_serial and role_arn of the session with the role's trust policy"
)
_NO_CONSOLE = (
    "the user's policies must allow sts:GetFederationToken without MFA; "
    "else open the console with a role made from it"
)


def _says_too_long(error: AwsRefused) -> bool:
    return any(text in error.message for text in _TOO_LONG)


def _mfa_params(mfa: Mfa | None) -> dict[str, object]:
    return {} if mfa is None else {"SerialNumber": mfa.serial, "TokenCode": mfa.code}


def _policy_arns(arns: tuple[str, ...]) -> dict[str, object]:
    return {"PolicyArns": [{"arn": arn} for arn in arns]} if arns else {}


def _role_params(recipe: Role, session_name: str) -> dict[str, object]:
    params: dict[str, object] = {
        "RoleArn": str(recipe.role_arn),
        "RoleSessionName": recipe.role_session_name or session_name,
    }
    optional: dict[str, object] = {
        "ExternalId": recipe.external_id,
        "Policy": recipe.policy,
        **_policy_arns(recipe.policy_arns),
        "Tags": [{"Key": key, "Value": value} for key, value in recipe.session_tags],
        "TransitiveTagKeys": list(recipe.transitive_tag_keys),
        "SourceIdentity": recipe.source_identity,
    }
    return params | {key: value for key, value in optional.items() if value}
