"""Any folders of images whose names pair: your own data, without code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.coco import read_coco
from ivif_bench.data.label_map import LabelMap, label_map
from ivif_bench.data.layouts.paired_folders import (
    CornerOptions,
    PairedFolders,
    PairFolders,
    voc_palette,
)
from ivif_bench.data.patterns import Pattern, advice, is_pattern, parse_pattern
from ivif_bench.data.voc import read_voc
from ivif_bench.data.yolo_text import read_yolo
from ivif_bench.errors import UserError
from ivif_bench.options import Names
from ivif_bench.types import Boxes, Pair

_Place = Annotated[str, Field(min_length=1)]
_Value = int | str


class FolderOptions(CornerOptions):
    """The sub-folders of images and labels, and the names of the classes."""

    infrared: _Place = Field(
        "ir",
        description="sub-folder of infrared images, or a pattern of their names such as "
        "thermal/IR{stem}.png; {stem:05d} stands for a number of five digits",
    )
    visible: _Place = Field("vi", description="the same of visible images")
    annotations: _Place | None = Field(
        None,
        description="sub-folder of Pascal VOC XML or YOLO text files, named as the stem or as in "
        "xml/{stem}_RGB.xml; or a COCO JSON file; needs classes",
    )
    classes: Names = Field(
        (), description="class names of the boxes; of YOLO text in the order of its numbers"
    )
    masks: _Place | None = Field(
        None,
        description="sub-folder of label PNGs (class ids), named as the stem or as in "
        "masks/{stem}_label.png; needs mask_classes",
    )
    mask_classes: Names | dict[str, _Value | list[_Value]] = Field(
        (),
        description="names of the label values 0, 1, 2, ...; or a mapping from each name to its value "
        "or values, or to its colours such as '#ff8000'",
        json_schema_extra={"allowed": "list: text, or mapping to numbers or colours"},
    )
    mask_ignore: list[_Value] = Field(
        default_factory=list,
        description="values or colours of label images that are not judged, such as [0]; 255 never is",
        json_schema_extra={"allowed": "list: integer, 0 to 255, or colour"},
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        for folder, classes in (("annotations", "classes"), ("masks", "mask_classes")):
            if (getattr(self, folder) is None) != (not getattr(self, classes)):
                raise ValueError(f"{folder} and {classes} belong together; give both or neither")
        self.label_map()
        return self

    def label_map(self) -> LabelMap | None:
        """The map of label images; None if their values are the class ids."""
        classes = self.mask_classes
        if not isinstance(classes, dict):
            if not self.mask_ignore:
                return None
            numbers = {number for number in self.mask_ignore if isinstance(number, int)}
            classes = {name: at for at, name in enumerate(classes) if at not in numbers}
        return label_map(classes, self.mask_ignore)


SPECS = (
    LayoutSpec(
        name="folder",
        entry="Folder",
        title="user data",
        summary="your own folders of images, with boxes (VOC, YOLO, COCO) or label images",
        source="yours",
        terms="yours",
        options=FolderOptions,
    ),
)


class Folder(PairedFolders):
    """Sub-folders of ``root``, named by options; classes are the user's too."""

    options: FolderOptions

    def __init__(self, root: Path, name: str, options: FolderOptions) -> None:
        self._coco: dict[Path, dict[str, Boxes]] = {}
        super().__init__(root, name, options)
        # Class variables of the other layouts; here every dataset of a run has its own.
        self.detection_classes = options.classes  # type: ignore[misc]
        self._label_map = options.label_map()
        names = tuple(options.mask_classes) if self._label_map is None else self._label_map.names
        self.segmentation_classes = names  # type: ignore[misc]
        self.palette = voc_palette(len(names))  # type: ignore[misc]

    def _find_folders(self) -> list[PairFolders]:
        options = self.options
        names = [self._names(place) for place in (options.infrared, options.visible)]
        places = [
            place if name is None else str(name.folder)
            for name, place in zip(names, (options.infrared, options.visible), strict=True)
        ]
        infrared, visible = self.demand([(places[0], places[1])])
        annotations, suffix = self._labels("annotations", options.annotations)
        masks, mask_suffix = self._labels("masks", options.masks)
        if annotations is not None and not suffix:
            suffix = self._suffix_in(annotations)
        return [
            PairFolders(
                infrared,
                visible,
                annotations=annotations,
                suffix=suffix or ".xml",
                masks=masks,
                mask_suffix=mask_suffix or ".png",
                infrared_names=names[0],
                visible_names=names[1],
            )
        ]

    def _names(self, place: str) -> Pattern | None:
        """The form of the names of a side, if it is given as a pattern."""
        return parse_pattern(str(self.root / place)) if is_pattern(place) else None

    def _labels(self, option: str, place: str | None) -> tuple[Path | None, str]:
        """Where labels are, and what follows the stem in their names if that is said."""
        if place is None:
            return None, ""
        folder, name = self.root / place, ""
        if is_pattern(place):
            folder, name = folder.parent, folder.name
            if not name.startswith("{stem}") or is_pattern(name.removeprefix("{stem}")):
                raise UserError(
                    f"dataset {self.name!r}: option {option!r}: names of labels start with the stem, "
                    f"such as FOLDER/{{stem}}_label.png, not {place!r}"
                )
        if not (folder.is_dir() or (option == "annotations" and folder.is_file())):
            raise UserError(f"dataset {self.name!r}: option {option!r}: no such folder: {folder}")
        return folder, name.removeprefix("{stem}")

    def _suffix_in(self, annotations: Path) -> str:
        """Of the files in a folder of annotations: XML, or text if there is no XML."""
        if annotations.is_file():
            if annotations.suffix.lower() != ".json":
                raise UserError(
                    f"dataset {self.name!r}: option 'annotations': {annotations} is neither a folder "
                    "nor a COCO file (.json)"
                )
            return ""
        kinds = {path.suffix for path in annotations.iterdir()} & {".xml", ".txt"}
        if len(kinds) == 2:
            raise UserError(
                f"dataset {self.name!r}: {annotations} has both XML and text files; name the ones to "
                "read: annotations: FOLDER/{stem}.xml or FOLDER/{stem}.txt"
            )
        return next(iter(kinds), ".xml")

    def advice_on_names(self) -> str:
        options = self.options
        if is_pattern(options.infrared + options.visible):
            return ""
        from ivif_bench.data.images import images_in

        sides = {}
        for name in ("infrared", "visible"):
            place = getattr(options, name)
            sides[f"{name}:"] = (place, set(images_in(self.root / place)))
        return advice(sides)

    def stored_mask(self, pair: Pair) -> np.ndarray:
        if self._label_map is None or pair.mask is None:
            return super().stored_mask(pair)
        return self._label_map.read(pair.mask)

    def read_boxes(self, pair: Pair, path: Path) -> Boxes:
        if path.suffix.lower() == ".json":
            return self._of_coco(pair, path)
        from ivif_bench.data.images import size_of

        origin = self.options.corner_origin
        if path.suffix == ".txt":
            return read_yolo(
                path, dict(enumerate(self.options.classes)), size_of(pair.visible), origin
            )
        return read_voc(path, origin)

    def _of_coco(self, pair: Pair, path: Path) -> Boxes:
        """The file may name the images by the stem of the pair, or by the name of either image."""
        if path not in self._coco:
            self._coco[path] = read_coco(path)
        for stem in (pair.stem, pair.visible.stem, pair.infrared.stem):
            if stem in self._coco[path]:
                return self._coco[path][stem]
        if self.background:
            return Boxes(np.zeros((0, 4)), ())
        raise UserError(
            f"{path}: no entry for image {pair.stem!r} under 'images'; if such images have no objects, "
            "set the dataset option unlabelled: background"
        )
