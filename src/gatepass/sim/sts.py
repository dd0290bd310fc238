"""sts: sessions. Who may become whom is asked of `gatepass.policy`; the limits are those of spec/sessions.md 3.9."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from gatepass.policy import (
    Ask,
    Assumption,
    Caller,
    CallerKind,
    Form,
    Kind,
    PolicyError,
    Request,
    Target,
    can_assume,
    decide,
)
from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.iam.state import Role
from gatepass.sim.permission import control_levels, denial, managed_document, parsed, permissions_of, trust
from gatepass.sim.sign_in import mfa
from gatepass.sim.world import Credential, Principal

SERVICE = "sts"
_HOUR = 3600
_SESSION_TOKEN = (900, 43_200, 129_600)
_POLICY_CHARACTERS, _POLICY_ARNS = 2048, 10


@operation(SERVICE, "GetCallerIdentity", open_to_all=True)
def get_caller_identity(call: Call, params: Params) -> Answer:
    _signed(call)
    return {"UserId": call.caller.user_id, "Account": call.caller.account, "Arn": call.caller.arn}


def _signed(call: Call) -> None:
    if call.caller.caller.kind is CallerKind.ANONYMOUS:
        raise call.refuse("unsigned", "Request is missing Authentication Token")


def find_role(call: Call, arn: str) -> Role | None:
    """The role of this ARN, if STS can see it by now and its account is active."""
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    if account not in call.world.iam:
        return None
    role = call.world.iam_of(account).roles.get(arn.rpartition("/")[2].lower())
    if role is None or role.arn != arn or (role.visible_from is not None and role.visible_from > call.now):
        return None
    home = call.world.account(account)
    if home is None or home.status != "ACTIVE":
        return None
    return role


@operation(SERVICE, "AssumeRole", open_to_all=True)
def assume_role(call: Call, params: Params) -> Answer:
    """Needs the role to exist, its trust policy to allow the caller, and the caller's own policies to allow the call.

    A role that does not exist and one that does not trust the caller are refused alike, as in AWS.
    """
    _signed(call)
    chained = call.caller.caller.kind is CallerKind.ROLE or call.caller.source == "GetSessionToken"
    if chained and params.get("DurationSeconds", 0) > _HOUR:
        raise call.refuse(
            "invalid",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        )
    passed = _mfa_passed(call, params) if "SerialNumber" in params or "TokenCode" in params else False
    ask = replace(ask_of(call, params, params["RoleSessionName"]), mfa=passed)
    return assume(call, params, call.caller.caller, ask, Form.ROLE, chained=chained)


def assume(
    call: Call, params: Params, caller: Caller, ask: Ask, form: Form, *, chained: bool = False
) -> Answer:
    """Open a session of the role, or refuse."""
    arn = params["RoleArn"]
    role = find_role(call, arn)
    document = trust(call.world, role, call.now) if role is not None else None
    if role is None or document is None:
        raise _not_allowed(call, form.value, arn)
    target = Target(
        role.arn,
        document,
        timedelta(seconds=role.max_session),
        unique_id=role.id,
        tags=role.tags,
        resource_controls=control_levels(call.world, role.account, "RESOURCE_CONTROL_POLICY"),
    )
    permissions = permissions_of(call.world, call.caller)
    answer = can_assume(caller, target, permissions, ask, form=form)
    if answer.problems:
        raise call.refuse("invalid", "; ".join(answer.problems))
    if answer.session is None or answer.lasts is None:
        raise _not_allowed(call, _refused_action(answer, form), arn)
    role.last_used = call.now
    name = answer.session.session_arn.rpartition("/")[2]
    principal = Principal(
        answer.session,
        f"{role.id}:{name}",
        form.value.partition(":")[2],
        session_policies(call, params, role.account),
        chained,
    )
    credential = open_session(call, principal, answer.lasts)
    identity = answer.session.source_identity
    return {
        "Credentials": credentials(credential),
        "AssumedRoleUser": {"AssumedRoleId": principal.user_id, "Arn": principal.arn},
        "PackedPolicySize": 0,
        **({"SourceIdentity": identity} if identity else {}),
    }


def _refused_action(answer: Assumption, form: Form) -> str:
    return answer.refusing.request.action if answer.refusing else form.value


def _not_allowed(call: Call, action: str, arn: str) -> ApiError:
    if call.caller.caller.kind is CallerKind.ANONYMOUS:
        return call.refuse("denied", f"Not authorized to perform {action}")
    return call.refuse("denied", denial(call.caller, action, arn).split(" because ")[0])


def ask_of(call: Call, params: Params, name: str) -> Ask:
    lasts = params.get("DurationSeconds")
    return Ask(
        session_name=name,
        lasts=timedelta(seconds=lasts) if lasts is not None else None,
        external_id=params.get("ExternalId"),
        source_identity=params.get("SourceIdentity"),
        tags={tag["Key"]: tag["Value"] for tag in params.get("Tags", [])},
        transitive=tuple(params.get("TransitiveTagKeys", ())),
        now=call.now,
    )


def _mfa_passed(call: Call, params: Params) -> bool:
    """Whether the code is right for the caller's own device; refuses everything else."""
    device = mfa.find(call.world, call.caller.account, params.get("SerialNumber", ""))
    if device is None or device.user != call.caller.caller.name:
        raise call.refuse(
            "denied",
            "MultiFactorAuthentication failed, unable to validate MFA code. Please verify your MFA serial number is "
            "valid and associated with this user.",
        )
    if not mfa.spend(device, params.get("TokenCode", ""), call.now):
        raise call.refuse("denied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")
    return True


def session_policies(call: Call, params: Params, account: str) -> tuple[str, ...] | None:
    """The policies that narrow a session, or None when none were passed. Refuses what cannot be read or is too long."""
    if "Policy" not in params and "PolicyArns" not in params:
        return None
    texts = [params["Policy"]] if "Policy" in params else []
    if sum(len(text) for text in texts) > _POLICY_CHARACTERS:
        raise ApiError("PackedPolicyTooLarge", f"Session policies may have {_POLICY_CHARACTERS} characters")
    if len(params.get("PolicyArns", [])) > _POLICY_ARNS:
        raise call.refuse("invalid", f"At most {_POLICY_ARNS} policy ARNs may be passed")
    for reference in params.get("PolicyArns", []):
        text = managed_document(call.world, account, reference["arn"])
        if text is None:
            raise call.refuse("invalid", f"Policy {reference['arn']} does not exist")
        texts.append(text)
    for text in texts:
        try:
            parsed(text, Kind.IDENTITY, "session policy")
        except PolicyError as wrong:
            raise ApiError("MalformedPolicyDocument", wrong.message) from None
    return tuple(texts)


@operation(SERVICE, "GetSessionToken", open_to_all=True)
def get_session_token(call: Call, params: Params) -> Answer:
    """For users and root only, with their long-term keys; the session stays in the caller's account."""
    _signed(call)
    caller = call.caller.caller
    if call.caller.source or caller.kind not in (CallerKind.USER, CallerKind.ROOT):
        raise call.refuse("denied", "Cannot call GetSessionToken with session credentials")
    passed = _mfa_passed(call, params) if "SerialNumber" in params else False
    lasts = _lasts(call, params, caller)
    age = timedelta(0) if passed else None
    session = replace(caller, mfa=passed, mfa_age=age, issued_at=call.now)
    made = open_session(call, Principal(session, call.caller.user_id, "GetSessionToken"), lasts)
    return {"Credentials": credentials(made)}


def _lasts(call: Call, params: Params, caller: Caller) -> timedelta:
    least, usual, most = _SESSION_TOKEN
    asked = params.get("DurationSeconds", usual)
    if not least <= asked <= most:
        raise call.refuse("invalid", f"DurationSeconds must be {least} to {most}")
    return timedelta(seconds=min(asked, _HOUR) if caller.kind is CallerKind.ROOT else asked)


def _federated_user(call: Call, params: Params) -> list[str]:
    return [f"arn:{call.caller.caller.partition}:sts::{call.caller.account}:federated-user/{params['Name']}"]


@operation(SERVICE, "GetFederationToken", resources=_federated_user)
def get_federation_token(call: Call, params: Params) -> Answer:
    """For users and root, with their long-term keys.

    What the session may do is what the caller's and the passed policies both allow: without any, nothing. MFA is
    never part of it.
    """
    caller = call.caller.caller
    if call.caller.source or caller.kind not in (CallerKind.USER, CallerKind.ROOT):
        raise call.refuse("denied", "Cannot call GetFederationToken with session credentials")
    account, [arn] = call.caller.account, _federated_user(call, params)
    lasts = _lasts(call, params, caller)
    policies = session_policies(call, params, account) or ()
    session = replace(
        caller,
        kind=CallerKind.FEDERATED_USER,
        session_arn=arn,
        unique_id=f"{account}:{params['Name']}",
        tags=_tagged(call, params, arn),
        mfa=False,
        issued_at=call.now,
    )
    principal = Principal(session, session.unique_id, "GetFederationToken", policies)
    return {
        "Credentials": credentials(open_session(call, principal, lasts)),
        "FederatedUser": {"FederatedUserId": principal.user_id, "Arn": arn},
        "PackedPolicySize": 0,
    }


def _tagged(call: Call, params: Params, arn: str) -> tuple[tuple[str, str], ...]:
    """The session's tags, which the caller must be allowed to set."""
    if not params.get("Tags"):
        return ()
    allowed = Request(call.caller.caller, "sts:TagSession", arn, now=call.now)
    permissions = permissions_of(call.world, call.caller)
    if not decide(allowed, permissions, resource_account=call.caller.account).allowed:
        raise call.refuse("denied", denial(call.caller, "sts:TagSession", arn))
    return tuple((tag["Key"], tag["Value"]) for tag in params["Tags"])


@operation(SERVICE, "GetAccessKeyInfo", open_to_all=True)
def get_access_key_info(call: Call, params: Params) -> Answer:
    _signed(call)
    found = call.world.credentials.get(params["AccessKeyId"])
    if found is None:
        raise call.refuse("invalid", f"Access key {params['AccessKeyId']} is not valid")
    return {"Account": found.principal.account}


def open_session(call: Call, principal: Principal, lasts: timedelta) -> Credential:
    """A new temporary credential of the principal, known to the world until it expires."""
    world = call.world
    expires = call.now.replace(microsecond=0) + lasts
    credential = Credential(
        world.unique("ASIA", 16), world.secret(), principal, "sim" + world.secret(120), expires
    )
    world.credentials[credential.access_key] = credential
    return credential


def credentials(credential: Credential) -> dict[str, str | datetime]:
    """The Credentials structure of an answer."""
    assert credential.expires is not None
    return {
        "AccessKeyId": credential.access_key,
        "SecretAccessKey": credential.secret,
        "SessionToken": credential.token,
        "Expiration": credential.expires,
    }
