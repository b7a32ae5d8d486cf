"""The contract of a dataset: pairs, boxes, masks, official splits and an audit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.errors import UserError, first_few
from ivif_bench.registry import Registry
from ivif_bench.types import Boxes, DatasetRef, Pair

if TYPE_CHECKING:
    from ivif_bench.data.splits import Split


@dataclass(frozen=True, slots=True)
class LayoutSpec:
    """What is known of a dataset layout before anything is read.

    Attributes:
        name: used in configurations and on the command line, such as ``m3fd``.
        entry: ``"module:Class"`` of its ``Dataset``.
        title: name in tables and captions, such as ``M3FD``.
        summary: one line for ``ivif-bench list datasets``.
        source: paper or repository that published it.
        terms: what its owners say of its use.
    """

    name: str
    entry: str
    title: str
    summary: str
    source: str
    terms: str


class Dataset(ABC):
    """Pairs of one dataset on disk. Cheap to create; files are read when asked for.

    Args:
        root: the folder that holds the official layout.
        name: name in the run; defaults to the layout's name.
        **options: layout-specific settings; each layout names its own and refuses others.
    """

    detection_classes: tuple[str, ...] = ()
    segmentation_classes: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int], ...] = ()

    def __init__(self, root: Path, name: str) -> None:
        self.root = Path(root)
        self.name = name
        if not self.root.is_dir():
            raise UserError(f"dataset {name!r}: no such folder: {self.root}")

    @abstractmethod
    def _read_pairs(self) -> tuple[Pair, ...]:
        """All complete pairs, sorted by stem; a stem with one side only is an error."""

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs, sorted by stem."""
        return self._read_pairs()

    @cached_property
    def by_stem(self) -> Mapping[str, Pair]:
        """Pairs by stem."""
        return {pair.stem: pair for pair in self.pairs}

    def select(self, stems: tuple[str, ...]) -> tuple[Pair, ...]:
        """The pairs of these stems, in their order.

        Raises:
            UserError: some stems are not in the dataset; the message names them.
        """
        absent = [stem for stem in stems if stem not in self.by_stem]
        if absent:
            raise UserError(f"dataset {self.name!r} at {self.root} lacks stems {first_few(absent)}")
        return tuple(self.by_stem[stem] for stem in stems)

    def official_splits(self) -> Mapping[str, tuple[str, ...]]:
        """Parts that the layout itself defines (folders or lists), such as train and test; may be empty."""
        return {}

    def boxes(self, pair: Pair) -> Boxes:
        """Ground-truth boxes of a pair, by class name."""
        raise UserError(f"dataset {self.name!r} has no boxes")

    def mask(self, pair: Pair) -> np.ndarray:
        """Label image of a pair, uint8 [H, W] class ids."""
        raise UserError(f"dataset {self.name!r} has no segmentation labels")

    def audit(self, split: Split | None = None) -> Audit:
        """Check every file and count; the base checks pairs, sizes and readability.

        Args:
            split: also check its lists: overlap, and neighbours on both sides.
        """
        from ivif_bench.data.audit import audit_pairs

        return audit_pairs(self, split)


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        facts: lines for people: counts, sizes, class totals, hashes.
        warnings: oddities that are known or harmless, each with what to do.
        errors: defects that would falsify results; the command exits non-zero.
        data: the same as plain JSON values, for ``--json``.
    """

    facts: tuple[str, ...]
    warnings: tuple[str, ...]
    errors: tuple[str, ...]
    data: Mapping[str, Any]


LAYOUTS: Registry[LayoutSpec] = Registry(
    "dataset layout", "ivif_bench.data.layouts", "ivif_bench.datasets"
)


def open_dataset(layout: str, root: Path, name: str | None = None, **options: Any) -> Dataset:
    """Open a dataset by the registered name of its layout."""
    dataset: Dataset = LAYOUTS.load(layout)(Path(root), name or layout, **options)
    return dataset


def open_ref(ref: DatasetRef) -> Dataset:
    """Open the dataset that a reference describes."""
    return open_dataset(ref.layout, Path(ref.root), ref.name, **ref.options)
