"""The strategies of gatepass keep what every strategy must, against the strict simulator (issue 2, P6)."""

from __future__ import annotations

import pytest
from tests.conformance.strategy_labs import AssignmentLab, MembershipLab

from gatepass.testing.strategy_suite import StrategySuite


class TestSsoAssignment(StrategySuite):
    @pytest.fixture
    def lab(self) -> AssignmentLab:
        return AssignmentLab()


class TestSsoMembership(StrategySuite):
    @pytest.fixture
    def lab(self) -> MembershipLab:
        return MembershipLab()
