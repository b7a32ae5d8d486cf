"""Any two folders of images with equal stems: your own data, without code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.layouts.paired_folders import (
    CornerOptions,
    PairedFolders,
    PairFolders,
    voc_palette,
)
from ivif_bench.data.voc import read_voc
from ivif_bench.errors import UserError
from ivif_bench.options import Names
from ivif_bench.types import Boxes, Pair

_SubFolder = Annotated[str, Field(min_length=1)]


class FolderOptions(CornerOptions):
    """The sub-folders of images and labels, and the names of the classes."""

    infrared: _SubFolder = Field("ir", description="sub-folder of infrared images")
    visible: _SubFolder = Field("vi", description="sub-folder of visible images")
    annotations: _SubFolder | None = Field(
        None, description="sub-folder of Pascal VOC XML files; needs classes"
    )
    classes: Names = Field((), description="class names of the boxes")
    masks: _SubFolder | None = Field(
        None, description="sub-folder of label PNGs (class ids); needs mask_classes"
    )
    mask_classes: Names = Field((), description="names of the label values 0, 1, 2, ...")

    @model_validator(mode="after")
    def _together(self) -> Self:
        for folder, classes in (("annotations", "classes"), ("masks", "mask_classes")):
            if (getattr(self, folder) is None) != (not getattr(self, classes)):
                raise ValueError(f"{folder} and {classes} belong together; give both or neither")
        return self


SPECS = (
    LayoutSpec(
        name="folder",
        entry="Folder",
        title="user data",
        summary="two folders of images with equal stems, optionally with VOC XML or label images",
        source="yours",
        terms="yours",
        options=FolderOptions,
    ),
)


class Folder(PairedFolders):
    """Sub-folders of ``root``, named by options; classes are the user's too."""

    options: FolderOptions

    def __init__(self, root: Path, name: str, options: FolderOptions) -> None:
        super().__init__(root, name, options)
        # Class variables of the other layouts; here every dataset of a run has its own.
        self.detection_classes = options.classes  # type: ignore[misc]
        self.segmentation_classes = options.mask_classes  # type: ignore[misc]
        self.palette = voc_palette(len(options.mask_classes))  # type: ignore[misc]

    def _find_folders(self) -> list[PairFolders]:
        options = self.options
        infrared, visible = self.demand([(options.infrared, options.visible)])
        return [
            PairFolders(
                infrared,
                visible,
                annotations=self._extra("annotations", options.annotations),
                masks=self._extra("masks", options.masks),
            )
        ]

    def _extra(self, option: str, sub_folder: str | None) -> Path | None:
        if sub_folder is None:
            return None
        folder = self.root / sub_folder
        if not folder.is_dir():
            raise UserError(f"dataset {self.name!r}: option {option!r}: no such folder: {folder}")
        return folder

    def read_boxes(self, pair: Pair, path: Path) -> Boxes:
        return read_voc(path, self.options.corner_origin)
