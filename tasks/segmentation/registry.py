"""The contract of a segmenter: what it declares, how it is trained and asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivif_bench.options import demand_options
from ivif_bench.recipe import Recipe
from ivif_bench.registry import Registry
from ivif_bench.tasks.segmentation.settings import SegmenterSettings
from ivif_bench.types import Progress

# An RGB image, uint8 [H, W, 3], and its class ids, uint8 [H, W]. A sequence of them reads its files
# when it is indexed, so a training set need not fit into memory.
Sample = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class SegmenterSpec:
    """What is known of a segmenter before it is loaded.

    Attributes:
        name: used in protocols.
        entry: ``"module:Class"`` of its ``Segmenter``; ``"Class"`` if it is in the same file.
        title: name in tables.
        parameters: number of learned parameters with nine classes.
        licence: of the code that builds and trains it.
        recipe: model of the keys of its training, which stand in its protocols beside the others.
        version: raised whenever equal weights and protocol give other labels, or training other
            weights, so old results are redone.
        packages: distributions that make its labels; footers name their versions.
        warm: modules to import, or functions to call (``"module:function"``) that import, before
            it is built; a warm process does it once for many. They must not compute anything.
    """

    name: str
    entry: str
    title: str
    parameters: int
    licence: str
    recipe: type[Recipe] = Recipe
    version: int = 1
    packages: tuple[str, ...] = ()
    warm: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        demand_options(f"segmenter {self.name!r}: recipe", self.recipe, Recipe)


class Segmenter(ABC):
    """A network that gives every pixel a class. Cheap to create.

    Args:
        protocol: names the network, its classes (the class id is the position) and its training.
    """

    def __init__(self, protocol: SegmenterSettings) -> None:
        self.protocol = protocol

    @abstractmethod
    def fit(
        self, train: Sequence[Sample], seed: int, folder: Path, log: Path, progress: Progress
    ) -> Path:
        """Train, and write a checkpoint (safetensors, with a JSON beside it).

        The same samples, protocol, seed and thread count give the same weights, also when the
        process was killed in between and ``fit`` is called again on the same folder.

        Args:
            train: samples, read when indexed.
            folder: takes the checkpoint, and what is needed to go on after a crash.
            log: file that takes the messages of libraries.
            progress: called with (done, total, what) now and then.

        Returns:
            Path of the checkpoint, inside ``folder``.
        """

    def check_initial(self) -> None:  # noqa: B027 - optional
        """Read the protocol's initial weights as ``fit`` would, without training.

        Raises:
            UserError: the file cannot be read, or training cannot start from it.
        """

    @abstractmethod
    def load(self, checkpoint: Path) -> None:
        """Get ready to predict with what ``fit`` returned, or with the initial weights as is."""

    @abstractmethod
    def predict(self, rgb: np.ndarray) -> np.ndarray:
        """Class ids, uint8 [H, W], of an RGB image, uint8 [H, W, 3]; one scale, nothing ignored."""


SEGMENTERS: Registry[SegmenterSpec] = Registry(
    "segmenter",
    "ivif_bench.tasks.segmentation.segmenters",
    "ivif_bench.segmenters",
    base=Segmenter,
)
