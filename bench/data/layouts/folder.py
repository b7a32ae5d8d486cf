"""Any two folders of images with equal stems: the user's own data without writing code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.layouts.paired_folders import PairedFolders, PairFolders, voc_palette
from ivif_bench.data.voc import read_voc
from ivif_bench.errors import UserError
from ivif_bench.types import Boxes, Pair

SPECS = (
    LayoutSpec(
        name="folder",
        entry="Folder",
        title="user data",
        summary="two folders of images with equal stems, with VOC XML or label images if you like",
        source="yours",
        terms="yours",
    ),
)


class Folder(PairedFolders):
    """Sub-folders of ``root``, named by options; classes are the user's too."""

    OPTIONS: ClassVar[Mapping[str, str]] = {
        "infrared": "sub-folder of infrared images, default ir",
        "visible": "sub-folder of visible images, default vi",
        "annotations": "sub-folder of Pascal VOC XML files; needs classes",
        "classes": "list of the class names of the boxes",
        "corner_origin": "what the XML calls the first pixel: 0 (default) or 1",
        "ignore_classes": "class names whose boxes are left out",
        "masks": "sub-folder of label PNGs (class ids); needs mask_classes",
        "mask_classes": "list of the names of label values 0, 1, 2, ...",
    }

    def __init__(self, root: Path, name: str, **options: Any) -> None:
        super().__init__(root, name, **options)
        self._origin = self.origin_option()
        # Class variables of the other layouts; here every dataset of a run has its own.
        self.detection_classes = self.names_option("classes")  # type: ignore[misc]
        self.segmentation_classes = self.names_option("mask_classes")  # type: ignore[misc]
        self.palette = voc_palette(len(self.segmentation_classes))  # type: ignore[misc]
        for folder, classes in (("annotations", "classes"), ("masks", "mask_classes")):
            if (folder in options) != (classes in options):
                raise UserError(
                    f"dataset {name!r}: options {folder!r} and {classes!r} belong together; "
                    "give both or neither"
                )

    def _find_folders(self) -> list[PairFolders]:
        infrared, visible = self.demand(
            [(self._sub_folder("infrared", "ir"), self._sub_folder("visible", "vi"))]
        )
        return [
            PairFolders(
                infrared,
                visible,
                annotations=self._extra("annotations"),
                masks=self._extra("masks"),
            )
        ]

    def _sub_folder(self, option: str, default: str) -> str:
        value = self.options.get(option, default)
        if not isinstance(value, str) or not value:
            raise UserError(
                f"dataset {self.name!r}: option {option!r} must be a sub-folder, not {value!r}"
            )
        return value

    def _extra(self, option: str) -> Path | None:
        if option not in self.options:
            return None
        folder = self.root / self._sub_folder(option, "")
        if not folder.is_dir():
            raise UserError(f"dataset {self.name!r}: option {option!r}: no such folder: {folder}")
        return folder

    def read_boxes(self, pair: Pair, path: Path) -> Boxes:
        return read_voc(path, self._origin)
