"""How a run grows with workers and jobs: speed-up, the driver's work per unit, a simulated large run.

Run with ``python -m benchmarks.scale [--part NAME ...] [--images N] [--repeats N] [--jobs N]
[--executor NAME ...]``.

``workers``: the quality of generated images by one and by two workers, wall time, the best of
``--repeats`` runs each, in turn; on two cores 900 images take 4 minutes, with 80 s more for each
further repeat. On a machine with other work the ratio says little, so the bound that follows from
processor seconds is printed beside it: the work of the jobs divided by two, and everything else not.
Fewer than some 800 images are one shard, which nobody divides.

``driver``: processor seconds of the driver for each of many units whose result is there already, so
that their jobs do nothing: starting a job, hearing of it, noting its end.

``simulated``: 20 methods on 4,200 images. Graph, order, encoding of jobs and forecasts are those of a
run; an executor of 64 workers ends each job at once. Each image of each method is fused by a job of
its own; quality is divided as in a run. Planning (hashes, keys) is measured by ``growth.py``.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.growth import generate_pairs
from ivif_bench.pipeline.costs import Costs
from ivif_bench.pipeline.executors.base import (
    EXECUTORS,
    Executor,
    ExecutorConfig,
    Place,
    open_executor,
)
from ivif_bench.pipeline.forecast import Countdown, Item
from ivif_bench.pipeline.graph import Graph
from ivif_bench.pipeline.jobs import FUSING, Ended, Job, Progress, encoded
from ivif_bench.pipeline.shards import shards
from ivif_bench.store import Store
from ivif_bench.types import Unit

PARTS = ("workers", "driver", "simulated")
METHODS, PAIRS, WORKERS = 20, 4200, 64


class AtOnce(Executor):
    """Ends every job as soon as it is started, after encoding it as others do."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._running: list[Job] = []
        self.bytes = 0

    @classmethod
    def open(cls, options: Any, place: Place) -> AtOnce:
        return cls(place.workers or 1)

    @property
    def gpus(self) -> int:
        return 0

    def has_room(self, job: Job) -> bool:
        return len(self._running) < self.workers

    def start(self, job: Job) -> None:
        self.bytes += len(encoded(job.description))
        self._running.append(job)

    def wait(self) -> list[Progress | Ended]:
        job = self._running.pop(0)
        return [Progress(job, job.images, job.images, "last"), Ended(job, seconds=1.0)]

    def close(self) -> None:
        self._running = []


def simulated(methods: int = METHODS, pairs: int = PAIRS) -> dict[str, float]:
    """Processor seconds and jobs of the scheduler, and the largest size of this process in MB."""
    executor = AtOnce(WORKERS)
    items = [
        Item(FUSING, "m3fd", f"m{index}", "images", pairs, pairs, {f"{FUSING}/m{index}": pairs})
        for index in range(methods)
    ]
    costs, countdown = Costs(Path("nowhere.json")), Countdown(items, WORKERS, 0)
    stems = [f"{index:05d}" for index in range(pairs)]
    begun = time.process_time()

    def ended(event: Ended) -> None:
        countdown.seconds(costs)

    graph = Graph(executor, lambda *_: None, ended)
    for index in range(methods):
        name = f"m{index}"
        fusing = [_fusing(name, stem) for stem in stems]
        graph.add(fusing)
        graph.after(
            [job.name for job in fusing], lambda name=name: graph.add(_judging(name, stems))
        )
    graph.run()
    assert not graph.open
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "jobs": len(graph.outcomes),
        "seconds": time.process_time() - begun,
        "memory": used / (1 << (20 if sys.platform == "darwin" else 10)),
    }


def _fusing(method: str, stem: str) -> Job:
    root = "/data/runs/m3fd"
    image = {
        "stem": stem,
        "dataset": "m3fd",
        "infrared": f"/data/M3FD/Ir/{stem}.png",
        "visible": f"/data/M3FD/Vis/{stem}.png",
        "target": f"{root}/fused/m3fd/{method}-0123456789abcdef/{stem}.png",
        "mark": "0123456789abcdef" * 4,
    }
    description = {
        "kind": "fuse",
        "method": {"name": method, "type": method, "options": {}},
        "images": [image],
        "threads": 1,
        "gpus": 1,
        "log": f"{root}/logs/fuse/{method}.log",
        "measure": f"{FUSING}/{method}",
        "megapixels": 0.8,
    }
    return Job(f"{method}/{stem}", FUSING, method, description, seconds=60, images=1)


def _judging(method: str, stems: list[str]) -> list[Job]:
    root = "/data/runs/m3fd"
    images = [
        [
            stem,
            f"/data/M3FD/Ir/{stem}.png",
            f"/data/M3FD/Vis/{stem}.png",
            f"{root}/fused/m3fd/{method}-0123456789abcdef/{stem}.png",
        ]
        for stem in stems
    ]
    unit = Unit("quality", "m3fd", method, "quality", 0, f"key-{method}", {"images": images})
    common = {"unit": unit.to_json(), "run": root, "threads": 1, "gpus": 0, "log": "log"}
    parts = shards(stems, 0.35 * len(stems), WORKERS)
    jobs = [
        Job(
            f"{unit.key}/{index}",
            "quality",
            unit.label,
            common | {"kind": "images", "stems": list(part)},
            images=len(part),
        )
        for index, part in enumerate(parts)
    ]
    needs = tuple(job.name for job in jobs)
    return [*jobs, Job(unit.key, "quality", unit.label, common | {"kind": "unit"}, needs)]


def driver(executor: str, count: int, folder: Path) -> float:
    """Processor milliseconds of the driver for each of ``count`` jobs that do nothing."""
    unit = Unit("quality", "pairs", "average", "quality", 0, "0123456789abcdef")
    store = Store(folder / "run")
    store.write_result(unit, [], 0.0)
    description = {
        "kind": "unit",
        "unit": unit.to_json(),
        "run": str(store.root),
        "threads": 1,
        "gpus": 0,
        "reuse": True,
        "log": str(folder / "job.log"),
    }
    jobs = [Job(f"job{index}", "quality", unit.label, description) for index in range(count)]
    place = Place(store.root, folder / "temporary", 2)
    opened = open_executor(ExecutorConfig(name=executor), place)
    problems: list[str] = []
    try:
        graph = Graph(opened, lambda *_: None, lambda end: problems.append(end.problem))
        graph.add(jobs[:4])  # processes start
        graph.run()
        graph.add(jobs[4:])
        begun = time.process_time()
        graph.run()
        used = time.process_time() - begun
    finally:
        opened.close()
    if any(problems):
        raise RuntimeError(next(filter(None, problems)))
    return 1000 * used / (count - 4)


def speed_up(
    images: int, folder: Path, executor: str = "local", repeats: int = 3
) -> dict[str, float]:
    """Wall seconds of the quality of generated images by one and by two workers, and the bound."""
    from ivif_bench.config_reading import load_config
    from ivif_bench.pipeline.run import run

    generate_pairs(folder, images, (480, 640))
    root = str(folder / "pairs" / "vi" / "{stem}.png")
    copied = {"name": "copied", "type": "precomputed", "options": {"root": root}}
    wall = {1: float("inf"), 2: float("inf")}
    own, jobs = 0.0, 0.0
    for attempt in range(repeats):
        for workers in (1, 2):
            name = f"{attempt}-{workers}"
            content = {
                "name": name,
                "runs": str(folder / "runs"),
                "datasets": {"pairs": {"layout": "folder", "root": str(folder / "pairs")}},
                "methods": [copied],
                "quality": {"dataset": "pairs"},
                "report": {"panels": 0, "formats": []},
            }
            config = folder / f"{name}.yaml"
            config.write_text(yaml.safe_dump(content))
            loaded = load_config(config).run_by(executor)
            run(loaded, workers=workers, tasks=())  # checks the images
            before = os.times()
            begun = time.perf_counter()
            run(loaded, workers=workers)
            wall[workers] = min(wall[workers], time.perf_counter() - begun)
            after = os.times()
            if workers == 1:
                own = after.user + after.system - before.user - before.system
                jobs = (
                    after.children_user + after.children_system
                    - before.children_user - before.children_system
                )  # fmt: skip
    bound = (own + jobs) / (own + jobs / 2)
    return {"one": wall[1], "two": wall[2], "ratio": wall[1] / wall[2], "bound": bound}


def main() -> None:
    """Print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--images", type=int, default=900)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=400)
    parser.add_argument(
        "--executor", nargs="+", choices=sorted(EXECUTORS.specs()), default=["local"]
    )
    given = parser.parse_args()
    if "simulated" in given.part:
        found = simulated()
        print(
            f"simulated run of {METHODS} x {PAIRS}: {found['jobs']:.0f} jobs, "
            f"{found['seconds']:.1f} s, {found['memory']:.0f} MB",
            flush=True,
        )
    for name in given.executor:
        with tempfile.TemporaryDirectory() as folder:
            if "driver" in given.part:
                each = driver(name, given.jobs, Path(folder))
                print(f"driver, {name}: {each:.2f} ms of processor time per unit", flush=True)
            if "workers" in given.part:
                times = speed_up(given.images, Path(folder), name, given.repeats)
                print(
                    f"quality of {given.images} images, {name}: {times['one']:.1f} s by one worker, "
                    f"{times['two']:.1f} s by two, ratio {times['ratio']:.2f} (bound by processor "
                    f"seconds {times['bound']:.2f})",
                    flush=True,
                )


if __name__ == "__main__":
    main()
