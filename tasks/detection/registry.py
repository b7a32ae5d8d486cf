"""The contract of a detector, and how detectors are found."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from ivif_bench.registry import Registry
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.network.contract import Network, NetworkSpec
from ivif_bench.types import Boxes


class Detector(Network):
    """A network that finds objects. Targets of its training samples are ``Boxes``.

    They hold objects of the protocol's classes by name: difficult ones too, but no crowd regions.
    """

    protocol: DetectionProtocol

    @abstractmethod
    def predict(self, image: np.ndarray) -> Boxes:
        """Find objects in one image.

        Args:
            image: RGB uint8 [H, W, 3], of any size.

        Returns:
            Boxes in its pixels with the checkpoint's class names and scores, best first.
        """


DETECTORS: Registry[NetworkSpec] = Registry(
    "detector", "ivif_bench.tasks.detection.detectors", "ivif_bench.detectors", base=Detector
)
