"""Makes a split of any dataset that keeps every run of frames on one side.

The runs come from the pictures (``ivif_bench.data.runs``), the choice among them from the number of
images, of boxes of each class, of images of each tag and with each label (``ivif_bench.data.balance``).
The result is written as a split file, whose hashes are what a paper cites.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivif_bench.data.balance import choose
from ivif_bench.data.base import Dataset
from ivif_bench.data.likeness import Thumbnails, thumbnails
from ivif_bench.data.runs import Runs, find_runs, in_order
from ivif_bench.data.split import Split, canonical_hash
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.parallel import in_threads
from ivif_bench.types import Pair, Progress

RULE = 1  # raised when the same pictures and arguments give another split
_FAR = 0.05  # from the wanted share of images, from which on it is worth a note
_WIDTH = 96  # characters of a line of stems


@dataclass(frozen=True, slots=True)
class SceneSplit:
    """A split with what it was made of.

    Attributes:
        split: parts ``train`` and ``test``, and ``val`` if it was asked for.
        runs: stems of each run, in the order of frames.
        found: how the runs were found.
        wanted: share of the images by part, but for train.
        shares: kind (``images``, ``boxes of Car``, ...) to its number in each part.
        frames: stems and thumbnails in the order of frames.
    """

    split: Split
    runs: tuple[tuple[str, ...], ...]
    found: Runs
    seed: int
    wanted: Mapping[str, float]
    shares: Mapping[str, Mapping[str, int]]
    frames: tuple[tuple[str, ...], Thumbnails]

    def notes(self) -> list[str]:
        """What a user should know of it."""
        images = self.shares["images"]
        total = sum(images.values())
        lines = []
        for part, share in self.wanted.items():
            got = images[part] / total
            if abs(got - share) > _FAR:
                lines.append(
                    f"{part} has {got:.1%} of the images, not {share:.0%}: runs are not divided, and "
                    f"the longest has {max(map(len, self.runs))} images"
                )
        return lines


def scene_split(
    dataset: Dataset,
    name: str,
    test: float,
    val: float = 0.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> SceneSplit:
    """Divide the pairs of a dataset, whole runs to one part.

    Reads both images of every pair and every annotation and label image. The same files and arguments
    give the same split.

    Args:
        name: of the split in tables.
        test, val: shares of the images, 0..1; the rest is train.
        seed: of the search for runs that balance the parts.

    Raises:
        UserError: shares that leave no train, a file that cannot be read, or too few runs.
    """
    wanted = {"test": test, **({"val": val} if val else {})}
    if test <= 0 or val < 0 or test + val >= 1:
        raise UserError(f"test {test:g} and val {val:g}: shares above 0, and below 1 together")
    stems = in_order([pair.stem for pair in dataset.pairs])
    pairs = dataset.select(tuple(stems))
    frames = thumbnails(pairs, progress)
    found = find_runs(frames, progress)
    if len(found.runs) <= len(wanted):
        raise UserError(
            f"dataset {dataset.name!r}: {len(pairs)} pairs are {len(found.runs)} runs of frames, too "
            f"few for {len(wanted) + 1} parts; make the split by hand, as a list"
        )
    kinds, amounts = _amounts(dataset, pairs, progress)
    of_runs = np.stack([amounts[run.start : run.stop].sum(axis=0) for run in found.runs])
    side = np.full(len(found.runs), "train", dtype=object)
    for part, share in wanted.items():
        left = np.flatnonzero(side == "train")
        rest = 1.0 - (wanted["test"] if part == "val" else 0.0)
        side[left[choose(of_runs[left], share / rest, seed)]] = part
    parts = {
        part: tuple(
            sorted(stems[at] for run, its in zip(found.runs, side, strict=True) if its == part for at in run)
        )
        for part in ("train", *reversed(wanted))
    }  # fmt: skip
    shares = {
        kind: {part: int(of_runs[side == part, index].sum()) for part in parts}
        for index, kind in enumerate(kinds)
    }
    runs = tuple(tuple(stems[at] for at in run) for run in found.runs)
    return SceneSplit(Split(name, parts), runs, found, seed, wanted, shares, (tuple(stems), frames))


def _amounts(
    dataset: Dataset, pairs: Sequence[Pair], progress: Progress | None
) -> tuple[list[str], np.ndarray]:
    """Kinds, images first, and how much of each a pair has: float64 [pairs, kinds]."""
    counts = in_threads(lambda pair: _count(dataset, pair), pairs, progress, "reading labels", 16)
    kinds = ["images", *sorted({kind for found in counts for kind in found})]
    return kinds, np.array([[1, *(found[kind] for kind in kinds[1:])] for found in counts], float)


def _count(dataset: Dataset, pair: Pair) -> Counter[str]:
    found: Counter[str] = Counter(f"images tagged {tag}" for tag in pair.tags)
    if dataset.detection_classes and (dataset.background or pair.annotation is not None):
        found.update(f"boxes of {name}" for name in dataset.boxes(pair).classes)
    if dataset.segmentation_classes and pair.mask is not None:
        names = dataset.segmentation_classes
        values = np.unique(dataset.mask(pair)).tolist()
        found.update(f"images with {names[value]}" for value in values if value < len(names))
    return found


def write_split(made: SceneSplit, dataset: Dataset, path: Path) -> None:
    """Write a split file; see ``ivif_bench.data.splits.read_split_file``.

    ``scenes`` lists the runs, for ``ivif-bench data leak --scenes``.
    """
    shares = ", ".join(f"{part} {share:g}" for part, share in made.wanted.items())
    split = made.split
    lines = [
        f"# Scene-disjoint split: {len(made.runs)} runs of frames, each in one part.",
        f"# Made by 'ivif-bench data split' (rule {RULE}): {shares}, seed {made.seed}; likeness in one",
        f"# run above {made.found.infrared:.4f} infrared or {made.found.visible:.4f} visible.",
        f"name: {_quoted(split.name)}",
        f"dataset: {_quoted(dataset.name)}",
        "sha256:",
        *(f"  {part}: {canonical_hash(stems)}" for part, stems in split.parts.items()),
        "parts:",
    ]
    order = {stem: index for index, stem in enumerate(made.frames[0])}
    for part, stems in split.parts.items():
        lines.append(f"  {part}: [")
        lines += _wrapped(_ranges(sorted(stems, key=order.__getitem__)), "    ")
        lines.append("  ]")
    lines.append("scenes: [")
    lines += [f"  [{', '.join(_ranges(run))}]," for run in made.runs]
    lines.append("]")
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def _ranges(stems: Sequence[str]) -> list[str]:
    """Stems in YAML; consecutive numbers of one width as a range."""
    items: list[list[str]] = []
    for stem in stems:
        last = items[-1][-1] if items else ""
        plain = stem.isascii() and stem.isdecimal() and last.isascii() and last.isdecimal()
        if plain and len(stem) == len(last) <= 18 and int(stem) == int(last) + 1:
            items[-1].append(stem)
        else:
            items.append([stem])
    return [_quoted(item[0] if len(item) == 1 else f"{item[0]}-{item[-1]}") for item in items]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _wrapped(items: Sequence[str], indent: str) -> list[str]:
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(item) + 2 <= _WIDTH:
            lines[-1] += f" {item},"
        else:
            lines.append(f"{indent}{item},")
    return lines
