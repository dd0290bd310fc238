"""Chromium for the tests: Debian's own, installed by apt where that may be done; never a download of playwright's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from tests.browser.server import EVERY_FIELD, Server, serving
from tests.debian import provided
from tests.waiting import LONG

FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-domain-reliability",
)
PATIENCE = 1000 * LONG
"""Milliseconds: the machine that tests may be busy with everything else."""
expect.set_options(timeout=PATIENCE)
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is."""
    return provided(NAMES, ("chromium", "fonts-dejavu-core"), "the browser tests", required=True)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS), timeout=PATIENCE)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def fields_server(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("fields"), EVERY_FIELD) as running:
        yield running


def _wrong(said: ConsoleMessage) -> bool:
    """Whether a console message is a fault; that a form was answered with 422 is none, though browsers say it."""
    return said.type in ("error", "warning") and "a status of 422" not in said.text


Enter = Callable[..., Page]


@pytest.fixture
def enter(browser: Browser) -> Iterator[Enter]:
    """Sign a person in, each in a browser context of their own. Any error in a console fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def sign_in(server: Server, person: str, path: str = "/", **given: object) -> Page:
        context = browser.new_context(base_url=server.url, **given)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda said: errors.append(said.text) if _wrong(said) else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto("/login")
        page.click(f"button[value={person}]")
        if path != "/":
            page.goto(path)
        return page

    yield sign_in
    for context in contexts:
        context.close()
    assert errors == []
