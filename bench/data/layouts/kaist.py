"""KAIST: pedestrians by day and night in videos, with regions that are ignored."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import Field

from ivif_bench.data.base import LayoutSpec
from ivif_bench.data.bbgt import read_bbgt
from ivif_bench.data.layouts.paired_folders import BoxOptions, PairedFolders, PairFolders
from ivif_bench.data.voc import read_voc
from ivif_bench.errors import UserError
from ivif_bench.files import read_text
from ivif_bench.types import Boxes, Pair


class KAISTOptions(BoxOptions):
    """Which annotations are read, and which persons must be found."""

    annotations: str = Field(
        "annotations",
        min_length=1,
        description="folder of annotations (setNN/VNNN/INNNNN.txt or .xml), such as annotations-xml-15",
    )
    most_occlusion: int = Field(
        1,
        ge=0,
        le=2,
        description="persons that are more occluded need not be found (0 none, 1 partial, 2 heavy)",
    )


SPECS = (
    LayoutSpec(
        name="kaist",
        entry="KAIST",
        title="KAIST",
        summary="persons, day/night: images/setNN/VNNN/{lwir,visible}, annotations, imageSets; unverified",
        source="Hwang et al., CVPR 2015; github.com/SoonminHwang/rgbt-ped-detection",
        terms="see the authors' repository",
        options=KAISTOptions,
    ),
)

_TEST_SETS = range(6, 12)
_DAY_SETS = (0, 1, 2, 6, 7, 8)
_LISTS = {"train": "train-all-02.txt", "test": "test-all-20.txt"}
_IGNORED = ("person?", "person-fa", "people", "cyclist")


class KAIST(PairedFolders):
    """Stems are ``set06_V000_I00019``. Sets 00 to 05 are train, 06 to 11 test; of each part only the
    frames of ``imageSets/{train-all-02,test-all-20}.txt`` are used if that list exists.

    ``person?``, ``people`` and ``cyclist`` are read as difficult persons: they need not be found, and
    detections of them are not wrong. Names and folders are as public loaders read them; no file of
    the set was read here.
    """

    detection_classes = ("person",)
    options: KAISTOptions

    def _find_folders(self) -> list[PairFolders]:
        images = self.root / "images"
        videos = sorted(path for path in images.glob("set[0-9][0-9]/V[0-9][0-9][0-9]"))
        if not videos:
            raise self.no_folders([("images/setNN/VNNN/lwir", "images/setNN/VNNN/visible")])
        boxes = self.root / self.options.annotations
        if not boxes.is_dir():
            raise UserError(
                f"dataset {self.name!r}: option 'annotations': no such folder: {boxes}; it holds "
                "setNN/VNNN/INNNNN.txt or .xml"
            )
        suffix = ".xml" if next(boxes.rglob("*.xml"), None) else ".txt"
        listed = {part: self._listed(part) for part in _LISTS}
        found = []
        for video in videos:
            name = f"{video.parent.name}_{video.name}_"
            part = "test" if int(video.parent.name[3:]) in _TEST_SETS else "train"
            frames = listed[part]
            chosen = None if frames is None else frames.get(name, frozenset())
            if chosen is None or chosen:
                place = boxes / video.parent.name / video.name
                found.append(
                    PairFolders(
                        video / "lwir",
                        video / "visible",
                        part=part,
                        annotations=place,
                        suffix=suffix,
                        prefix=name,
                        chosen=chosen,
                    )
                )
        if not found:
            raise UserError(
                f"dataset {self.name!r}: no video in {images} is in a list of imageSets"
            )
        return found

    def _listed(self, part: str) -> dict[str, frozenset[str]] | None:
        """Frames of a published list by the prefix of their video; None if there is no list."""
        path = self.root / "imageSets" / _LISTS[part]
        if not path.is_file():
            return None
        frames: dict[str, set[str]] = defaultdict(set)
        for number, line in enumerate(read_text(path).split(), start=1):
            if line.count("/") != 2:
                raise UserError(
                    f"{path}, entry {number}: expected setNN/VNNN/INNNNN, found {line!r}"
                )
            video, _, frame = line.rpartition("/")
            frames[f"{video.replace('/', '_')}_"].add(frame)
        return {video: frozenset(names) for video, names in frames.items()}

    def read_boxes(self, pair: Pair, path: Path) -> Boxes:
        most = self.options.most_occlusion
        boxes = read_voc(path, occlusion=most) if path.suffix == ".xml" else read_bbgt(path, most)
        ignored = np.array([name in _IGNORED for name in boxes.classes], bool)
        names = tuple("person" if name in _IGNORED else name for name in boxes.classes)
        return replace(boxes, classes=names, difficult=boxes.difficult | ignored)

    def tags_of(self, stem: str) -> tuple[str, ...]:
        return ("day",) if int(stem[3:5]) in _DAY_SETS else ("night",)
