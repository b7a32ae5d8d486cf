"""The contract of a dataset: pairs, boxes, masks and official splits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ivif_bench.data.known import Known
from ivif_bench.errors import UserError, first_few
from ivif_bench.options import NO_OPTIONS, NoOptions, Options, demand_options
from ivif_bench.registry import Registry
from ivif_bench.types import Boxes, DatasetRef, Pair, Progress
from ivif_bench.validation import checked


@dataclass(frozen=True, slots=True)
class LayoutSpec:
    """Metadata of a dataset layout, available without reading files.

    Attributes:
        name: used in configurations and on the command line, such as ``m3fd``.
        entry: ``"module:Class"`` of its ``Dataset``; ``"Class"`` if it is in the same file.
        title: name in tables and captions, such as ``M3FD``.
        summary: one line for ``ivif-bench list datasets``.
        source: paper or repository that published it.
        terms: its owners' terms of use.
        archive: size of its download and where it lies beside ``source``, as others report them;
            empty if not known.
        bibtex: entry for a bibliography; empty if there is none.
        options: model of its settings; what a run gives is checked by it before anything is read.
    """

    name: str
    entry: str
    title: str
    summary: str
    source: str
    terms: str
    archive: str = ""
    bibtex: str = ""
    options: type[Options] = NoOptions

    def __post_init__(self) -> None:
        demand_options(f"layout {self.name!r}: options", self.options)


@dataclass(frozen=True, slots=True)
class Scan:
    """The content of a dataset's folders, complete or not.

    Attributes:
        pairs: complete pairs, sorted by stem.
        no_infrared, no_visible: stems that lack a side.
        twice: stems that occur in more than one part.
        orphans: annotations and masks without a pair, as ``folder/file``.
        parts: stems of the complete pairs by part.
    """

    pairs: tuple[Pair, ...]
    no_infrared: tuple[str, ...] = ()
    no_visible: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Dataset(ABC):
    """Pairs of one dataset on disk. Cheap to create; files are read on demand.

    Args:
        root: the folder that holds the official layout.
        name: name in the run; defaults to the layout's name.
        options: the layout's settings, checked by the model in its spec.
    """

    detection_classes: tuple[str, ...] = ()
    segmentation_classes: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int], ...] = ()
    known: ClassVar[Known | None] = None
    # Whether a pair without an annotation file is an image without objects, not an error.
    background: bool = False

    def __init__(self, root: Path, name: str, options: Options = NO_OPTIONS) -> None:
        self.root = Path(root)
        self.name = name
        self.options = options
        if not self.root.is_dir():
            raise UserError(f"dataset {name!r}: no such folder: {self.root}")

    @classmethod
    def complete(cls, root: Path, progress: Progress) -> str:
        """Write files that the layout reads and the download lacks; ``data prepare`` calls it first.

        Files that exist are kept, so a second call writes nothing.

        Returns:
            What was done, for the user; empty for nothing.
        """
        return ""

    @abstractmethod
    def _read_pairs(self) -> tuple[Pair, ...]:
        """All complete pairs, sorted by stem; a stem with one side only is an error."""

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs, sorted by stem."""
        return self._read_pairs()

    @cached_property
    def scan(self) -> Scan:
        """The files on disk, complete or not, for an audit."""
        return Scan(self.pairs)

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

    def stored_mask(self, pair: Pair) -> np.ndarray:
        """Label image of a pair before its values are checked, for an audit; uint8 [H, W]."""
        from ivif_bench.data.images import read_labels

        if pair.mask is None:
            raise UserError(f"dataset {self.name!r}: {pair.stem} has no segmentation labels")
        return read_labels(pair.mask)

    def all_boxes(self, pair: Pair) -> Boxes:
        """Boxes as the annotation has them: classes that the dataset does not know included."""
        return self.boxes(pair)

    def audit_totals(self, classes: Mapping[str, int]) -> tuple[str, ...]:
        """Errors that the number of boxes per class shows, for an audit; most layouts know none."""
        return ()


LAYOUTS: Registry[LayoutSpec] = Registry(
    "dataset layout", "ivif_bench.data.layouts", "ivif_bench.datasets", base=Dataset
)


def open_dataset(layout: str, root: Path, name: str | None = None, **options: Any) -> Dataset:
    """Open a dataset by the registered name of its layout.

    Raises:
        UserError: an unknown layout, a wrong option, or a folder that does not have the layout.
    """
    name = name or layout
    settings = checked(LAYOUTS.get(layout).options, options, f"{name}.options")
    dataset: Dataset = LAYOUTS.load(layout)(Path(root), name, settings)
    return dataset


def open_ref(ref: DatasetRef) -> Dataset:
    """Open the dataset that a reference describes."""
    return open_dataset(ref.layout, Path(ref.root), ref.name, **ref.options)
