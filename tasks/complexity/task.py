"""The complexity task: one unit per method, records per image size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from ivif_bench.data.base import Dataset
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS
from ivif_bench.store import key_of
from ivif_bench.task import Expected, Section, Task, TaskInputs, Workspace
from ivif_bench.tasks.complexity.measuring import NO_OPERATIONS, NO_WEIGHTS, Cost, load, measure
from ivif_bench.tasks.complexity.measuring import processor as this_processor
from ivif_bench.types import About, Record, Unit

VERSION = 1  # raised whenever the same method gives other numbers
_MOST = 16384  # pixels of a side
_ELSEWHERE = "images_were_made_elsewhere"
_QUANTITIES = ("flops", "seconds", "spread", "peak_bytes")

Side = Annotated[int, Field(ge=16, le=_MOST)]


class ComplexitySection(Section):
    """Complexity section of a run: what each method costs for one pair of given sizes.

    Attributes:
        sizes: heights and widths; the dataset's first pair is resized to each.
        warmup: untimed calls, besides the one in which operations are counted.
        runs: timed calls.
        threads: CPU threads that a method computes with.
    """

    sizes: tuple[tuple[Side, Side], ...] = Field(default=((480, 640),), min_length=1)
    warmup: int = Field(default=1, ge=0, le=1000)
    runs: int = Field(default=5, ge=1, le=1000)
    threads: int = Field(default=1, ge=1, le=1024)


class ComplexityTask(Task):
    """Measures what methods cost; no image of the run is needed."""

    section: ClassVar[type[Section]] = ComplexitySection

    def check(self, section: ComplexitySection, dataset: Dataset, ref: Any) -> None:
        """Refuse a dataset without pairs."""
        if not dataset.pairs:
            raise UserError(f"task complexity: dataset {section.dataset!r} has no pair to time on")

    def stems(self, section: ComplexitySection, dataset: Dataset) -> tuple[str, ...]:
        """None: methods fuse during the measurement."""
        return ()

    def plan(self, section: ComplexitySection, inputs: TaskInputs) -> list[Unit]:
        """One unit per method that the run has on the dataset."""
        if section.dataset not in inputs.datasets:
            raise UserError(
                f"task complexity: unknown dataset {section.dataset!r}; "
                f"the run has {', '.join(inputs.datasets)}"
            )
        pair = inputs.datasets[section.dataset].pairs[0]
        files = (pair.infrared, pair.visible)
        hashes = [inputs.fingerprint(path) for path in files]
        units = []
        for method in inputs.methods:
            fused = inputs.fused.get((section.dataset, method))
            if fused is None:
                continue
            kind, options = inputs.recipes[method]
            settings = section.model_dump(mode="json", exclude={"dataset"})
            units.append(
                Unit(
                    task="complexity",
                    dataset=section.dataset,
                    method=method,
                    protocol="one-pair",
                    seed=inputs.seed,
                    key=key_of(
                        "complexity",
                        VERSION,
                        [section.dataset, method, fused.key, inputs.seed],
                        settings,
                        hashes,
                        this_processor(),
                    ),
                    payload=settings
                    | {
                        "type": kind,
                        "options": dict(options),
                        "files": [str(path.absolute()) for path in files],
                    },
                    about=about_of(section.sizes, section.warmup, section.runs, section.threads),
                    threads=section.threads,
                    gpus=int(str(options.get("device", "cpu")).startswith("cuda")),
                    warm=("torch", "torch.utils.flop_counter", *METHODS.get(kind).warm),
                    alone=True,
                )
            )
        return units

    def expected(self, section: ComplexitySection, dataset: Dataset) -> Expected:
        return Expected("one-pair")

    def execute(self, unit: Unit, workspace: Workspace) -> list[Record]:
        """Load the method and measure it at every size, small ones first."""
        payload = unit.payload
        sizes = sorted((int(height), int(width)) for height, width in payload["sizes"])
        if METHODS.get(payload["type"]).precomputed:
            return records_of(unit, payload["type"], dict.fromkeys(sizes), _ELSEWHERE)
        infrared, visible = read_pair(*(Path(path) for path in payload["files"]))
        method = load(payload["type"], payload["options"])
        costs: dict[tuple[int, int], Cost | None] = {}
        for size in sizes:
            costs[size] = measure(
                method,
                resized(infrared, size),
                resized(visible, size),
                payload["warmup"],
                payload["runs"],
                workspace.progress,
            )
        return records_of(unit, payload["type"], costs)


def about_of(sizes: Sequence[tuple[int, int]], warmup: int, runs: int, threads: int) -> About:
    """What tables say of a measurement on this machine."""
    names = ["parameters"] + [f"{name}[{_size(s)}]" for s in sorted(sizes) for name in _QUANTITIES]
    return About(
        images=1,
        metrics=dict.fromkeys(names, "down"),
        mode=f"{threads} thread{'s' if threads > 1 else ''} of {this_processor()}; time is the median of "
        f"{runs} calls after {1 + warmup}, without reading or writing files; spread is the interquartile "
        "range",
    )


def records_of(
    unit: Unit, kind: str, costs: Mapping[tuple[int, int], Cost | None], reason: str = ""
) -> list[Record]:
    """The records of a method: parameters, and four numbers per size (height, width).

    Args:
        reason: why there are no numbers, where a cost is None.
    """
    parameters = METHODS.get(kind).parameters
    rows = [unit.record("parameters", math.nan if reason else float(parameters), reason=reason)]
    for size, cost in sorted(costs.items()):
        values = dict.fromkeys(_QUANTITIES, (math.nan, reason))
        if cost is not None:
            run = bool(cost.seconds)
            values = {
                "flops": (float(cost.flops), "") if cost.flops else (math.nan, NO_OPERATIONS),
                "seconds": (cost.median, "") if run else (math.nan, NO_WEIGHTS),
                "spread": (cost.spread, "") if run else (math.nan, NO_WEIGHTS),
                "peak_bytes": (float(cost.peak_bytes), "") if run else (math.nan, NO_WEIGHTS),
            }
        rows += [
            unit.record(f"{name}[{_size(size)}]", value, reason=why)
            for name, (value, why) in values.items()
        ]
    return rows


def read_pair(infrared: Path, visible: Path) -> tuple[np.ndarray, np.ndarray]:
    """Infrared uint8 [H, W] and visible uint8 [H, W, 3]."""
    from ivif_bench.data.images import read_gray, read_rgb

    return read_gray(infrared), read_rgb(visible)


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image at another height and width, by area or linear interpolation."""
    import cv2

    if image.shape[:2] == size:
        return image
    smaller = image.shape[0] >= size[0] and image.shape[1] >= size[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    found: np.ndarray = cv2.resize(image, size[::-1], interpolation=how)
    return found


def _size(size: Sequence[int]) -> str:
    """Width and height, as papers write them."""
    return f"{size[1]}x{size[0]}"
