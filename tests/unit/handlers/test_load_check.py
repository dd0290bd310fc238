"""P6: what is wrong with a file is found when it is loaded, all at once, with place and advice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gatepass.handlers import Implementation, Runner

Make = Callable[..., Implementation]


@pytest.mark.parametrize(
    ("body", "line", "handler", "says"),
    [
        ("def (:", 2, "(file)", "SyntaxError"),
        ("import sym.sdk.nothing", 2, "(file)", "there is no sym.sdk.nothing in gatepass"),
        ("import sym.other", 2, "(file)", "there is no sym.other in gatepass"),
        ("from sym.sdk import nothing", 2, "(file)", "cannot import name 'nothing'"),
        ("raise RuntimeError('x')", 2, "(file)", "RuntimeError while the file was loaded: x"),
        ("import sys; sys.exit(3)", 0, "(file)", "sys.exit(3)"),
        (
            "def on_request(event): pass",
            2,
            "on_request",
            "without decorator, which is never called; expected @hook",
        ),
        (
            "@hook\ndef on_aprove(event): pass",
            2,
            "on_aprove",
            "an unknown hook; expected on_approve; call it on_app",
        ),
        ("@reducer\ndef get_timeout(event): pass", 2, "get_timeout", "no longer called"),
        ("@hook\ndef get_permissions(event): pass", 2, "get_permissions", "@hook; expected @reducer"),
        (
            "@hook\ndef on_request(): pass",
            2,
            "on_request",
            "parameters (); expected (event); take exactly event",
        ),
        ("@hook\ndef on_request_forward(event): pass", 2, "on_request_forward", "expected (event, context)"),
        (
            "@reducer\ndef get_identity(event): pass",
            2,
            "get_identity",
            "(event, service_type, external_id, user)",
        ),
        ("@hook\nasync def on_request(event): pass", 2, "on_request", "async def; expected def"),
        ("@hook\ndef on_request(event): yield", 2, "on_request", "a generator"),
        ("def on_change_reason(form): pass", 2, "on_change_reason", "expected (username, form)"),
        (
            '@prefetch("a")\ndef x(event): pass\n@prefetch("a")\ndef y(event): pass',
            4,
            "prefetch:a",
            "a second function for the field (the first is on line 2)",
        ),
        (
            "from sym.sdk.strategies import AccessStrategy as S\nclass A(S): pass\nclass B(S): pass",
            0,
            "AccessStrategy",
            "classes A, B",
        ),
    ],
)
def test_a_fault_has_its_place(
    runner: Runner, implementation: Make, body: str, line: int, handler: str, says: str
) -> None:
    (fault,) = runner.load_check(implementation(body))
    assert (fault.line, fault.handler) == (line, handler)
    place = f"impl.py:{line}" if line else "impl.py"
    assert str(fault).startswith(f"{place} flow=access handler={handler}: ")
    assert says in str(fault)
    assert str(fault).count(";") >= 2


def test_everything_is_told_at_once(runner: Runner, implementation: Make) -> None:
    body = "@hook\ndef on_aprove(event): pass\n@hook\ndef on_deny(): pass\n"
    body += '@prefetch("colour")\ndef options(event): pass'
    faults = runner.load_check(implementation(body), {"account_id"})
    assert [fault.handler for fault in faults] == [
        "on_aprove",
        "on_deny",
        "prefetch:account_id",
        "prefetch:colour",
    ]


def test_a_warning_does_not_make_a_file_unusable(runner: Runner, implementation: Make) -> None:
    commented_out = "def on_request(event): pass\n@reducer\ndef get_permissions(event): pass"
    present = runner.present(implementation(commented_out))
    assert present.usable
    assert "on_request" not in present
    assert present.handlers == {"get_permissions": 3}
    assert not present.faults[0].serious


def test_an_unusable_file_refuses_every_step_and_no_take_back(runner: Runner, implementation: Make) -> None:
    """I14: a file that does not load must not look like one without handlers."""
    from gatepass.handlers.hooks import Rules, Then, hooks_of, run_deny_handlers
    from gatepass.handlers.hooks import run_deescalate_handlers as take_back
    from gatepass.handlers.submission import Fate, run_request_handlers

    hooks = hooks_of(runner, implementation("def ("))
    outcome = run_request_handlers({}, hooks, Rules(), {})
    assert outcome.fate is Fate.FAILED
    assert "SyntaxError" in outcome.faults[0].for_operator()
    assert run_deny_handlers({}, hooks, Rules()).then is Then.GO
    assert take_back({}, hooks).then is Then.GO


def test_a_file_that_lies_about_what_it_holds_cannot_be_used(runner: Runner) -> None:
    path = Path(__file__).parents[2] / "assets" / "hostile" / "forged_inventory.py"
    (fault,) = runner.load_check(Implementation("access", path.name, path.read_text()))
    assert fault.serious
    assert "something else than what it holds" in fault.found
