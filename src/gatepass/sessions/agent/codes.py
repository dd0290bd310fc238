"""MFA codes: one prompt at a time per device, and no code twice (S-9, S-35)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from gatepass.clock import to_ms
from gatepass.sessions.agent.asker import Asker
from gatepass.sessions.errors import NeedsHuman
from gatepass.sessions.model import IamUser
from gatepass.sessions.plan import Step
from gatepass.sessions.providers.local import CODE_SECONDS, run
from gatepass.sessions.providers.sts import Mfa

Secrets = Callable[[str], Awaitable[dict[str, object] | None]]


class Codes:
    """Gets the code for a step from the person, a command or the seed in the vault."""

    def __init__(
        self,
        secrets: Secrets,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._secrets = secrets
        self._now = now
        self._sleep = sleep
        self._locks: dict[str, asyncio.Lock] = {}
        self._last: dict[str, str] = {}

    async def code(self, step: Step, user: IamUser, user_name: str, asker: Asker) -> Mfa:
        """A code of the step's device that was not used before. Raises `NeedsHuman`."""
        serial = step.mfa_serial
        assert serial is not None
        if not asker.present and user.mfa_source not in (("totp",), ("command", *user.mfa_source[1:])):
            await self._one(
                serial, step, user, user_name, asker
            )  # refuses at once: no use waiting for a prompt
        async with self._locks.setdefault(serial, asyncio.Lock()):
            code = await self._one(serial, step, user, user_name, asker)
            if code == self._last.get(serial):
                await self._next_step()
                code = await self._one(serial, step, user, user_name, asker)
            if not (len(code) == 6 and code.isascii() and code.isdigit()):
                raise NeedsHuman(
                    f"session {step.session.name!r}: an MFA code is 6 digits",
                    advice=f"run: gatepass session start {step.session.name}",
                    state="needs-mfa",
                )
            self._last[serial] = code
            return Mfa(serial, code)

    async def _one(self, serial: str, step: Step, user: IamUser, user_name: str, asker: Asker) -> str:
        match user.mfa_source:
            case ("totp",):
                found = await self._secrets(f"totp/{user_name}")
                if found is None:
                    raise NeedsHuman(
                        f"the vault has no TOTP seed for session {user_name!r}",
                        advice=f"run: gatepass session secret {user_name} --totp",
                        state="needs-mfa",
                    )
                from gatepass.sessions.providers.totp import totp

                return totp(str(found["seed"]), self._now())
            case ("command", *argv):
                doing = f"session {user_name!r}: MFA command"
                return (await asyncio.to_thread(run, argv, doing, CODE_SECONDS)).strip()
            case _:
                text = f"session {step.session.name!r} needs an MFA code of {serial}"
                command = f"gatepass session start {step.session.name}"
                return (await asker.ask("mfa", text, command)).strip()

    async def _next_step(self) -> None:
        from gatepass.sessions.providers.totp import STEP_SECONDS, step_of

        now = self._now()
        ends_ms = (step_of(now) + 1) * STEP_SECONDS * 1000
        await self._sleep((ends_ms - to_ms(now)) / 1000 + 0.05)
