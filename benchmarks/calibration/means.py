"""A published table of means per method over a set of images, beside ours.

``Harvard/metrics_ct_mri.csv``: 24 pairs of the Harvard atlas, seven methods, by a public program. A column
either agrees within a tolerance, or its definition is another one; then the nearest of ours stands beside.
"""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from numpy.lib.stride_tricks import sliding_window_view

from ivif_bench.data.images import images_in
from ivif_bench.data.pictures import read_picture
from ivif_bench.errors import UserError
from ivif_bench.tasks.quality.engine import resolve
from ivif_bench.tasks.quality.metrics.squared_error import mean_squared_error
from ivif_bench.tasks.quality.metrics.ssim import structural_similarity
from ivif_bench.tasks.quality.shared import Shared
from ivif_bench.types import Progress

NAME = "Harvard CT-MRI"
FOLDER = "Harvard"
FILE = "metrics_ct_mri.csv"
CONVENTION = "reference"
_DIGIT = 5.1e-7  # half a unit of the sixth decimal, and what is left of rounding
METHODS = {
    "MMIF-DDFM": "DDFM",
    "MMIF-INet": "INet",
}  # names of folders that differ from the table's
APART = {"MMIF-INet": "its images have three channels; the program reads gray by another rule"}


@dataclass(frozen=True, slots=True)
class MeanColumn:
    """One column of the table.

    Attributes:
        metric: ours, of the convention ``reference``; or a function of our values of one image.
        tolerance: largest difference of means that counts as agreement; None: another definition.
        note: what the column is, or what was tried.
    """

    metric: str | Callable[[Mapping[str, float], Shared], float]
    tolerance: float | None = _DIGIT
    note: str = ""


def _mean_of_psnrs(values: Mapping[str, float], shared: Shared) -> float:
    """The mean of each source's PSNR, which is not the PSNR of the mean error."""
    errors = (
        mean_squared_error(Shared(source, source, shared.fused))
        for source in (shared.infrared, shared.visible)
    )
    return statistics.fmean(10 * math.log10(255**2 / error) for error in errors)


def _unit_mse(values: Mapping[str, float], shared: Shared) -> float:
    return values["MSE"] / 255**2


def _uniform_ssim(values: Mapping[str, float], shared: Shared) -> float:
    return structural_similarity(shared, window="uniform", data_range=1.0, sample=True) / 2


def _flat_as_equal(values: Mapping[str, float], shared: Shared) -> float:
    """FMI-pixel where two flat windows count as 1 whatever their levels, as two equal ones do."""
    fused = sliding_window_view(shared.fused, (3, 3))
    gained = []
    for source in (shared.infrared, shared.visible):
        windows = sliding_window_view(source, (3, 3))
        flat = [(one.max((2, 3)) == one.min((2, 3))) for one in (windows, fused)]
        gained.append((flat[0] & flat[1] & (windows[..., 0, 0] != fused[..., 0, 0])).mean())
    return values["FMI-pixel"] + float(statistics.fmean(gained))


_TRIED_EDGES = (
    "tried: four borders, three scales and thresholds of the gradient, three exponents; angles over the "
    "full circle come within 7e-4 on one method"
)

COLUMNS: Mapping[str, MeanColumn] = {
    "SD": MeanColumn("SD"),
    "AG": MeanColumn("AG"),
    "MSE": MeanColumn(_unit_mse, note="on [0, 1]"),
    "PSNR": MeanColumn(_mean_of_psnrs, 1e-6, "mean of the two PSNRs"),
    "EN": MeanColumn("EN"),
    "MI": MeanColumn("MI"),
    "NCIE": MeanColumn("NCIE"),
    "SCD": MeanColumn("SCD"),
    "QABF_fast": MeanColumn("Qabf"),
    "SF": MeanColumn("SF"),
    "Qw": MeanColumn("Q_W"),
    "VIF": MeanColumn("VIF"),
    "VIFF": MeanColumn("VIFF"),
    "CC": MeanColumn("CC"),
    "Q": MeanColumn("Q_S", 2e-5),
    "Qp": MeanColumn("Q_P", 5e-6),
    "Qe": MeanColumn(
        "Q_E",
        None,
        "tried as edges: Prewitt, Sobel (also scaled, also clipped), central differences, Laplacian",
    ),
    "FMI_pixel": MeanColumn(
        _flat_as_equal,
        None,
        "two flat windows count as equal; every method is then 0.0046 to 0.0051 below its value. Tried for "
        "the rest: windows row by row, φ above 1, four borders, windows of one share that are equal",
    ),
    "FMI_edge": MeanColumn("FMI-edge", None, "not explained"),
    "FMI_wavelet": MeanColumn("FMI-wavelet", None, "not explained"),
    "FMI_dct": MeanColumn("FMI-dct", None, "not explained"),
    "QABF": MeanColumn(
        lambda values, shared: 1 - values["LABF"] - values["Nabf"],
        None,
        "what LABF and NABF leave of 1",
    ),
    "LABF": MeanColumn("LABF", None, _TRIED_EDGES),
    "NABF": MeanColumn("Nabf", None, _TRIED_EDGES),
    "SSIM": MeanColumn(
        _uniform_ssim,
        None,
        "mean over the sources, uniform 7x7 window, range 1: the nearest of Gaussian and uniform "
        "windows of 7 and 11 with ranges from 1/255 to 255",
    ),
    "MS_SSIM": MeanColumn(
        "MEF-SSIM",
        None,
        "the structural similarity of exposure fusion, not MS-SSIM, which is up to 0.4 lower whatever "
        "its window, border and range",
    ),
}
NOT_COMPARED = {"MLI": "mean level: no metric here", "NABF1": "no metric here"}


@dataclass(frozen=True, slots=True)
class MeanEntry:
    """One printed mean and ours."""

    method: str
    column: str
    printed: float
    ours: float

    @property
    def difference(self) -> float:
        """Absolute."""
        return abs(self.printed - self.ours)


def measure_means(
    data: Path, methods: tuple[str, ...] | None = None, progress: Progress | None = None
) -> list[MeanEntry]:
    """Ours beside every printed mean.

    Args:
        data: folder with ``Harvard/{CT,MRI,fused/METHOD}`` and the table.
        methods: only these, by the table's names; None means all.

    Raises:
        UserError: the table or an image is missing or unreadable.
    """
    folder = data / FOLDER
    names = sorted({one.metric for one in COLUMNS.values() if isinstance(one.metric, str)})
    evaluator = resolve((*names, "MSE", "FMI-pixel"), CONVENTION)
    try:
        with (folder / FILE).open(newline="", encoding="utf-8") as file:
            table = {row["Model"]: row for row in csv.DictReader(file)}
    except OSError as problem:
        raise UserError(f"cannot read {folder / FILE}: {problem.strerror or problem}") from problem
    pairs = images_in(folder / "CT")
    entries = []
    chosen = [method for method in table if methods is None or method in methods]
    for done, method in enumerate(chosen, start=1):
        found: dict[str, list[float]] = {column: [] for column in COLUMNS}
        fused = images_in(folder / "fused" / METHODS.get(method, method))
        for stem, path in pairs.items():
            if stem not in fused:
                raise UserError(f"{folder}: no image {stem!r} of method {method!r}")
            paths = path, folder / "MRI" / path.name, fused[stem]
            pixels = tuple(read_picture(one).pixels for one in paths)
            values = {name: one.value for name, one in evaluator.measure(*pixels).items()}
            shared = Shared(*evaluator.read(*pixels)[0])
            for column, rule in COLUMNS.items():
                metric = rule.metric
                value = values[metric] if isinstance(metric, str) else metric(values, shared)
                found[column].append(value)
        entries += [
            MeanEntry(method, column, float(table[method][column]), statistics.fmean(values_of))
            for column, values_of in found.items()
        ]
        if progress:
            progress(done, len(chosen), method)
    return entries


def means_text(entries: list[MeanEntry]) -> str:
    """A Markdown table: per column the largest difference, and whether it agrees."""
    lines = ["| column | ours | largest difference | agrees | note |", "|---|---|---:|---|---|"]
    for column, rule in COLUMNS.items():
        largest = max(
            entry.difference
            for entry in entries
            if entry.column == column and entry.method not in APART
        )
        verdict = (
            "another definition"
            if rule.tolerance is None
            else "yes"
            if largest <= rule.tolerance
            else "NO"
        )
        ours = rule.metric if isinstance(rule.metric, str) else column
        lines.append(f"| {column} | {ours} | {largest:.1e} | {verdict} | {rule.note} |")
    apart = "; ".join(f"{name}: {why}" for name, why in APART.items())
    return "\n".join(lines) + f"\n\nWithout {apart}."


def unexplained_means(entries: list[MeanEntry]) -> list[MeanEntry]:
    """Means that differ by more than their column allows."""
    return [
        entry
        for entry in entries
        if entry.method not in APART
        and (limit := COLUMNS[entry.column].tolerance) is not None
        and not entry.difference <= limit
    ]
