"""What a run leaves in SLURM's queue is ended before another run begins, whatever executor that has."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import fake_slurm
import pytest
from small_runs import ivif_here, write_config, write_pairs

from ivif_bench.pipeline.executors import slurm_queue

NAME = "ivif-bench-0123456789abcdef"
TASK = """#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --mem=1M
trap 'sleep 1; touch {ended}; exit' TERM
touch {begun}
for _ in $(seq 600); do sleep 0.1; done
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run directory whose driver was killed, with a task that takes a second to end."""
    for name, value in fake_slurm.install(tmp_path / "slurm").items():
        monkeypatch.setenv(name, value)
    run = tmp_path / "runs" / "small"
    slurm_queue.folder_of(run, NAME).mkdir(parents=True)
    _old_file(run).write_bytes(b"")
    os.utime(_old_file(run), (0, 0))
    script = tmp_path / "task.sh"
    script.write_text(TASK.format(name=NAME, begun=tmp_path / "begun", ended=tmp_path / "ended"))
    subprocess.run(["sbatch", script], check=True)
    while not (tmp_path / "begun").exists():
        time.sleep(0.02)
    yield run
    fake_slurm.scancel([f"--name={NAME}"])


def _old_file(run: Path) -> Path:
    """A temporary file of another machine."""
    return run / ".ivif-bench-0a1b2c3d-1-x.part"


def _fuse(tmp_path: Path) -> str:
    """What a run on this machine says; it must succeed."""
    write_pairs(tmp_path / "pairs", 1, (40, 48))
    done = ivif_here("fuse", write_config(tmp_path, methods=["average"]))
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_run_by_another_executor_waits_until_the_tasks_of_a_killed_driver_have_ended(
    tmp_path, run
):
    assert f"cancelled what an earlier run left in the queue as {NAME}" in _fuse(tmp_path)
    assert (tmp_path / "ended").exists()
    assert fake_slurm.tasks(tmp_path / "slurm") == {}
    assert not list((run / "cache").glob("slurm*"))
    assert not _old_file(run).exists()


def test_a_queue_that_cannot_be_cancelled_is_named_and_remembered(tmp_path, run, monkeypatch):
    monkeypatch.setattr(slurm_queue, "_PATIENCE", 0.5)
    scancel = tmp_path / "slurm" / "bin" / "scancel"
    works = scancel.read_text()
    scancel.write_text("#!/bin/sh\nexit 1\n")
    said = slurm_queue.forget(run, NAME, cancel=True)
    assert "(squeue lists 1000)" in said
    assert f"'scancel --name={NAME}'" in said
    assert slurm_queue.folder_of(run, NAME).is_dir()
    scancel.write_text(works)
    monkeypatch.setattr(slurm_queue, "_PATIENCE", 30.0)
    notes = []
    assert slurm_queue.settle_earlier(run, notes.append)
    assert notes == [f"cancelled what an earlier run left in the queue as {NAME}"]
    assert not slurm_queue.folder_of(run, NAME).exists()


def test_a_queue_that_does_not_answer_is_not_taken_as_empty(tmp_path, run, monkeypatch):
    monkeypatch.setattr(slurm_queue, "_PATIENCE", 0.5)
    (tmp_path / "slurm" / "bin" / "squeue").write_text("#!/bin/sh\nexit 1\n")
    assert "(squeue does not answer)" in slurm_queue.forget(run, NAME, cancel=False)
    assert slurm_queue.folder_of(run, NAME).is_dir()


def test_on_a_machine_without_slurm_the_run_says_what_it_cannot_check_and_goes_on(
    tmp_path, run, monkeypatch
):
    with monkeypatch.context() as without:
        without.setenv("PATH", str(tmp_path / "nothing"))
        said = _fuse(tmp_path)
    assert "(this machine has no scancel, squeue)" in said
    assert f"'scancel --name={NAME}'" in said
    assert slurm_queue.folder_of(run, NAME).is_dir()
    assert list(run.glob("fused/**/*.png"))
    assert _old_file(run).exists(), "its owner may be running"
