"""M3FD detection set, official layout: boxes read from XML by class name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from pydantic import Field

from ivif_bench.data import known, references
from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.layouts.paired_folders import (
    CornerOptions,
    PairedFolders,
    PairFolders,
    lists_in,
)
from ivif_bench.data.voc import read_voc
from ivif_bench.errors import UserError
from ivif_bench.files import read_json
from ivif_bench.types import Boxes, Pair


class M3FDOptions(CornerOptions):
    """Options of the official layout; by default corners are unshifted, as in published conversions."""

    scenarios: str | None = Field(
        None,
        description="JSON file of named id ranges (form of RGBXFusion's scenario.json) for tags",
    )


SPECS = (
    LayoutSpec(
        name="m3fd",
        entry="M3FD",
        title="M3FD",
        summary="4,200 pairs, 34,407 boxes of six classes: {Ir,Vis,Annotation} with XML",
        source="Liu et al., TarDAL, CVPR 2022; github.com/JinyuanLiu-CV/TarDAL",
        terms="no licence stated for the images; some labels may be wrong or missing (authors)",
        archive="about 5.7 GB as others report, on Google Drive and Baidu, linked there",
        bibtex=references.M3FD,
        options=M3FDOptions,
    ),
)

CLASSES = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
FOLDERS = (("Ir", "Vis"), ("ir", "vi"))


class M3FD(PairedFolders):
    """The official archive, with or without its top folder, or zxSplit's lower-case names."""

    detection_classes = CLASSES
    known = known.M3FD
    options: M3FDOptions

    def __init__(self, root: Path, name: str, options: M3FDOptions) -> None:
        super().__init__(root, name, options)
        self._conditions = read_scenarios(options.scenarios) if options.scenarios else {}

    def _find_folders(self) -> list[PairFolders]:
        infrared, visible = self.demand(FOLDERS, inside=(".", "M3FD_Detection"))
        return [PairFolders(infrared, visible, annotations=infrared.parent / "Annotation")]

    @cached_property
    def base(self) -> Path:
        """The folder that holds the image folders."""
        return self.folders[0].infrared.parent

    def official_splits(self) -> Mapping[str, tuple[str, ...]]:
        """Lists in ``meta/`` beside the images; the authors never published a train/test split."""
        return lists_in(self.base / "meta") or lists_in(self.root / "meta")

    def read_boxes(self, pair: Pair, path: Path) -> Boxes:
        if not path.is_file() and (self.base / "labels").is_dir():
            raise UserError(
                f"cannot read annotation {path}: no such file; {self.base / 'labels'} looks like "
                "TarDAL's text labels: use layout m3fd-tardal"
            )
        return read_voc(path, self.options.corner_origin)

    def tags_of(self, stem: str) -> tuple[str, ...]:
        if not self._conditions or not stem.isdecimal():
            return ()
        number = int(stem)
        return tuple(
            name
            for name, ranges in sorted(self._conditions.items())
            if any(first <= number <= last for first, last in ranges)
        )


def read_scenarios(path: str) -> dict[str, list[tuple[int, int]]]:
    """Id ranges (both ends included) by condition.

    Args:
        path: JSON list of ``{"name", "scene": [{"name", "range": [{"min", "max"}]}]}``.

    Raises:
        UserError: unreadable, or of another form.
    """
    try:
        content = read_json(path)
        return {
            str(condition["name"]): [
                (int(item["min"]), int(item["max"]))
                for scene in condition["scene"]
                for item in scene["range"]
            ]
            for condition in content
        }
    except (OSError, ValueError) as problem:
        raise UserError(f"cannot read scenarios {path}: {problem}") from problem
    except (KeyError, TypeError, OverflowError) as problem:
        raise UserError(
            f"scenarios {path}: expected a list of "
            "{name, scene: [{name, range: [{min, max}]}]}"
        ) from problem
