"""M3FD in the layout of TarDAL's code: text labels whose class numbers depend on the conversion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, field_validator

from ivif_bench.data import known, references
from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.layouts.m3fd import CLASSES, FOLDERS
from ivif_bench.data.layouts.paired_folders import (
    CornerOptions,
    PairedFolders,
    PairFolders,
    lists_in,
)
from ivif_bench.data.yolo_text import read_yolo
from ivif_bench.errors import UserError
from ivif_bench.options import Names
from ivif_bench.types import Boxes, Pair


class M3FDTarDALOptions(CornerOptions):
    """Options of the text labels; by default corners are unshifted, as in the XML."""

    class_order: Names = Field(
        description="the six class names in the order of the label numbers 0 to 5"
    )

    @field_validator("class_order")
    @classmethod
    def _all_six(cls, order: tuple[str, ...]) -> tuple[str, ...]:
        if sorted(order) != sorted(CLASSES):
            raise ValueError(
                f"must name {', '.join(CLASSES)} in the order of the numbers in labels/*.txt "
                "(TarDAL's own files: People, Car, Bus, Lamp, Motorcycle, Truck), "
                f"not {list(order)}"
            )
        return order


SPECS = (
    LayoutSpec(
        name="m3fd-tardal",
        entry="M3FDTarDAL",
        title="M3FD",
        summary="M3FD in TarDAL's layout: {ir,vi,labels,meta} with YOLO text; needs class_order",
        source="Liu et al., TarDAL, CVPR 2022; github.com/JinyuanLiu-CV/TarDAL",
        terms="no licence stated for the images; some labels may be wrong or missing (authors)",
        bibtex=references.M3FD,
        options=M3FDTarDALOptions,
    ),
)


class M3FDTarDAL(PairedFolders):
    """``class_order`` defines the meaning of the numbers in the label files; no order is assumed.

    TarDAL's own files have Lamp before Motorcycle, most others the reverse; a wrong order swaps
    the two silently, which the audit of the full set finds by their known totals.
    """

    detection_classes = CLASSES
    known = known.M3FD
    options: M3FDTarDALOptions

    def __init__(self, root: Path, name: str, options: M3FDTarDALOptions) -> None:
        super().__init__(root, name, options)
        self._names = dict(enumerate(options.class_order))

    def _find_folders(self) -> list[PairFolders]:
        infrared, visible = self.demand((FOLDERS[1], FOLDERS[0]), inside=(".", "M3FD_Detection"))
        base = infrared.parent
        if not (base / "labels").is_dir():
            raise UserError(
                f"dataset {self.name!r}: looked for folder labels in {base} and found none; "
                "use layout m3fd if there is an Annotation folder"
            )
        return [PairFolders(infrared, visible, annotations=base / "labels", suffix=".txt")]

    def official_splits(self) -> Mapping[str, tuple[str, ...]]:
        """Lists in ``meta/``, as far as they are there: train, val and pred (images to fuse)."""
        return lists_in(self.folders[0].infrared.parent / "meta")

    def read_boxes(self, pair: Pair, path: Path) -> Boxes:
        from ivif_bench.data.images import size_of

        return read_yolo(path, self._names, size_of(pair.visible), self.options.corner_origin)

    def audit_totals(self, classes: Mapping[str, int]) -> tuple[str, ...]:
        """Whether ``class_order`` fits the known totals of the full set."""
        error = order_error(classes, list(self._names.values()))
        if len(self.scan.pairs) != known.M3FD.images or error is None:
            return ()
        return (error,)


def order_error(found: Mapping[str, int], order: list[str]) -> str | None:
    """The order that would give the known totals, as an error, if it is another one than given."""
    by_total = {total: name for name, total in known.M3FD.classes.items()}
    implied = [by_total.get(found.get(name, 0)) for name in order]
    if None in implied or implied == order:
        return None
    return (
        f"class_order {order} does not fit the known totals (Lamp 2,405, Motorcycle 521, ...): "
        f"these labels are in the order {implied}"
    )
