"""What can go wrong with implementer code, and what each person concerned is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


def visible(text: str, keep: str = "") -> str:
    """`text` with everything that a terminal, a log or a browser could obey written out (security.md rule 16)."""
    return "".join(each if each.isprintable() or each in keep else f"\\x{ord(each):02x}" for each in text)


class Kind(StrEnum):
    """Why there is no answer that counts."""

    RAISED = "raised"
    HUNG = "hung"
    EXITED = "exited"
    MEMORY = "memory"
    OUTPUT = "output"
    ASKED_TOO_MUCH = "asked_too_much"
    WRONG = "wrong"
    BROKEN = "broken"
    MISSING = "missing"
    LOST = "lost"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call used. Lengths in seconds, memory in KiB; zero where nothing was measured."""

    lasted: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    asks: int = 0
    printed: str = ""
    """The first 4 KiB of what the code wrote to stdout and stderr."""


_FOUND = {
    Kind.RAISED: "it raised {}",
    Kind.HUNG: "it did not return in time ({})",
    Kind.EXITED: "it ended its process ({})",
    Kind.MEMORY: "{}",
    Kind.OUTPUT: "it wrote more than the {} bytes of output that are allowed",
    Kind.ASKED_TOO_MUCH: "it asked gatepass more than {} questions",
    Kind.WRONG: "{}",
    Kind.BROKEN: "the file cannot be loaded: {}",
    Kind.MISSING: "{}",
    Kind.LOST: "its process was lost ({})",
    Kind.REFUSED: "it was not run: {}",
}
_EXPECTED = {
    Kind.RAISED: ("a return value", "handle the exception, or correct what it names"),
    Kind.HUNG: ("an answer before the deadline", "look up less, or raise GATEPASS_HANDLER_DEADLINE"),
    Kind.EXITED: ("a return value", "return instead of ending the process"),
    Kind.MEMORY: ("an answer within the memory limit", "keep less at once"),
    Kind.OUTPUT: ("little or no output", "remove the print statements"),
    Kind.ASKED_TOO_MUCH: ("few questions", "ask once and keep the answer in a variable"),
    Kind.WRONG: (
        "a value of the handler's type",
        "return what docs/flows-in-python.md names for this handler",
    ),
    Kind.BROKEN: ("a file that loads", "run gatepass check"),
    Kind.MISSING: ("the handler", "run gatepass check"),
    Kind.LOST: (
        "a return value",
        "run it with gatepass handlers test; tell the operator if it happens again",
    ),
    Kind.REFUSED: ("seccomp and Landlock", "run gatepass doctor; `handlers: unisolated` accepts the risk"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One call without an answer that counts. Whoever asked for it decides what that means (I14)."""

    kind: Kind
    flow: str
    handler: str
    filename: str
    detail: str
    line: int = 0
    usage: Usage = field(default_factory=Usage)

    @property
    def may_pass(self) -> bool:
        """Whether the fault is not the code's but of what runs it: trying again later is sensible."""
        return self.kind is Kind.LOST

    @property
    def found(self) -> str:
        """What happened, in half a sentence."""
        return _FOUND[self.kind].format(self.detail)

    def for_operator(self) -> str:
        """`impl.py:LINE flow=F handler=H: found; expected; do`."""
        expected, do = _EXPECTED[self.kind]
        place = f"{self.filename}:{self.line}" if self.line else self.filename
        return f"{place} flow={self.flow} handler={self.handler}: {self.found}; expected {expected}; {do}"

    def for_requester(self) -> str:
        """What a person who cannot correct the code needs: what did not happen, and whom to tell."""
        return (
            f"The rules of {self.flow} could not be evaluated ({self.handler} {_BRIEF[self.kind]}). "
            "Nothing was granted; the owners of the flow have been told."
        )

    def for_audit(self) -> dict[str, str | int]:
        """The entry: stable keys, no text of the implementation but the exception's own."""
        return {
            "fault": self.kind.value,
            "flow": self.flow,
            "handler": self.handler,
            "file": self.filename,
            "line": self.line,
            "detail": self.detail,
        }


_BRIEF = {
    Kind.RAISED: "failed",
    Kind.HUNG: "took too long",
    Kind.EXITED: "ended early",
    Kind.MEMORY: "needed too much memory",
    Kind.OUTPUT: "wrote too much",
    Kind.ASKED_TOO_MUCH: "asked too much",
    Kind.WRONG: "gave an answer that cannot be used",
    Kind.BROKEN: "cannot be loaded",
    Kind.MISSING: "is missing",
    Kind.LOST: "was lost",
    Kind.REFUSED: "may not run here",
}


@dataclass(frozen=True, slots=True)
class LoadFault:
    """One fault of a file, found before anything was asked through it."""

    filename: str
    line: int
    flow: str
    handler: str
    found: str
    expected: str
    do: str
    serious: bool = True
    """Whether the estate must refuse the file; else `check` warns."""

    def __str__(self) -> str:
        place = f"{self.filename}:{self.line}" if self.line else self.filename
        return f"{place} flow={self.flow} handler={self.handler}: {self.found}; expected {self.expected}; {self.do}"
