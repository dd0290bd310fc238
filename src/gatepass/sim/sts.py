"""sts: sessions. Who may become whom is asked of `gatepass.policy`; the limits are those of spec/sessions.md 3.9."""

from __future__ import annotations

from datetime import datetime, timedelta

from gatepass.policy import Ask, CallerKind, Target, can_assume
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.iam_state import Role
from gatepass.sim.permission import denial, permissions_of, trust
from gatepass.sim.world import Credential, Principal

SERVICE = "sts"


@operation(SERVICE, "GetCallerIdentity", open_to_all=True)
def get_caller_identity(call: Call, params: Params) -> Answer:
    if call.caller.caller.kind is CallerKind.ANONYMOUS:
        raise call.refuse("unsigned", "Request is missing Authentication Token")
    return {"UserId": call.caller.user_id, "Account": call.caller.account, "Arn": call.caller.arn}


def find_role(call: Call, arn: str) -> Role | None:
    """The role of this ARN that STS can see by now; also under its bare session-role form."""
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    if account not in call.world.iam:
        return None
    role = call.world.iam_of(account).roles.get(arn.rpartition("/")[2].lower())
    if role is None or role.arn != arn or (role.visible_from is not None and role.visible_from > call.now):
        return None
    return role


@operation(SERVICE, "AssumeRole", open_to_all=True)
def assume_role(call: Call, params: Params) -> Answer:
    """Needs the role to exist, its trust policy to allow the caller, and the caller's own policies to allow the call.

    A role that does not exist and one that does not trust the caller are refused alike, as in AWS.
    """
    if call.caller.caller.kind is CallerKind.ANONYMOUS:
        raise call.refuse("unsigned", "Request is missing Authentication Token")
    arn = params["RoleArn"]
    refused = call.refuse("denied", denial(call.caller, "sts:AssumeRole", arn).split(" because ")[0])
    role = find_role(call, arn)
    document = trust(call.world, role) if role is not None else None
    if role is None or document is None:
        raise refused
    ask = _ask(call, params)
    target = Target(
        role.arn, document, timedelta(seconds=role.max_session), unique_id=role.id, tags=role.tags
    )
    answer = can_assume(call.caller.caller, target, permissions_of(call.world, call.caller), ask)
    if answer.problems:
        raise call.refuse("invalid", "; ".join(answer.problems))
    if not answer.allowed or answer.session is None or answer.lasts is None:
        failed = answer.refusing.request.action if answer.refusing else "sts:AssumeRole"
        raise call.refuse("denied", denial(call.caller, failed, arn).split(" because ")[0])
    role.last_used = call.now
    principal = Principal(
        answer.session,
        f"{role.id}:{params['RoleSessionName']}",
        "AssumeRole",
        session_policies(call, params, role.account),
    )
    credential = open_session(call, principal, answer.lasts)
    return {
        "Credentials": credentials(credential),
        "AssumedRoleUser": {"AssumedRoleId": principal.user_id, "Arn": principal.arn},
        "PackedPolicySize": 0,
        **({"SourceIdentity": answer.session.source_identity} if answer.session.source_identity else {}),
    }


def _ask(call: Call, params: Params) -> Ask:
    lasts = params.get("DurationSeconds")
    return Ask(
        session_name=params["RoleSessionName"],
        lasts=timedelta(seconds=lasts) if lasts is not None else None,
        external_id=params.get("ExternalId"),
        source_identity=params.get("SourceIdentity"),
        tags={tag["Key"]: tag["Value"] for tag in params.get("Tags", [])},
        transitive=tuple(params.get("TransitiveTagKeys", ())),
        now=call.now,
    )


def session_policies(call: Call, params: Params, account: str) -> tuple[str, ...] | None:
    """The policies that narrow a session, or None when none were passed."""
    if "Policy" not in params and "PolicyArns" not in params:
        return None
    return (params["Policy"],) if "Policy" in params else ()


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
