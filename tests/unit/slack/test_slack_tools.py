"""Socket Mode, previews within Slack's limits, checks, the manifest, what flows' code asks (S1, S4, S5)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from tests.installation import EXAMPLE
from tests.unit.slack.slack_estate import everything
from tests.unit.slack.slack_lab import TEAM, USERS, SlackLab, lab
from tests.waiting import LONG

from gatepass.cli.main import main
from gatepass.clock import SystemClock
from gatepass.estate.model import Estate
from gatepass.estate.reading.sources import load_directory
from gatepass.handlers import Answers, Ask, Unanswered
from gatepass.handlers.event import person_json
from gatepass.slack import SlackClient
from gatepass.slack.drawing import WIDTH, draw_message, draw_modal
from gatepass.slack.preview import preview
from gatepass.slack.world import SlackWorld
from gatepass.testing.slack import FakeSlack
from gatepass.testing.slack_limits import check_message, check_view
from gatepass.testing.slack_server import SlackServer


def test_s1_socket_mode_end_to_end(tmp_path: Path, slack_server: SlackServer) -> None:
    (tmp_path / "app").write_text(FakeSlack().app_token)
    with lab(tmp_path, slack_server, slack_app_token=f"file:{tmp_path / 'app'}") as office:
        socket = office.whole.parts.faces.socket
        assert socket is not None
        assert office.whole.parts.faces.route is None
        socket.connect()
        try:
            assert slack_server.connected()
            hands = office.hands("ana", socket=partial(slack_server.envelope, seconds=LONG))
            before = set(office.slack.views)
            hands.slash("req freeze-exception")
            view = office.modal_after(before)
            answer = hands.submit(view, {"change": "x", "risk": "low"})
            assert office.sent(answer).flow == "freeze-exception"
            _play(slack_server, office)
        finally:
            socket.close()


def _play(server: SlackServer, office: SlackLab) -> None:
    """The page of the demo: the same, by forms."""
    with httpx.Client(base_url=server.url, follow_redirects=True) as page:
        before = set(office.slack.views)
        page.post("/act", data={"as": "U0ANA", "what": "slash", "text": "req freeze-exception"})
        view = office.modal_after(before)
        assert "Which change?" in page.get("/", params={"as": "U0ANA"}).text
        filled = {"field change": "<script>", "field risk": "low", "view": view["id"]}
        sent = page.post("/act", data={"as": "U0ANA", "what": "submit", **filled}).text
        assert "was sent" in sent
        office.whole.settle(3)
        card = office.card()
        shown = page.get("/", params={"as": "U0CLEO"}).text
        assert "&lt;script&gt;" in shown
        assert "<script>" not in shown
        press = {"as": "U0CLEO", "what": "press", "ts": card.ts, "action": "gatepass:approve"}
        assert office.told_after("cleo", lambda: page.post("/act", data=press)) == "You approved it."


def _every_flow() -> Iterator[Any]:
    for estate in (load_directory(EXAMPLE), everything()):
        for name in estate.flows:
            yield pytest.param(estate, name, id=f"{len(estate.flows)}-{name}")


@pytest.mark.parametrize(("estate", "flow"), list(_every_flow()))
def test_s5_what_is_previewed_is_what_slack_takes(estate: Estate, flow: str) -> None:
    ana = estate.people["ana"]
    made = preview(estate, tuple(estate.offers(estate.flows[flow], ana)), ana, SystemClock().now())
    check_view(made.modal)
    for name, message in made.messages.items():
        check_message(message["blocks"], message["text"])
        drawn = draw_message(name, message["text"], message["blocks"])
        assert {len(line) for line in drawn.splitlines()} == {WIDTH}
    assert "Decided by" in draw_modal(made.modal)


def test_s5_preview_prints_a_drawing_and_json() -> None:
    run = CliRunner().invoke
    drawn = run(
        main, ["slack", "preview", "aws-access", "--estate", str(EXAMPLE), "--as", "ana", "--target", "admin"]
    )
    assert drawn.exit_code == 0, drawn.output
    assert "2 of group oncall" in drawn.output
    told = run(main, ["slack", "preview", "aws-access", "--estate", str(EXAMPLE), "--output", "json"])
    assert json.loads(told.output)["modal"]["type"] == "modal"
    wrong = run(main, ["slack", "preview", "nothing", "--estate", str(EXAMPLE)])
    assert wrong.exit_code == 2
    assert "aws-access" in wrong.output


def test_s5_the_manifest_asks_for_what_is_used() -> None:
    made = json.loads(CliRunner().invoke(main, ["slack", "manifest", "--command", "/sym"]).output)
    assert made["settings"]["socket_mode_enabled"]
    assert made["features"]["slash_commands"][0]["command"] == "/sym"
    http = json.loads(
        CliRunner().invoke(main, ["slack", "manifest", "--url", "https://gate.example/"]).output
    )
    assert http["settings"]["interactivity"]["request_url"] == "https://gate.example/slack/events"


@pytest.fixture
def workspace(slack_server: SlackServer) -> FakeSlack:
    slack = FakeSlack(socket_url=slack_server.slack.socket_url)
    for person, user in USERS.items():
        slack.add_user(user, person, f"{person}@host.example")
    slack.add_user("U0OUT", "outsider", "out@elsewhere.example", deleted=True)
    slack.add_channel("C0ACCESS", "access", "U0ANA", "U0OUT")
    slack.groups["S0ONE"] = ["U0BEN"]
    slack_server.slack = slack
    return slack


def test_s5_check_says_all_that_is_missing(
    workspace: FakeSlack, slack_server: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_TOKEN", workspace.bot_token)
    monkeypatch.setenv("SLACK_SECRET", workspace.signing_secret)
    for name, value in {
        "BOT_TOKEN": "env:SLACK_TOKEN",
        "SIGNING_SECRET": "env:SLACK_SECRET",
        "TEAM": "T0WRONG",
        "URL": slack_server.api_url,
    }.items():
        monkeypatch.setenv(f"GATEPASS_SLACK_{name}", value)
    estate = (EXAMPLE / "estate.yaml").read_text()
    named = estate.replace(
        "  freeze-exception:  ",
        "  freeze-exception:\n    notify: {ask: [{slack: '#access'}, {slack: '#nowhere'}]}\n  #",
    )
    (tmp_path / "estate.yaml").write_text(named)
    (tmp_path / "impls").mkdir()
    for path in (EXAMPLE / "impls").iterdir():
        (tmp_path / "impls" / path.name).write_text(path.read_text())
    ran = CliRunner().invoke(main, ["slack", "check", "--estate", str(tmp_path)])
    assert ran.exit_code == 3, ran.output
    assert f"GATEPASS_SLACK_TEAM={TEAM}" in ran.output
    assert "good     channel #access" in ran.output
    assert "missing  channel #nowhere" in ran.output
    assert "0 of 5 have an identity" in ran.output
    monkeypatch.setenv("SLACK_TOKEN", "xoxb-wrong")
    assert "invalid_auth" in CliRunner().invoke(main, ["slack", "check"]).output


class _Links:
    def person(self, team: str, user: str) -> str | None:
        return {user: person for person, user in USERS.items()}.get(user)

    def user(self, person: str) -> str | None:
        return USERS.get(person)


def _asking(slack_server: SlackServer, thread: tuple[str, str] | None = None) -> Any:
    client = SlackClient.of(slack_server.slack.bot_token, SystemClock(), slack_server.api_url)
    world = Answers(SlackWorld(client, _Links(), TEAM, load_directory(EXAMPLE), thread).functions())

    def ask(function: str, **arguments: Any) -> Any:
        return world.ask(Ask(f"slack.{function}", arguments, timedelta(seconds=LONG)))

    return ask


def test_s4_people(workspace: FakeSlack, slack_server: SlackServer) -> None:
    ask = _asking(slack_server)
    ben = person_json(load_directory(EXAMPLE).people["ben"])
    assert ask("user", identifier="ben@host.example") == "U0BEN"
    assert ask("user", identifier="@cleo") == "U0CLEO"
    assert ask("get_user_info", user=ben)["id"] == "U0BEN"
    assert ask("is_user_in_group", user=ben, group_id="S0ONE") is True
    assert len(ask("list_users", active_only=True)) == 4
    assert len(ask("list_users", active_only=False)) == 5
    members = ask("users_in_channel", channel="#access")
    assert [m["email"] for m in members] == ["ana@host.example", "out@elsewhere.example"]
    assert members[1]["role"] == "guest"


def test_s4_messages(workspace: FakeSlack, slack_server: SlackServer) -> None:
    ask = _asking(slack_server)
    ask("send_message", destination={"channel_name": "access"}, message="one <@U0BEN>")
    ask("send_message", destination=person_json(load_directory(EXAMPLE).people["ana"]), message="two")
    ask("send_message", destination={"users": [{"user_id": "U0ANA"}, {"user_id": "U0BEN"}]}, message="three")
    assert [m.text for m in workspace.posted] == ["one <@U0BEN>", "two", "three"]
    card = workspace.posted[0]
    _asking(slack_server, (card.channel, card.ts))("send_thread_message", message="reply")
    assert workspace.posted[-1].thread_ts == card.ts


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        ("user", {"identifier": "nobody@host.example"}, "USER_NOT_FOUND"),
        ("user", {"identifier": "@nobody"}, "USER_NOT_FOUND"),
        ("users_in_channel", {"channel": "#nowhere"}, "CHANNEL_NOT_FOUND"),
        ("send_message", {"destination": {"channel_name": "nowhere"}, "message": "x"}, "CHANNEL_NOT_FOUND"),
        (
            "is_user_in_group",
            {"user": {"id": "x", "email": "ben@host.example"}, "group_id": "S0NONE"},
            "GROUP_NOT_FOUND",
        ),
        ("send_thread_message", {"message": "x"}, "NO_THREAD"),
    ],
)
def test_s4_refusals_are_slack_errors_of_published_names(
    workspace: FakeSlack, slack_server: SlackServer, function: str, arguments: dict[str, Any], name: str
) -> None:
    with pytest.raises(Unanswered) as caught:
        _asking(slack_server)(function, **arguments)
    assert (caught.value.error_type, caught.value.name) == ("Slack", name)
