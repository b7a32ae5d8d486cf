"""Boxes that the user's own detector found, as detections of the judged images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivif_bench.data.coco import read_index
from ivif_bench.data.coco_results import read_results
from ivif_bench.data.yolo_text import read_yolo
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import file_names
from ivif_bench.store import key_of
from ivif_bench.tasks.detection.given_ids import (
    GivenBoxes,
    JudgedImages,
    Stems,
    class_numbers,
    which,
)
from ivif_bench.types import Boxes


@dataclass(frozen=True, slots=True)
class FoundBoxes:
    """The boxes of the judged images.

    Attributes:
        boxes: detections by stem, of the scored classes only; empty where nothing was found.
        lacking: judged images that the file says nothing of.
        remarks: what a reader must know of the file, as parts of a sentence.
    """

    boxes: Mapping[str, Boxes]
    lacking: tuple[str, ...]
    remarks: tuple[str, ...]


def find_boxes(
    given: GivenBoxes,
    images: JudgedImages,
    classes: Sequence[str],
    class_map: Mapping[str, str] | None = None,
) -> FoundBoxes:
    """Read the boxes of the judged images.

    Args:
        classes: names that are scored; boxes of others are left out.
        class_map: names that a detector may use to those of ``classes``; a name that is among
            ``classes`` is always itself.

    Raises:
        UserError: unreadable, numbers that stand for nothing, no judged image or no scored class
            in it, or judged images are lacking and ``missing`` refuses that.
    """
    known = {name: name for name in classes}
    known |= {name: to for name, to in (class_map or {}).items() if to in classes}
    path = Path(given.file)
    read = _of_folder if path.is_dir() else _of_json
    raw, there, names, elsewhere = read(path, given, images)
    _refuse_strange(path, names, known, classes)
    boxes = {stem: raw.get(stem, _NOTHING) for stem in images.stems}
    unscored = Counter(n for each in boxes.values() for n in each.classes if n not in known)
    boxes = {stem: _renamed(each, known) for stem, each in boxes.items()}
    lacking = tuple(stem for stem in images.stems if stem not in there)
    if lacking and given.missing == "refuse":
        raise UserError(
            f"{path}: no boxes of {len(lacking)} of {len(images.stems)} images ({first_few(lacking)}); "
            "if nothing was found in them, set missing: empty; missing: allow judges the others alone"
        )
    remarks = [f"{sum(len(each.classes) for each in boxes.values())} boxes"]
    unnamed = [name for name in classes if name not in {known.get(each) for each in names}]
    if unnamed:
        remarks.append(f"it has no class {', '.join(unnamed)}")
    if unscored:
        parts = [f"{name} ({count})" for name, count in unscored.most_common()]
        remarks.append(f"boxes of other classes are left out: {first_few(parts)}")
    if elsewhere:
        remarks.append(f"{elsewhere} boxes of images that are not judged are left out")
    if lacking and given.missing == "empty":
        remarks.append(f"{len(lacking)} images that it lacks count as empty: {first_few(lacking)}")
    return FoundBoxes(boxes, lacking, tuple(remarks))


def files_of(given: GivenBoxes) -> list[Path]:
    """Every file that boxes are read from."""
    path = Path(given.file)
    if path.is_dir():
        return [path / name for name in sorted(file_names(path)) if name.endswith(".txt")]
    return [path]


def digest_of(given: GivenBoxes, fingerprint: Callable[[Path], str]) -> str:
    """sha256 of the file; of a folder, a hash over the names and hashes of its text files.

    Raises:
        UserError: a file cannot be read.
    """
    files = files_of(given)
    if len(files) == 1 and not Path(given.file).is_dir():
        return fingerprint(files[0])
    return key_of([[file.name, fingerprint(file)] for file in files])


_NOTHING = Boxes(np.zeros((0, 4)), (), np.zeros(0))
_Read = tuple[Mapping[str, Boxes], set[str], Iterable[str], int]


def _of_json(path: Path, given: GivenBoxes, images: JudgedImages) -> _Read:
    """Boxes by stem, images that the file knows, its class names, number of boxes elsewhere."""
    results = read_results(path)
    index = read_index(Path(given.images)) if given.images else results.index or images.index
    stems = Stems(path, given, images, index)
    of = {key: stems.of(key) for key in dict.fromkeys(results.images)}
    seen = {stem for stem in of.values() if stem is not None}
    if results.index is not None:  # it lists images in which nothing was found as well
        seen |= {stem for name in results.index.stems.values() if (stem := stems.judged(name))}
    if of and not seen:
        raise UserError(
            f"{path}: none of its images ({first_few([*map(str, of)])}) is judged "
            f"({first_few(images.stems)}); see the options images and image_id of the boxes"
        )
    numbers = class_numbers(path, given, index)
    texts = dict.fromkeys(name for name in results.categories if isinstance(name, str))
    names: dict[int | str, str] = dict(numbers)
    names.update((text, text) for text in texts)
    unknown = sorted({c for c in results.categories if c not in names}, key=str)
    if unknown:
        raise UserError(f"{path}: category_id {first_few([*map(str, unknown)])}: {which(numbers)}")
    rows: dict[str, list[int]] = {}
    for at, key in enumerate(results.images):
        if (stem := of[key]) is not None:
            rows.setdefault(stem, []).append(at)
    every = Boxes(results.xyxy, tuple(names[each] for each in results.categories), results.scores)
    boxes = {stem: every.take(kept) for stem, kept in rows.items()}
    elsewhere = len(results.images) - sum(map(len, rows.values()))
    return boxes, seen, names.values(), elsewhere


def _of_folder(path: Path, given: GivenBoxes, images: JudgedImages) -> _Read:
    """As ``_of_json``; an image without a file is not known."""
    if not given.classes:
        raise UserError(
            f"{path}: YOLO text has numbers of classes; set classes, the names in their order"
        )
    names = {int(at): name for at, name in class_numbers(path, given, None).items()}
    files = {file.stem: file for file in files_of(given)}
    stems = Stems(path, given, images, None)
    judged = {stem: file for name, file in files.items() if (stem := stems.judged(name))}
    if not judged and (files or given.missing != "empty"):
        raise UserError(
            f"{path}: no text file of a judged image, such as {images.stems[0]}.txt; it has "
            f"{first_few([f'{name}.txt' for name in files]) or 'no text files'}"
        )
    boxes = {}
    for stem, file in judged.items():
        boxes[stem] = read_yolo(file, names, images.size(stem), scored=True)
        unknown = [name for name in boxes[stem].classes if name not in names.values()]
        if unknown:
            raise UserError(f"{file}: {unknown[0]}: {which(names)}")
    return boxes, set(judged), names.values(), 0


def _refuse_strange(
    path: Path, names: Iterable[str], known: Mapping[str, str], classes: Sequence[str]
) -> None:
    names = list(dict.fromkeys(names))
    if names and not any(name in known for name in names):
        raise UserError(
            f"{path}: none of its classes ({first_few(names)}) is one of {', '.join(classes)}; give the "
            "names of the dataset by the option classes of the boxes"
        )


def _renamed(boxes: Boxes, known: Mapping[str, str]) -> Boxes:
    kept = boxes.take([at for at, name in enumerate(boxes.classes) if name in known])
    return Boxes(kept.xyxy, tuple(known[name] for name in kept.classes), kept.scores)
