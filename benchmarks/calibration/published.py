"""Published sheets of values, beside ours on the published images."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.calibration import rounding
from benchmarks.calibration.numbers import half_a_unit
from ivif_bench.data.images import find_image
from ivif_bench.data.pictures import read_picture
from ivif_bench.errors import UserError
from ivif_bench.tasks.quality.engine import resolve
from ivif_bench.tasks.quality.shared import Shared
from ivif_bench.types import Progress

FILE = "metrics_matlab.csv"
_SUMS = 1e-12  # what is left of rounding where it decides nothing


@dataclass(frozen=True, slots=True)
class Rounding:
    """What the rounding of a sheet's own program can do to a column.

    Attributes:
        why: in words.
        limits: lowest and highest value that it can give for a triple of images.
    """

    why: str
    limits: Callable[[Shared], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A published sheet and how it is reproduced.

    Attributes:
        name: folder of the data, and what the sheet is called.
        convention: the convention that reproduces it.
        columns: its columns, each with the name of the metric.
        folders: of infrared and visible images.
        fused: where a fused image is, with ``{image}`` and ``{method}``; without extension.
        tolerance: largest absolute difference; None: half a unit of the last digit.
        digits: significant digits of its values, of which trailing zeros are not printed.
        apart: methods whose stored images do not give the printed values in any metric.
        rounding: columns in which rounding decides, in ``tolerance``'s place.
    """

    name: str
    convention: str
    columns: Mapping[str, str]
    folders: tuple[str, str]
    fused: str
    tolerance: float | None
    digits: int = 17
    apart: Mapping[str, str] = field(default_factory=dict)
    rounding: Mapping[str, Rounding] = field(default_factory=dict)


_NOT_THOSE = "the stored images are probably not the measured ones"

SHEETS = (
    Sheet(
        name="TNO42",
        convention="tno42-sheet",
        columns={
            name: name
            for name in ("EN", "SF", "MSE", "PSNR", "CC", "SCD", "AG", "MI", "SD", "VIF", "Qabf")
        },
        folders=("ir", "vi"),
        fused="fused/{method}/{image}",
        tolerance=1e-9,
        rounding={
            "VIF": Rounding(
                "variances of bright and almost flat windows are rounding beside ε = 1e-10",
                rounding.vif_saturated,
            ),
            "Qabf": Rounding(
                "most likely computed on [0, 1], where rounding decides its tests for equality",
                rounding.qabf,
            ),
        },
    ),
    Sheet(
        name="VIFB",
        convention="vifb",
        columns={
            "Avg_gradient": "AG",
            "Cross_entropy": "CE",
            "Edge_intensity": "EI",
            "Entropy": "EN",
            "Mutinf": "MI",
            "Psnr": "PSNR",
            "Qabf": "Qabf",
            "Qcb": "Q_CB",
            "Qcv": "Q_CV",
            "Rmse": "RMSE",
            "Spatial_frequency": "SF",
            "Ssim": "SSIM",
            "Variance": "SD",
        },
        folders=("IR", "VI"),
        fused="fused/{image}_{method}",
        tolerance=None,
        digits=5,
        apart={"SwinFusion": _NOT_THOSE, "YDTR": _NOT_THOSE},
    ),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One published value and ours.

    Attributes:
        allowed: largest difference that counts as agreement.
    """

    image: str
    method: str
    column: str
    printed: str
    ours: float
    allowed: float

    @property
    def difference(self) -> float:
        """Absolute."""
        return abs(self.ours - float(self.printed))

    @property
    def agrees(self) -> bool:
        """Whether the difference is allowed."""
        return self.difference <= self.allowed


@dataclass(frozen=True, slots=True)
class Column:
    """How well one column of a sheet is reproduced.

    Attributes:
        largest, median: absolute differences.
        agreeing: number of values that agree.
    """

    column: str
    values: int
    agreeing: int
    largest: float
    median: float


def measure_sheet(
    sheet: Sheet,
    folder: Path,
    images: Iterable[str] | None = None,
    methods: Iterable[str] | None = None,
    progress: Progress | None = None,
) -> list[Entry]:
    """Ours beside every printed value whose fused image is there.

    Args:
        folder: of the sheet's images, with the sheet itself in ``metrics_matlab.csv``.
        images, methods: only these; None means all.

    Raises:
        UserError: the sheet or a source is missing or unreadable.
    """
    evaluator = resolve(tuple(sheet.columns.values()), sheet.convention)
    printed = _read(folder / FILE)
    chosen = sorted(printed if images is None else images)
    wanted = None if methods is None else set(methods)
    entries: list[Entry] = []
    for done, image in enumerate(chosen, start=1):
        infrared, visible = (_pixels(folder / side, image) for side in sheet.folders)
        for method, row in printed[image].items():
            if wanted is not None and method not in wanted:
                continue
            where = folder / sheet.fused.format(image=image, method=method)
            fused = find_image(where.parent, where.name)
            if fused is None:  # a sheet has values of methods whose images nobody published
                continue
            pixels = infrared, visible, read_picture(fused).pixels
            values = evaluator.measure(*pixels)
            shared = Shared(*evaluator.read(*pixels)[0])
            for column, metric in sheet.columns.items():
                ours = values[metric].value
                allowed = _allowed(sheet, column, row[column], ours, shared)
                entries.append(Entry(image, method, column, row[column], ours, allowed))
        if progress:
            progress(done, len(chosen), image)
    return entries


def unexplained(sheet: Sheet, entries: Iterable[Entry]) -> list[Entry]:
    """Values that differ by more than is allowed, but for the methods that are reported apart."""
    return [entry for entry in entries if not entry.agrees and entry.method not in sheet.apart]


def columns_of(entries: Iterable[Entry]) -> list[Column]:
    """Agreement by column, in the order of the entries."""
    by_column: dict[str, list[Entry]] = {}
    for entry in entries:
        by_column.setdefault(entry.column, []).append(entry)
    return [
        Column(
            column,
            len(found),
            sum(entry.agrees for entry in found),
            max(entry.difference for entry in found),
            statistics.median(entry.difference for entry in found),
        )
        for column, found in by_column.items()
    ]


def _allowed(sheet: Sheet, column: str, printed: str, ours: float, shared: Shared) -> float:
    """Largest difference between a printed value and ours that counts as agreement."""
    if sheet.tolerance is None:
        return half_a_unit(printed, sheet.digits)
    if column not in sheet.rounding:
        return sheet.tolerance
    low, high = sheet.rounding[column].limits(shared)
    return _SUMS + (high - ours if float(printed) > ours else ours - low)


def _read(path: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Printed values by image, method and column."""
    printed: dict[str, dict[str, dict[str, str]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                methods = printed.setdefault(row["image"], {})
                methods.setdefault(row["method"], {})[row["metric"]] = row["value"]
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror or problem}") from problem
    except KeyError as problem:
        raise UserError(
            f"{path}: no column {problem}; needs image, method, metric, value"
        ) from None
    return printed


def _pixels(folder: Path, image: str) -> np.ndarray:
    path = find_image(folder, image)
    if path is None:
        raise UserError(f"{folder}: no image {image!r}")
    return read_picture(path).pixels
