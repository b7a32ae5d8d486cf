"""Base of all layouts: pairs found by stem in two folders, with boxes and masks.

A layout defines its folders; listing, pairing, tags and class checks are here.
"""

from __future__ import annotations

import difflib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from ivif_bench.data.base import Dataset, Scan
from ivif_bench.data.patterns import Pattern
from ivif_bench.data.split_lists import read_list
from ivif_bench.errors import UserError, first_few
from ivif_bench.options import NO_OPTIONS, Names, Options
from ivif_bench.types import Boxes, Pair


@dataclass(frozen=True, slots=True)
class PairFolders:
    """Folders that belong together.

    Attributes:
        infrared, visible: image folders.
        part: official part they hold (``train``, ``test``), empty if the layout has none.
        annotations: folder with a file ``<stem><suffix>`` per pair, or one file for all pairs.
        suffix: what follows the stem in names of annotation files, with the dot.
        masks: folder with a PNG of class ids per pair.
        mask_suffix: what follows the stem in their names.
        infrared_names, visible_names: form of the names of images; None if a stem is the whole name.
        prefix: put before every stem, where several folders use the same file names; names of
            annotations and masks are without it.
        chosen: names, without the prefix, of the only pairs to use; None for all.
    """

    infrared: Path
    visible: Path
    part: str = ""
    annotations: Path | None = None
    suffix: str = ".xml"
    masks: Path | None = None
    mask_suffix: str = ".png"
    infrared_names: Pattern | None = None
    visible_names: Pattern | None = None
    prefix: str = ""
    chosen: frozenset[str] | None = None


class BoxOptions(Options):
    """Options of layouts with boxes."""

    ignore_classes: Names = Field(
        (), description="class names whose boxes are left out, such as [dog]"
    )
    rename_classes: dict[str, str] = Field(
        default_factory=dict,
        description="names in the annotations to names of the dataset, such as {Person: person}",
    )
    unlabelled: Literal["error", "background"] = Field(
        "error",
        description="what an image without an annotation file is: a mistake, or an image without "
        "objects",
    )


class CornerOptions(BoxOptions):
    """Options of layouts whose annotations give corners in pixels."""

    corner_origin: int = Field(
        0,
        ge=0,
        le=1,
        description="coordinate of the first pixel in the annotations; corners are shifted by it",
    )


class PairedFolders(Dataset):
    """A dataset whose pairs are images of equal stem in two folders.

    Args:
        root: the folder that holds the layout.
        name: name in the run.
        options: as the layout's model has them.

    Raises:
        UserError: missing folders (naming those looked for).
    """

    def __init__(self, root: Path, name: str, options: Options = NO_OPTIONS) -> None:
        super().__init__(root, name, options)
        given = options if isinstance(options, BoxOptions) else BoxOptions()
        self.ignored = given.ignore_classes
        self.renamed = given.rename_classes
        self.background = given.unlabelled == "background"
        self.folders = tuple(self._find_folders())

    @abstractmethod
    def _find_folders(self) -> Sequence[PairFolders]:
        """The folders of this layout under ``root``; use ``locate`` so that errors are alike."""

    def read_boxes(self, pair: Pair, path: Path) -> Boxes:
        """Boxes of a pair as its annotation file has them: class names unchecked, none left out."""
        raise UserError(f"dataset {self.name!r} has no boxes")

    def tags_of(self, stem: str) -> tuple[str, ...]:
        """Conditions of a pair."""
        return ()

    # What layouts use to find their folders.

    def locate(
        self, choices: Sequence[tuple[str, str]], inside: Sequence[str] = (".",)
    ) -> tuple[Path, Path] | None:
        """The first (infrared, visible) folder pair that exists under ``root``, or None."""
        for base in inside:
            for infrared, visible in choices:
                found = self.root / base / infrared, self.root / base / visible
                if all(folder.is_dir() for folder in found):
                    return found
        return None

    def demand(
        self, choices: Sequence[tuple[str, str]], inside: Sequence[str] = (".",)
    ) -> tuple[Path, Path]:
        """``locate`` that raises, naming the folders that were looked for."""
        found = self.locate(choices, inside)
        if found is None:
            raise self.no_folders(choices, inside)
        return found

    def no_folders(
        self, choices: Sequence[tuple[str, str]], inside: Sequence[str] = (".",)
    ) -> UserError:
        """The error for a root without the folders of the layout."""
        wanted = " or ".join(f"{infrared} with {visible}" for infrared, visible in choices)
        below = [base for base in inside if base != "."]
        where = f"{self.root} or in its {', '.join(below)}" if below else f"{self.root}"
        return UserError(
            f"dataset {self.name!r}: looked for folders {wanted} in {where} and found none; "
            "give the folder that holds them as root"
        )

    # The contract of a dataset.

    @cached_property
    def scan(self) -> Scan:
        """List the folders; no file is opened and nothing is an error yet."""
        pairs: dict[str, Pair] = {}
        no_infrared: list[str] = []
        no_visible: list[str] = []
        twice: list[str] = []
        orphans: list[str] = []
        parts: dict[str, tuple[str, ...]] = {}
        for folders in self.folders:
            infrared = _images(folders.infrared, folders.infrared_names, folders)
            visible = _images(folders.visible, folders.visible_names, folders)
            no_infrared += visible.keys() - infrared.keys()
            no_visible += infrared.keys() - visible.keys()
            both = sorted(infrared.keys() & visible.keys())
            twice += [stem for stem in both if stem in pairs]
            parts[folders.part] = (*parts.get(folders.part, ()), *both)
            orphans += _orphans(folders, infrared.keys() | visible.keys())
            for stem in both:
                pairs[stem] = self._pair(stem, infrared[stem], visible[stem], folders)
        return Scan(
            pairs=tuple(pairs[stem] for stem in sorted(pairs)),
            no_infrared=tuple(sorted(no_infrared)),
            no_visible=tuple(sorted(no_visible)),
            twice=tuple(sorted(twice)),
            orphans=tuple(orphans),
            parts=parts,
        )

    def _pair(self, stem: str, infrared: Path, visible: Path, folders: PairFolders) -> Pair:
        annotation, name = folders.annotations, stem.removeprefix(folders.prefix)
        if annotation is not None and annotation.suffix != ".json":
            annotation = annotation / f"{name}{folders.suffix}"
            if self.background and not annotation.exists():
                annotation = None
        mask = folders.masks and folders.masks / f"{name}{folders.mask_suffix}"
        return Pair(self.name, stem, infrared, visible, annotation, mask, tags=self.tags_of(stem))

    def _read_pairs(self) -> tuple[Pair, ...]:
        scan = self.scan
        for stems, side in ((scan.no_infrared, "infrared"), (scan.no_visible, "visible")):
            if stems:
                raise UserError(
                    f"dataset {self.name!r} at {self.root}: no {side} image for "
                    f"{first_few(stems)}; complete the download or remove the other side"
                    f"{self.advice_on_names()}"
                )
        if scan.twice:
            raise UserError(
                f"dataset {self.name!r} at {self.root}: stems in more than one part: "
                f"{first_few(scan.twice)}; results would be measured on training images"
            )
        if not scan.pairs:
            raise UserError(
                f"dataset {self.name!r}: no images in {self.folders[0].infrared}; "
                "complete the download"
            )
        return scan.pairs

    def advice_on_names(self) -> str:
        """How to pair images whose names differ by a constant part, for an error; may be empty."""
        return ""

    def official_splits(self) -> Mapping[str, tuple[str, ...]]:
        """The stems of the folders named as parts."""
        return {part: stems for part, stems in self.scan.parts.items() if part}

    def boxes(self, pair: Pair) -> Boxes:
        """Ground-truth boxes of a pair, by class name; ``ignore_classes`` are left out.

        Raises:
            UserError: no or broken annotation, or a class that the dataset does not have.
        """
        found = self.all_boxes(pair)
        unknown = sorted(set(found.classes) - {*self.detection_classes, *self.ignored})
        if unknown:
            raise UserError(
                f"{pair.annotation}: unknown class {unknown[0]!r} (known: "
                f"{', '.join(self.detection_classes)}); {remedy(unknown, self.detection_classes)}"
            )
        return found.take([i for i, name in enumerate(found.classes) if name not in self.ignored])

    def mask(self, pair: Pair) -> np.ndarray:
        """Label image of a pair, uint8 [H, W]: class ids, 255 where nothing is to be judged.

        Raises:
            UserError: no or unreadable file, or a value that is not a class id.
        """
        labels = self.stored_mask(pair)
        count = len(self.segmentation_classes)
        wrong = np.unique(labels[(labels >= count) & (labels != 255)])
        if wrong.size:
            raise UserError(
                f"{pair.mask}: label value {wrong[0]} is not a class id (0..{count - 1}, 255 is "
                "ignored); is it a colour or a 0/255 picture?"
            )
        return labels

    def all_boxes(self, pair: Pair) -> Boxes:
        """Boxes of a pair as its annotation file has them, but for names that are to be changed."""
        if pair.annotation is None:
            if self.background and self.detection_classes:
                return Boxes(np.zeros((0, 4)), ())
            raise UserError(f"dataset {self.name!r}: {pair.stem} has no boxes")
        try:
            found = self.read_boxes(pair, pair.annotation)
        except UserError as problem:
            if pair.annotation.exists():
                raise
            raise UserError(
                f"{problem}; if images without such a file have no objects, set the dataset option "
                "unlabelled: background"
            ) from problem
        return replace(found, classes=tuple(self.renamed.get(name, name) for name in found.classes))


def remedy(unknown: Sequence[str], known: Sequence[str]) -> str:
    """What to do about class names that a dataset does not know: rename near ones, or leave out."""
    lower = {name.lower(): name for name in known}
    near = {
        name: lower[found[0]]
        for name in unknown
        if (found := difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.6))
    }
    rename = ""
    if near:
        renamed = ", ".join(f"{name}: {target}" for name, target in near.items())
        rename = (
            f"did you mean {' or '.join(map(repr, dict.fromkeys(near.values())))}? Set the dataset "
            f"option rename_classes: {{{renamed}}}; "
        )
    return f"{rename}to leave such boxes out set the dataset option ignore_classes: [{', '.join(unknown)}]"


def _images(folder: Path, names: Pattern | None, folders: PairFolders) -> dict[str, Path]:
    """Image files of one side by stem."""
    from ivif_bench.data.images import images_in

    found = images_in(folder) if names is None else names.files()
    return {
        f"{folders.prefix}{name}": path
        for name, path in found.items()
        if folders.chosen is None or name in folders.chosen
    }


def _orphans(folders: PairFolders, stems: set[str]) -> list[str]:
    """Annotation and mask files whose images are both missing; none where only some are used."""
    found: list[str] = []
    if folders.chosen is not None:
        return found
    labels = ((folders.annotations, folders.suffix), (folders.masks, folders.mask_suffix))
    for folder, suffix in labels:
        if folder is not None and folder.is_dir():
            names = sorted(path.name for path in folder.glob(f"*{suffix}"))
            alone = [
                name for name in names if folders.prefix + name.removesuffix(suffix) not in stems
            ]
            found += [f"{folder.name}/{name}" for name in alone]
    return found


def lists_in(folder: Path) -> dict[str, tuple[str, ...]]:
    """The lists ``train.txt``, ``val.txt``, ``test.txt`` and ``pred.txt`` of a folder, if any."""
    paths = {part: folder / f"{part}.txt" for part in ("train", "val", "test", "pred")}
    return {part: read_list(path) for part, path in paths.items() if path.exists()}


def voc_palette(count: int) -> tuple[tuple[int, int, int], ...]:
    """Distinct colours for class ids: Pascal VOC's map, the bits of the id spread over RGB."""
    colours = []
    for index in range(count):
        channels = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                channels[channel] |= (index >> (3 * bit + channel) & 1) << (7 - bit)
        colours.append((channels[0], channels[1], channels[2]))
    return tuple(colours)
