"""Chromium for the tests: Debian's own, installed by apt where that may be done; never a download of playwright's."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from tests.browser.server import EVERY_FIELD, Server, serving
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


def _find() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _install() -> None:
    """By apt, where this process may; a failure is told by what is missing afterwards."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    # Another apt may run on a machine that has just started; an archive may be away for a moment.
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=5"]
    for words in (["update"], ["install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]):
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [*apt, *words],
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
                timeout=900,
            )


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is. Absent: a failure where CI=true, elsewhere a skip that says so."""
    with (Path(tempfile.gettempdir()) / f"gatepass-chromium-{os.getuid()}.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)  # of the processes of one run only one installs
        if _find() is None:
            _install()
    found = _find()
    if found is not None:
        return found
    words = "no Chromium: the browser tests did NOT run; install it with: apt-get install chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


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
