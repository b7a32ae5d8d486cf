"""Runs jobs on this machine: one process per job, several at once, each with fixed threads."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivif_bench.files import write_json

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@dataclass(frozen=True, slots=True)
class Job:
    """A job and how it is shown.

    Attributes:
        label: short name for people.
        folder: private folder for the job's description.
        description: plain JSON values for the worker: ``kind``, ``threads``, ``log``, ...; a job
            with ``gpus`` has a GPU to itself where there are any.
    """

    label: str
    folder: Path
    description: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: an empty ``problem`` is success."""

    job: Job
    problem: str = ""
    users_fault: bool = False


Watch = Callable[[Job, int, int, str], None]


def run_jobs(
    jobs: Sequence[Job], workers: int, watch: Watch, finished: Callable[[Job], None]
) -> list[Outcome]:
    """Run all jobs, at most ``workers`` at once; one that fails does not stop the others.

    Args:
        watch: called with (job, done, total, what) as jobs report progress.
        finished: called when a job has ended.
    """
    running: dict[Future[Outcome], Job] = {}
    processes: list[subprocess.Popen[str]] = []
    outcomes: list[Outcome] = []
    devices = _device_queue() if any(job.description["gpus"] for job in jobs) else None
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        try:
            for job in jobs:
                running[pool.submit(_run, job, watch, processes, devices)] = job
            while running:
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    finished(running.pop(future))
                    outcomes.append(future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.kill()
            raise
    return outcomes


def visible_gpus() -> list[str]:
    """CUDA devices that this process may use, found without importing torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name for name in chosen.split(",") if name]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return listed.stdout.split()


def _device_queue() -> queue.Queue[str] | None:
    """Devices to hand out, one job on each at a time; None where there are none."""
    found = visible_gpus()
    if not found:
        return None
    devices: queue.Queue[str] = queue.Queue()
    for name in found:
        devices.put(name)
    return devices


def _run(
    job: Job,
    watch: Watch,
    processes: list[subprocess.Popen[str]],
    devices: queue.Queue[str] | None,
) -> Outcome:
    # A name of its own: another process on this run directory may describe the same job.
    path = job.folder / f"job-{uuid.uuid4().hex}.json"
    write_json(path, job.description)
    device = devices.get() if devices is not None and job.description["gpus"] else None
    try:
        return _watch_process(job, path, device, watch, processes)
    finally:
        path.unlink(missing_ok=True)
        if devices is not None and device is not None:
            devices.put(device)


def _watch_process(
    job: Job, path: Path, device: str | None, watch: Watch, processes: list[subprocess.Popen[str]]
) -> Outcome:
    threads = str(job.description["threads"])
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, threads)
    if device is not None:
        environment["CUDA_VISIBLE_DEVICES"] = device
    elif not job.description["gpus"]:
        environment["CUDA_VISIBLE_DEVICES"] = ""  # it asked for none
    process = subprocess.Popen(
        [sys.executable, "-m", "ivif_bench.pipeline.worker", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env=environment,
    )
    processes.append(process)
    problem, users_fault = "", False
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if "progress" in event:
            watch(job, *event["progress"])
        elif "user_error" in event:
            problem, users_fault = event["user_error"], True
        elif "crash" in event:
            problem = event["crash"]
    code = process.wait()
    if code and not problem:
        problem = f"the process ended with exit code {code}"
    if problem and not users_fault:
        problem = f"{job.label}: {problem}; see {job.description['log']}"
    return Outcome(job, problem, users_fault)
