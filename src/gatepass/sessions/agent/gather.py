"""What a step needs before it can be made: a token, an assertion, the hop above, an MFA code, a live grant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gatepass.sessions.agent.asker import Asker
from gatepass.sessions.agent.minter import Inputs
from gatepass.sessions.agent.world import Entry, World
from gatepass.sessions.errors import Denied, NeedsHuman
from gatepass.sessions.grants import GrantView, PortalAccess
from gatepass.sessions.model import Credentials, Grant, IamUser, SamlRole, SsoRole, Workspace
from gatepass.sessions.plan import Step

Hop = Callable[[Workspace, tuple[Step, ...], int, Asker], Awaitable[Entry]]


class Gatherer:
    """Gathers the inputs of a step; `hop` yields the set of a step above, made anew if need be."""

    def __init__(self, world: World, hop: Hop) -> None:
        self._world, self._hop = world, hop

    async def inputs(self, workspace: Workspace, steps: tuple[Step, ...], at: int, asker: Asker) -> Inputs:
        step = steps[at]
        recipe = step.session.recipe
        if isinstance(recipe, SsoRole):
            return Inputs(
                token=await self._world.logins.token(workspace.integrations[recipe.integration], asker)
            )
        if isinstance(recipe, SamlRole):
            return Inputs(assertion=await self._assertion(workspace, step, recipe, asker))
        if isinstance(recipe, Grant):
            return await self._granted(workspace, steps, at, recipe, asker)
        via: Credentials | None = None
        grant: GrantView | None = None
        if step.from_keys is not None:
            via = await self._keys(step.from_keys)
        elif at > 0:
            parent = await self._hop(workspace, steps, at - 1, asker)
            via, grant = parent.credentials, parent.grant  # what a grant opened ends with it (S-52)
        mfa = None
        if step.mfa_serial is not None:
            user_name = step.from_keys or steps[0].session.name
            user = workspace.sessions[user_name].recipe
            source = user if isinstance(user, IamUser) else IamUser()
            mfa = await self._world.codes.code(step, source, user_name, asker)
        return Inputs(via=via, mfa=mfa, grant=grant)

    async def _granted(
        self, workspace: Workspace, steps: tuple[Step, ...], at: int, recipe: Grant, asker: Asker
    ) -> Inputs:
        session = steps[at].session
        view = await self._world.grants.view(session, recipe, wait=recipe.wait and asker.present)
        if isinstance(view.access, PortalAccess):
            if recipe.integration is None:
                raise Denied(
                    f"session {session.name!r}: the grant is a portal role and the session names no integration",
                    advice=f"run: gatepass session edit {session.name} integration=NAME",
                )
            token = await self._world.logins.token(workspace.integrations[recipe.integration], asker)
            return Inputs(token=token, grant=view)
        if at == 0:
            raise Denied(
                f"session {session.name!r}: the grant is an assumable role and the session names no via",
                advice=f"run: gatepass session edit {session.name} via=NAME",
            )
        parent = await self._hop(workspace, steps, at - 1, asker)
        return Inputs(via=parent.credentials, grant=view)

    async def _keys(self, name: str) -> Credentials:
        found = await asyncio.to_thread(self._world.secrets.get, f"iam-user/{name}")
        if found is None:
            raise NeedsHuman(
                f"the vault has no access key for session {name!r}",
                advice=f"run: gatepass session secret {name}",
            )
        return Credentials(str(found["access_key_id"]), str(found["secret_access_key"]))

    async def _assertion(self, workspace: Workspace, step: Step, recipe: SamlRole, asker: Asker) -> str:
        integration = workspace.integrations[recipe.integration]
        name = step.session.name
        if integration.assertion_command:
            from gatepass.sessions.providers.local import COMMAND_SECONDS, run

            doing = f"integration {integration.name!r}"
            return (
                await asyncio.to_thread(run, integration.assertion_command, doing, COMMAND_SECONDS)
            ).strip()
        text = f"session {name!r} needs a SAML assertion from {integration.start_url}"
        return (await asker.ask("assertion", text, f"gatepass session start {name}")).strip()
