"""The remaining work of a run, its time and its disk space, as far as they are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ivif_bench.config import MethodConfig
from ivif_bench.data.images import size_of
from ivif_bench.fusion import METHODS
from ivif_bench.pipeline.costs import Costs, fusing_name, measure_of, section_name
from ivif_bench.pipeline.jobs import FUSING, Ended
from ivif_bench.pipeline.plan import RunPlan
from ivif_bench.task import Section, Task
from ivif_bench.types import Pair, Unit

# Bytes of a fused PNG by pixel and channel where the run has none yet: 8-bit images of M3FD, MSRS
# and TNO take 0.4 to 0.7.
PNG_BYTES = 0.6


@dataclass(frozen=True, slots=True)
class Item:
    """Work of one kind.

    Attributes:
        stage: ``fusing``, or the task.
        dataset, label: what it is about: a method, or a protocol.
        of: what is counted: ``images`` or ``results``.
        total, missing: how many the run has, and how many are not there.
        work: amounts of the missing work by the name of its measure, see ``Costs``.
        bytes: disk space of the missing work, approximately.
        threads: threads of its jobs.
        gpu: it runs on a GPU if there is one.
    """

    stage: str
    dataset: str
    label: str
    of: str
    total: int
    missing: int
    work: Mapping[str, float] = field(default_factory=dict)
    bytes: int = 0
    threads: int = 1
    gpu: bool = False

    def seconds(self, costs: Costs) -> float | None:
        """Seconds of one process; None if some of the work was never measured."""
        total = 0.0
        for name, amount in self.work.items():
            each = costs.of(name, self.gpu)
            if amount and each is None:
                return None
            total += amount * (each or 0.0)
        return total


def forecast(plan: RunPlan, note: Callable[[str], None] = lambda text: None) -> list[Item]:
    """The work of a plan, fusing first. Checks which files exist; computes nothing.

    Args:
        note: called with a line about fused images that must be made again.
    """
    items: list[Item] = []
    complete: set[str] = set()
    missing = {method.name: images for method, images in plan.images_to_fuse(note)}
    for method in plan.config.methods:
        images = missing.get(method.name, [])
        if not images:
            complete.add(method.name)
        if not METHODS.get(method.type).precomputed:
            items += _fusing(plan, method, images)
    for _, task, section in plan.sections:
        items.append(_judging(plan, task, section, complete))
    return items


class Countdown:
    """The remaining work during a run.

    Args:
        items: all of it at the start.
        workers, gpus: processors and GPUs that do it; attributes, too, because machines may join a
            cluster.
    """

    def __init__(self, items: Iterable[Item], workers: int, gpus: int) -> None:
        self.workers, self.gpus = workers, gpus
        self._left: dict[tuple[str, bool, int], float] = {}
        for item in items:
            for name, amount in item.work.items():
                key = (name, item.gpu, item.threads)
                self._left[key] = self._left.get(key, 0.0) + amount

    def ended(self, event: Ended) -> None:
        """Take in that a job has ended, successfully or not."""
        name, amount = measure_of(event.job)
        key = (name, bool(event.job.gpus), event.job.threads)
        self._left[key] = max(0.0, self._left.get(key, 0.0) - amount)

    def seconds(self, costs: Costs) -> float | None:
        """Seconds until all is done; None if some of the work was never measured."""
        return left(self._left, costs, self.workers, self.gpus)


def left(
    work: Mapping[tuple[str, bool, int], float], costs: Costs, workers: int, gpus: int
) -> float | None:
    """Seconds that work takes, spread over processors and GPUs, which work side by side.

    Args:
        work: amounts by (name of the measure, whether on a GPU where there is one, threads).

    Returns:
        None if some of the work was never measured.
    """
    on_processors = on_gpus = 0.0
    for (name, gpu, threads), amount in work.items():
        if not amount:
            continue
        each = costs.of(name, gpu)
        if each is None:
            return None
        if gpu and gpus:
            on_gpus += amount * each
        else:
            on_processors += amount * each * min(threads, workers)
    return max(on_processors / workers, on_gpus / max(1, gpus))


def total_seconds(items: Iterable[Item], costs: Costs, workers: int, gpus: int) -> float | None:
    """Seconds that the work of some items takes on so many processors and GPUs; None if unknown."""
    return Countdown(items, workers, gpus).seconds(costs)


def _fusing(plan: RunPlan, method: MethodConfig, images: list[Mapping[str, Any]]) -> list[Item]:
    spec, key = METHODS.get(method.type), plan.key_of(method)
    wanted: dict[str, int] = {}
    for image in images:
        wanted[image["dataset"]] = wanted.get(image["dataset"], 0) + 1
    items = []
    for dataset, pairs in plan.datasets_of(method).items():
        if not pairs:
            continue
        height, width = size_of(pairs[0].infrared)
        pixels = height * width * wanted.get(dataset, 0)
        channels = 3 if spec.output == "rgb" else 1
        there = _bytes_of_one(plan, dataset, method.name, key, pairs)
        each = there or PNG_BYTES * channels * height * width
        items.append(
            Item(
                stage=FUSING,
                dataset=dataset,
                label=method.name,
                of="images",
                total=len(pairs),
                missing=wanted.get(dataset, 0),
                work={fusing_name(method.type, key): pixels / 1e6},
                bytes=round(each * wanted.get(dataset, 0)),
                gpu=spec.parameters > 0,
            )
        )
    return items


def _bytes_of_one(
    plan: RunPlan, dataset: str, method: str, key: str, pairs: tuple[Pair, ...]
) -> int:
    """Size of a fused image that is there; 0 if there is none."""
    folder = plan.store.fused_folder(dataset, method, key)
    for pair in (pairs[0], pairs[-1]):
        path = Path(folder, f"{pair.stem}.png")
        if path.is_file():
            return path.stat().st_size
    return 0


def _judging(plan: RunPlan, task: Task, section: Section, complete: set[str]) -> Item:
    """Units of a section: exact for methods whose images are there, else as the task expects."""
    name = next(name for name, _, each in plan.sections if each is section)
    expected = task.expected(section, plan.datasets[section.dataset])
    methods = plan.methods_of(task, section)
    known: list[Unit] = []
    unknown = 0
    for method, needs in methods.items():
        if complete.issuperset(needs):
            known += plan.units(task, section, method)
        else:
            unknown += expected.units
    undone = [unit for unit in known if not plan.store.is_done(unit)]
    missing = unknown + len(undone)
    shared = {task.shared_work(unit) for unit in undone} - {""}
    waiting = [each for each in shared if not (plan.store.root / "checkpoints" / each).exists()]
    trainings = max(len(waiting), expected.shared if unknown and not shared else 0)
    work = {"shared": float(trainings), "images": float(missing * expected.images)}
    if not expected.images:
        work["unit"] = float(missing)
    return Item(
        stage=name,
        dataset=section.dataset,
        label=expected.protocol,
        of="results",
        total=len(known) + unknown,
        missing=missing,
        work={
            section_name(name, section.dataset, expected.protocol, part): amount
            for part, amount in work.items()
            if amount
        },
        bytes=missing * expected.bytes,
        threads=getattr(section, "threads", 1),
        gpu=expected.gpu,
    )
