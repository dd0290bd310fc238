"""An estate that makes people lose what they hold says so before it is applied (I13, I18); time is virtual."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient
from tests.installation import EXAMPLE, Whole

from gatepass.access.requests import Answer
from gatepass.app.serve import application
from gatepass.cli import apply as command
from gatepass.client import ApiError, Client
from gatepass.desk import Ask, Caller, Said
from gatepass.desk.applying import EstateEndsAccess
from gatepass.desk.gate import why_ended
from gatepass.estate.model import Estate
from gatepass.estate.reading.sources import load_directory, read_sources
from gatepass.store import OpenAsk

ANA, BEN, CLEO = (Caller(name, "cli") for name in ("ana", "ben", "cleo"))


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    """ana holds one thing and waits for another."""
    made = Whole(tmp_path)
    desk = made.parts.desk
    fields = {"reason": "deploy", "duration": "30m"}
    held = desk.ask(ANA, Ask("aws-access", target="tenant_foo-main", fields=fields))
    made.settle()
    shown = desk.show(CLEO, held.id).request
    desk.answer(BEN, Said(held.id, Answer.APPROVE, shown.content_hash))
    desk.ask(ANA, Ask("aws-access", target="tenant_bar-responders", fields=fields))
    made.settle(5)
    assert made.holds("ana")
    yield made
    made.close()


def without_group(estate: Estate) -> Estate:
    ana = replace(estate.people["ana"], groups=frozenset())
    return replace(estate, people={**estate.people, "ana": ana})


def without_person(estate: Estate) -> Estate:
    return replace(estate, people={name: each for name, each in estate.people.items() if name != "ana"})


def inactive(estate: Estate) -> Estate:
    return replace(estate, people={**estate.people, "ana": replace(estate.people["ana"], active=False)})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda estate: estate, None),
        (without_group, "Ana may not ask flow aws-access for tenant_foo-main any more"),
        (without_person, "ana is not in the estate any more"),
        (inactive, "Ana is not active any more"),
    ],
)
def test_why_what_somebody_has_ends(change: Callable[[Estate], Estate], why: str | None) -> None:
    assert why_ended(change(load_directory(EXAMPLE)), OpenAsk("ana", "aws-access", "tenant_foo-main")) == why


def test_what_people_lose_is_named_and_nothing_is_applied_before_somebody_agrees(whole: Whole) -> None:
    applying, new = whole.parts.applying, without_group(whole.estate)
    with pytest.raises(EstateEndsAccess) as refused:
        applying.apply("cleo", new, agreed=False)
    lines = refused.value.lines
    assert lines[0] == "this ends 1 grant:"
    assert lines[1].endswith(
        "of ana on tenant_foo-main in 333333333333: Ana may not ask flow aws-access for tenant_foo-main any more"
    )
    assert lines[2] == "this closes 1 request:"
    assert "of ana on tenant_bar-responders" in lines[3]
    dan = replace(whole.estate.people["dan"], groups=frozenset())  # who loses nothing by it
    other = replace(whole.estate, people={**whole.estate.people, "dan": dan})
    assert applying.apply("cleo", other, agreed=False).ends == ()
    whole.settle(10)
    assert whole.holds("ana")
    assert applying.apply("cleo", new).ends == lines
    whole.settle(120, 5)
    assert not whole.holds("ana")  # the foretold ends


def test_over_http_and_on_the_command_line(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "estate"
    for name, text in read_sources(EXAMPLE).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(
            text.replace(
                "ana:  {email: ana@host.example, groups: [engineers]}", "ana: {email: ana@host.example}"
            )
        )
    http = TestClient(application(whole.parts), raise_server_exceptions=False)  # type: ignore[arg-type]
    bearer = {"Authorization": f"Bearer {whole.token('cleo', 'admin')}"}

    class Direct(Client):
        """The client without a network."""

        def post(self, path: str, body: dict[str, Any], **more: Any) -> dict[str, Any]:
            answer = http.post(path, json=body, headers=bearer)
            if answer.status_code >= 400:
                raise ApiError(answer.status_code, answer.json())
            return dict(answer.json())

    monkeypatch.setattr(command, "connect", lambda: Direct("http://127.0.0.1", "t"))
    refused = CliRunner().invoke(command.apply, [str(folder)])
    assert isinstance(refused.exception, ApiError)
    assert refused.exception.status == 409  # exit code 3
    assert "this ends 1 grant:" in refused.exception.message
    assert "--yes" in refused.exception.advice
    monkeypatch.setattr(command, "_is_terminal", lambda: True)
    asked = CliRunner().invoke(command.apply, [str(folder)], input="n\n")
    assert (asked.exit_code, "this ends 1 grant:" in asked.stderr) == (1, True)
    agreed = CliRunner().invoke(command.apply, [str(folder)], input="y\n")
    assert agreed.exit_code == 0, agreed.output
    assert "version 2 is in force" in agreed.stdout
    assert "this ends 1 grant:" in agreed.stdout
