"""Trees of the layouts of this repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from trees.files import image, pair_files, text, voc

TARDAL_ORDER = ["People", "Car", "Bus", "Lamp", "Motorcycle", "Truck"]


def m3fd(root: Path) -> dict[str, Any]:
    base = root / "M3FD_Detection"
    pair_files(base / "Ir", base / "Vis", ["00002", "00000", "00001"])
    for stem in ("00000", "00001", "00002"):
        voc(base / "Annotation" / f"{stem}.xml", ("Car", 2, 3, 12, 13), ("Lamp", 1, 1, 4, 5))
    return {}


def m3fd_tardal(root: Path) -> dict[str, Any]:
    pair_files(root / "ir", root / "vi", ["00000", "00001"])
    for stem in ("00000", "00001"):
        text(root / "labels" / f"{stem}.txt", "3 0.25 0.5 0.125 0.25\n")
    text(root / "meta" / "train.txt", "00000.png\n")
    text(root / "meta" / "pred.txt", "00000.png\n00001.png\n")
    return {"class_order": TARDAL_ORDER}


def m3fd_fusion(root: Path) -> dict[str, Any]:
    pair_files(root / "Ir", root / "Vis", ["00000", "04160"])
    return {}


def msrs(root: Path) -> dict[str, Any]:
    for part, stems in (("train", ["00001D", "00003N"]), ("test", ["00004N"])):
        pair_files(root / part / "ir", root / part / "vi", stems)
        for stem in stems:
            image(root / part / "Segmentation_labels" / f"{stem}.png", channels=1, value=8)
    return {}


def msrs_detection(root: Path) -> dict[str, Any]:
    base = root / "detection"
    pair_files(base / "ir", base / "vi", ["1", "810"])
    text(base / "labels" / "1.txt", "2 0.5 0.5 0.25 0.5\n0 0.25 0.25 0.25 0.25\n")
    text(base / "labels" / "810.txt", "")
    text(root / "meta" / "detection_names.csv", "detection,image\n1,00001D\n810,00810N\n")
    return {}


def tno(root: Path) -> dict[str, Any]:
    pair_files(root / "ir", root / "vi", ["01", "03"])
    return {}


def roadscene(root: Path) -> dict[str, Any]:
    pair_files(root / "cropinfrared", root / "crop_LR_visible", ["FLIR_00006"], suffix=".JPG")
    return {}


def llvip(root: Path) -> dict[str, Any]:
    for part, stem in (("train", "010001"), ("test", "190001")):
        pair_files(root / "infrared" / part, root / "visible" / part, [stem], suffix=".jpg")
        voc(root / "Annotations" / f"{stem}.xml", ("person", 2, 3, 12, 13))
    return {}


def folder(root: Path) -> dict[str, Any]:
    pair_files(root / "thermal", root / "colour", ["b", "a"], suffix=".bmp")
    for stem in "ab":
        voc(root / "xml" / f"{stem}.xml", ("boat", 2, 3, 12, 13))
        image(root / "ids" / f"{stem}.png", channels=1, value=1)
    return {
        "infrared": "thermal",
        "visible": "colour",
        "annotations": "xml",
        "classes": ["boat"],
        "masks": "ids",
        "mask_classes": ["water", "shore"],
    }


TREES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "folder": folder,
    "llvip": llvip,
    "m3fd": m3fd,
    "m3fd-fusion": m3fd_fusion,
    "m3fd-tardal": m3fd_tardal,
    "msrs": msrs,
    "msrs-detection": msrs_detection,
    "roadscene": roadscene,
    "tno": tno,
}
