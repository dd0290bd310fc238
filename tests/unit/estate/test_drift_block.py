"""The block `drift`: what is read with it, what is refused, what changes, and that it comes back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gatepass.estate.change import changes
from gatepass.estate.model import Estate
from gatepass.estate.reading.expansion import expanded
from gatepass.estate.reading.loader import load
from gatepass.estate.reading.sources import load_directory, read_sources
from gatepass.estate.reading.yaml import EstateError
from gatepass.estate.wire import from_plain, to_plain

TEAMS = "organizations: {acme: {accounts: {dev: '333333333333'}}}\n"
WHERE = [
    {"slack": "#platform"},
    {"slack": ["ana", "ben"], "mail": ["ops@host.example"]},
    {"webhook": {"url": "https://siem.example/x", "secret": "env:KEY"}},
]


def estate(drift: dict[str, Any], **files: str) -> Estate:
    people = {name: {"email": f"{name}@host.example"} for name in ("ana", "ben")}
    said = {"gatepass": 1, "people": people, "drift": drift}
    return load({"estate.yaml": json.dumps(said), **(files or {"teams/teams.yaml": TEAMS})})


def faults(drift: dict[str, Any], **files: str) -> list[tuple[str, str]]:
    with pytest.raises(EstateError) as refused:
        estate(drift, **files)
    return [(fault.code, fault.path) for fault in refused.value.faults]


def test_everything_of_it_is_kept_written_out_and_read_again() -> None:
    whole = estate(
        {
            "every": "6h",
            "notify": WHERE,
            "enter_by": "Audit",
            "managed_by": "acme",
            "acknowledge": ["star-team"],
            "context": "teams/context.json",
        },
        **{"teams/teams.yaml": TEAMS, "teams/context.json": "{}", "teams/okta.xml": "<a/>"},
    )
    assert whole.drift is not None
    assert set(whole.drift.files) == {"teams/teams.yaml", "teams/context.json", "teams/okta.xml"}
    assert from_plain(json.loads(json.dumps(to_plain(whole)))) == whole
    files = {name: file.text for name, file in whole.drift.files.items()}
    assert load({"estate.yaml": expanded(whole), **files}) == whole


def test_the_files_are_read_only_where_the_server_compares(tmp_path: Path) -> None:
    (tmp_path / "teams" / ".git").mkdir(parents=True)
    (tmp_path / "teams" / "teams.yaml").write_text(TEAMS)
    (tmp_path / "teams" / "notes.md").write_text("not part of it")
    (tmp_path / "teams" / ".git" / "x.yaml").write_text("hidden: 1")
    (tmp_path / "estate.yaml").write_text("gatepass: 1\n")
    assert set(read_sources(tmp_path)) == {"estate.yaml"}
    (tmp_path / "watch.yaml").write_text("drift:\n  every: 1h\n")
    assert set(read_sources(tmp_path)) == {"estate.yaml", "watch.yaml", "teams/teams.yaml"}
    drift = load_directory(tmp_path).drift
    assert drift is not None
    assert drift.files["teams/teams.yaml"].text == TEAMS


@pytest.mark.parametrize(
    ("drift", "code", "path"),
    [
        ({"every": "1m"}, "length", "drift.every"),
        ({}, "missing", "drift"),
        ({"every": "6h", "notify": [{}]}, "nobody", "drift.notify[0]"),
        ({"every": "6h", "notify": [{"slack": "nobody-here"}]}, "unknown_name", "drift.notify[0].slack"),
        ({"every": "6h", "context": "teams/none.yaml"}, "no_file", "drift.context"),
        ({"every": "6h", "context": "../x"}, "path", "drift.context"),
        ({"every": "6h", "enforce": True}, "unknown_key", "drift"),
    ],
)
def test_what_cannot_be_meant_is_refused(drift: dict[str, Any], code: str, path: str) -> None:
    assert (code, path) in faults(drift)


def test_there_must_be_something_to_compare_with() -> None:
    assert ("no_file", "drift") in faults({"every": "6h"}, **{"impls/x.py": ""})


def test_a_secret_in_the_teams_is_refused_and_certificates_are_not() -> None:
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    assert ("literal_secret", "") in faults({"every": "6h"}, **{"teams/teams.yaml": f"x: {key}"})
    assert estate({"every": "6h"}, **{"teams/teams.yaml": TEAMS, "teams/okta.xml": key}).drift is not None


def test_what_changed_is_said_without_the_text() -> None:
    before = estate({"every": "6h"})
    after = estate({"every": "2h"}, **{"teams/teams.yaml": TEAMS + "# more\n"})
    (change,) = changes(before, after)
    assert str(change).splitlines()[0] == "~ the watch for drift of teams"
    assert "every: 21600 s -> 7200 s" in str(change)
    assert "sha256" in str(change)
    assert "organizations" not in str(change)
    (gone,) = changes(before, load({"estate.yaml": expanded(before).split("drift:")[0]}))
    assert str(gone) == "- the watch for drift of teams"
