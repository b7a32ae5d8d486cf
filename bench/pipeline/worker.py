"""One job in one process: ``python -m ivif_bench.pipeline.worker JOB.json``.

The parent sets the thread count in the environment before this process starts, because BLAS and
OpenMP read it only once. What libraries print goes to the job's log file; the parent reads
progress as JSON lines from the real standard output.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from ivif_bench.errors import UserError


def main(path: str) -> int:
    """Do the job described in a file; exit code 0, 2 for a user's error, 1 for a crash."""
    _die_with_parent()
    job = json.loads(Path(path).read_text())
    events = _take_stdout(Path(job["log"]))

    def progress(done: int, total: int, what: str) -> None:
        _tell(events, {"progress": [done, total, what]})

    try:
        _do(job, progress)
    except UserError as problem:
        _tell(events, {"user_error": str(problem)})
        return 2
    except BaseException as problem:
        traceback.print_exc()
        _tell(events, {"crash": f"{type(problem).__name__}: {problem}"})
        return 1
    _tell(events, {"finished": True})
    return 0


def _do(job: Mapping[str, Any], progress: Any) -> None:
    threads = int(job["threads"])
    _fix_threads(threads)
    if job["kind"] == "fuse":
        from ivif_bench.pipeline.fuse import fuse_job

        fuse_job(job, progress)
    else:
        _do_unit(job, progress)


def _do_unit(job: Mapping[str, Any], progress: Any) -> None:
    from ivif_bench.store import Store, locked
    from ivif_bench.task import TASKS, Task, Workspace
    from ivif_bench.types import Unit

    unit = Unit.from_json(job["unit"])
    store = Store(Path(job["run"]))
    with locked(store.result_path(unit)):
        if store.is_done(unit):
            return
        workspace = Workspace(
            scratch=store.work_folder(unit),
            shared=store.root / "checkpoints",
            log=Path(job["log"]),
            progress=progress,
        )
        workspace.scratch.mkdir(parents=True, exist_ok=True)
        workspace.shared.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        task: Task = TASKS.load(unit.task)()
        records = task.execute(unit, workspace)
        store.write_result(unit, records, time.monotonic() - started, workspace.origins)


def _fix_threads(threads: int) -> None:
    import cv2

    cv2.setNumThreads(threads)
    os.environ["NUMBA_NUM_THREADS"] = str(threads)


def _take_stdout(log: Path) -> TextIO:
    """Send file descriptors 1 and 2 to the log and return the real standard output."""
    log.parent.mkdir(parents=True, exist_ok=True)
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    return events


def _tell(events: TextIO, event: Mapping[str, Any]) -> None:
    try:
        events.write(json.dumps(event) + "\n")
    except BrokenPipeError:  # the parent is gone; nobody waits for this work
        os._exit(1)


def _die_with_parent() -> None:
    """On Linux, be killed when the parent is: no orphan goes on writing into the run directory."""
    if sys.platform == "linux":
        parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
