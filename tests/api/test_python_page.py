"""The examples of docs/python-api.md run as they are printed, and say what is true."""

from __future__ import annotations

import re
from typing import Any

import pytest

_BLOCK = re.compile(r"^```python( slow)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _run(page: str, slow: bool) -> dict[str, Any]:
    """Run the blocks in order in one namespace; those marked slow only if asked for."""
    names: dict[str, Any] = {}
    for found in _BLOCK.finditer(page):
        if found[1] and not slow:
            continue
        line = page[: found.start()].count("\n") + 1  # tracebacks name the line of the page
        exec(compile("\n" * line + found[2], "docs/python-api.md", "exec"), names)
    return names


@pytest.fixture
def page(repository, tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    return (repository / "docs" / "python-api.md").read_text(encoding="utf-8")


def _flat(text: str) -> str:
    """One line, without comment signs at the starts of lines."""
    return " ".join(re.sub(r"^# *", "", text, flags=re.MULTILINE).split())


@pytest.mark.slow
def test_every_example_of_the_page_runs_and_prints_what_it_says(page, capsys):
    names = _run(page, slow=False)
    printed = capsys.readouterr().out
    assert _flat(printed.splitlines()[-1]) in _flat(page)
    assert "| Maximum |" in printed
    assert "| Average |" in printed
    assert names["result"].missing == ()
    for frame in (names["records"], names["provenance"]):
        columns = ", ".join(f'"{name}"' for name in frame.columns)
        assert f"[{columns}]" in _flat(page)


def test_the_page_names_everything_that_the_package_offers(page):
    import ivif_bench

    table = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(table) == sorted(set(ivif_bench.__all__) - {"__version__"})


@pytest.mark.slow
@pytest.mark.ultralytics
def test_every_example_runs_in_processes_of_its_own_and_the_one_with_a_detector_too(page):
    pytest.importorskip("ultralytics")
    names = _run(page, slow=True)
    detected = names["load_run"]("runs/detection")
    assert list(detected.tables) == ["quality-m3fd", "detection-m3fd"]
    assert set(detected.records["method"]) == {"visible", "infrared", "Maximum"}
