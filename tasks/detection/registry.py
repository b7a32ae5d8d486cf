"""The contract of a detector, and how detectors are found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivif_bench.options import demand_options
from ivif_bench.recipe import Recipe
from ivif_bench.registry import Registry
from ivif_bench.tasks.detection.settings import DetectorSettings
from ivif_bench.types import Boxes, Progress


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """What is known of a detector before it is loaded.

    Attributes:
        name: used in protocols, such as ``yolov5x``.
        entry: ``"module:Class"`` of its ``Detector``; ``"Class"`` if it is in the same file.
        title: name in tables; two different networks are called YOLOv5x, so it says which.
        family: networks whose checkpoints are of one kind.
        parameters: number of learned parameters with 80 classes.
        licence: of the code and of the weights.
        modes: protocol modes that it can serve.
        recipe: model of ``training`` in its protocols; None if it cannot be trained.
        version: raised whenever equal weights and protocol give other boxes, or training other
            weights, so old results are redone.
        packages: distributions that make its boxes; footers name their versions.
        warm: modules to import, or functions to call (``"module:function"``) that import, before
            it is built; a warm process does it once for many. They must not compute anything.
    """

    name: str
    entry: str
    title: str
    family: str
    parameters: int
    licence: str
    modes: tuple[str, ...]
    recipe: type[Recipe] | None = None
    version: int = 1
    packages: tuple[str, ...] = ()
    warm: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.recipe is not None:
            demand_options(f"detector {self.name!r}: recipe", self.recipe, Recipe)


class Detector(ABC):
    """A detector that may be trained and that emits boxes; scoring is never its business.

    Args:
        name: its registered name; one class may serve several sizes of a family.
        protocol: image size, thresholds and training recipe.
        device: ``cpu`` or ``cuda``.
        threads: CPU threads; sums depend on it in their last bits.
    """

    def __init__(
        self, name: str, protocol: DetectorSettings, device: str = "cpu", threads: int = 1
    ) -> None:
        self.name = name
        self.protocol = protocol
        self.device = device
        self.threads = threads

    @abstractmethod
    def fit(
        self,
        train: Sequence[tuple[Path, Boxes]],
        seed: int,
        folder: Path,
        log: Path,
        initial: Path | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Train from the initial weights and return the checkpoint of the last epoch.

        Args:
            train: RGB uint8 image files (one stem each) with their objects, by class name,
                without crowd regions.
            seed: decides initialisation, order and augmentation; equal seeds give equal weights.
            folder: takes the checkpoint; everything else in it is removed at the end.
            log: file that takes the messages of the library.
            initial: weights to start from, None for random ones.
            progress: called with (epoch, epochs, "training").

        Returns:
            A safetensors file that ``load`` reads.

        Raises:
            UserError: the detector cannot be trained, or the initial weights do not fit.
        """

    def check_initial(self, weights: Path) -> None:  # noqa: B027 - optional
        """Read initial weights as ``fit`` would, without training.

        Raises:
            UserError: the file cannot be read, or training cannot start from it.
        """

    @abstractmethod
    def load(self, checkpoint: Path) -> tuple[str, ...]:
        """Load weights and return the class names that this checkpoint knows, in its order.

        Raises:
            UserError: the file is not a checkpoint of this detector, or holds anything but weights.
        """

    @abstractmethod
    def predict(self, images: Sequence[np.ndarray]) -> list[Boxes]:
        """Find objects; the result of an image never depends on the others.

        Args:
            images: RGB uint8 [H, W, 3], of any sizes.

        Returns:
            Per image, boxes in its pixels with the checkpoint's class names and scores, best first.
        """


DETECTORS: Registry[DetectorSpec] = Registry(
    "detector", "ivif_bench.tasks.detection.detectors", "ivif_bench.detectors", base=Detector
)
