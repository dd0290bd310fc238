"""What is wrong with the Python of an estate, found before anybody asks through it (`impl.py:LINE flow=F ...`)."""

from __future__ import annotations

from collections.abc import Iterable

from gatepass.errors import GatepassError
from gatepass.estate.model import Estate, Flow
from gatepass.handlers.faults import LoadFault
from gatepass.handlers.implementations import Implementation
from gatepass.handlers.runner import Runner


class CodeFaults(GatepassError):
    """Python of the estate that must not be used; every fault at once. Nothing was applied."""

    code = "estate"

    def __init__(self, faults: Iterable[LoadFault]) -> None:
        self.faults = tuple(faults)
        super().__init__(
            "\n".join(str(fault) for fault in self.faults), advice="correct the files and apply again"
        )


def implementation_of(flow: Flow) -> Implementation | None:
    """The flow's file as it is run, or None."""
    code = flow.implementation
    return None if code is None else Implementation(flow.name, code.path, code.text, flow.hosts)


def look(runner: Runner, estate: Estate) -> tuple[LoadFault, ...]:
    """Everything wrong with the files of all flows, serious and not."""
    found: list[LoadFault] = []
    for flow in estate.flows.values():
        implementation = implementation_of(flow)
        if implementation is not None:
            fetched = {each.name for each in flow.fields if each.prefetch}
            found += runner.load_check(implementation, fetched)
    return tuple(found)


def require_sound(runner: Runner, estate: Estate) -> tuple[LoadFault, ...]:
    """The faults that are not serious. Raises `CodeFaults` when one is, or when code may not run here at all."""
    coded = [flow for flow in estate.flows.values() if flow.implementation is not None]
    if coded and runner.refused is not None:
        names = ", ".join(sorted(flow.name for flow in coded))
        raise GatepassError(
            f"flows with Python ({names}) are refused: {runner.refused}",
            advice="see gatepass doctor; GATEPASS_HANDLERS=unisolated accepts the risk",
        )
    found = look(runner, estate)
    serious = [fault for fault in found if fault.serious]
    if serious:
        raise CodeFaults(serious)
    return found
