"""The tables of options in the docs are those of the models."""

from __future__ import annotations

import runpy
import subprocess
import sys

import pytest
from small_runs import called


@pytest.fixture
def script(repository):
    return repository / "scripts" / "option_tables.py"


@pytest.fixture
def tables(script):
    main = runpy.run_path(str(script))["main"]
    return lambda *arguments: called(lambda: sys.exit(main()), script, *arguments)


def test_the_tables_are_up_to_date(script):
    command = [sys.executable, str(script), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stale_table_is_found_and_written_again(tables, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- options:methods/laplacian -->\nold\n<!-- /options -->\nafter\n")
    assert tables("--check", "--docs", str(tmp_path)).returncode == 1
    assert "old" in page.read_text()
    assert tables("--docs", str(tmp_path)).returncode == 0
    lines = page.read_text().splitlines()
    assert lines[2] == "| option | allowed | default | meaning |"
    assert lines[4].startswith("| `levels` | integer, at least 1 | `4` | detail levels")
    assert (lines[0], lines[-1]) == ("before", "after")
    assert tables("--check", "--docs", str(tmp_path)).returncode == 0
