"""News of drift on their way out of a whole gatepass: mail here, Slack in tests/unit/slack/test_slack_drift.py."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.drift_lab import estate
from tests.installation import Whole
from tests.smtp import mail_server

from gatepass.engine.jobs.drift import CHANNEL, CONCLUDE, KIND
from gatepass.engine.jobs.loop import CONCLUSION
from gatepass.store import Message
from gatepass.store.jobs import ItemState, Job, JobItem
from gatepass.teams.drift.differences import Difference, Looked, Sort, concluded, report_json

FOUND = Difference(Sort.TRUST, "333333333333/role/admin", "333333333333", "dev", gained=("arn:x",))


def told(whole: Whole, where: dict[str, Any], way: str) -> None:
    """Has the installation tell one difference to this destination."""
    whole.parts.applying.apply("test", estate(notify=[where]))
    report = concluded(None, {"333333333333": Looked((FOUND,))}, datetime(2026, 1, 1, tzinfo=UTC))
    with whole.parts.store.write() as tx:
        tx.jobs.add(
            Job("d1", KIND, "schedule", {"estate": tx.estates.current_number()}, tx.now),
            [(CONCLUDE, CONCLUSION)],
        )
        said = {"report": report_json(report)}
        tx.jobs.end_item(
            JobItem("d1", CONCLUDE, CONCLUSION, state=ItemState.ENDED, complete=True, result=said, worker="w")
        )
        tx.jobs.end("d1")
        tx.outbox.add(Message("d1", f"{CHANNEL}:0/{way}", CHANNEL), tx.now)
    whole.settle(2)


def test_n1_drift_is_told_by_mail(tmp_path: Path) -> None:
    with mail_server() as server:
        given = {"smtp_host": "127.0.0.1", "smtp_port": server.server_address[1], "smtp_tls": "none"}
        whole = Whole(tmp_path, settings={**given, "smtp_from": "gatepass@host.example"})
        told(whole, {"mail": ["ops@host.example", "eve@host.example"]}, "mail")
        whole.close()
    text = b"\n".join(server.lines).decode()
    assert "Subject: [gatepass] drift: 1 new" in text
    assert "To: ops@host.example, eve@host.example" in text
    assert "changed trust: 333333333333/role/admin in dev" in text
    assert "may come in, and nobody declares it: arn:x" in text
    assert "Message-ID: <d1." in text
