"""The same stories through every face give the same decisions, refusals and audit entries (issue 4, H2)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.stories.faces import ApiFace, CliFace, DeskFace, Face, WebFace, served
from tests.stories.slack_face import SlackFace
from tests.unit.slack.slack_lab import lab

from gatepass.desk import Caller
from gatepass.desk.office import Scope
from gatepass.testing.slack import FakeSlack
from gatepass.testing.slack_server import SlackServer

STORIES: dict[str, list[dict[str, Any]]] = YAML(typ="safe").load(Path(__file__).with_name("decisions.yaml"))
CLEO = Caller("cleo", "test")


class Stage:
    """One installation on which stories are told one after another, through several faces."""

    def __init__(self, folder: Path, open_until: ExitStack) -> None:
        office = open_until.enter_context(lab(folder, open_until.enter_context(SlackServer(FakeSlack()))))
        self.whole = office.whole
        url = open_until.enter_context(served(self.whole))
        self.faces: dict[str, Face] = {
            "desk": DeskFace(self.whole),
            "api": ApiFace(self.whole),
            "cli": CliFace(self.whole, url),
            "web": WebFace(self.whole),
            "slack": SlackFace(office),
        }

    def kinds(self) -> Counter[str]:
        """What the log says, whatever the order of its chains; who somebody is in AWS is learnt only once."""
        found: Counter[str] = Counter()
        for line in self.whole.parts.office.export(CLEO):
            said = json.loads(json.loads(line)["body"])
            found[f"{said['kind']}:{said['fields'].get('by') or said['fields'].get('why') or ''}"] += 1
        for once in [key for key in found if key.startswith(("identity.stored", "login"))]:
            del found[once]
        return found

    def clear(self) -> None:
        """Nothing of the story before is left."""
        for person in ("ana", "ben"):
            self.whole.parts.office.end_everything(CLEO, Scope(person=person))
        self.whole.settle(3)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ExitStack() as open_until:
        stage = Stage(tmp_path_factory.mktemp("stage"), open_until)
        yield stage


def tell(stage: Stage, face: Face, story: list[dict[str, Any]]) -> None:
    request = ""
    for step in story:
        if "wait" in step:
            wait = int(step["wait"])
            stage.whole.settle(wait, 1 if wait < 60 else 30)
            assert stage.whole.holds("ana") is step["holds"], step
            if "state" in step:
                assert stage.whole.parts.desk.show(CLEO, request).request.state == step["state"], step
            continue
        went = face.do(step, request)
        assert went.refused == step.get("refused", ""), (step, went)
        request = went.request or request
        if "refused" in step:
            continue
        stage.whole.settle()
        state = stage.whole.parts.desk.show(CLEO, request).request.state
        assert state == step["then"], (step, state)
    stage.whole.settle(5)  # what is on its way arrives, so that every log tells the same


@pytest.mark.parametrize("name", list(STORIES))
def test_a_story_is_the_same_through_every_face(stage: Stage, name: str) -> None:
    logs = {}
    for word, face in stage.faces.items():
        before = stage.kinds()
        tell(stage, face, STORIES[name])
        logs[word] = stage.kinds() - before
        stage.clear()
    assert logs["api"] == logs["desk"]
    assert logs["cli"] == logs["desk"]
    assert logs["web"] == logs["desk"]
    assert logs["slack"] == logs["desk"]
