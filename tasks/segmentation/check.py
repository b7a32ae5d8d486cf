"""What can be wrong with a segmentation section, found before anything is computed."""

from __future__ import annotations

from ivif_bench.data.base import Dataset
from ivif_bench.data.splits import Split
from ivif_bench.errors import UserError, first_few
from ivif_bench.tasks._protocol import check_layout, check_parts
from ivif_bench.tasks.segmentation.initial import initial_weights
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.registry import SEGMENTERS, Segmenter
from ivif_bench.types import DatasetRef


def check(protocol: SegmentationProtocol, dataset: Dataset, ref: DatasetRef, split: Split) -> None:
    """Check that dataset, split, network and weights fit the protocol; loads no network library.

    Raises:
        UserError: the first thing that does not fit.
    """
    check_layout(protocol, dataset, ref)
    if dataset.segmentation_classes != protocol.classes:
        raise UserError(
            f"protocol {protocol.name!r} has classes {', '.join(protocol.classes)}; dataset "
            f"{dataset.name!r} has {', '.join(dataset.segmentation_classes) or 'none'}"
        )
    SEGMENTERS.get(protocol.segmenter)
    trained = protocol.train_on != "nothing"
    check_parts(protocol, dataset, split, trained)
    needed = dataset.select(split.test + (split.train if trained else ()))
    bare = [pair.stem for pair in needed if pair.mask is None or not pair.mask.is_file()]
    if bare:
        raise UserError(f"dataset {dataset.name!r} has no labels for stems {first_few(bare)}")
    initial_weights(protocol.initial)


def load(protocol: SegmentationProtocol) -> None:
    """Load network and weights as a unit would, without training; imports the network library.

    Raises:
        UserError: the segmenter cannot be loaded, or the weights are not what it needs.
    """
    segmenter: Segmenter = SEGMENTERS.load(protocol.segmenter)(protocol)
    weights = initial_weights(protocol.initial)
    if protocol.train_on != "nothing":
        segmenter.check_initial()
    elif weights is not None:
        segmenter.load(weights)
