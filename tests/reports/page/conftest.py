"""The page of a drawn run, and a browser; without one these tests skip, but not under CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_runs import page_run

from ivif_bench.reports.page.write import write_page
from ivif_bench.reports.write import write_report

REQUIRED = "IVIF_BENCH_BROWSER"  # .ci/run sets it to "required"


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
    path = shutil.which("chromium")
    if path is None:
        text = "no browser: 'chromium' is not on PATH; apt-get install chromium"
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(text)
        pytest.skip(text)
    from playwright.sync_api import sync_playwright

    # Chromium's sandbox refuses to run as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
