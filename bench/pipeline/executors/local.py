"""Runs jobs on this machine: one process per job, several at once, each with fixed threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.store import write_json

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
        description: plain JSON values for the worker: ``kind``, ``threads``, ``log``, ...
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
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        try:
            for job in jobs:
                running[pool.submit(_run, job, watch, processes)] = job
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


def _run(job: Job, watch: Watch, processes: list[subprocess.Popen[str]]) -> Outcome:
    path = job.folder / "job.json"
    write_json(path, job.description)
    threads = str(job.description["threads"])
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, threads)
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.pipeline.worker", str(path)],
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
