"""What README and docs say works: the estate loads, every command exists, every link leads somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import click
import pytest

from gatepass.cli.main import main
from gatepass.estate.reading.loader import load

ROOT = Path(__file__).parents[3]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


def test_the_estate_of_the_readme_is_whole() -> None:
    found = re.search(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    assert set(load({"estate.yaml": found.group(1)}).flows) == {"aws-access"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_in_the_pages_exists(page: Path) -> None:
    context = click.Context(main)
    lines = re.findall(
        r"^(?: {4}|\$ )(?:\.venv/bin/)?gatepass ([a-z][a-z-]*)", page.read_text(), re.MULTILINE
    )
    unknown = {word for word in lines if main.get_command(context, word) is None}
    assert unknown == set()


def test_the_page_of_settings_is_what_the_code_reads() -> None:
    spec = importlib.util.spec_from_file_location("settings_docs", ROOT / "scripts" / "settings_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "settings.md").read_text() == module.page(), "run scripts/settings_docs.py"
