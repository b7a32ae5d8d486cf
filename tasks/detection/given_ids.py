"""What the numbers in a user's boxes stand for: images and classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ivif_bench.data.base import Dataset
from ivif_bench.data.coco import CocoIndex, read_index
from ivif_bench.data.images import size_of
from ivif_bench.data.split_lists import stem_of
from ivif_bench.data.splits import numbered
from ivif_bench.errors import UserError, first_few
from ivif_bench.options import Names, Options
from ivif_bench.types import Pair


class GivenBoxes(Options):
    """Where the boxes are, and what their numbers stand for."""

    file: str = Field(
        min_length=1,
        description="COCO JSON of detections, or a folder of YOLO text files with scores, one per image",
    )
    images: str | None = Field(
        None,
        description="COCO JSON whose ids of images and categories the file uses; by default the file "
        "itself, if it has them, or the COCO JSON of the dataset",
    )
    image_id: Literal["id", "stem"] = Field(
        "id",
        description="what a number in image_id is: the id of an image in that JSON, or the number in "
        "the image's file name, as yolov5 and ultralytics write it",
    )
    classes: Names | dict[str, int] = Field(
        (),
        description="class names in the order of their numbers, or a mapping from name to number; "
        "by default the categories of that JSON",
        json_schema_extra={"allowed": "list: text, or mapping to integer"},
    )
    first_id: Literal[0, 1] | None = Field(
        None,
        description="number of the first class; needed with a list of classes and a JSON. YOLO text "
        "counts from 0 unless this says 1",
    )
    missing: Literal["refuse", "empty", "allow"] = Field(
        "refuse",
        description="images without boxes in the file: an error; images in which nothing was found; or "
        "left out, and the row stands in a table of its own",
    )


@dataclass(frozen=True, slots=True)
class JudgedImages:
    """The images that boxes are looked for.

    Attributes:
        stems: in order.
        names: stems of the image files of a pair, to the pair's.
        size: height and width of an image in pixels.
        index: the ids of the COCO file with the objects, if that is where they are.
    """

    stems: tuple[str, ...]
    size: Callable[[str], tuple[int, int]]
    names: Mapping[str, str]
    index: CocoIndex | None = None


def images_of(dataset: Dataset, pairs: Sequence[Pair]) -> JudgedImages:
    """The images of pairs of a dataset.

    Raises:
        UserError: the dataset's COCO file cannot be read.
    """
    visible = {pair.stem: pair.visible for pair in pairs}
    files = {file.stem: pair.stem for pair in pairs for file in (pair.infrared, pair.visible)}
    truth = {pair.annotation for pair in pairs}
    only = next(iter(truth), None) if len(truth) == 1 else None
    index = read_index(only) if only is not None and only.suffix.lower() == ".json" else None
    return JudgedImages(tuple(visible), lambda stem: size_of(visible[stem]), files, index)


class Stems:
    """Finds the judged image that a number or a name stands for."""

    def __init__(
        self, path: Path, given: GivenBoxes, images: JudgedImages, index: CocoIndex | None
    ) -> None:
        self._path, self._by, self._index = path, given.image_id, index
        self._names = {**images.names, **{stem: stem for stem in images.stems}}
        self._numbers: dict[int, list[str]] = {}
        for stem in images.stems:
            if found := numbered(stem):
                self._numbers.setdefault(found[1], []).append(stem)

    def judged(self, name: str) -> str | None:
        """The stem of a judged image by its own or its file's; None for any other."""
        return self._names.get(name)

    def of(self, key: int | str) -> str | None:
        """The stem of what an ``image_id`` or a file name means."""
        if isinstance(key, str):
            return self.judged(stem_of(key))
        if self._by == "stem":
            stems = self._numbers.get(key, [])
            if len(stems) > 1:
                raise UserError(
                    f"{self._path}: image_id {key} may be {' or '.join(stems[:3])}; set images, a COCO "
                    "JSON with ids and file names, in place of image_id: stem"
                )
            return stems[0] if stems else None
        if self._index is None:
            raise UserError(
                f"{self._path}: image_id {key}: nothing says of which file; set images, a COCO JSON with "
                "ids and file names, or image_id: stem if it is the number in the file name"
            )
        if key not in self._index.stems:
            raise UserError(
                f"{self._path}: no image has id {key}, only {first_few([*map(str, self._index.stems)])}; "
                "if it is the number in the file name, set image_id: stem"
            )
        return self.judged(self._index.stems[key])


def class_numbers(path: Path, given: GivenBoxes, index: CocoIndex | None) -> dict[int | str, str]:
    """Class name by number.

    Args:
        path: of the boxes.
        index: the COCO file that numbers the classes, if there is one.

    Raises:
        UserError: classes and numbers do not go together.
    """
    if isinstance(given.classes, dict):
        if given.first_id is not None:
            raise UserError(
                f"{path}: first_id goes with a list of classes; the mapping has numbers"
            )
        if len(set(given.classes.values())) < len(given.classes):
            raise UserError(f"{path}: two of its classes have one number")
        return {number: name for name, number in given.classes.items()}
    names = given.classes
    if not names and index is not None:
        if given.first_id is None:
            return dict(index.categories)
        names = tuple(name for _, name in sorted(index.categories.items(), key=_in_order))
    if len(set(names)) < len(names):
        raise UserError(f"{path}: classes: {first_few(names)}: one of them is named twice")
    first = given.first_id
    if first is None and names:
        if not path.is_dir():
            raise UserError(
                f"{path}: set first_id beside classes: 0 or 1, the category_id of {names[0]!r}"
            )
        first = 0
    return dict(enumerate(names, start=first or 0))


def which(numbers: Mapping[Any, str]) -> str:
    """What can be done about a number that stands for no class."""
    if not numbers:
        return "nothing says which class it is; set classes and first_id, or images"
    known = [f"{number} {name}" for number, name in numbers.items()]
    return (
        f"the classes are {first_few(known, 8)}; see the options classes and first_id of the boxes"
    )


def _in_order(category: tuple[int | str, str]) -> tuple[bool, int | str]:
    return isinstance(category[0], str), category[0]
