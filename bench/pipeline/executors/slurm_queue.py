"""SLURM's queue as the tasks of a run see it: listed and cancelled by the name that they share.

A run remembers its queue by the folder ``cache/slurm-NAME`` in the run directory, which it makes before
it submits and removes when no task is left. A folder that a later run finds is that of a driver that was
killed, or could not cancel.
"""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ivif_bench.errors import first_few

_FOLDER = re.compile(r"slurm-(ivif-bench-[0-9a-f]{16})")
_ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
_LONGEST = 60.0  # seconds for an answer of SLURM's
_PATIENCE = 60.0  # seconds until cancelled tasks are gone; SLURM kills them after 30
_POLL = 1.0


def folder_of(run: Path, name: str) -> Path:
    """Where a run keeps what its tasks read and say."""
    return (run / "cache" / f"slurm-{name}").absolute()


def tasks_of(name: str) -> set[str] | None:
    """Tasks that wait or run, as ``squeue`` prints them; None if it does not answer now."""
    user = f"--user={getpass.getuser()}"
    done = _called(["squeue", "--noheader", "--array", user, f"--name={name}", "--format=%i %T"])
    if done is None:
        return None
    rows = [line.split() for line in done.splitlines()]
    return {row[0] for row in rows if len(row) > 1 and not row[1].startswith(_ENDED)}


def forget(run: Path, name: str, cancel: bool) -> str:
    """Wait until no task of that name is left, and remove its folder.

    Args:
        cancel: ask SLURM first to end them.

    Returns:
        Why that is not so, with what to do; empty if it is. The folder stays then, for the next run.
    """
    folder = folder_of(run, name)
    lacking = [program for program in ("scancel", "squeue") if shutil.which(program) is None]
    if lacking:
        why = f"this machine has no {first_few(lacking)}"
    else:
        if cancel:
            _called(["scancel", f"--user={getpass.getuser()}", f"--name={name}"])
        deadline = time.monotonic() + _PATIENCE
        while (left := tasks_of(name)) != set() and time.monotonic() < deadline:
            time.sleep(_POLL)
        if left == set():
            shutil.rmtree(folder, ignore_errors=True)
            return ""
        why = f"squeue lists {first_few(sorted(left), 3)}" if left else "squeue does not answer"
    return (
        f"tasks of SLURM's queue {name} may go on writing into {run} ({why}); where SLURM is, end them by "
        f"'scancel --name={name}', then remove {folder}"
    )


def settle_earlier(run: Path, note: Callable[[str], None]) -> bool:
    """Cancel what earlier runs left in the queue, whose drivers were killed: nobody hears it.

    To be called by whoever has the run directory for itself, whatever executor it uses.

    Args:
        note: called with a line about each such queue.

    Returns:
        Whether nothing is left of them.
    """
    settled = True
    for folder in sorted((run / "cache").glob("slurm-*")):
        found = _FOLDER.fullmatch(folder.name)
        if found is None:
            continue
        problem = forget(run, found[1], cancel=True)
        note(problem or f"cancelled what an earlier run left in the queue as {found[1]}")
        settled = settled and not problem
    return settled


def _called(command: list[str]) -> str | None:
    """What a program of SLURM's prints; None if it fails."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=_LONGEST, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
