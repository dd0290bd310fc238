"""Runs implementer code in a process of its own; it can narrow, never widen.

`Runner.call` runs one handler and says what it returned or what went wrong; `Runner.load_check` finds a file's faults
before anybody asks through it.
"""

from gatepass.handlers.faults import Fault, Kind, LoadFault, Usage
from gatepass.handlers.implementations import Implementation, Present
from gatepass.handlers.isolation import Level
from gatepass.handlers.limits import Deadlines, Limits
from gatepass.handlers.runner import Answer, Runner
from gatepass.handlers.world import FUNCTIONS, NOBODY, Answers, Ask, Unanswered, World

__all__ = [
    "FUNCTIONS",
    "NOBODY",
    "Answer",
    "Answers",
    "Ask",
    "Deadlines",
    "Fault",
    "Implementation",
    "Kind",
    "Level",
    "Limits",
    "LoadFault",
    "Present",
    "Runner",
    "Unanswered",
    "Usage",
    "World",
]
