"""The contract of a segmenter, and how segmenters are found."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from ivif_bench.registry import Registry
from ivif_bench.tasks.network.contract import Network, NetworkSpec
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol


class Segmenter(Network):
    """A network that gives every pixel a class. Targets of its training samples are label images.

    They are uint8 [H, W]: class ids, which are positions in the protocol's ``classes``, or
    ``protocol.ignore_index``, which must be left out of the loss.
    """

    protocol: SegmentationProtocol

    @abstractmethod
    def predict(self, image: np.ndarray) -> np.ndarray:
        """Class ids, uint8 [H, W], of an RGB image, uint8 [H, W, 3]; one scale, nothing ignored."""


SEGMENTERS: Registry[NetworkSpec] = Registry(
    "segmenter", "ivif_bench.tasks.segmentation.segmenters", "ivif_bench.segmenters", base=Segmenter
)
