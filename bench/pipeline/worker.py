"""One job in one process.

The process is forked from a warm one (``ivif_bench.pipeline.executors.server``), or started for the
job alone: ``python -m ivif_bench.pipeline.worker DESCRIPTION EVENTS``, two numbers of open files.
The thread count is in the environment before the process starts, because BLAS and OpenMP read it
only once. The output of libraries goes to the job's log file; events are lines of JSON.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from ivif_bench.errors import UserError
from ivif_bench.files import is_full
from ivif_bench.pipeline.allocator import keep_memory
from ivif_bench.types import Progress

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
PATIENCE = 5.0  # seconds for a job to stop before it is killed


class Stopped(BaseException):
    """The run is being stopped; no error of the job's."""


def stop_on_sigterm() -> None:
    """Raise ``Stopped`` on SIGTERM, once."""
    signal.signal(signal.SIGTERM, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


def main(description: int, events: int, warning: int | None = None) -> int:
    """Do the job described in an open file and write its events to another.

    Args:
        warning: a signal that is taken as SIGTERM: a batch system sends it before the time is over.

    Returns:
        Exit code: 0, 2 for a user's error, 1 for a crash, 143 if it was stopped.
    """
    with os.fdopen(description, encoding="utf-8") as file:
        file.seek(0)
        job = json.load(file)
    keep_memory()
    stop_on_sigterm()
    if warning is not None:
        # As SIGTERM itself, not as ``Stopped``: a training saves its state on that.
        signal.signal(warning, lambda number, frame: signal.raise_signal(signal.SIGTERM))
    with os.fdopen(events, "w", encoding="utf-8", buffering=1) as told:
        return do(job, told)


def do(job: Mapping[str, Any], told: TextIO) -> int:
    """Do a job in this process and write its events, one line of JSON each.

    Returns:
        Exit code, as ``main``.
    """

    def progress(done: int, total: int, what: str) -> None:
        tell(told, {"progress": [done, total, what]})

    started = time.monotonic()
    try:
        _print_into(Path(job["log"]))
        perform(job, progress)
    except Stopped:
        return 128 + signal.SIGTERM
    except UserError as problem:
        tell(told, {"user_error": str(problem)})
        return 2
    except BaseException as problem:
        if isinstance(problem, OSError) and is_full(problem):
            where = problem.filename or "a file"
            tell(told, {"user_error": f"cannot write {where}: {problem.strerror}"})
            return 2
        with contextlib.suppress(OSError):
            traceback.print_exc()
        tell(told, {"crash": f"{type(problem).__name__}: {problem}"})
        return 1
    tell(told, {"seconds": round(time.monotonic() - started, 3)})
    return 0


def environment(threads: int, temporary: Path) -> dict[str, str]:
    """The variables of a process that does jobs of so many threads; GPUs are the caller's business.

    Args:
        temporary: folder for its temporary files.
    """
    found = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    found["TMPDIR"] = str(temporary.absolute())
    # Asking for devices must not start CUDA in a process that is to be forked.
    found["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    return found


def perform(job: Mapping[str, Any], progress: Progress) -> None:
    """Do a job in this process.

    Args:
        job: ``kind`` is ``fuse`` (images of one method), ``shared`` (what several units need),
            ``images`` (a share of a unit's images) or ``unit`` (what is left of a unit, and its
            result).

    Raises:
        UserError: the input has an error.
    """
    fix_threads(int(job["threads"]))
    if job["kind"] == "fuse":
        from ivif_bench.pipeline.fuse import fuse_job

        fuse_job(job, progress)
    else:
        from ivif_bench.pipeline.units import unit_job

        unit_job(job, progress)


def fix_threads(threads: int) -> None:
    """Set the thread counts that libraries store themselves.

    Libraries imported later read theirs from the environment. ultralytics changes torch's when it
    is imported.
    """
    import cv2

    cv2.setNumThreads(threads)
    os.environ["NUMBA_NUM_THREADS"] = str(threads)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)


def die_with(parent: int) -> None:
    """On Linux, end when the parent is killed, so that no orphan writes to the run directory.

    Args:
        parent: the expected parent; if it has ended already, this process ends.
    """
    if sys.platform == "linux":
        parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _print_into(log: Path) -> None:
    """Redirect all output, also of libraries in other languages, to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)


def tell(events: TextIO, event: Mapping[str, Any]) -> None:
    """Write an event; the process ends if nobody reads it any more."""
    try:
        events.write(json.dumps(event) + "\n")
    except BrokenPipeError:  # the parent is gone; nobody waits for this work
        os._exit(1)


if __name__ == "__main__":
    die_with(os.getppid())
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
