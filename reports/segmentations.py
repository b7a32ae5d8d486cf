"""The pixel counts that a run keeps of each segmented image, resampled for the numbers of its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.files import read_json
from ivif_bench.reports.intervals import Resampled, Samples
from ivif_bench.resampling import image_counts, over_seeds

if TYPE_CHECKING:
    from ivif_bench.reports.comparison import Comparison
    from ivif_bench.reports.frame import UnitResult
    from ivif_bench.reports.table import Table

_SAME = 1e-9  # the counts are whole numbers, so their ratios are the table's


Pixels = tuple[np.ndarray, np.ndarray]  # right and union: float64 [images, classes]


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Pixels by image and class, whose sums over images have IoU as their ratio.

    Attributes:
        stems: the images.
        classes: names.
        iou: of the classes.
        means: by the name of a mean, of the classes that it holds.
    """

    stems: tuple[str, ...]
    classes: tuple[str, ...]
    iou: Pixels
    means: dict[str, Pixels]


def resampled(table: Table, comparison: Comparison) -> Resampled:
    """The resamples of a segmentation table, of the methods that were judged on the usual images."""
    counts: dict[str, list[Counts]] = {}
    images: dict[tuple[str, ...], list[str]] = {}
    for row in table.rows:
        if not any(cell.estimate.value is not None for cell in row.cells):
            continue
        seeds = counts_of(comparison.folder, comparison.of(row.name))
        if seeds and len(sets := {each.stems for each in seeds}) == 1:
            counts[row.name] = seeds
            images.setdefault(sets.pop(), []).append(row.name)
    usual, methods = max(images.items(), key=lambda item: len(item[1]), default=((), []))
    samples = {}
    for row in table.rows:
        if row.name not in methods:
            continue
        values = {
            column.key: cell.estimate.value
            for column, cell in zip(table.columns, row.cells, strict=True)
        }
        found = samples_of(row.name, counts[row.name])
        mine = {
            key: numbers[1:]
            for key, numbers in found.items()
            if (value := values.get(key)) is not None and abs(numbers[0] - value) < _SAME
        }
        if mine:
            samples[row.name] = mine
    return Resampled(table, samples, len(usual), comparison.sources)


def counts_of(run: Path | None, results: Sequence[UnitResult]) -> list[Counts]:
    """The pixel counts of some results of a run directory; none if one of them has none.

    Raises:
        UserError: a file that holds something else.
    """
    if run is None:
        return []
    folder = run / "checkpoints"
    paths = [folder / f"segmentation-{each.unit.key}" / "per_image.json" for each in results]
    return [_read(path) for path in paths] if all(path.is_file() for path in paths) else []


def _read(path: Path) -> Counts:
    try:
        content = read_json(path)
        stems, classes = (tuple(map(str, content[key])) for key in ("stems", "classes"))
        iou = _pixels(content["iou"], (len(stems), len(classes)))
        means = {
            str(name): _pixels(each, (len(stems), -1)) for name, each in content["means"].items()
        }
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror or problem}") from problem
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise UserError(
            f"{path}: not the pixel counts of a unit ({type(problem).__name__}: {problem}); delete "
            "the unit's results and this folder, and 'run' writes them again"
        ) from problem
    return Counts(stems, classes, iou, means)


def _pixels(content: Mapping[str, Any], shape: tuple[int, int]) -> Pixels:
    right, union = (np.array(content[key], np.float64).reshape(shape) for key in ("right", "union"))
    if right.shape != union.shape:
        raise ValueError(f"right has shape {right.shape}, union {union.shape}")
    return right, union


def samples_of(method: str, seeds: Sequence[Counts]) -> Samples:
    """By column: the number of the images as they are, then its resamples.

    Args:
        method: whose seeds are drawn.
        seeds: counts of the same images.
    """
    drawn = image_counts(len(seeds[0].stems)).astype(np.float64)
    weights = np.concatenate([np.ones_like(drawn[:1]), drawn])
    iou = np.stack([_iou(weights, each.iou) for each in seeds])
    found = {f"IoU:{name}": iou[:, :, at] for at, name in enumerate(seeds[0].classes)}
    for mean in seeds[0].means:
        found[mean] = np.stack([_mean(_iou(weights, each.means[mean])) for each in seeds])
    return {
        key: np.concatenate([values[:, 0].mean(keepdims=True), over_seeds(values[:, 1:], method)])
        for key, values in found.items()
    }


def _iou(weights: np.ndarray, pixels: Pixels) -> np.ndarray:
    right, union = (weights @ each for each in pixels)
    iou: np.ndarray = np.divide(right, union, out=np.full_like(right, math.nan), where=union > 0)
    return iou


def _mean(values: np.ndarray) -> np.ndarray:
    defined = ~np.isnan(values)
    count = defined.sum(axis=-1)
    total = np.where(defined, values, 0.0).sum(axis=-1)
    mean: np.ndarray = np.divide(total, count, out=np.full_like(total, math.nan), where=count > 0)
    return mean
