"""News of drift in Slack: in a channel, to several people."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.notify.test_drift_told import told
from tests.unit.slack.slack_lab import SlackLab


@pytest.mark.parametrize("where", ["#access", ["ana", "ben"]])
def test_n1_drift_is_told_in_slack(office: SlackLab, where: Any) -> None:
    before = len(office.slack.posted)
    told(office.whole, {"slack": where}, "slack")
    (posted,) = office.slack.posted[before:]
    assert "changed trust: 333333333333/role/admin in dev" in posted.text
    assert "gatepass teams plan --account 333333333333" in posted.text
