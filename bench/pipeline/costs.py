"""Measured times of work, or shipped ones before that; only the order and forecasts depend on them."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

from ivif_bench.files import read_json, write_json
from ivif_bench.fusion import METHODS
from ivif_bench.pipeline.jobs import FUSING, Ended, Job
from ivif_bench.task import TASKS
from ivif_bench.types import Unit

# What is measured anew counts as much as all that was measured before: machines change.
_KEPT = 0.5
_UNKNOWN = 10.0


class Costs:
    """Seconds of one process for an amount of work, by a name for the kind of work.

    Args:
        path: JSON file of what was measured; a damaged one counts as empty.
        gpus: number of GPUs for jobs that ask for one; an attribute, too, because machines may join a
            cluster. Work on a GPU is measured separately.
    """

    def __init__(self, path: Path, gpus: int = 0) -> None:
        self._path = path
        self.gpus = gpus
        self._known: dict[str, tuple[float, float]] = {}  # amount, seconds
        try:
            for name, (amount, seconds) in read_json(path).items():
                if amount > 0 and seconds >= 0 and math.isfinite(amount + seconds):
                    self._known[name] = (float(amount), float(seconds))
        except (OSError, ValueError, TypeError, AttributeError, OverflowError):
            self._known = {}

    def of(self, name: str, gpu: bool = False) -> float | None:
        """Seconds for an amount of 1: measured here, else as shipped, else None.

        Args:
            name: from ``fusing_name`` or ``section_name``.
            gpu: the work asks for a GPU.
        """
        found = self._known.get(self._place(name, gpu))
        if found is not None:
            return found[1] / found[0]
        stage, what, *_ = name.split("/")
        if stage == FUSING:
            spec = METHODS.find(what)
            # Figures of methods that can use a GPU were measured without one.
            return None if spec is None or (gpu and self.gpus) else spec.seconds
        return TASKS.get(stage).seconds_per_image if name.endswith("/images") else None

    def to_shard(self, name: str, gpu: bool) -> float:
        """The same, with a guess if nothing is known: it only sets the size of shards."""
        found = self.of(name, gpu)
        return _UNKNOWN if found is None else found

    def of_unit(self, unit: Unit, part: str, amount: int = 1) -> float:
        """Seconds of a part of a unit (``shared``, ``images`` or ``unit``); 0 if unknown."""
        name = section_name(unit.task, unit.dataset, unit.protocol, part)
        return amount * (self.of(name, bool(unit.gpus)) or 0.0)

    def learn(self, ended: Ended) -> None:
        """Add the time of a job that succeeded."""
        if ended.problem or not ended.seconds:
            return
        name, amount = measure_of(ended.job)
        place = self._place(name, bool(ended.job.gpus))
        before_amount, before_seconds = self._known.get(place, (0.0, 0.0))
        self._known[place] = (
            round(before_amount * _KEPT + amount, 6),
            round(before_seconds * _KEPT + ended.seconds, 6),
        )

    def save(self) -> None:
        """Write the measured times; without them only the forecast is worse."""
        if self._known:
            with contextlib.suppress(OSError):  # a full disk is reported by what needs it
                write_json(
                    self._path, {name: list(self._known[name]) for name in sorted(self._known)}
                )

    def _place(self, name: str, gpu: bool) -> str:
        return f"gpu/{name}" if gpu and self.gpus else name


def fusing_name(method: str, key: str) -> str:
    """Name of a method's fusing, whose amount is in megapixels.

    Args:
        method: registered name.
        key: of its images, which covers its options.
    """
    return f"{FUSING}/{method}/{key}"


def section_name(task: str, dataset: str, protocol: str, part: str) -> str:
    """Name of a part of units, the same for all methods; the amount is a number of images or pieces."""
    return f"{task}/{dataset}/{protocol}/{part}"


def measure_of(job: Job) -> tuple[str, float]:
    """Name of the work of a job, and its amount."""
    if job.stage == FUSING:
        return str(job.description["measure"]), float(job.description["megapixels"])
    unit = Unit.from_json(job.description["unit"])
    part = "images" if job.images else str(job.description["kind"])
    return section_name(unit.task, unit.dataset, unit.protocol, part), float(job.images or 1)
