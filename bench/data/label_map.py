"""Label images whose values or colours are not the class ids that a protocol has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivif_bench.errors import UserError

IGNORED = 255
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")

Value = int | str
"""What a class is in the files: a number from 0 to 255, or a colour such as ``#ff8000``."""


@dataclass(frozen=True)
class LabelMap:
    """Class ids by value or colour of the files.

    Attributes:
        names: of the classes; their position is the class id.
        ids: value, or colour as 0xRRGGBB, to class id; ``IGNORED`` where nothing is judged.
        colours: whether the files are colour pictures.
        other: class id of values that belong to no class; None to refuse them.
        advice: what to do about such a value.
    """

    names: tuple[str, ...]
    ids: Mapping[int, int]
    colours: bool
    other: int | None = None
    advice: str = "add it to mask_classes, or to mask_ignore if it is not judged"

    def read(self, path: Path) -> np.ndarray:
        """The class ids of a label image, uint8 [H, W]; value 255 of a file without colours is ignored.

        Raises:
            UserError: unreadable, or a value that belongs to no class; names the file.
        """
        from ivif_bench.data.images import read_labels, read_rgb

        if self.colours:
            rgb = read_rgb(path).astype(np.int32)
            stored = (rgb[:, :, 0] << 16) | (rgb[:, :, 1] << 8) | rgb[:, :, 2]
        else:
            stored = read_labels(path).astype(np.int32)
        values, index = np.unique(stored, return_inverse=True)
        known = self.ids if self.colours else {IGNORED: IGNORED, **self.ids}
        unknown = [value for value in values.tolist() if value not in known]
        if unknown and self.other is None:
            raise UserError(f"{path}: {self._said(unknown[0])} belongs to no class; {self.advice}")
        table = np.array([known.get(value, self.other) for value in values.tolist()], np.uint8)
        labels: np.ndarray = table[index.reshape(stored.shape)]
        return labels

    def _said(self, value: int) -> str:
        return f"colour #{value:06x}" if self.colours else f"value {value}"


def label_map(
    classes: Mapping[str, Value | Sequence[Value]], ignored: Sequence[Value] = ()
) -> LabelMap:
    """A map from what a user wrote.

    Args:
        classes: name to a value or a colour, or to several.
        ignored: values or colours that are not judged.

    Raises:
        ValueError: a value out of range, colours beside numbers, or a value of two classes.
    """
    ids: dict[int, int] = {}
    owner: dict[int, str] = {}
    kinds = set()
    rows = [*enumerate(classes.items()), (IGNORED, ("mask_ignore", ignored))]
    for number, (name, given) in rows:
        values = [given] if isinstance(given, int | str) else list(given)
        if not values and number != IGNORED:
            raise ValueError(f"class {name!r} has no value")
        for value in values:
            stored, colour = _stored(name, value)
            if stored in owner:
                raise ValueError(f"{value!r} belongs to {owner[stored]!r} and to {name!r}")
            ids[stored], owner[stored] = number, name
            kinds.add(colour)
    if len(kinds) > 1:
        raise ValueError("numbers and colours in one set of label images")
    if not 0 < len(classes) <= IGNORED:
        raise ValueError(f"expected 1 to {IGNORED} classes")
    return LabelMap(tuple(classes), ids, kinds == {True})


def _stored(name: str, value: Value) -> tuple[int, bool]:
    """A value as ``LabelMap.ids`` has it, and whether it is a colour."""
    if isinstance(value, str):
        if not _COLOUR.fullmatch(value):
            raise ValueError(f"{name}: {value!r} is no colour such as '#ff8000'")
        return int(value[1:], 16), True
    if isinstance(value, bool) or not 0 <= value <= 255:
        raise ValueError(f"{name}: {value!r} is no value from 0 to 255")
    return value, False
