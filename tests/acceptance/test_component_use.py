"""A watched run notes every test whose outcome may hang on which components there are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTED = """
import os, subprocess, sys
import pytest
from ivif_bench.components import kinds
from ivif_bench.data import layouts
from ivif_bench.fusion import METHODS
from ivif_bench.tasks.quality.registry import METRICS

PYTHON = [sys.executable, "-c"]
ASK = "from ivif_bench.fusion import METHODS; METHODS."

def test_asks_for_all(): assert list(METHODS.specs())
def test_counts(): assert len(METRICS.specs())
def test_asks_for_an_unknown_name():
    with pytest.raises(Exception, match="did you mean"): METHODS.get("averag")
def test_finds_nothing(): assert METHODS.find("averag") is None
def test_lists_the_folder(): assert os.listdir(layouts.__path__[0])
def test_a_process_asks_for_all(): subprocess.run([*PYTHON, ASK + "get('averag')"])
def test_a_process_is_not_watched(): subprocess.run([*PYTHON, "1"], env={})
def test_a_process_ignores_its_environment(): subprocess.run([sys.executable, "-I", "-c", "1"])
"""
NOT_NOTED = """
def test_asks_by_name(): assert METHODS.get("average").name == "average"
def test_finds_by_name(): assert "EN" in METRICS.specs() and METRICS.find("EN")
def test_a_process_asks_by_name(): subprocess.run([*PYTHON, ASK + "get('average')"], check=True)
def test_runs_git(): subprocess.run(["git", "--version"], env={})
"""
FIXTURE = """
@pytest.fixture(scope="module")
def names(): return list(METHODS.specs())
def test_first(names): pass
def test_second(names): pass
"""


def _notes(folder: Path, repository: Path, text: str) -> set[str]:
    (folder / "test_own.py").write_text(text)
    notes = folder / "notes"
    notes.mkdir()
    watched = repository / "tests" / "support" / "watched"
    variables = {"IVIF_BENCH_WATCH": str(notes), "PYTHONPATH": str(watched)}
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_own.py"],
        cwd=folder,
        env=os.environ | variables,
        check=True,
    )
    return {line for file in notes.iterdir() for line in file.read_text().splitlines()}


@pytest.mark.slow
def test_tests_that_ask_for_more_than_components_by_name_are_noted(tmp_path, repository):
    expected = {line[4:].partition("(")[0] for line in NOTED.splitlines() if line[:4] == "def "}
    assert len(expected) == 8
    found = _notes(tmp_path, repository, NOTED + NOT_NOTED)
    assert found == {f"test_own.py::{name}" for name in expected}


@pytest.mark.slow
def test_a_fixture_stands_for_its_file(tmp_path, repository):
    assert _notes(tmp_path, repository, NOTED.partition("def ")[0] + FIXTURE) == {"test_own.py"}
