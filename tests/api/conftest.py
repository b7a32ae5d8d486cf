"""Jobs of a run in this process: these tests are about what goes in and comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_runs import write_pairs

from ivif_bench.pipeline import run as pipeline
from ivif_bench.pipeline import worker
from ivif_bench.pipeline.executors.local import Outcome


@pytest.fixture(autouse=True)
def _in_this_process(request, monkeypatch):
    """No process per job, which takes seconds each, but in slow tests."""
    if request.node.get_closest_marker("slow"):
        return

    def run_jobs(jobs, workers, watch, finished):
        for job in jobs:
            steps = lambda done, total, what, job=job: watch(job, done, total, what)  # noqa: E731
            worker._do(job.description, steps)
            finished(job)
        return [Outcome(job) for job in jobs]

    monkeypatch.setattr(pipeline, "run_jobs", run_jobs)


@pytest.fixture
def small(tmp_path: Path, monkeypatch) -> Path:
    """The working directory: a folder with three pairs of 40 x 48 in ``pairs``."""
    write_pairs(tmp_path / "pairs", 3, (40, 48))
    monkeypatch.chdir(tmp_path)
    return tmp_path
