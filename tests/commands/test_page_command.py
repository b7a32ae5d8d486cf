"""``report --page`` and ``serve`` from the command line."""

from __future__ import annotations

import subprocess
import urllib.request
from pathlib import Path

import pytest
from page_runs import page_run
from small_runs import command, ivif


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two drawn scenes, two methods."""
    titles = {"visible": "Visible", "average": "Average"}
    return page_run(tmp_path_factory.mktemp("command") / "run", 2, titles, masks=False)


def test_the_option_is_a_number_or_a_word(run: Path) -> None:
    done = ivif("report", run, "--page-images", "few")
    assert done.returncode == 2
    assert "--page-images: 'few'; expected all, none or a number" in done.stderr
    assert not (run / "report").exists()


@pytest.mark.slow
def test_report_writes_the_page_and_says_its_size_and_serve_gives_its_address(run: Path) -> None:
    done = ivif("report", run, "--page", "--page-images", "1")
    assert done.returncode == 0, done.stderr
    assert "2 previews of" in done.stderr
    assert (run / "report" / "page" / "index.html").is_file()
    server = subprocess.Popen(command("serve", run), stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().strip()
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert b"<!doctype html>" in answer.read()
    finally:
        server.terminate()
        server.wait(30)
    assert address.startswith("http://127.0.0.1:")
