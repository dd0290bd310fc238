"""In which order the hooks of a step run, and what their answers mean (sym.md 3.2, architecture.md 3).

Pure but for `Hooks.call`. Each function may be repeated: handlers run at least once. A fault never grants (I14), and
nothing here stands before or inside a take-back (I15).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from gatepass.handlers import reading
from gatepass.handlers.event import moved
from gatepass.handlers.faults import Fault, Kind
from gatepass.handlers.implementations import RUNNER, Implementation, Present
from gatepass.handlers.runner import Answer, Runner
from gatepass.handlers.steps import GRANTING, IGNORE
from gatepass.handlers.world import NOBODY, World
from gatepass.sdk.templates import Fired

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hooks:
    """The handlers of one flow: which there are, and how one is called."""

    present: Container[str]
    call: Callable[[str, Json], Answer | Fault]


NO_HOOKS = Hooks(frozenset(), lambda handler, event: _never(handler))


def _never(handler: str) -> Fault:
    raise AssertionError(f"{handler} is not present and must not be called")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the flow's own rules say, as far as code has to mind them."""

    declarative: bool = False
    """Whether the flow has a `decide` block: then code can only narrow it."""
    automatic: bool = False
    """Whether the rule lets code approve in the place of people."""

    @property
    def code_may_approve(self) -> bool:
        return self.automatic or not self.declarative


@dataclass(frozen=True, slots=True)
class Ran:
    """One handler that ran, for the audit entry `handler.outcome`."""

    handler: str
    result: str
    """`nothing`, the step it moved to, or the kind of its fault."""

    @classmethod
    def into(cls, fault: Fault) -> Ran:
        """The handler that ran into this fault."""
        return cls(fault.handler, fault.kind.value)


class Then(StrEnum):
    """What becomes of a step once its hook has run."""

    GO = "go"
    """The step is done, as its default is."""
    IGNORE = "ignore"
    """The event is dropped; who caused it is told `message`."""
    MOVE = "move"
    """Another step is done instead: `step`."""
    REFUSE = "refuse"
    """A fault: the step is not done."""


@dataclass(frozen=True, slots=True)
class Stepped:
    """What the `on_` hooks make of a step."""

    then: Then
    step: str
    """The step to do now; the original one unless `then` is MOVE."""
    message: str = ""
    by: str = ""
    """The hook that moved or ignored: with the code's hash, the actor `handler:<flow>@<version>` of the audit."""
    extra: Json = field(default_factory=dict)
    """Keywords of the hook, in the payload of what follows."""
    fired: Fired | None = None
    """The last event a hook returned; its target and duration matter only where there is no request yet."""
    ran: tuple[Ran, ...] = ()
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    """What the operator should know though nothing failed."""


def hooks_of(
    runner: Runner,
    implementation: Implementation,
    world: World = NOBODY,
    deadline: timedelta | None = None,
    arguments: Json | None = None,
) -> Hooks:
    """The handlers of a file as this module calls them. A file that must not be used fails whatever it is asked."""
    present = runner.present(implementation)
    if not present.usable:
        return Hooks(_Every(), lambda handler, event: _unusable(implementation, handler, present))
    return Hooks(
        present,
        lambda handler, event: runner.call(implementation, handler, event, world, deadline, arguments),
    )


class _Every:
    """What a broken file may have held: anything, so nothing that depends on it goes on."""

    def __contains__(self, handler: object) -> bool:
        return True


def _unusable(implementation: Implementation, handler: str, present: Present) -> Fault:
    worst = next(fault for fault in present.faults if fault.serious)
    kind = Kind.LOST if worst.handler == RUNNER else Kind.BROKEN
    return Fault(kind, implementation.flow, handler, implementation.filename, worst.found, worst.line)


_FOLLOWED = frozenset({"approve", "deny"})
"""Steps whose own hook runs at once when another hook moves there; the others run when their turn comes."""


def before(step: str, event: Json, hooks: Hooks, rules: Rules) -> Stepped:
    """Run `on_<step>`, and `on_approve` or `on_deny` where it moves to one of them.

    A hook may name its own step once: it then runs again and must end differently.
    """
    now = Stepped(Then.GO, step)
    repeated = False
    while f"on_{now.step}" in hooks.present:
        hook = f"on_{now.step}"
        answer = hooks.call(hook, event)
        returned = answer if isinstance(answer, Fault) else reading.fired(answer)
        if returned is not None and not isinstance(returned, Fault) and returned.step == now.step:
            if repeated:
                assert isinstance(answer, Answer)
                returned = _endless(answer)
            repeated = True
        if isinstance(returned, Fault):
            return _stopped(now, step, returned)
        now = replace(now, ran=(*now.ran, Ran(hook, returned.step if returned else "nothing")))
        if returned is None:
            return now
        if returned.step == IGNORE:
            return _ignored(now, step, hook, returned)
        if returned.step in GRANTING and returned.step != now.step and not rules.code_may_approve:
            return replace(now, notes=(*now.notes, _people_decide(hook, returned.step)))
        event = moved(event, returned.step, returned.extra)
        now = _moved(now, step, hook, returned)
        if returned.step != step and returned.step not in _FOLLOWED:
            return now
    return now


def _moved(now: Stepped, first: str, hook: str, returned: Fired) -> Stepped:
    return replace(
        now,
        then=Then.GO if returned.step == first else Then.MOVE,
        step=returned.step,
        by=now.by if returned.step == now.step else hook,
        extra={**now.extra, **returned.extra},
        fired=returned,
    )


def _people_decide(hook: str, step: str) -> str:
    return f"{hook} returned {step}, but the rule of the flow has no `automatic: true`: people decide"


def _stopped(now: Stepped, first: str, fault: Fault) -> Stepped:
    """A fault refuses the step it is about: an approval by code does not count, a denial by code stands."""
    now = replace(now, ran=(*now.ran, Ran.into(fault)), faults=(*now.faults, fault))
    if now.step == first:
        return replace(now, then=Then.REFUSE)
    return now if now.step == "deny" else replace(now, then=Then.GO, step=first, by="")


def _ignored(now: Stepped, first: str, hook: str, returned: Fired) -> Stepped:
    """Ignoring a step that a hook had moved to undoes the move: the first step goes on as if none had been made."""
    message = returned.message or ""
    if now.step != first:
        return replace(now, then=Then.GO, step=first, by="", message=message)
    return replace(now, then=Then.IGNORE, by=hook, message=message)


def _endless(answer: Answer) -> Fault:
    of = answer.implementation
    detail = f"it returned the event of its own step a second time; {answer.handler} is honoured once"
    return Fault(Kind.WRONG, of.flow, answer.handler, of.filename, detail, answer.line, answer.usage)


def run_approve_handlers(event: Json, hooks: Hooks, rules: Rules) -> Stepped:
    """A person's approval: GO counts it, IGNORE and REFUSE do not (tell the approver), MOVE to `deny` denies.

    `escalate` means the same as counting it: how many approvals are needed is not the code's to say.
    """
    stepped = before("approve", event, hooks, Rules(rules.declarative, automatic=True))
    if stepped.then is Then.MOVE and stepped.step == "escalate":
        return replace(stepped, then=Then.GO, step="approve")
    return _told(stepped)


def run_deny_handlers(event: Json, hooks: Hooks, rules: Rules) -> Stepped:
    """A person's denial: it stands unless the hook ignores it; broken code, and a `decide` block, let it stand."""
    stepped = before("deny", event, hooks, rules)
    if stepped.then is Then.REFUSE:
        return replace(stepped, then=Then.GO, step="deny")
    if stepped.then is Then.IGNORE and rules.declarative:
        note = f"{stepped.by} ignored a denial, but the flow has a `decide` block: the denial stands"
        return replace(stepped, then=Then.GO, by="", notes=(*stepped.notes, note))
    return stepped


def run_expire_handlers(event: Json, hooks: Hooks, rules: Rules) -> Stepped:
    """Nobody answered in time: GO expires the request, also when code fails; MOVE to `approve` or `deny` decides."""
    stepped = before("request_expire", event, hooks, rules)
    if stepped.then is Then.REFUSE:
        return replace(stepped, then=Then.GO, step="request_expire")
    return stepped


def run_escalate_handlers(event: Json, hooks: Hooks) -> Stepped:
    """Before the grant: GO grants, REFUSE fails the request with the fault's words."""
    return _told(before("escalate", event, hooks, Rules(automatic=True)))


def run_prompt_handlers(event: Json, hooks: Hooks, rules: Rules) -> Stepped:
    """Before the form: GO shows it, IGNORE and REFUSE do not, MOVE submits without it (checked like a submission)."""
    return _told(before("prompt", event, hooks, rules))


def run_deescalate_handlers(event: Json, hooks: Hooks) -> Stepped:
    """Beside a take-back, never before or inside it (I15): the result is for the log alone."""
    return replace(before("deescalate", event, hooks, Rules()), then=Then.GO, step="deescalate")


def run_after_handlers(step: str, event: Json, hooks: Hooks, rules: Rules) -> Stepped:
    """After the step's default: MOVE fires a further step, everything else is for the log (rule 27).

    Also for `request_forward`, whose `on_` hook can move nothing: run both of its hooks by `observe`.
    """
    hook = f"after_{step}"
    if hook not in hooks.present:
        return Stepped(Then.GO, step)
    answer = hooks.call(hook, event)
    returned = answer if isinstance(answer, Fault) else reading.fired(answer)
    if isinstance(returned, Fault):
        return Stepped(Then.GO, step, ran=(Ran.into(returned),), faults=(returned,))
    if returned is None:
        return Stepped(Then.GO, step, ran=(Ran(hook, "nothing"),))
    ran = (Ran(hook, returned.step),)
    if returned.step in GRANTING and step != "approve" and not rules.code_may_approve:
        return Stepped(Then.GO, step, ran=ran, notes=(_people_decide(hook, returned.step),))
    return Stepped(Then.MOVE, returned.step, returned.message or "", hook, returned.extra, returned, ran)


def observe(hook: str, event: Json, hooks: Hooks) -> Stepped:
    """A hook whose result changes nothing: it runs, and what goes wrong is logged."""
    step = hook.partition("_")[2]
    if hook not in hooks.present:
        return Stepped(Then.GO, step)
    answer = hooks.call(hook, event)
    returned = answer if isinstance(answer, Fault) else reading.fired(answer)
    if isinstance(returned, Fault):
        return Stepped(Then.GO, step, ran=(Ran.into(returned),), faults=(returned,))
    return Stepped(Then.GO, step, ran=(Ran(hook, "nothing"),))


def _told(stepped: Stepped) -> Stepped:
    """With the words for the person whose step is refused."""
    if stepped.then is Then.REFUSE and stepped.faults:
        return replace(stepped, message=stepped.faults[-1].for_requester())
    return stepped
