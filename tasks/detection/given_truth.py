"""The objects that a user's boxes are judged by, from annotation files or from a dataset's layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivif_bench.data.base import LAYOUTS, open_dataset
from ivif_bench.data.coco import read_coco, read_index
from ivif_bench.data.images import find_image, size_of
from ivif_bench.data.split_lists import read_list
from ivif_bench.data.splits import PARTS, canonical_hash, resolve_split
from ivif_bench.data.voc import read_voc
from ivif_bench.data.yolo_text import read_yolo
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import file_names
from ivif_bench.tasks.detection.adapter import truth_of
from ivif_bench.tasks.detection.given_ids import JudgedImages, images_of
from ivif_bench.types import Boxes

_NO_LABELS = "classes.txt"  # labelling programs leave it beside YOLO text


@dataclass(frozen=True, slots=True)
class GivenTruth:
    """What is to be found.

    Attributes:
        title: how captions call the images.
        objects: by stem; an image without objects has empty boxes.
        images: what detections are matched with.
        classes: names in the order of the columns.
        split, split_sha256: which images these are.
    """

    title: str
    objects: Mapping[str, Boxes]
    images: JudgedImages
    classes: tuple[str, ...]
    split: str
    split_sha256: str


def truth_in_layout(layout: str, root: Path, split: str, options: Mapping[str, Any]) -> GivenTruth:
    """The test part of a dataset.

    Args:
        split: as ``ivif_bench.data.splits.resolve_split`` takes it; if empty, the official one if the
            layout has one, else every pair.

    Raises:
        UserError: the dataset or the split cannot be used, or it has no boxes.
    """
    dataset = open_dataset(layout, root, **options)
    if not dataset.detection_classes:
        raise UserError(f"dataset {layout!r} has no boxes; its options may name them")
    official = any(part in PARTS for part in dataset.official_splits())
    chosen = resolve_split(dataset, split or ("official" if official else "all"))
    if not chosen.test:
        raise UserError(f"split {chosen.name!r} of dataset {layout!r} has no test images")
    pairs, classes = dataset.select(chosen.test), dataset.detection_classes
    objects = {pair.stem: truth_of(dataset, pair, classes) for pair in pairs}
    images = images_of(dataset, pairs)
    title = LAYOUTS.get(layout).title
    return GivenTruth(title, objects, images, classes, chosen.name, chosen.sha256)


def truth_in_files(
    place: Path,
    classes: Mapping[int, str] | None = None,
    pictures: Path | None = None,
    chosen: Path | None = None,
) -> GivenTruth:
    """Objects from a COCO JSON, or from a folder of VOC XML or of YOLO text files.

    Args:
        classes: name of each number, for YOLO text.
        pictures: folder of the images; their sizes are needed where boxes or objects are YOLO text,
            unless a COCO JSON says them.
        chosen: list of the images to judge, as ``ivif_bench.data.split_lists.read_list`` reads it.

    Raises:
        UserError: unreadable, of no known form, or listed images are not in it.
    """
    read = _folder if place.is_dir() else _coco
    objects, names, images = read(place, classes, pictures)
    stems, split = images.stems, "all"
    if chosen is not None:
        stems, split = read_list(chosen), chosen.name
        absent = [stem for stem in stems if stem not in objects]
        if absent:
            raise UserError(f"{chosen}: {place} has no images {first_few(absent)}")
    judged = JudgedImages(stems, images.size, {}, images.index)
    kept = {stem: objects[stem] for stem in stems}
    return GivenTruth(place.stem, kept, judged, names, split, canonical_hash(stems))


_Read = tuple[dict[str, Boxes], tuple[str, ...], JudgedImages]


def _coco(place: Path, classes: Mapping[int, str] | None, pictures: Path | None) -> _Read:
    if place.suffix.lower() != ".json":
        raise UserError(f"{place}: neither a folder nor a COCO file (.json)")
    index, objects = read_index(place), read_coco(place)
    names = tuple(dict.fromkeys(index.categories.values()))
    images = JudgedImages(tuple(objects), _sizes(pictures, index.sizes), {}, index)
    return objects, names, images


def _folder(place: Path, classes: Mapping[int, str] | None, pictures: Path | None) -> _Read:
    files = [Path(name) for name in sorted(file_names(place)) if name != _NO_LABELS]
    kinds = {file.suffix for file in files} & {".xml", ".txt"}
    if len(kinds) != 1:
        found = "both" if kinds else "neither"
        raise UserError(f"{place}: a folder of VOC XML or of YOLO text is needed; it has {found}")
    files = [place / file for file in files if file.suffix in kinds]
    size = _sizes(pictures, {})
    if kinds == {".xml"}:
        objects = {file.stem: read_voc(file) for file in files}
        found_names = {name for boxes in objects.values() for name in boxes.classes}
        names = tuple(sorted(found_names))
    else:
        if not classes or pictures is None:
            raise UserError(
                f"{place}: YOLO text needs truth_classes, the names in the order of their numbers, and "
                "pictures, the folder of the images, since it has fractions of their size"
            )
        objects = {file.stem: read_yolo(file, classes, size(file.stem)) for file in files}
        names = tuple(classes.values())
        for stem, boxes in objects.items():
            strange = [name for name in boxes.classes if name not in names]
            if strange:
                raise UserError(
                    f"{place / f'{stem}.txt'}: {strange[0]} is none of truth_classes: "
                    f"{first_few([f'{at} {name}' for at, name in classes.items()])}"
                )
    if not names:
        raise UserError(f"{place}: no objects in {len(files)} files")
    return objects, names, JudgedImages(tuple(objects), size, {}, None)


def _sizes(
    pictures: Path | None, known: Mapping[str, tuple[int, int]]
) -> Callable[[str], tuple[int, int]]:
    def size(stem: str) -> tuple[int, int]:
        if stem in known:
            return known[stem]
        if pictures is None:
            raise UserError(
                f"image {stem!r}: YOLO text has fractions of its size; set pictures, the folder of the "
                "images"
            )
        found = find_image(pictures, stem)
        if found is None:
            raise UserError(f"{pictures}: no image {stem!r}, whose size YOLO text needs")
        return size_of(found)

    return size
