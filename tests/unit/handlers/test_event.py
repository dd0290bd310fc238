"""The frozen event: stable ids, no secret values, what was asked for cannot be overwritten."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from gatepass.handlers.event import event_json, moved, person_id
from gatepass.handlers.names import STEPS
from gatepass.handlers.wire import read_json, write_json
from gatepass.sdk.build import build_event
from gatepass.testing.flows import ANA, BEN, MadeUp, made_up_event


@given(
    st.sampled_from(STEPS),
    st.dictionaries(st.text("abc", min_size=1), st.text(max_size=5) | st.integers(0, 9)),
)
def test_every_event_builds_and_is_the_same_each_time(step: str, fields: dict[str, str | int]) -> None:
    event = made_up_event(step, MadeUp(fields))
    assert event == made_up_event(step, MadeUp(fields))
    assert read_json(write_json(event)) == event
    built = build_event(event)
    assert built.name == step
    assert built.template.name == "approval"
    if step != "prompt":
        assert {name: built.payload.fields[name] for name in fields} == fields
        assert built.payload.fields["duration"] == 3600
        assert built.payload.fields["target"].settings["account_id"] == "111111111111"


def test_who_did_what() -> None:
    built = build_event(made_up_event("escalate"))
    assert (built.user, built.get_actor("request")) == (
        built.get_actor("approve"),
        build_event(made_up_event("request")).user,
    )
    assert built.get_actor("deny") is None
    assert built.user.email == BEN.email
    assert str(built.get_actor("request").id) == person_id(ANA.id)  # type: ignore[union-attr]
    assert built.run.source_channel.type == "slack"


def test_bound_settings_are_filled_in() -> None:
    from dataclasses import replace

    from gatepass.handlers.event import Happening
    from gatepass.testing.flows import MOMENT, made_up_estate

    estate, flow, target = made_up_estate(MadeUp())
    dynamic = replace(target, field_bindings=("account_id",), settings={"permission_set_arn": "arn"})
    happening = Happening(
        "request",
        MOMENT,
        ANA,
        flow,
        target=dynamic,
        values={"account_id": "2"},
        duration=timedelta(minutes=30),
    )
    built = build_event(event_json(happening, estate))
    assert built.payload.fields["target"].settings == {"permission_set_arn": "arn", "account_id": "2"}
    assert built.payload.fields["duration"] == 1800


def test_a_hook_only_adds_to_what_was_asked() -> None:
    """I10."""
    event = made_up_event("request", MadeUp({"reason": "r"}))
    after = moved(event, "approve", {"reason": "mine", "duration": 10**9, "note": "n"})
    assert (after["fields"]["reason"], after["fields"]["duration"], after["fields"]["note"]) == (
        "r",
        3600,
        "n",
    )
    assert build_event(after).get_actor("approve") == build_event(event).user
    assert json.dumps(event) == json.dumps(made_up_event("request", MadeUp({"reason": "r"})))
