"""Lists of images as projects publish them, read as stems.

One reader for all: plain stems, paths of any folder (as YOLO's lists have them), and COCO JSON, of
which only ``images[].file_name`` is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ivif_bench.data.headers import SUFFIXES
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import read_json, read_text

_SUFFIXES = {suffix.lstrip(".") for suffix in SUFFIXES} | {"xml", "txt"}
_LONGEST = 255  # characters of a stem: no file system takes more


def read_list(path: Path) -> tuple[str, ...]:
    """Stems of a list, sorted: a COCO JSON, or text with one stem, file name or path in each line.

    Folders and the extensions of images and annotations are cut off; empty lines and lines that
    begin with ``#`` are left out.

    Raises:
        UserError: unreadable, JSON without ``images``, or a stem is named twice.
    """
    names = _coco_names(path) if path.suffix.lower() == ".json" else _lines(path)
    stems = [stem_of(name) for name in names]
    refuse_long(stems, f"split list {path}")
    refuse_repeats(stems, f"split list {path}")
    return tuple(sorted(stems))


def is_coco(path: Path) -> bool:
    """Whether a JSON file has COCO's ``images``; False for all that is no readable JSON object."""
    if path.suffix.lower() != ".json":
        return False
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and "images" in content


def stem_of(name: str) -> str:
    """The stem in a file name or path; what is no known extension belongs to it."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    base, dot, suffix = last.rpartition(".")
    return base if dot and suffix.lower() in _SUFFIXES else last


def refuse_long(stems: Sequence[str], where: str) -> None:
    """Refuse what cannot be a file name."""
    for stem in stems:
        if len(stem) > _LONGEST:
            raise UserError(
                f"{where}: {stem[:40]!r}... has {len(stem)} characters, more than a file name; "
                "give one stem per line"
            )


def refuse_repeats(stems: Sequence[str], where: str) -> None:
    """Refuse stems that are named twice."""
    twice = sorted(stem for stem, count in Counter(stems).items() if count > 1)
    if twice:
        raise UserError(f"{where} names stems twice: {first_few(twice)}")


def _lines(path: Path) -> list[str]:
    try:
        lines = read_text(path, "utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise UserError(f"cannot read split list {path}: {reason}") from problem
    words = (line.strip() for line in lines)
    return [word for word in words if word and not word.startswith("#")]


def _coco_names(path: Path) -> list[str]:
    try:
        content: Any = read_json(path)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise UserError(f"cannot read split list {path}: {reason}") from problem
    images = content.get("images") if isinstance(content, Mapping) else None
    if not isinstance(images, list):
        raise UserError(f"split list {path}: a JSON list is read as COCO, and 'images' is missing")
    names = [item.get("file_name") if isinstance(item, Mapping) else None for item in images]
    for index, name in enumerate(names):
        if not isinstance(name, str) or not name:
            raise UserError(f"split list {path}: images[{index}] has no 'file_name'")
    return [str(name) for name in names]
