"""Converts units of work to jobs, and does a job of a unit in this process."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ivif_bench.pipeline.costs import Costs
from ivif_bench.pipeline.jobs import Job
from ivif_bench.pipeline.shards import shards
from ivif_bench.store import Store, locked
from ivif_bench.task import TASKS, Task, Workspace
from ivif_bench.types import Progress, Unit


def jobs_of(task: Task, unit: Unit, store: Store, costs: Costs, workers: int) -> Iterator[Job]:
    """The jobs of a unit, the one that writes its result last.

    Work that it shares with other units is one job with one name. Its images are divided into shards if
    they take long enough; otherwise the last job does them.
    """
    needs: tuple[str, ...] = ()
    common = {
        "unit": unit.to_json(),
        "run": str(store.root),
        "threads": unit.threads,
        "gpus": unit.gpus,
        "warm": list(unit.warm),
    }
    log = store.log_path(unit)
    shared = task.shared_work(unit)
    if shared:
        needs = (shared,)
        yield Job(
            name=shared,
            stage=unit.task,
            label=unit.label,
            description=common | {"kind": "shared", "log": _beside(log, shared), "reuse": False},
            seconds=costs.of_unit(unit, "shared"),
        )
    stems = task.images(unit)
    common["reuse"] = bool(stems)
    seconds = costs.of_unit(unit, "images", len(stems))
    parts = shards(stems, seconds, workers)
    names = []
    if len(parts) > 1:
        for index, part in enumerate(parts):
            names.append(f"{unit.key}/{index}")
            yield Job(
                name=names[-1],
                stage=unit.task,
                label=unit.label,
                description=common
                | {"kind": "images", "stems": list(part), "log": _beside(log, str(index))},
                needs=needs,
                seconds=seconds / len(parts),
                images=len(part),
            )
        seconds = 0.0
    yield Job(
        name=unit.key,
        stage=unit.task,
        label=unit.label,
        description=common | {"kind": "unit", "log": str(log)},
        needs=(*needs, *names),
        seconds=costs.of_unit(unit, "unit") + seconds,
        images=0 if names else len(stems),
    )


def unit_job(job: Mapping[str, Any], progress: Progress) -> None:
    """Do a job that ``jobs_of`` described; finished work is skipped."""
    unit = Unit.from_json(job["unit"])
    store = Store(Path(job["run"]))
    if store.is_done(unit):
        return
    workspace = Workspace(
        scratch=store.work_folder(unit),
        shared=store.shared,
        log=Path(job["log"]),
        progress=progress,
    )
    workspace.scratch.mkdir(parents=True, exist_ok=True)
    workspace.shared.mkdir(parents=True, exist_ok=True)
    task: Task = TASKS.load(unit.task)()
    if job["kind"] == "shared":
        task.do_shared_work(unit, workspace)
    elif job["kind"] == "images":
        # Another process on this run directory may have cut the images in the same way.
        with locked(workspace.scratch / f"{_name_of(job['stems'])}.images"):
            task.judge(unit, tuple(job["stems"]), workspace)
    else:
        with locked(store.result_path(unit)):
            if store.is_done(unit):
                return
            started = time.monotonic()
            records = task.execute(unit, workspace)
            store.write_result(unit, records, time.monotonic() - started, workspace.origins)
            shutil.rmtree(workspace.scratch, ignore_errors=True)


def _beside(log: Path, name: str) -> str:
    return str(log.with_name(f"{log.stem}-{name}{log.suffix}"))


def _name_of(stems: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(stems)).encode()).hexdigest()[:16]
