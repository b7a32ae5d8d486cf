"""The page of a drawn run, and a browser; without one these tests skip, but not under CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_runs import page_run
from required import skip_unless

from ivif_bench.reports.page.write import write_page
from ivif_bench.reports.write import write_report


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory with its tables and its page."""
    run = page_run(tmp_path_factory.mktemp("page") / "run")
    write_report(run, ["csv"], "interval")
    write_page(run)
    return run


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright."""
    skip_unless("chromium")
    from playwright.sync_api import sync_playwright

    # Chromium's sandbox refuses to run as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=arguments
        )
        yield browser
        browser.close()


class Watched:
    """A browser's page that remembers errors and every address it asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda each: self._said(each))
        page.on("pageerror", lambda each: self.errors.append(str(each)))
        page.on("request", lambda each: self.asked.append(each.url))
        page.on(
            "dialog", lambda each: (self.errors.append(f"dialog {each.message}"), each.dismiss())
        )

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def open(self, run: Path, state: str = "view=overview") -> Any:
        """Open a run's page from disk, in some state."""
        self.page.goto(f"{(run / 'report' / 'page' / 'index.html').as_uri()}#{state}")
        self.ready()
        return self.page

    def ready(self, what: str = "") -> None:
        """Wait until a view is complete."""
        self.page.wait_for_function(
            "(what) => (document.body.dataset.ready || '').includes(what) && document.body.dataset.ready",
            arg=what,
        )

    def turned(self, text: str) -> None:
        """Wait until the address says something."""
        self.page.wait_for_function("(text) => location.hash.includes(text)", arg=text)


@pytest.fixture
def watched(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A page of 1280 x 900 that must end without an error and without any request but for files."""
    options = {"viewport": {"width": 1280, "height": 900}, **getattr(request, "param", {})}
    context = chromium.new_context(**options)
    context.set_default_timeout(20_000)
    one = Watched(context.new_page())
    yield one
    context.close()
    assert one.errors == []
    assert {address.partition(":")[0] for address in one.asked} <= {"file", "blob"}
