"""What can be wrong with a detection section, found before anything is computed."""

from __future__ import annotations

from pathlib import Path

from ivif_bench.data.base import Dataset
from ivif_bench.data.splits import Split
from ivif_bench.errors import UserError, first_few
from ivif_bench.tasks._protocol import check_layout, check_parts
from ivif_bench.tasks.detection.protocol import TRAINED_MODES, DetectionProtocol, weights_file
from ivif_bench.tasks.detection.registry import DETECTORS, Detector
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


def load(protocol: DetectionProtocol, weights: Path | None) -> None:
    """Load detector and weights as a unit would, without training; imports the network library.

    Raises:
        UserError: the detector cannot be loaded, or the weights are not what it needs.
    """
    detector: Detector = DETECTORS.load(protocol.detector)(protocol.detector, protocol)
    path = weights_file(protocol, weights)
    if path is None:
        return
    if protocol.mode in TRAINED_MODES:
        detector.check_initial(path)
    else:
        check_names(protocol, detector.load(path))


def check_names(protocol: DetectionProtocol, names: tuple[str, ...]) -> None:
    """Refuse a checkpoint that does not know every class that is to be scored."""
    wanted = protocol.classes if protocol.class_map is None else tuple(protocol.class_map)
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise UserError(
            f"protocol {protocol.name!r}: the weights know no class {', '.join(unknown)}, only "
            f"{', '.join(names[:10])}{' ...' if len(names) > 10 else ''}; set 'class_map'"
        )
