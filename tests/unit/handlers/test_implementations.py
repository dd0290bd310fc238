"""H3, C3: implementations in the style of the published ones run unmodified and reach every name of the SDK."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from gatepass.handlers import Answer, Fault, Implementation, Runner, reading
from gatepass.handlers.event import flow_json, integration_json, person_json
from gatepass.handlers.forms import FieldState, FormState, changed, form_json
from gatepass.handlers.hooks import Stepped, Then
from gatepass.handlers.reading import Option
from gatepass.handlers.submission import Fate, Requested
from gatepass.testing.flows import ANA, PEOPLE, MadeUp, made_up_estate, made_up_event, try_step
from gatepass.testing.world import FakeWorld

FILES = Path(__file__).parents[2] / "assets" / "implementations"
SDK = Path(__file__).parents[1] / "sdk" / "test_names.py"


def implementation(name: str) -> Implementation:
    return Implementation("flow", f"{name}.py", (FILES / f"{name}.py").read_text())


def call(runner: Runner, name: str, handler: str, event: Any, world: FakeWorld, **arguments: Any) -> Answer:
    answer = runner.call(implementation(name), handler, event, world, arguments=arguments)
    assert isinstance(answer, Answer), f"{answer.for_operator()} {answer.usage.printed}"
    return answer


def surface() -> dict[str, set[str]]:
    """The published names, as the SDK's own test lists them."""
    spec = importlib.util.spec_from_file_location("sdk_names", SDK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: set(names.split()) for name, names in module.SURFACE.items()}


def test_the_implementations_import_every_published_name() -> None:
    imported: dict[str, set[str]] = {}
    for path in FILES.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sym.sdk"):
                module = (node.module or "").removeprefix("sym.sdk").removeprefix(".")
                imported.setdefault(module, set()).update(alias.name for alias in node.names)
    missing = {module: names - imported.get(module, set()) for module, names in surface().items()}
    assert {module: names for module, names in missing.items() if names} == {}


@pytest.mark.parametrize("path", sorted(FILES.glob("*.py")), ids=lambda path: path.stem)
def test_each_loads_without_fault(runner: Runner, path: Path) -> None:
    assert runner.load_check(Implementation("flow", path.name, path.read_text())) == ()


def test_a_dynamic_account(runner: Runner) -> None:
    """Seed 001, C9."""
    accounts = {"111111111111": "Prod", "222222222222": "Test"}
    world = FakeWorld(PEOPLE, accounts=accounts, units={"ou-1": ["222222222222"]})
    for unit, offered in (("ou-1", ["222222222222"]), ("ou-9", ["111111111111", "222222222222"])):
        event = made_up_event("prompt", MadeUp(vars={"unit": unit}))
        options = try_step(runner, implementation("account_by_choice"), event, world).options["account_id"]
        assert [option.value for option in options] == offered  # type: ignore[union-attr]
    event = made_up_event("request", MadeUp({"account_id": "111111111111"}, context={"diff": "x"}))
    tried = try_step(runner, implementation("account_by_choice"), event, world)
    assert isinstance(tried.outcome, Requested)
    assert tried.outcome.fate is Fate.PENDING


def test_a_form_makes_the_round_trip(runner: Runner) -> None:
    form = FormState(
        (
            FieldState("urgent", "string", value="yes"),
            FieldState(
                "reason",
                "string",
                visible=False,
                original_allowed=("fire", "curiosity"),
                allowed=("fire", "curiosity"),
            ),
            FieldState("buddy", "slack_user", value={"user_id": "U1", "username": "ben@host.example"}),
        ),
        {"team": "platform"},
    )
    name, handler = "account_by_choice", "on_change_urgent"
    answer = call(runner, name, handler, None, FakeWorld(), username="ana@host.example", form=form_json(form))
    after = changed(answer, form)
    assert isinstance(after, FormState)
    assert after.header == "*platform* will be told"
    reason = after.fields[1]
    assert (reason.visible, reason.required, reason.allowed) == (True, True, ("fire",))
    assert after.fields[2] == form.fields[2]
    stranger = FormState(
        (*form.fields[:2], FieldState("buddy", "slack_user", value={"user_id": "U1"})), form.flow_vars
    )
    fault = runner.call(
        implementation(name), handler, None, arguments={"username": "a", "form": form_json(stranger)}
    )
    assert isinstance(fault, Fault)
    assert "U1 is unknown" in fault.detail


def test_the_rotation(runner: Runner) -> None:
    file = implementation("on_call_rotation")
    event = made_up_event("request")
    alone = try_step(runner, file, event, FakeWorld(PEOPLE))
    assert isinstance(alone.outcome, Requested)
    assert alone.outcome.fate is Fate.PENDING, alone.outcome
    assert alone.outcome.notices is not None
    assert [notice.destinations[0].kind for notice in alone.outcome.notices] == [
        "channel_name",
        "slack_users",
        "person",
    ]
    assert "Okta:NOT_CONFIGURED" in str([outcome.usage.printed for _, outcome in alone.calls])
    rota = {"pagerduty.users_on_call": [person_json(ANA)]}
    called = try_step(runner, file, event, FakeWorld(PEOPLE, answers=rota))
    assert isinstance(called.outcome, Requested)
    assert (called.outcome.fate, called.outcome.by) == (Fate.APPROVED, "on_request")
    assert called.outcome.permission is not None
    assert called.outcome.permission.approve.people == {"ana"}
    often = FakeWorld(PEOPLE, answers=rota, event_counts={"escalate": 3})
    assert try_step(runner, file, event, often).outcome.fate is Fate.PENDING  # type: ignore[union-attr]
    approvers = reading.approvers(call(runner, file.filename[:-3], "get_approvers", event, FakeWorld(PEOPLE)))
    assert isinstance(approvers, tuple)
    assert [(notice.next_on_failure, notice.next_on_timeout) for notice in approvers] == [
        (True, True),
        (True, True),
    ]
    context = {
        "all_request_destinations": [1, 2],
        "current_destination_index": 0,
        "next_destination_index": 1,
    }
    forwarded = call(runner, "on_call_rotation", "on_request_forward", event, FakeWorld(), context=context)
    assert forwarded.usage.printed == "destination 0 of 2\n"
    for step in ("approve", "escalate"):
        assert try_step(runner, file, made_up_event(step), FakeWorld(PEOPLE)).faults == ()


def test_a_lambda_and_its_output(runner: Runner) -> None:
    file = implementation("lambda_and_output")
    assert try_step(runner, file, made_up_event("request"), FakeWorld()).faults == ()
    said = MadeUp(outputs={"escalate": {"body": {"said": "welcome"}, "errors": []}})
    tried = try_step(runner, file, made_up_event("escalate", said), FakeWorld())
    assert isinstance(tried.outcome, Stepped)
    assert tried.outcome.then is Then.GO
    assert "the function said welcome" in tried.calls[-1][1].usage.printed
    failed = made_up_event("escalate", MadeUp(outputs={"escalate": {"errors": ["no"]}}))
    _, after = try_step(runner, file, failed, FakeWorld()).calls[-1]
    assert isinstance(after, Answer)
    assert after.value["value"]["step"] == "deescalate"


def test_secrets_are_fetched_by_reference_and_are_not_in_the_event(runner: Runner) -> None:
    """I17."""
    estate, flow, _ = made_up_estate(MadeUp())
    from dataclasses import replace

    from gatepass.estate.model import Environment, Integration

    okta = Integration("okta", "okta", "x.example", "Okta", {"api_token_secret": "env:OKTA_TOKEN"})
    with_okta = replace(
        estate,
        integrations={**estate.integrations, "okta": okta},
        environments={"test": Environment("test", "Test", {"okta_id": "okta"})},
    )
    event = {**made_up_event("deescalate"), "flow": flow_json(flow, with_okta)}
    world = FakeWorld(secrets={"okta.api_token_secret": "0123456789"})
    answer = call(runner, "lambda_and_output", "after_deescalate", event, world)
    assert answer.usage.printed == "10 characters of OKTA_TOKEN\n"


def test_a_custom_strategy(runner: Runner) -> None:
    from gatepass.estate.model import Integration

    integration = integration_json(Integration("members", "custom", "members.example", "Members"))
    integration["settings"] = {"secrets": [{"secret_id": "one"}, {"secret_id": "two"}]}
    world = FakeWorld(PEOPLE, secrets={"one": "1", "two": "2"})
    event = made_up_event("escalate")
    given = {"integration": integration, "target_id": "group-7"}
    held = reading.state(call(runner, "custom_strategy", "strategy.escalate", event, world, **given))
    assert held == {"member": "member-ana@host.example", "target": "group-7", "tokens": 2}
    assert world.asked[0].function == "utils.persist_user_identity"
    back = made_up_event("deescalate", MadeUp(outputs={"escalate": held}))  # type: ignore[dict-item]
    assert reading.state(call(runner, "custom_strategy", "strategy.deescalate", back, world, **given)) == {
        "removed": "member-ana@host.example"
    }
    user = person_json(ANA)
    identity = call(
        runner, "custom_strategy", "strategy.fetch_remote_identity", None, world, **given, user=user
    )
    assert reading.identity(identity) == "member-ana@host.example"
    assert runner.present(implementation("custom_strategy")).strategy == "Members"


def test_services_that_are_not_configured_say_so(runner: Runner) -> None:
    """Sym.md 2.10: the named error of each service."""
    file = implementation("services")
    tried = try_step(runner, file, made_up_event("prompt"), FakeWorld(PEOPLE))
    options = tried.options["service"]
    assert isinstance(options, tuple), tried.faults
    codes = {option.label.rpartition(" ")[2] for option in options if isinstance(option, Option)}
    services = [
        "GitHub",
        "Google",
        "Okta",
        "Jira",
        "KnowBe4",
        "Boundary",
        "OneLogin",
        "PagerDuty",
        "Slack",
        "AWSLambda",
    ]
    assert codes == {
        *(f"{kind}:NOT_CONFIGURED" for kind in [*services, "AWSLambda", "SymSDK"]),
        "SymSDK:MISSING_ARGUMENT",
    }
    assert try_step(runner, file, made_up_event("request"), FakeWorld(PEOPLE)).faults == ()


def test_identities_and_flows(runner: Runner) -> None:
    event, user = made_up_event("request"), person_json(ANA)
    given = {"service_type": "aws_sso", "external_id": "arn:x", "user": user}
    found = call(runner, "services", "get_identity", event, FakeWorld(), **given)
    assert reading.identity(found) == "id-of-ana@host.example"
    other = call(runner, "services", "get_identity", event, FakeWorld(), **{**given, "service_type": "okta"})
    assert reading.identity(other) is None
    lookup = call(runner, "services", "get_identity_lookup", event, FakeWorld(), **given)
    assert reading.identity(lookup) == "ana@directory.example"
    estate, flow, _ = made_up_estate(MadeUp())
    from dataclasses import replace

    shown = [flow_json(each, estate) for each in (flow, replace(flow, name="other"))]
    filtered = call(
        runner, "services", "get_flows", None, FakeWorld(), user=user, flows=shown, vars={"hidden": "flow"}
    )
    assert reading.flows(filtered, ["flow", "other"]) == ("other",)


def test_one_class_whatever_the_name(runner: Runner) -> None:
    tried = try_step(runner, implementation("every_module_is_ours"), made_up_event("request"), FakeWorld())
    assert tried.faults == ()


def test_the_server_itself_knows_no_sym() -> None:
    assert not [name for name in sys.modules if name == "sym" or name.startswith("sym.")]
    assert importlib.util.find_spec("sym") is None
