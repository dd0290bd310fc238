"""`gatepass requests --state`: a word that is no state is refused where it is said, with all that are."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from gatepass.access.states import RequestState
from gatepass.cli import request


class Api:
    """The server, which is asked for what the command was given."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        self.asked.append({"path": path, **query})
        return {"requests": []}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    api = Api()
    monkeypatch.setattr(request, "connect", lambda: api)
    return api


def test_a_word_that_is_no_state_is_refused_with_all_that_are_and_nothing_is_asked(api: Api) -> None:
    said = CliRunner().invoke(request.requests, ["--state", "opne"])
    assert said.exit_code == 2
    assert said.output.count("opne") == 1
    assert [f"'{state}'" for state in RequestState if f"'{state}'" not in said.output] == []
    assert not api.asked


def test_states_are_passed_on_as_they_were_said(api: Api) -> None:
    said = CliRunner().invoke(request.requests, ["--state", "pending", "--state", "approved"])
    assert said.exit_code == 0, said.output
    (asked,) = api.asked
    assert tuple(asked["state"]) == ("pending", "approved")
