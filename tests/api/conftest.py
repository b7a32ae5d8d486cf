"""Jobs of a run in this process: these tests are about what goes in and comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_process import InProcess
from small_runs import write_pairs

from ivif_bench.pipeline.executors import local


@pytest.fixture(autouse=True)
def _in_this_process(request, monkeypatch):
    """No process per job, which takes seconds each, but in slow tests."""
    if request.node.get_closest_marker("slow"):
        return

    monkeypatch.setattr(local, "LocalExecutor", InProcess)


@pytest.fixture
def small(tmp_path: Path, monkeypatch) -> Path:
    """The working directory: a folder with three pairs of 40 x 48 in ``pairs``."""
    write_pairs(tmp_path / "pairs", 3, (40, 48))
    monkeypatch.chdir(tmp_path)
    return tmp_path
