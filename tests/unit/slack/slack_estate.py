"""An estate with every type of field, five thousand options, a form that reshapes itself, and places to tell."""

from __future__ import annotations

from tests.installation import EXAMPLE

from gatepass.estate.model import Estate
from gatepass.estate.reading.loader import load

IMPL = """
import time
from gatepass.sdk.annotations import prefetch
from gatepass.sdk.field_option import FieldOption


@prefetch(field_name="host")
def hosts(event):
    return [FieldOption(value=f"host-{i:04d}", label=f"Host {i:04d} in row {i % 7}") for i in range(5000)]
"""
TALKS = """
from gatepass.sdk.annotations import hook, reducer
from gatepass.sdk.integrations import slack
from gatepass.sdk.notifications import Notification


@reducer
def get_request_notifications(event):
    return [Notification(destinations=[slack.channel("#general")])]


@hook
def after_request(event):
    slack.send_thread_message("code was here")


@hook
def after_approve(event):
    slack.send_message(event.user, "thank you")
"""
SLOW = """
import time
from gatepass.sdk.annotations import prefetch


@prefetch(field_name="host")
def hosts(event):
    while True:
        time.sleep(1)
"""
CHANGE = """
def on_change_kind(username, form):
    production = form.fields["kind"].value == "production"
    form.fields["ticket"].visible = production
    form.fields["ticket"].required = production
    form.fields["size"].value = 1 if production else 5
    form.additional_header_text = "Careful: production" if production else None
    return form
"""
FLOWS = """
flows:
  everything:
    label: Everything & more
    fields:
      text:    {type: string, label: Text, pattern: "[a-z]+"}
      choice:  {type: string, allowed_values: [one, two]}
      number:  {type: int, required: false}
      flag:    {type: bool, required: false}
      user:    {type: slack_user, required: false}
      users:   {type: slack_user_list, required: false}
      words:   {type: str_list, required: false}
      picks:   {type: str_list, allowed_values: [a, b, c], required: false}
      numbers: {type: int_list, required: false}
    decide: {ask: {groups: [engineers]}, rules: [{approve: {groups: [oncall]}}]}
  many:
    label: Many
    implementation: impls/many.py
    fields:
      host: {type: string, prefetch: true}
    decide: {ask: {groups: [engineers]}, rules: [{approve: {groups: [oncall]}}]}
  slow:
    label: Slow
    implementation: impls/slow.py
    fields:
      host: {type: string, prefetch: true}
    decide: {ask: {groups: [engineers]}, rules: [{approve: {groups: [oncall]}}]}
  talks:
    label: Talks
    implementation: impls/talks.py
    fields: {change: {type: string}}
    decide: {ask: {groups: [engineers]}, rules: [{approve: {groups: [oncall]}}]}
  shape:
    label: Shape
    implementation: impls/many.py
    fields:
      kind:   {type: string, allowed_values: [test, production], on_change: impls/shape.py}
      ticket: {type: string, required: false, visible: false}
      size:   {type: int, required: false}
    decide: {ask: {groups: [engineers]}, rules: [{approve: {groups: [oncall]}}]}
  handed-on:
    label: Handed on
    include_decision_message: true
    fields: {change: {type: string}}
    notify:
      ask:
        - {slack: "#nowhere"}
        - {slack: [ben, cleo], timeout: 10m}
        - {slack: "#access"}
      tell:
        - {mail: [audit@host.example], events: [denied]}
        - {webhook: {url: "http://127.0.0.1:1/hook", secret: "env:NO_HOOK"}, events: [denied]}
    decide: {ask: {groups: [engineers]}, rules: [{approve: {groups: [oncall]}}]}
"""


def everything(hook: str = "http://127.0.0.1:1/hook") -> Estate:
    """The example's estate with these flows beside it; `hook` is told of denials."""
    files = {
        str(path.relative_to(EXAMPLE)): path.read_text()
        for path in EXAMPLE.rglob("*")
        if path.suffix in (".yaml", ".py")
    }
    files |= {
        "more.yaml": FLOWS.replace("http://127.0.0.1:1/hook", hook),
        "impls/many.py": IMPL,
        "impls/slow.py": SLOW,
        "impls/talks.py": TALKS,
        "impls/shape.py": CHANGE,
    }
    return load(files)
