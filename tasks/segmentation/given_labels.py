"""Label images that the user's own segmenter predicted: where they are, and what their values mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import cv2
import numpy as np
from pydantic import Field, model_validator

from ivif_bench.data.images import read_labels
from ivif_bench.data.label_map import IGNORED, LabelMap, label_map
from ivif_bench.data.patterns import images_at
from ivif_bench.errors import UserError, first_few
from ivif_bench.options import Names, Options
from ivif_bench.store import key_of

_Value = int | str
Palette = Sequence[tuple[int, int, int]]


class GivenLabels(Options):
    """Where predicted label images are, and what their values mean."""

    files: str = Field(
        min_length=1,
        description="folder of label images, named as the stem, or a pattern of their names such as "
        "out/{stem}_pred.png",
    )
    classes: Names | dict[str, _Value | list[_Value]] | Literal["palette"] = Field(
        (),
        description="names of the values 0, 1, 2, ...; or a mapping from each name to its value or "
        "values, or to its colours such as '#ff8000'; or palette: the dataset's colours. By default "
        "the values are the class ids of the protocol",
        json_schema_extra={"allowed": "list: text, mapping to numbers or colours, or palette"},
    )
    ignore: list[_Value] = Field(
        default_factory=list,
        description="values or colours that are no class: predictions of void, as 255 always is",
        json_schema_extra={"allowed": "list: integer, 0 to 255, or colour"},
    )
    other: str | None = Field(
        None,
        description="class that all other values or colours count as, such as unlabelled; without it "
        "they are an error",
    )
    resize: bool = Field(
        False, description="bring images of another size to that of the truth, by nearest neighbour"
    )
    missing: Literal["refuse", "allow"] = Field(
        "refuse",
        description="judged images without a label image: an error; or left out, and the row stands in "
        "a table of its own",
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        if not self.classes and (self.ignore or self.other):
            raise ValueError("ignore and other need classes")
        return self


@dataclass(frozen=True)
class LabelReader:
    """Reads given label images as class ids of a protocol.

    Attributes:
        files: label image by stem.
        values: class ids by value or colour; None if the values are the class ids.
        ids: class id of the protocol for each id of ``values``.
        classes, ignore_index: of the protocol.
    """

    given: GivenLabels
    files: dict[str, Path]
    values: LabelMap | None
    ids: np.ndarray
    classes: tuple[str, ...]
    ignore_index: int

    def read(self, stem: str, size: tuple[int, int] | None) -> np.ndarray:
        """Class ids of a stem, or ``ignore_index``; uint8 [H, W].

        Args:
            size: height and width of the truth; None if any will do.

        Raises:
            UserError: unreadable, a value that is no class, or another size; names the file.
        """
        path = self.files[stem]
        if self.values is None:
            labels = read_labels(path)
            if (
                wrong := labels[(labels >= len(self.classes)) & (labels != self.ignore_index)]
            ).size:
                raise UserError(
                    f"{path}: value {int(wrong.min())} on {wrong.size} pixels; the classes are "
                    f"0..{len(self.classes) - 1} and {self.ignore_index} is void; give the names of "
                    "its values by the option classes"
                )
        else:
            labels = self.ids[self.values.read(path)]
        if size is None or labels.shape == size:
            return labels
        if not self.given.resize:
            raise UserError(
                f"{path}: {labels.shape[1]}x{labels.shape[0]} pixels, the truth of {stem!r} has "
                f"{size[1]}x{size[0]}; set resize to bring it there by nearest neighbour"
            )
        resized: np.ndarray = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        return resized

    def lacking(self, stems: Sequence[str]) -> tuple[str, ...]:
        """Judged images without a label image.

        Raises:
            UserError: there are some and ``missing`` refuses that, or none is there.
        """
        gone = tuple(stem for stem in stems if stem not in self.files)
        if len(gone) == len(stems):
            raise UserError(
                f"{self.given.files}: no label image of a judged image, such as "
                f"{first_few(tuple(stems), 1)}; it has {first_few(list(self.files)) or 'none at all'}"
            )
        if gone and self.given.missing == "refuse":
            raise UserError(
                f"{self.given.files}: no label images of {len(gone)} of {len(stems)} images "
                f"({first_few(gone)}); missing: allow judges the others alone"
            )
        return gone

    def digest(self, stems: Sequence[str], fingerprint: Callable[[Path], str]) -> str:
        """Hash over the stems and the contents of their label images."""
        return key_of([[stem, fingerprint(self.files[stem])] for stem in stems])

    def said(self, count: int) -> str:
        """The files and what is done to them, for the lines under a table."""
        given = self.given
        parts = [f"{count} label images in {Path(given.files).name}"]
        if self.values is not None:
            known = {self.classes[at] for at in self.ids if at < len(self.classes)}
            if lacking := [name for name in self.classes if name not in known]:
                parts.append(f"it has no class {', '.join(lacking)}")
        if given.other:
            parts.append(f"all other values count as {given.other}")
        if given.resize:
            parts.append("resized by nearest neighbour where sizes differ")
        return "; ".join(parts)


def label_reader(
    given: GivenLabels, classes: Sequence[str], ignore_index: int, palette: Palette = ()
) -> LabelReader:
    """Find label images and check what their values mean; reads no image.

    Args:
        classes: of the protocol, in the order of their ids.
        palette: the dataset's colours, in the same order; for ``classes: palette``.

    Raises:
        UserError: no such folder, or classes that do not fit.
    """
    values, ids = None, np.zeros(0, np.uint8)
    if given.classes:
        values, ids = _map(given, tuple(classes), ignore_index, palette)
    return LabelReader(given, images_at(given.files), values, ids, tuple(classes), ignore_index)


def _map(
    given: GivenLabels, classes: tuple[str, ...], ignore_index: int, palette: Palette
) -> tuple[LabelMap, np.ndarray]:
    where = given.files
    if given.classes == "palette":
        if len(palette) != len(classes):
            raise UserError(f"{where}: classes: palette: the dataset has no colours of its classes")
        named: dict[str, _Value | list[_Value]] = {
            name: f"#{red:02x}{green:02x}{blue:02x}"
            for name, (red, green, blue) in zip(classes, palette, strict=True)
        }
    elif isinstance(given.classes, dict):
        named = dict(given.classes)
    else:
        named = {str(name): at for at, name in enumerate(given.classes)}
        if len(named) < len(given.classes):
            raise UserError(f"{where}: classes: one of them is named twice")
    for name in (*named, *filter(None, [given.other])):
        if name not in classes:
            raise UserError(
                f"{where}: {name!r} is no class of the protocol; it has {', '.join(classes)}"
            )
    try:
        found = label_map(named, given.ignore)
    except ValueError as problem:
        raise UserError(f"{where}: classes: {problem}") from problem
    advice = "add it to classes, to ignore if it is void, or set other"
    ids = np.full(256, ignore_index, np.uint8)
    ids[: len(named)] = [classes.index(name) for name in named]
    other = None
    if given.other is not None:
        other = len(named)  # an id behind those of the map, so that a class may be named in both
        ids[other] = classes.index(given.other)
        if other >= IGNORED:
            raise UserError(f"{where}: too many classes")
    return replace(found, other=other, advice=advice), ids
