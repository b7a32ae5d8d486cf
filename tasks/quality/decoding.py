"""One stem with its files, and decoded with notes for readers of the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivif_bench.data.pictures import Picture, read_picture
from ivif_bench.data.sides import refuse_equal_pixels, refuse_unequal_sizes, unequal_sizes
from ivif_bench.errors import UserError
from ivif_bench.tasks.quality.engine import Evaluator
from ivif_bench.tasks.quality.reading import stretched

_ONE_SIZE = "metrics need one size, nothing is resized"


@dataclass(frozen=True, slots=True)
class ImageGroup:
    """One stem: source files, and the fused files by method.

    Attributes:
        sources: infrared and visible; empty for metrics that need neither.
    """

    stem: str
    sources: tuple[Path, Path] | tuple[()]
    fused: Mapping[str, Path]

    @property
    def files(self) -> list[Path]:
        """Every file, sources first."""
        return [*self.sources, *self.fused.values()]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A fused image with its sources, decoded, as ``Evaluator.measure`` takes them."""

    infrared: np.ndarray
    visible: np.ndarray
    fused: np.ndarray
    notes: tuple[str, ...]
    kinds: Mapping[str, str]

    @property
    def images(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Infrared, visible, fused."""
        return self.infrared, self.visible, self.fused


def check_headers(groups: Sequence[ImageGroup]) -> None:
    """Refuse sizes that differ, by the headers of all files, before the first image is scored.

    Raises:
        UserError: names the stem, the fused file and the sizes.
    """
    for group in groups:
        sources = dict(zip(("infrared", "visible"), group.sources, strict=False))
        for path in group.fused.values():
            where = f"{group.stem!r} ({path})"
            refuse_unequal_sizes(where, {**sources, "fused": path}, _ONE_SIZE)


def load(group: ImageGroup, evaluator: Evaluator, data: Sequence[bytes]) -> dict[str, Loaded]:
    """Decode one stem; each source once, whatever the number of methods."""
    pictures = [
        read_picture(path, content) for path, content in zip(group.files, data, strict=True)
    ]
    given = dict(zip(("infrared", "visible"), pictures, strict=False)) if group.sources else {}
    if group.sources:
        infrared, visible = given.values()
        refuse_equal_pixels(f"stem {group.stem!r}", group.sources, infrared.pixels, visible.pixels)
    sources = {name: evaluator.prepare(picture.pixels) for name, picture in given.items()}
    notes = [
        note
        for index, (name, picture) in enumerate(given.items())
        for note in _notes(name, picture, sources[name], dict(list(sources.items())[:index]))
    ]
    found = {}
    for (method, path), picture in zip(group.fused.items(), pictures[len(given) :], strict=True):
        levels = stretched(picture.pixels) if evaluator.stretch else picture.pixels
        pixels = evaluator.prepare(levels)
        _check_sizes(group.stem, path, {**sources, "fused": pixels})
        found[method] = Loaded(
            sources.get("infrared", pixels),  # without sources no metric looks at them
            sources.get("visible", pixels),
            pixels,
            (*notes, *_notes("fused", picture, pixels, sources)),
            {name: picture.kind for name, picture in (*given.items(), ("fused", picture))},
        )
    return found


def _notes(
    side: str, picture: Picture, pixels: np.ndarray, others: Mapping[str, np.ndarray]
) -> list[str]:
    """Notes on one image for readers of the numbers: how it was read, and if it is constant."""
    notes = list(picture.notes)
    if _is_constant(pixels):
        notes.append(f"constant {pixels[0, 0].tolist()}" if pixels[0, 0].any() else "black")
    notes += [f"equal to {name}" for name, other in others.items() if _is_equal(pixels, other)]
    return [f"{side}: {note}" for note in notes]


def _is_constant(pixels: np.ndarray) -> bool:
    first = pixels[:1, :1]
    return bool((pixels[0] == first).all()) and bool((pixels == first).all())


def _is_equal(one: np.ndarray, other: np.ndarray) -> bool:
    # The first row tells nearly all apart.
    return np.array_equal(one[0], other[0]) and np.array_equal(one, other)


def _check_sizes(stem: str, path: Path, sides: Mapping[str, np.ndarray]) -> None:
    sizes = {side: pixels.shape[:2] for side, pixels in sides.items()}
    if len(set(sizes.values())) > 1:
        raise UserError(f"{stem!r} ({path}): {unequal_sizes(sizes)}; {_ONE_SIZE}")
