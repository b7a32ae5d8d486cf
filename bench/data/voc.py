"""Boxes from Pascal VOC XML, by class name."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.files import read_regular
from ivif_bench.types import Boxes

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_SIDES = ("x", "y", "w", "h")  # as the files of KAIST have them


def read_voc(path: Path, origin: int = 0, occlusion: int | None = None) -> Boxes:
    """Read the objects of one VOC file; class names are returned unchecked.

    Args:
        path: XML file.
        origin: coordinate of the first pixel in the file. Its corners are shifted by it and nothing is
            added to the width, so width is ``xmax - xmin`` whatever the origin.
        occlusion: objects whose ``<occlusion>`` is higher are difficult; None if it does not count.

    Returns:
        Boxes with 0-based corners in pixels and their ``difficult`` flags (False where the file
        has none); empty for a file without objects.

    Raises:
        UserError: missing or broken file, an object without name or corners, xmax before xmin, a
            ``<difficult>`` that is neither 0 nor 1, or declared entities.
    """
    try:
        tree = _parsed(read_regular(path))
    except OSError as problem:
        raise UserError(
            f"cannot read annotation {path}: {problem.strerror or problem}"
        ) from problem
    except (ElementTree.ParseError, expat.ExpatError, ValueError, LookupError) as problem:
        raise UserError(f"{path}: not well-formed XML ({problem}); download it again") from problem
    corners: list[list[float]] = []
    names: list[str] = []
    difficult: list[bool] = []
    for number, item in enumerate(tree.iter("object"), start=1):
        name = (item.findtext("name") or "").strip()
        if not name:
            raise UserError(f"{path}: object {number} has no <name>")
        where = f"{path}: object {number} ({name})"
        names.append(name)
        corners.append(_corners(item, where))
        difficult.append(_difficult(item, where) or _occluded(item, where, occlusion))
    xyxy = np.array(corners, dtype=np.float64).reshape(-1, 4) - origin
    return Boxes(xyxy, tuple(names), difficult=np.array(difficult, bool))


def _parsed(data: bytes) -> ElementTree.Element:
    """The tree of an XML file without entities of its own: a few of them can stand for gigabytes."""
    first = expat.ParserCreate()
    first.EntityDeclHandler = _refuse_entity
    first.Parse(data, True)
    return ElementTree.fromstring(data)


def _refuse_entity(name: str, *others: Any) -> None:
    raise ValueError(f"it declares the entity {name!r}; annotations have none")


def _difficult(item: ElementTree.Element, where: str) -> bool:
    text = item.findtext("difficult", default="0").strip()
    if text not in ("0", "1"):
        raise UserError(f"{where}: <difficult> must be 0 or 1, found {text!r}")
    return text == "1"


def _occluded(item: ElementTree.Element, where: str, most: int | None) -> bool:
    if most is None:
        return False
    text = item.findtext("occlusion", default="0").strip()
    if text not in ("0", "1", "2"):
        raise UserError(f"{where}: <occlusion> must be 0, 1 or 2, found {text!r}")
    return int(text) > most


def _corners(item: ElementTree.Element, where: str) -> list[float]:
    sides = item.find("bndbox/w") is not None and item.find("bndbox/xmax") is None
    texts = [item.findtext(f"bndbox/{name}") for name in (_SIDES if sides else _CORNERS)]
    try:
        values = [float(text or "") for text in texts]
        if sides:
            values[2:] = values[0] + values[2], values[1] + values[3]
    except ValueError:
        raise UserError(
            f"{where}: <bndbox> needs the numbers xmin, ymin, xmax, ymax, found {texts}"
        ) from None
    if not np.isfinite(values).all() or values[2] < values[0] or values[3] < values[1]:
        raise UserError(f"{where}: corners {values} do not form a box (xmax < xmin or ymax < ymin)")
    return values
