"""What can be wrong with a detection section, found before anything is computed."""

from __future__ import annotations

from pathlib import Path

from ivif_bench.data.base import Dataset
from ivif_bench.data.splits import Split
from ivif_bench.errors import UserError, first_few
from ivif_bench.tasks._protocol import check_layout, check_parts
from ivif_bench.tasks.detection.protocol import TRAINED_MODES, DetectionProtocol, weights_file
from ivif_bench.tasks.detection.registry import DETECTORS
from ivif_bench.types import DatasetRef


def check(
    protocol: DetectionProtocol,
    dataset: Dataset,
    ref: DatasetRef,
    split: Split,
    weights: Path | None,
) -> None:
    """Check that dataset, split, detector and weights fit the protocol; loads no network library.

    Args:
        weights: the section's own weights file.

    Raises:
        UserError: the first thing that does not fit.
    """
    check_layout(protocol, dataset, ref)
    absent = [each for each in protocol.classes if each not in dataset.detection_classes]
    if absent:
        raise UserError(
            f"protocol {protocol.name!r} scores {first_few(absent)}; dataset {dataset.name!r} has "
            f"{', '.join(dataset.detection_classes) or 'no boxes'}"
        )
    spec = DETECTORS.get(protocol.detector)
    if protocol.mode not in spec.modes:
        raise UserError(
            f"protocol {protocol.name!r}: detector {spec.name!r} cannot serve mode "
            f"{protocol.mode!r}, only {', '.join(spec.modes)}"
        )
    trained = protocol.mode in TRAINED_MODES
    check_parts(protocol, dataset, split, trained)
    for pair in dataset.select(split.test + (split.train if trained else ())):
        if pair.annotation is None or not pair.annotation.is_file():
            dataset.boxes(pair)  # raises: its layout knows best what is missing where
    weights_file(protocol, weights)
