"""What the store must do on every database: subclass `StoreSuite` and give it a `lab`.

    class TestMine(StoreSuite):
        @pytest.fixture
        def lab(self) -> StoreLab: ...

A lab is an empty store on a virtual clock, and a way past it: statements made by hand.
"""

from gatepass.testing.store_suite.audit import AuditCases
from gatepass.testing.store_suite.claims import ClaimCases
from gatepass.testing.store_suite.crowd import CrowdCases
from gatepass.testing.store_suite.facts import FactCases
from gatepass.testing.store_suite.lab import StoreLab
from gatepass.testing.store_suite.limiter import LimiterCases
from gatepass.testing.store_suite.outbox import OutboxCases
from gatepass.testing.store_suite.people import PeopleCases
from gatepass.testing.store_suite.requests import RequestCases
from gatepass.testing.store_suite.steps import StepCases


class StoreSuite(
    FactCases,
    StepCases,
    ClaimCases,
    LimiterCases,
    RequestCases,
    OutboxCases,
    PeopleCases,
    AuditCases,
    CrowdCases,
):
    """Every case of every part."""


__all__ = ["StoreLab", "StoreSuite"]
