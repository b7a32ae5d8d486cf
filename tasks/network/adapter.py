"""What a task with a trained network adds: truth, kept predictions, scores, lines of the footer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ivif_bench.data.base import Dataset
from ivif_bench.task import Workspace
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.types import Pair, Record, Unit


class TaskAdapter(ABC):
    """What differs between tasks; ``protocol`` is always of the class that it names."""

    protocol: ClassVar[type[NetworkProtocol]]
    # Raised whenever the same inputs give other numbers, so that old results are computed again.
    version: ClassVar[int]
    # Raised whenever the same inputs give other weights; a change of scoring trains nothing again.
    training_version: ClassVar[int]
    # Distributions that the numbers come from, beside those of the network.
    judges: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def truth_file(self, pair: Pair) -> Path | None:
        """The file that ``target`` reads for a pair; it is part of every key."""

    @abstractmethod
    def check_truth(self, protocol: Any, dataset: Dataset, pairs: Sequence[Pair]) -> None:
        """Refuse a dataset whose classes or whose labels of these pairs do not fit the protocol.

        Raises:
            UserError: naming the classes or stems.
        """

    @abstractmethod
    def check_classes(self, protocol: Any, known: tuple[str, ...]) -> None:
        """Refuse weights that do not know every class that is scored.

        Raises:
            UserError: naming the classes.
        """

    @abstractmethod
    def target(self, protocol: Any, dataset: Dataset, pair: Pair, image: np.ndarray) -> Any:
        """What a network learns to predict on the image of a pair."""

    @abstractmethod
    def keep(self, protocol: Any, folder: Path, stem: str, prediction: Any) -> Any:
        """Keep a prediction: files in ``folder`` if it needs any, and the JSON values returned.

        Files are named relative to ``folder``: another machine may score them, in a folder of its own.
        """

    @abstractmethod
    def score(
        self, protocol: Any, unit: Unit, kept: Mapping[str, Any], dataset: Dataset, space: Workspace
    ) -> list[Record]:
        """Score the kept predictions of all test images; ``space.shared`` takes what users may want."""

    @abstractmethod
    def metrics(self, protocol: Any, pairs: Sequence[Pair]) -> list[str]:
        """Metric names in the order of columns."""

    @abstractmethod
    def scorer(self, protocol: Any) -> str:
        """Who computes the metrics, and how: a line under the table."""

    def check_weights(  # noqa: B027 - optional
        self, weights: Path, layout: str, test: Sequence[Pair]
    ) -> None:
        """Refuse weights, to judge with or to start from, that have seen images of the test.

        Args:
            layout: of the dataset.

        Raises:
            UserError: naming the first stems.
        """

    def direction(self, metric: str) -> str:
        """``up`` if more of a metric is better, else ``down``."""
        return "up"

    def warnings(self, protocol: Any) -> list[str]:
        """Sentences that the caption must carry."""
        return []

    def files_read(self, pair: Pair, fused: Path) -> list[Path]:
        """Files that are read to see the fused image of a pair, in the order of published keys."""
        return [pair.visible, pair.infrared, fused]
