"""One stem with its files, and decoded with notes for readers of the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivif_bench.data.pictures import Picture, read_picture
from ivif_bench.data.sides import refuse_equal_pixels
from ivif_bench.errors import UserError
from ivif_bench.tasks.quality.engine import Evaluator


@dataclass(frozen=True, slots=True)
class ImageGroup:
    """One stem: source files, and the fused files by method."""

    stem: str
    infrared: Path
    visible: Path
    fused: Mapping[str, Path]

    @property
    def files(self) -> list[Path]:
        """Every file, sources first."""
        return [self.infrared, self.visible, *self.fused.values()]


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


def load(group: ImageGroup, evaluator: Evaluator, data: Sequence[bytes]) -> dict[str, Loaded]:
    """Decode one stem; each source once, whatever the number of methods."""
    infrared, visible, *fused = (
        read_picture(path, content) for path, content in zip(group.files, data, strict=True)
    )
    refuse_equal_pixels(
        f"stem {group.stem!r}", (group.infrared, group.visible), infrared.pixels, visible.pixels
    )
    sources = {
        "infrared": evaluator.prepare(infrared.pixels),
        "visible": evaluator.prepare(visible.pixels),
    }
    notes = [
        *_notes("infrared", infrared, sources["infrared"], {}),
        *_notes("visible", visible, sources["visible"], {"infrared": sources["infrared"]}),
    ]
    found = {}
    for (method, path), picture in zip(group.fused.items(), fused, strict=True):
        pixels = evaluator.prepare(picture.pixels)
        _check_sizes(group.stem, path, {**sources, "fused": pixels})
        found[method] = Loaded(
            sources["infrared"],
            sources["visible"],
            pixels,
            (*notes, *_notes("fused", picture, pixels, sources)),
            {"infrared": infrared.kind, "visible": visible.kind, "fused": picture.kind},
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
    if len({pixels.shape[:2] for pixels in sides.values()}) > 1:
        sizes = ", ".join(f"{side} {p.shape[1]}x{p.shape[0]}" for side, p in sides.items())
        raise UserError(
            f"{stem!r} ({path}): sizes differ: {sizes}; metrics need one size, nothing is resized"
        )
