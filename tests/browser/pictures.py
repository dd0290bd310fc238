"""Takes the pictures of the documentation: `python -m tests.browser.pictures docs/images`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.browser.conftest import FLAGS
from tests.browser.server import Server, serving

WHERE = {"viewport": {"width": 1200, "height": 760}}


def enter(browser: Browser, server: Server, person: str, **given: object) -> Page:
    page = browser.new_context(base_url=server.url, **{**WHERE, **given}).new_page()  # type: ignore[arg-type]
    page.goto("/login")
    page.click(f"button[value={person}]")
    return page


def ask(page: Page, target: str, reason: str, seconds: int, account: str = "") -> str:
    page.goto(f"/ask/form?flow=aws-access&target={target}")
    if account:
        page.get_by_label(account).check()
    page.get_by_label("Why do you need access?").fill(reason)
    page.locator(f"[name='f.duration'][value='{seconds}s']").check()
    page.get_by_role("button", name="Send the request").click()
    expect(page.locator(".heading .state")).not_to_contain_text("asked")
    return page.url.rpartition("/")[2].partition("?")[0]


def approve(page: Page, request: str) -> None:
    page.goto(f"/requests/{request}")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".card .state").first).to_contain_text("active")


def main(folder: Path) -> None:
    with sync_playwright() as playwright, serving(Path(tempfile.mkdtemp())) as server:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(FLAGS))
        ana, ben, dan = (enter(browser, server, name) for name in ("ana", "ben", "dan"))
        approve(ben, ask(ana, "tenant_foo-main", "deploy 1.4 to production, OPS-12", 3600))
        approve(
            ben, ask(ana, "tenant_bar-read-only", "the import that failed last night", 14400, "bar-berlin")
        )
        approve(ben, ask(dan, "tenant_bar-read-only", "count the open tickets", 1800, "bar-staging"))
        dan.goto("/")
        dan.get_by_role("button", name="Give back").click()
        expect(dan.get_by_text("You hold nothing")).to_be_visible()
        ask(
            dan,
            "tenant_bar-read-only",
            "the numbers of yesterday were wrong: count again, OPS-17",
            14400,
            "bar-staging",
        )
        ask(ana, "tenant_bar-responders", "incident 4711", 1800)
        ana.goto("/")
        ana.wait_for_timeout(300)
        ana.screenshot(path=folder / "my-access.png")
        ben.goto("/decide")
        ben.wait_for_timeout(300)
        ben.screenshot(path=folder / "to-decide.png")
        night = enter(browser, server, "ana", color_scheme="dark")
        night.goto("/ask/form?flow=aws-access&target=tenant_bar-read-only")
        night.get_by_label("bar-staging").check()
        night.get_by_label("Why do you need access?").fill("compare staging with production")
        night.locator("[name='f.duration'][value='3600s']").check()
        night.screenshot(path=folder / "ask-dark.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
