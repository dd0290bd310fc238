"""One step of a plan turned into the call that makes the credentials. Blocking; run in a thread."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatepass.sessions.arn import parse_role_arn
from gatepass.sessions.errors import Denied
from gatepass.sessions.grants import GrantView, PortalAccess, RoleAccess
from gatepass.sessions.learned import Learned
from gatepass.sessions.model import (
    HOUR,
    Credentials,
    Grant,
    IamUser,
    Process,
    Role,
    SamlRole,
    Session,
    Settings,
    SsoRole,
    StaticEndpoint,
    WebIdentity,
    Workspace,
)
from gatepass.sessions.partitions import partition_named
from gatepass.sessions.plan import FEDERATION, Step, role_session_name
from gatepass.sessions.providers.portal import Portal
from gatepass.sessions.providers.sts import Mfa, Sts
from gatepass.sessions.providers.transport import Transport

ARRIVAL = timedelta(seconds=90)
LEAST = timedelta(seconds=900)
"""STS issues for no less."""


@dataclass(frozen=True)
class Inputs:
    """What a step needs besides itself; each kind uses its own."""

    via: Credentials | None = None
    mfa: Mfa | None = None
    token: str | None = None
    assertion: str | None = None
    grant: GrantView | None = None


class Minter:
    """Makes credentials. Raises `SessionError`s; may be repeated, apart from MFA codes."""

    def __init__(self, transport: Transport, learned: Learned, identity: Callable[[Settings], str]) -> None:
        self._transport = transport
        self._learned = learned
        self._identity = identity

    def mint(self, workspace: Workspace, step: Step, inputs: Inputs) -> Credentials:
        """The credentials of this step."""
        session, recipe = step.session, step.session.recipe
        lasts = step.lasts or HOUR
        identity = role_session_name(self._identity(workspace.settings))
        match recipe:
            case IamUser() if step.call == FEDERATION:
                assert inputs.via is not None
                sts = self._sts(workspace, session)
                return sts.federated_user(recipe, identity[:32], inputs.via, lasts, session.name)
            case IamUser():
                assert inputs.via is not None
                return self._sts(workspace, session).session_token(
                    inputs.via, inputs.mfa, lasts, session.name
                )
            case Role():
                assert inputs.via is not None
                sts = self._sts(workspace, session)
                return sts.role(recipe, identity, inputs.via, inputs.mfa, lasts, session.name)
            case SsoRole():
                return self._portal(workspace, recipe.integration, inputs).credentials(
                    recipe.account_id, recipe.role_name, session.name
                )
            case SamlRole():
                return self._saml(workspace, session, recipe, inputs, lasts)
            case WebIdentity():
                from gatepass.sessions.providers.local import web_identity_token

                token = web_identity_token(recipe, session.name)
                sts = self._sts(workspace, session)
                return sts.web_identity_role(recipe, identity, token, lasts, session.name)
            case Process():
                from gatepass.sessions.providers.local import process_credentials

                return process_credentials(recipe, session.name, self._transport.now())
            case StaticEndpoint():
                from gatepass.sessions.providers.local import dummy_credentials

                now = self._transport.now()
                return dummy_credentials(now, now + 12 * HOUR)
            case Grant():
                return self._granted(workspace, session, recipe, inputs)

    def _sts(self, workspace: Workspace, session: Session) -> Sts:
        return Sts(self._transport, region_of(workspace, session), self._learned)

    def _portal(self, workspace: Workspace, integration: str, inputs: Inputs) -> Portal:
        assert inputs.token is not None
        found = workspace.integrations[integration]
        return Portal(self._transport, found.region, found.name, inputs.token)

    def _saml(
        self, workspace: Workspace, session: Session, recipe: SamlRole, inputs: Inputs, lasts: timedelta
    ) -> Credentials:
        from gatepass.sessions.providers.saml import read_assertion

        assert inputs.assertion is not None
        ends_at, roles = read_assertion(inputs.assertion)
        wanted = (str(recipe.role_arn), str(recipe.principal_arn))
        if roles and wanted not in roles:
            raise Denied(
                f"session {session.name!r}: the SAML assertion does not offer {recipe.role_arn}",
                advice=f"it offers {', '.join(sorted(role for role, _ in roles))[:300]}",
            )
        sts = self._sts(workspace, session)
        return sts.saml_role(recipe, inputs.assertion, lasts, session.name, ends_at)

    def _granted(self, workspace: Workspace, session: Session, recipe: Grant, inputs: Inputs) -> Credentials:
        """What the live grant gives: a portal role, or a role to assume (A4: nothing is brokered)."""
        view = inputs.grant
        assert view is not None
        match view.access:
            case PortalAccess():
                assert recipe.integration is not None
                portal = self._portal(workspace, recipe.integration, inputs)
                return self._arriving(portal, view.access, view, session.name)
            case RoleAccess():
                assert inputs.via is not None
                return self._granted_role(workspace, session, view.access, view, inputs.via)
            case None:
                raise Denied(f"session {session.name!r}: the grant {view.request} gives nothing yet")

    def _arriving(self, portal: Portal, access: PortalAccess, view: GrantView, name: str) -> Credentials:
        """A new assignment takes a while to reach the portal: refusals are tried again for 90 s (S-51)."""
        for pause in (1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0):
            try:
                return portal.credentials(access.account_id, access.role_name, name)
            except Denied:
                started = view.starts_at
                if started is None or self._transport.now() - started > ARRIVAL:
                    raise
                self._transport.pause(pause)
        return portal.credentials(access.account_id, access.role_name, name)

    def _granted_role(
        self, workspace: Workspace, session: Session, access: RoleAccess, view: GrantView, via: Credentials
    ) -> Credentials:
        """An hour at most, never past the grant's end: under 15 min left, a dated session policy ends it (S-54)."""
        assert view.ends_at is not None
        role = Role(
            role_arn=parse_role_arn(access.role_arn),
            via=session.via or "",
            external_id=access.external_id,
        )
        identity = role_session_name(self._identity(workspace.settings))
        sts = self._sts(workspace, session)
        left = view.ends_at - self._transport.now()
        if left < LEAST:
            return sts.role_with_policy(role, identity, via, policy_until(view.ends_at), session.name)
        return sts.role(role, identity, via, None, min(left, HOUR), session.name)


def policy_until(ends_at: datetime) -> str:
    """A session policy that allows everything the role may, until `ends_at` (S-54)."""
    when = ends_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    statements = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {"DateGreaterThan": {"aws:CurrentTime": when}},
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


def region_of(workspace: Workspace, session: Session) -> str:
    """Where to call STS (S-78): session, integration, settings, `AWS_REGION`, the partition's default."""
    chosen = workspace.region_of(session) or os.environ.get("AWS_REGION")
    if chosen:
        return chosen
    recipe = session.recipe
    if isinstance(recipe, Role | SamlRole | WebIdentity):
        return partition_named(recipe.role_arn.partition).default_region
    return "us-east-1"
