"""Issue 3, H4: forms over 1,000 accounts and 50 permission sets; no call to AWS while they are filled in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.installation import Whole

from bench.figure import Figure, milliseconds, p50, p95
from gatepass.desk import Ask, Caller
from gatepass.estate.fields import Code

ANA = Caller("ana", "web")
_ALL = """from sym.sdk.annotations import prefetch
from sym.sdk.forms import FieldOption
from sym.sdk.integrations import aws_sso


@prefetch(field_name="account_id")
def options(event):
    return [FieldOption(value=each["Id"], label=each["Name"]) for each in aws_sso.list_accounts()]
"""


def figures() -> Iterator[Figure]:
    """About twenty seconds."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Whole(Path(folder), accounts=1000)
        try:
            yield from _measured(whole)
        finally:
            whole.close()


def _measured(whole: Whole) -> Iterator[Figure]:
    flow = whole.estate.flows["account-by-choice"]
    model = whole.estate.targets[flow.targets[0]]
    targets = {
        f"{model.name}-{n}": replace(model, name=f"{model.name}-{n}", short=f"set-{n}") for n in range(50)
    }
    coded = replace(flow, targets=tuple(targets), implementation=Code("all.py", _ALL, "0" * 64))
    estate = replace(
        whole.estate,
        targets={**whole.estate.targets, **targets},
        flows={**whole.estate.flows, flow.name: coded},
    )
    whole.parts.applying.apply("bench", estate)
    ask = Ask(flow.name, target="set-7")
    offered = len(whole.parts.desk.form(ANA, ask).options["account_id"].options)
    before = whole.calls()
    coded_form = milliseconds(lambda: whole.parts.desk.form(ANA, ask), 60)
    plain = milliseconds(
        lambda: whole.parts.desk.form(ANA, Ask("aws-access", target="tenant_bar-read-only")), 60
    )
    yield Figure("options offered", offered, "accounts")
    yield Figure("calls to AWS while 120 forms were made", whole.calls() - before, "calls")
    yield Figure("form, options by code, p50", p50(coded_form), "ms", p50(plain), "form without code")
    yield Figure("form, options by code, p95", p95(coded_form), "ms", p95(plain), "form without code")
