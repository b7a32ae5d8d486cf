"""Tasks that SLURM warns before their time is over: submitted again while they get further."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import fake_slurm
import pytest

from ivif_bench.pipeline.executors import slurm
from ivif_bench.pipeline.executors.base import Place
from ivif_bench.pipeline.jobs import Ended, Job, Progress

pytest.importorskip("submitit", reason="submitit is not installed: pip install 'ivif-bench[slurm]'")

# A training of three steps that keeps each one, or none; a step lasts until the process is stopped.
TRAINING = """
import os, time
from pathlib import Path
from ivif_bench.pipeline import worker
from ivif_bench.pipeline.executors import slurm

def train(job, progress):
    kept = Path(job["kept"])
    begin = int(kept.read_text()) if kept.exists() else 0
    for step in range(begin + 1, 4):
        if job["keeps"]:
            kept.write_text(str(step))
        progress(step, 3, str(os.getpid()))
        if step < 3:
            time.sleep(60)

real = slurm.perform

def perform(*arguments):
    worker.perform = train
    return real(*arguments)
"""


def _outcome(tmp_path: Path, monkeypatch, keeps: bool) -> tuple[list[int], Ended]:
    """Steps of which the driver heard, each of which was followed by the signal; and the end."""
    for name, value in fake_slurm.install(tmp_path / "slurm").items():
        monkeypatch.setenv(name, value)
    (tmp_path / "pretended_training.py").write_text(TRAINING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.syspath_prepend(tmp_path)
    import pretended_training

    monkeypatch.setattr(slurm, "perform", pretended_training.perform)
    options = slurm.SlurmOptions(poll=0.05, settle=0, gather=0, minutes=10, memory=1, retries=1)
    executor = slurm.SlurmExecutor.open(options, Place(tmp_path, tmp_path, 1))
    said = {"threads": 1, "gpus": 0, "log": str(tmp_path / "log"), "kind": "unit"}
    kept = {"kept": str(tmp_path / "kept"), "keeps": keeps}
    executor.start(Job("training", "detection", "training", said | kept))
    steps = []
    try:
        while True:
            for event in executor.wait():
                if isinstance(event, Ended):
                    return steps, event
                assert isinstance(event, Progress)
                steps.append(event.done)
                if event.done < 3:
                    os.kill(int(event.what), signal.SIGUSR2)
    finally:
        executor.close()


def test_a_training_that_continues_is_submitted_again_more_often_than_retries(
    tmp_path, monkeypatch
):
    steps, end = _outcome(tmp_path, monkeypatch, keeps=True)
    assert end.problem == ""
    assert steps in ([1, 2], [1, 2, 3])  # the last step and the end may be heard of at once


def test_a_training_that_begins_anew_each_time_is_given_up(tmp_path, monkeypatch):
    steps, end = _outcome(tmp_path, monkeypatch, keeps=False)
    assert "lost 2 tasks in a row, none got further than the first" in end.problem
    assert steps == [1, 1]
