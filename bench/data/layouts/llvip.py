"""LLVIP: night street scenes with boxes of persons, in the official and in a per-part layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.data import known
from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.layouts.paired_folders import CornerOptions, PairedFolders, PairFolders
from ivif_bench.data.voc import read_voc
from ivif_bench.errors import UserError
from ivif_bench.types import Boxes, Pair

SPECS = (
    LayoutSpec(
        name="llvip",
        entry="LLVIP",
        title="LLVIP",
        summary="15,488 pairs, boxes of persons: {infrared,visible}/{train,test} with Annotations",
        source="Jia et al., LLVIP, ICCV workshops 2021; github.com/bupt-ai-cz/LLVIP",
        terms="non-commercial, cite, do not identify people",
        options=CornerOptions,
    ),
)

PARTS = ("train", "test")


class LLVIP(PairedFolders):
    """``{infrared,visible}/{train,test}`` with ``Annotations/*.xml`` (official), or
    ``{train,test}/{ir,vi}`` with ``instances.json`` (COCO) beside the images that have boxes."""

    detection_classes = ("person",)
    known = known.LLVIP
    options: CornerOptions  # by default unshifted: as the published COCO conversion

    def __init__(self, root: Path, name: str, options: CornerOptions) -> None:
        super().__init__(root, name, options)
        self._coco: dict[Path, dict[str, Boxes]] = {}

    def _find_folders(self) -> list[PairFolders]:
        found, choices = [], []
        for part in PARTS:
            official = (f"infrared/{part}", f"visible/{part}")
            plain = (f"{part}/ir", f"{part}/vi")
            choices += [official, plain]
            if (sides := self.locate([official])) is not None:
                found.append(PairFolders(*sides, part=part, annotations=self.root / "Annotations"))
            elif (sides := self.locate([plain])) is not None:
                instances = self.root / part / "instances.json"
                boxes = instances if instances.is_file() else None
                found.append(PairFolders(*sides, part=part, annotations=boxes))
        if not found:
            raise self.no_folders(choices)
        return found

    def read_boxes(self, pair: Pair, path: Path) -> Boxes:
        if path.suffix != ".json":
            return read_voc(path, self.options.corner_origin)
        if path not in self._coco:
            self._coco[path] = read_coco(path)
        if pair.stem not in self._coco[path]:
            raise UserError(f"{path}: no entry for image {pair.stem!r} under 'images'")
        return self._coco[path][pair.stem]


def read_coco(path: Path) -> dict[str, Boxes]:
    """Boxes of every image of a COCO file by stem: class names unchecked, none left out.

    ``iscrowd`` becomes ``crowd``; ``difficult``, or ``ignore`` as conversions of VOC files write
    it, becomes ``difficult``.

    Raises:
        UserError: unreadable, not of the COCO form, or a flag that is neither 0 nor 1.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = {item["id"]: str(item["name"]) for item in content["categories"]}
        stems = {item["id"]: Path(str(item["file_name"])).stem for item in content["images"]}
        found: dict[str, list[dict[str, Any]]] = {stem: [] for stem in stems.values()}
        for item in content["annotations"]:
            x, y, width, height = (float(value) for value in item["bbox"])
            found[stems[item["image_id"]]].append(
                {
                    "corners": [x, y, x + width, y + height],
                    "name": names[item["category_id"]],
                    "crowd": _flag(item, "iscrowd", path),
                    "difficult": _flag(item, "difficult", path) or _flag(item, "ignore", path),
                }
            )
    except (OSError, ValueError) as problem:
        raise UserError(f"cannot read annotation {path}: {problem}") from problem
    except (KeyError, TypeError, AttributeError) as problem:
        raise UserError(f"{path}: not a COCO file of boxes ({problem!r})") from problem
    return {
        stem: Boxes(
            np.array([row["corners"] for row in rows], dtype=np.float64).reshape(-1, 4),
            tuple(row["name"] for row in rows),
            crowd=np.array([row["crowd"] for row in rows], bool),
            difficult=np.array([row["difficult"] for row in rows], bool),
        )
        for stem, rows in found.items()
    }


def _flag(item: Mapping[str, Any], key: str, path: Path) -> bool:
    value = item.get(key, 0)
    if not isinstance(value, int) or value not in (0, 1):
        raise UserError(
            f"{path}: annotation {item.get('id')}: {key!r} must be 0 or 1, found {value!r}"
        )
    return bool(value)
