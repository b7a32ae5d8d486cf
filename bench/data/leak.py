"""How much of a test list is nearly in a train list, by picture and by scene.

By number: ``ivif_bench.data.splits.leak_line``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.data.likeness import Thumbnails, likeness, mirrored, outlines
from ivif_bench.data.splits import Split, expand, numbered
from ivif_bench.errors import UserError
from ivif_bench.files import read_json
from ivif_bench.types import Progress
from ivif_bench.yaml_text import read_yaml

_CANDIDATES = 2  # train images that are compared in full with a test image, beside its neighbours
_BLOCK = 256  # test images compared with all train images at once
_SAMPLES = 500  # mirrored images
# Likeness that counts whatever chance reaches. Of 42 neighbouring frames of LLVIP and M3FD, 39 are more
# alike; of 398 pairs of MSRS and RoadScene more than 20 images apart, the most alike reach 0.29.
_LEAST = 0.5


@dataclass(frozen=True, slots=True)
class PictureLeak:
    """Test images that look like a train image.

    Attributes:
        share: of the test images, 0..1.
        limit: mean likeness of both sides from which on an image counts.
        nearest: test stem to the most alike train stem and their likeness.
    """

    share: float
    limit: float
    nearest: Mapping[str, tuple[str, float]]


@dataclass(frozen=True, slots=True)
class SceneCuts:
    """Scenes with images in train and in test.

    Attributes:
        scenes: number of scenes with any image of the split.
        cut: names of those that are on both sides.
        images: test images in cut scenes.
    """

    scenes: int
    cut: tuple[str, ...]
    images: int


def picture_leak(
    split: Split, stems: Sequence[str], frames: Thumbnails, progress: Progress | None = None
) -> PictureLeak:
    """Look for every test image among the train images.

    The most alike train images without a shift, and those next in number, are compared in full (see
    ``ivif_bench.data.likeness``). An image counts if the mean likeness of both sides is above what 99 %
    of *mirrored* images of the split reach in the same search, and above 0.5: at most about one in a hundred
    images that have no neighbour counts too.

    Args:
        stems: of the thumbnails, in their order; they hold all of the split's train and test.
        progress: called with the number of test images done.
    """
    if not (split.train and split.test):
        return PictureLeak(float("nan"), float("nan"), {})
    index = {stem: at for at, stem in enumerate(stems)}
    train = np.array(sorted(index[stem] for stem in split.train))
    test = np.array(sorted(index[stem] for stem in split.test))
    coarse = [_coarse(side[train]) for side in frames.sides()]
    last = len(train) + len(test) - 1
    drawn = np.unique(np.linspace(0, last, min(last + 1, _SAMPLES)).round().astype(int))
    total = len(test) + len(drawn)
    done = 0

    def search(wanted: np.ndarray, mirror: bool) -> list[tuple[float, int]]:
        nonlocal done
        found = []
        for start in range(0, len(wanted), _BLOCK):
            block = wanted[start : start + _BLOCK]
            alike = sum(
                _coarse(side[block], mirror) @ known.T
                for side, known in zip(frames.sides(), coarse, strict=True)
            )
            best = np.argpartition(-alike, min(_CANDIDATES, len(train)) - 1, axis=1)
            for row, at in enumerate(block.tolist()):
                near = int(np.searchsorted(train, at))
                beside = train[max(near - 1, 0) : near + 1].tolist()
                others = sorted({*beside, *train[best[row, :_CANDIDATES]].tolist()})
                found.append(max((_mean(frames, at, other, mirror), -other) for other in others))
            done += len(block)
            if progress is not None:
                progress(done, total, "comparing test with train")
        return found

    chance_of = np.sort(np.concatenate([train, test]))[drawn]
    chance = [value for value, _ in search(chance_of, True)]
    limit = max(_LEAST, float(np.quantile(chance, 0.99)))
    found = search(test, False)
    nearest = {
        stems[at]: (stems[-other], value)
        for at, (value, other) in zip(test.tolist(), found, strict=True)
    }
    share = sum(value > limit for value, _ in found) / len(test)
    return PictureLeak(share, limit, nearest)


def _mean(frames: Thumbnails, at: int, other: int, mirror: bool) -> float:
    total = 0.0
    for side in frames.sides():
        first = outlines(side[at])
        total += likeness(mirrored(first) if mirror else first, outlines(side[other]))
    return total / 2


def _coarse(side: np.ndarray, mirror: bool = False) -> np.ndarray:
    """Outlines at a quarter of the pixels, each of length 1: float32 [n, 768]."""
    rows = []
    for thumbnail in side:
        image = outlines(thumbnail)
        image = (mirrored(image) if mirror else image).reshape(24, 2, 32, 2).mean(axis=(1, 3))
        rows.append(image.ravel() / max(float(np.linalg.norm(image)), 1e-6))
    return np.array(rows, np.float32).reshape(len(rows), -1)


def read_scenes(path: Path) -> dict[str, Any]:
    """Scenes of a file: name to stems, or to (first, last) number.

    Two forms: a mapping (or list) of lists of stems and ranges under the key ``scenes``, as
    ``ivif-bench data split`` writes it; and M3FD's ``scenario.json`` of RGBXFusion, a list of conditions
    with ``scene`` and ``range`` of ``min`` and ``max``, where each range counts as a scene.

    Raises:
        UserError: unreadable or another form.
    """
    if path.suffix.lower() != ".json":
        content = read_yaml(path, "scene file")
    else:
        try:
            content = read_json(path)
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise UserError(f"cannot read scene file {path}: {reason}") from problem
    if isinstance(content, list):
        return _ranges_of_conditions(content, path)
    scenes = content.get("scenes") if isinstance(content, dict) else None
    if isinstance(scenes, list):
        scenes = {str(number): scene for number, scene in enumerate(scenes, 1)}
    if not isinstance(scenes, dict) or not scenes:
        raise UserError(
            f"scene file {path}: expected 'scenes' with lists of stems, or RGBXFusion's scenario.json"
        )
    return {
        str(name): frozenset(expand(items, f"scene file {path}: scene {str(name)!r}"))
        for name, items in scenes.items()
    }


def _ranges_of_conditions(content: list[Any], path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        for condition in content:
            for scene in condition["scene"]:
                for part in scene["range"]:
                    first, last = int(part["min"]), int(part["max"])
                    name = f"{condition['name']}/{scene['name']} {first}-{last}"
                    found[name] = (first, last)
    except (KeyError, TypeError, ValueError) as problem:
        raise UserError(
            f"scene file {path}: not the form of RGBXFusion's scenario.json ({problem!r})"
        ) from problem
    return found


def scene_cuts(split: Split, scenes: Mapping[str, Any]) -> SceneCuts:
    """Scenes, as ``read_scenes`` has them, that a split puts on both sides."""
    stems = [stem for part in split.parts.values() for stem in part]
    numbers = {stem: found[1] for stem in stems if (found := numbered(stem))}
    cut: list[str] = []
    seen = 0
    images: set[str] = set()
    for name, scene in scenes.items():
        sides = []
        for part in (split.train, split.test):
            if isinstance(scene, tuple):
                sides.append({s for s in part if scene[0] <= numbers.get(s, -1) <= scene[1]})
            else:
                sides.append(scene.intersection(part))
        seen += bool(sides[0] or sides[1])
        if sides[0] and sides[1]:
            cut.append(name)
            images |= sides[1]
    return SceneCuts(seen, tuple(cut), len(images))
