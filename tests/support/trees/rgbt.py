"""Trees of further public layouts, with the names that public loaders use."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trees.files import image, pair_files, text, voc


def _parts(root: Path, infrared: str, visible: str, labels: str, value: int) -> None:
    for part, stems in (("train", ["00002", "00001"]), ("test", ["00003"])):
        pair_files(root / part / infrared, root / part / visible, stems)
        for stem in stems:
            image(root / part / labels / f"{stem}.png", channels=1, value=value)


def fmb(root: Path) -> dict[str, Any]:
    _parts(root, "Infrared", "Visible", "Label", 14)
    return {}


def pst900(root: Path) -> dict[str, Any]:
    _parts(root, "thermal", "rgb", "labels", 4)
    return {}


def mfnet(root: Path) -> dict[str, Any]:
    pair_files(root / "channels" / "ir", root / "channels" / "vi", ["00001D", "00002N"])
    for stem in ("00001D", "00002N"):
        image(root / "labels" / f"{stem}.png", channels=1, value=8)
    text(root / "train.txt", "00001D\n")
    text(root / "test.txt", "00002N\n")
    return {}


def flir(root: Path) -> dict[str, Any]:
    for stem in ("FLIR_08863", "FLIR_08864"):
        image(root / "JPEGImages" / f"{stem}_PreviewData.jpeg", channels=1)
        image(root / "JPEGImages" / f"{stem}_RGB.jpg")
        voc(root / "Annotations" / f"{stem}_PreviewData.xml", ("car", 2, 3, 12, 13))
    text(root / "align_train.txt", "FLIR_08863_PreviewData\n")
    text(root / "align_validation.txt", "FLIR_08864_PreviewData\n")
    return {}


def kaist(root: Path) -> dict[str, Any]:
    for video, frames in (("set00/V000", ["I00001", "I00003"]), ("set09/V001", ["I00019"])):
        base = root / "images" / video
        pair_files(base / "lwir", base / "visible", [*frames, "I00000"])
        for frame in frames:
            lines = (
                "% bbGt version=3\nperson 2 3 10 10 0 0 0 0 0 0 0\npeople 1 1 4 4 0 0 0 0 0 0 0\n"
            )
            text(root / "annotations" / video / f"{frame}.txt", lines)
    text(root / "imageSets" / "train-all-02.txt", "set00/V000/I00001\nset00/V000/I00003\n")
    text(root / "imageSets" / "test-all-20.txt", "set09/V001/I00019\n")
    return {"annotations": "annotations"}


def m3fd_damsdet(root: Path) -> dict[str, Any]:
    for part, stem in (("train", "00001"), ("val", "00002")):
        pair_files(root / f"{part}_ir_img", root / f"{part}_vis_img", [stem])
        document = {
            "categories": [{"id": 0, "name": "People"}, {"id": 1, "name": "Car"}],
            "images": [{"id": 7, "file_name": f"{stem}.png"}],
            "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [2, 3, 10, 10]}],
        }
        text(root / "annotations" / f"instances_{part}.json", json.dumps(document))
    return {}


TREES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "flir": flir,
    "fmb": fmb,
    "kaist": kaist,
    "m3fd-damsdet": m3fd_damsdet,
    "mfnet": mfnet,
    "pst900": pst900,
}
