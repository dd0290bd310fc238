"""Which calls make a session's credentials, with which durations and prompts (S-11 to S-14). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from gatepass.sessions.learned import Lengths
from gatepass.sessions.model import (
    DEFAULT_TOKEN_DURATION,
    HOUR,
    MAX_ROLE_DURATION,
    Grant,
    IamUser,
    Process,
    Role,
    SamlRole,
    Session,
    SsoRole,
    StaticEndpoint,
    WebIdentity,
)


@dataclass(frozen=True)
class Step:
    """One minting call of a chain."""

    session: Session
    call: str
    """The AWS operation, `process` for a command, `none` for dummy keys."""
    lasts: timedelta | None
    """DurationSeconds to ask for; None when it is not ours to choose."""
    mfa_serial: str | None = None
    from_keys: str | None = None
    """The iam-user session whose long-term keys sign the call, when they do."""
    why: str = ""


FEDERATION = "sts:GetFederationToken"
_CALLS = {
    SsoRole: "sso:GetRoleCredentials",
    SamlRole: "sts:AssumeRoleWithSAML",
    WebIdentity: "sts:AssumeRoleWithWebIdentity",
    Process: "process",
    StaticEndpoint: "none",
    Grant: "grant",
}


def plan(chain: tuple[Session, ...], learned: Mapping[str, Lengths]) -> tuple[Step, ...]:
    """The calls, root first. `learned` holds what AWS said to durations, per role ARN."""
    root, *above = chain
    steps: list[Step] = []
    direct = isinstance(root.recipe, IamUser) and above and _straight_from_keys(root.recipe, above)
    if isinstance(root.recipe, IamUser):
        if not direct:
            steps.append(_session_token(root, root.recipe))
    else:
        steps.append(_root(root, learned))
    for position, session in enumerate(above):
        keys_of = root if direct and position == 0 else None
        steps.append(_hop(session, keys_of, learned))
    return tuple(steps)


def _straight_from_keys(user: IamUser, above: list[Session]) -> bool:
    """Plan (a) of S-13: one role only, for longer than an hour, or the user's sessions are not wanted at all."""
    if not isinstance(above[0].recipe, Role):
        return False
    if not user.session_token:
        return True
    asked = above[0].duration
    return len(above) == 1 and asked is not None and asked > HOUR


def _session_token(session: Session, user: IamUser) -> Step:
    lasts = session.duration or DEFAULT_TOKEN_DURATION
    why = (
        "one MFA code for all sessions made from it"
        if user.mfa_serial
        else "long-term keys sign this call only"
    )
    return Step(session, "sts:GetSessionToken", lasts, user.mfa_serial, session.name, why)


def console_step(session: Session, lasts: timedelta | None) -> Step:
    """How an IAM user signs in to the console: as a federated user, for `lasts` or as long as its sessions (S-75)."""
    assert isinstance(session.recipe, IamUser)
    narrowed = session.recipe.console_policy or session.recipe.console_policy_arns
    why = "what the user itself and its console policy both allow" if narrowed else "what the user itself may"
    chosen = lasts or session.duration or DEFAULT_TOKEN_DURATION
    return Step(session, FEDERATION, chosen, from_keys=session.name, why=f"{why}; carries no MFA")


def _root(session: Session, learned: Mapping[str, Lengths]) -> Step:
    call = _CALLS[type(session.recipe)]
    if isinstance(session.recipe, SamlRole | WebIdentity):
        lasts, why = _longest(session, session.recipe, learned)
        return Step(session, call, lasts, why=why)
    return Step(
        session, call, None, why="the permission set decides how long" if call.startswith("sso:") else ""
    )


def _hop(session: Session, keys_of: Session | None, learned: Mapping[str, Lengths]) -> Step:
    recipe = session.recipe
    if isinstance(recipe, Grant):
        return Step(session, "grant", HOUR, why="as long as the grant, at most an hour")
    assert isinstance(recipe, Role)
    if keys_of is None:
        asked = session.duration or HOUR
        chosen = session.duration is not None and asked <= HOUR
        why = "the session's duration" if chosen else "role chaining is capped at one hour by AWS"
        return Step(session, "sts:AssumeRole", min(asked, HOUR), recipe.mfa_serial, why=why)
    user = keys_of.recipe
    assert isinstance(user, IamUser)
    lasts, known = _longest(session, recipe, learned)
    serial = recipe.mfa_serial or user.mfa_serial
    why = f"straight from the long-term keys{', one MFA code per mint' if serial else ''}; {known}"
    return Step(session, "sts:AssumeRole", lasts, serial, keys_of.name, why)


def _longest(
    session: Session, recipe: Role | SamlRole | WebIdentity, learned: Mapping[str, Lengths]
) -> tuple[timedelta, str]:
    """What was asked, or for `auto` the most that is known to work; and where the number comes from (S-12)."""
    said = learned.get(str(recipe.role_arn), Lengths())
    known = _known(recipe, said)
    if session.duration is None:
        return known or (HOUR, "auto: an hour, for the role's maximum is not known (max_duration)")
    asked = min(session.duration, MAX_ROLE_DURATION)
    if said.refused is not None and asked >= said.refused:
        lasts, _ = known or (HOUR, "")
        return lasts, f"AWS refused {_seconds(said.refused)} s; asked for again a day later"
    if recipe.max_duration is not None and asked > recipe.max_duration:
        return recipe.max_duration, "the session's max_duration"
    return asked, "the session's duration"


def _known(recipe: Role | SamlRole | WebIdentity, said: Lengths) -> tuple[timedelta, str] | None:
    """The longest that should work: what AWS accepted, or what somebody wrote down unless AWS refused it."""
    written = recipe.max_duration
    if written is not None and said.refused is not None and written >= said.refused:
        written = None
    if said.accepted is not None and said.accepted > (written or HOUR):
        return said.accepted, "auto: AWS has accepted as much"
    return (written, "auto: the session's max_duration") if written is not None else None


def _seconds(lasts: timedelta) -> int:
    return int(lasts.total_seconds())


_NOT_ALLOWED = re.compile(r"[^\w+=,.@-]", re.ASCII)


def role_session_name(identity: str) -> str:
    """The person's identity as STS takes it: 2 to 64 characters (S-14)."""
    reduced = _NOT_ALLOWED.sub("-", identity)[:64].strip("-")
    return reduced if len(reduced) >= 2 else f"{reduced or 'x'}-gatepass"
