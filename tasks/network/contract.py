"""The contract of a network: what it declares, how it is trained and asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ivif_bench.options import demand_options
from ivif_bench.recipe import Recipe
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.types import Progress


class _Sample(NamedTuple):
    stem: str
    image: np.ndarray
    target: Any


class Sample(_Sample):
    """A training image: the tuple (stem, image, target), and where it is.

    Attributes:
        stem: its name.
        image: RGB uint8 [H, W, 3].
        target: what the task predicts.
        path: a PNG with these pixels, which may be linked or read, and stays until the training
            ends; None if there is none.
    """

    path: Path | None

    def __new__(cls, stem: str, image: np.ndarray, target: Any, path: Path | None = None) -> Sample:
        made = super().__new__(cls, stem, image, target)
        made.path = path
        return made


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """What is known of a network before it is loaded.

    Attributes:
        name: used in protocols, such as ``yolov5x``.
        entry: ``"module:Class"`` of its adapter; ``"Class"`` if it is in the same file.
        title: name in tables; if two networks go by one name, it says which this is.
        parameters: number of learned parameters (detectors: with 80 classes; segmenters: with 9); 0
            where a user's file decides it.
        licence: of the code and of the weights.
        family: networks that take the same recipe; its own name if left out.
        modes: protocol modes that it can be used in.
        checkpoints: weights that can be judged after a training; ``best`` needs a validation part.
        inference: model of the options that predictions depend on, in every mode.
        training: model of the options of its training; None if it cannot be trained.
        version: raised whenever equal weights and protocol give other predictions, or training
            gives other weights, so that old results are computed again.
        training_version: raised instead where only training gives other weights: results of weights
            that are not trained here stay valid.
        packages: distributions that its predictions come from; footers name their versions.
        warm: modules to import, or functions to call (``"module:function"``) that import, before
            it is built; a warm process does it once for many. They must not compute anything.
    """

    name: str
    entry: str
    title: str
    parameters: int
    licence: str
    family: str = ""
    modes: tuple[str, ...] = ("retrain", "frozen")
    checkpoints: tuple[str, ...] = ("last",)
    inference: type[Recipe] = Recipe
    training: type[Recipe] | None = Recipe
    version: int = 1
    training_version: int = 1
    packages: tuple[str, ...] = ()
    warm: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "family", self.family or self.name)
        demand_options(f"network {self.name!r}: inference", self.inference, Recipe)
        if self.training is not None:
            demand_options(f"network {self.name!r}: training", self.training, Recipe)


class Network(ABC):
    """An adapter: trains a network and predicts with it; scoring is left to the task. Cheap to create.

    Args:
        name: its registered name; one class may serve several networks of a family.
        protocol: classes, ``inference`` and ``training`` options, ``transfer``.
        device: ``cpu`` or ``cuda``.
        threads: CPU threads; sums depend on it in their last bits.
        workers: processes that prepare training images, where a network has any; no number
            depends on it.
    """

    protocol: NetworkProtocol

    def __init__(
        self,
        name: str,
        protocol: NetworkProtocol,
        device: str = "cpu",
        threads: int = 1,
        workers: int = 0,
    ) -> None:
        self.name = name
        self.protocol = protocol
        self.device = device
        self.threads = threads
        self.workers = workers

    @abstractmethod
    def fit(
        self,
        train: Sequence[Sample],
        seed: int,
        folder: Path,
        log: Path,
        initial: Path | None,
        progress: Progress,
    ) -> Path:
        """Train, and write a checkpoint of the last step (safetensors) into ``folder``.

        Equal samples, protocol, seed and thread count give equal weights, also when the process was
        killed and ``fit`` is called again on the same folder.

        Args:
            train: samples in the protocol's colour; they are read when they are indexed, so a
                training set need not fit into memory.
            seed: decides initialisation, order and augmentation.
            folder: takes the checkpoint, and what is needed to resume after a crash.
            log: file that takes the messages of libraries.
            initial: weights to start from; None for random ones.
            progress: called with (done, total, "training").

        Returns:
            Path of the checkpoint.

        Raises:
            UserError: the network cannot be trained, or the initial weights do not fit.
        """

    def check_initial(self, weights: Path | None) -> None:  # noqa: B027 - optional
        """Read initial weights as ``fit`` would, without training.

        Raises:
            UserError: the file cannot be read, or training cannot start from it.
        """

    @abstractmethod
    def load(self, checkpoint: Path) -> tuple[str, ...]:
        """Load what ``fit`` returned, or weights as they are; returns their class names, in order.

        Raises:
            UserError: the file is no checkpoint of this network, or holds anything but weights.
        """

    @abstractmethod
    def predict(self, image: np.ndarray) -> Any:
        """Predict on one RGB image, uint8 [H, W, 3], of any size; the task says what is returned."""
