"""What segmentation adds to ``ivif_bench.tasks.network``: label images and a confusion matrix."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ivif_bench.data.base import Dataset
from ivif_bench.data.images import encode_png, read_labels
from ivif_bench.data.layouts.paired_folders import voc_palette
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import write_bytes, write_json
from ivif_bench.task import Workspace
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.tasks.segmentation.counting import Counts, metric_names
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.types import Pair, Record, Unit

PSEUDO = "PSEUDO LABELS: measured against a network's output, not ground truth; not comparable"
_SCORER = (
    "own integer confusion matrix over all test pixels; IoU = TP/(TP+FP+FN); classes with neither "
    "truth nor prediction are left out of means; "
)
_VOID = {
    "ignore": "ignored truth dropped",
    "false-positive": "ignored truth counts as false positives",
    "class": "void is one more class of the means",
    "mfnet": "rows and columns of void and of classes left out of a mean dropped, as in MFNet",
}
_BOUNDARY = (
    "; boundary IoU: within 2 % of the diagonal of an edge, pooled, ignored truth removed first"
)


def scorer_of(protocol: SegmentationProtocol) -> str:
    """How the scores are made: a line under the table."""
    boundary = _BOUNDARY if "boundary" in protocol.scores else ""
    return _SCORER + _VOID[protocol.void] + boundary


class SegmentationAdapter(TaskAdapter):
    """Segmenters judged by IoU."""

    protocol: ClassVar[type[NetworkProtocol]] = SegmentationProtocol
    version: ClassVar[int] = 2
    training_version: ClassVar[int] = 2

    def truth_file(self, pair: Pair) -> Path | None:
        return pair.mask

    def files_read(self, pair: Pair, fused: Path) -> list[Path]:
        return [fused, pair.visible, pair.infrared]

    def check_truth(
        self, protocol: SegmentationProtocol, dataset: Dataset, pairs: Sequence[Pair]
    ) -> None:
        if dataset.segmentation_classes != protocol.classes:
            raise UserError(
                f"protocol {protocol.name!r} has classes {', '.join(protocol.classes)}; dataset "
                f"{dataset.name!r} has {', '.join(dataset.segmentation_classes) or 'none'}"
            )
        bare = [pair.stem for pair in pairs if pair.mask is None or not pair.mask.is_file()]
        if bare:
            raise UserError(f"dataset {dataset.name!r} has no labels for stems {first_few(bare)}")

    def check_classes(self, protocol: SegmentationProtocol, known: tuple[str, ...]) -> None:
        if known != protocol.classes:
            raise UserError(
                f"protocol {protocol.name!r} has classes {', '.join(protocol.classes)}; the weights "
                f"have {', '.join(known)}"
            )

    def target(
        self, protocol: SegmentationProtocol, dataset: Dataset, pair: Pair, image: np.ndarray
    ) -> np.ndarray:
        mask = dataset.mask(pair)
        if image.shape[:2] != mask.shape:
            raise UserError(
                f"dataset {pair.dataset!r}, stem {pair.stem!r}: the image is "
                f"{image.shape[1]}x{image.shape[0]}, its labels are {mask.shape[1]}x{mask.shape[0]}"
            )
        return mask

    def keep(
        self, protocol: SegmentationProtocol, folder: Path, stem: str, prediction: np.ndarray
    ) -> str:
        name = f"predictions/{stem}.png"  # the folder may be another one where it is scored
        write_bytes(folder / name, encode_png(prediction))
        return name

    def score(
        self,
        protocol: SegmentationProtocol,
        unit: Unit,
        kept: Mapping[str, str],
        dataset: Dataset,
        space: Workspace,
    ) -> list[Record]:
        """Leaves ``segmentation-<key>/`` in ``space.shared``: predictions and ``truth/`` (PNG, class
        ids), ``confusion.json``, ``per_image.json``, the pixels that reports resample, and
        ``pictures.json``."""

        counted: list[Counts] = []
        pairs = dataset.select(tuple(kept))

        def collect(partial: Path) -> None:
            for stem, name in kept.items():
                shutil.copyfile(space.scratch / name, partial / f"{stem}.png")
            counted.append(_count(protocol, dataset, pairs, partial))

        folder = space.once(f"segmentation-{unit.key}", collect)
        counts = counted[0] if counted else _count(protocol, dataset, pairs, folder)
        return counts.records(unit)

    def metrics(self, protocol: SegmentationProtocol, pairs: Sequence[Pair]) -> list[str]:
        return metric_names(protocol, [tag for pair in pairs for tag in pair.tags])

    def scorer(self, protocol: SegmentationProtocol) -> str:
        return scorer_of(protocol)

    def warnings(self, protocol: SegmentationProtocol) -> list[str]:
        return [PSEUDO] if protocol.pseudo_labels else []


def _count(
    protocol: SegmentationProtocol, dataset: Dataset, pairs: Sequence[Pair], folder: Path
) -> Counts:
    """Count the predictions in a folder, and leave ``confusion.json`` and ``per_image.json`` there."""
    counts = Counts(protocol)
    for pair in pairs:
        prediction, truth = read_labels(folder / f"{pair.stem}.png"), dataset.mask(pair)
        try:
            counts.add(pair.stem, pair.tags, truth, prediction)
        except ValueError as problem:
            raise UserError(f"dataset {pair.dataset!r}, stem {pair.stem!r}: {problem}") from problem
        write_bytes(folder / "truth" / f"{pair.stem}.png", encode_png(truth))
    write_json(folder / "confusion.json", counts.to_json())
    write_json(folder / "per_image.json", counts.per_image())
    write_json(folder / "pictures.json", _described(protocol, dataset, pairs, counts))
    return counts


def _described(
    protocol: SegmentationProtocol, dataset: Dataset, pairs: Sequence[Pair], counts: Counts
) -> dict[str, Any]:
    """What pictures of a report need besides predictions and truth."""
    classes = protocol.classes
    left_out = {name for names in protocol.means.values() for name in names}
    official = (
        dataset.palette if len(dataset.palette) == len(classes) else voc_palette(len(classes))
    )
    images = {}
    for pair in pairs:
        matrix = counts.by_image[pair.stem][:-1]
        labelled = int(matrix.sum())
        wrong = 1 - int(np.trace(matrix[:, :-1])) / labelled if labelled else 0.0
        sources = {
            "infrared": str(pair.infrared.absolute()),
            "visible": str(pair.visible.absolute()),
        }
        shows = np.flatnonzero(matrix.sum(axis=1)).tolist()
        images[pair.stem] = {**sources, "wrong": wrong, "tags": list(pair.tags), "shows": shows}
    return {
        "classes": list(classes),
        "background": [classes.index(name) for name in classes if name in left_out],
        "ignore_index": protocol.ignore_index,
        "palette": [list(colour) for colour in official],
        "images": images,
    }
