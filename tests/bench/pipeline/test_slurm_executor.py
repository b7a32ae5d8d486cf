"""Jobs in arrays of a stand-in for SLURM: the bytes of one machine, whatever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import fake_slurm
import pytest
from small_runs import command, ivif, write_config, write_pairs

from ivif_bench.pipeline.executors import slurm_queue
from ivif_bench.pipeline.executors.base import Place
from ivif_bench.pipeline.executors.slurm import SlurmExecutor, SlurmOptions
from ivif_bench.pipeline.jobs import Job

pytest.importorskip("submitit", reason="submitit is not installed: pip install 'ivif-bench[slurm]'")

OPTIONS = "slurm,parallel=2,poll=0.1,settle=1,gather=5,minutes=10,memory=1"


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """The folder of a stand-in whose programs are found."""
    for name, value in fake_slurm.install(tmp_path / "slurm").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("IVIF_BENCH_SHARD", "3")
    return tmp_path / "slurm"


def _bytes(run: Path) -> dict[str, bytes]:
    kept = [*run.glob("fused/**/*"), *run.glob("results/**/*"), *run.glob("report/*")]
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in kept
        if path.suffix in {".png", ".parquet", ".md", ".tex", ".csv"}
    }


def _start(config: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen(
            command("run", config, "--executor", OPTIONS), stdout=file, stderr=file
        )


def _wait_for(ready, process: subprocess.Popen[bytes], log: Path):
    deadline = time.monotonic() + 900
    while not (found := ready()):
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.01)
    return found


def _running(slurm: Path) -> list[int]:
    return [pid for _, state, pid in fake_slurm.tasks(slurm).values() if state == "RUNNING"]


@pytest.mark.slow
def test_a_killed_task_is_submitted_again_and_a_killed_driver_resumes(tmp_path, slurm):
    write_pairs(tmp_path / "pairs", 6, (160, 200))
    methods = ["average", "laplacian"]
    done = ivif("run", write_config(tmp_path, "whole", methods=methods), "-j", "2")
    assert done.returncode == 0, done.stderr
    expected = _bytes(tmp_path / "whole" / "small")

    config, log = write_config(tmp_path, "array", methods=methods), tmp_path / "log"
    run = tmp_path / "array" / "small"
    process = _start(config, log)
    (pid, *_) = _wait_for(lambda: _running(slurm), process, log)
    os.killpg(pid, signal.SIGKILL)
    _wait_for(lambda: "it is submitted again" in log.read_text(), process, log)
    _wait_for(lambda: list(run.glob("fused/**/*.png")) and _running(slurm), process, log)
    process.kill()
    process.wait()
    assert _start(config, log).wait(900) == 0, log.read_text()[-3000:]
    assert _bytes(run) == expected
    assert "cancelled what an earlier run left in the queue" in log.read_text()
    assert fake_slurm.tasks(slurm) == {}
    assert not list((run / "cache").glob("slurm*"))
    assert not list((run / "work").glob("*/*"))


def test_what_is_ready_becomes_an_array_for_each_stage_and_need_of_resources(tmp_path, monkeypatch):
    """No SLURM is needed for this: what would be submitted is noted."""
    arrays = []

    def note(self, stage, threads, gpus, alone, tasks):
        arrays.append((stage, threads, gpus, alone, [task.job.name for task in tasks]))
        self._running += tasks
        for task in tasks:
            task.said["seconds"] = 1.0

    monkeypatch.setattr(SlurmExecutor, "_submit_array", note)
    monkeypatch.setattr(slurm_queue, "tasks_of", lambda name: set())
    monkeypatch.setattr(slurm_queue, "forget", lambda run, name, cancel: "")
    options = SlurmOptions(array=3, gpus_per_node=2, poll=0.01)
    executor = SlurmExecutor(None, options, Place(tmp_path, tmp_path, 8))
    for index in range(4):
        executor.start(_job(f"fuse{index}", "fusing"))
    executor.start(_job("network", "fusing", gpus=1))
    executor.start(_job("training", "detection", threads=8, gpus=4))
    ended = {event.job.name for event in executor.wait()}
    executor.close()
    assert arrays == [
        ("fusing", 1, 0, False, ["fuse0", "fuse1", "fuse2"]),
        ("fusing", 1, 0, False, ["fuse3"]),
        ("fusing", 1, 1, False, ["network"]),
        ("detection", 8, 2, False, ["training"]),
    ]
    assert ended >= {"fuse0", "network"}
    assert executor.gpus == 8


def _job(name: str, stage: str, threads: int = 1, gpus: int = 0) -> Job:
    return Job(name, stage, name, {"threads": threads, "gpus": gpus, "log": "log", "kind": "unit"})
