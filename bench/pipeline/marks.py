"""Checks that a fused image is the one that a run needs: its mark, and the pixels that the mark covers.

Every PNG has in a text chunk the key of its method, the hashes of its sources and the hash of its
own pixels. Decoding thousands of files at each run would take minutes, so checked files are cached by
content, in a file beside them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.data.images import (
    decode_8_bit,
    encode_png,
    pixel_hash,
    provenance_in,
    read_bytes,
)
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import file_names
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.memory import Memory
from ivif_bench.parallel import in_threads
from ivif_bench.types import Pair

_PIXELS = "pixels"
_OTHER_SOURCES = "were made from other sources"
_WITHOUT_MARK = "have no mark, or one of an older version"
_CHANGED = "are damaged, or their pixels were changed"


class Checked:
    """Cache of the checked images of one folder: stem to hashes."""

    def __init__(self, folder: Path) -> None:
        self._memory = Memory(folder / "checked.jsonl", lambda value: isinstance(value, str))

    def knows(self, stem: str, hashes: Sequence[str]) -> bool:
        """Whether an image with these hashes has been checked before."""
        return bool(self._memory.known.get(stem) == " ".join(hashes))

    def add(self, stem: str, hashes: Sequence[str]) -> None:
        """Remember an image."""
        self._memory.put(stem, " ".join(hashes))

    def save(self) -> None:
        """Write the cache; without it only time is lost."""
        self._memory.save()


def image_mark(key: str, pair: Pair, fingerprint: Fingerprints) -> dict[str, str]:
    """The mark of a fused PNG: where it comes from."""
    return {
        "method": key,
        "infrared": fingerprint(pair.infrared),
        "visible": fingerprint(pair.visible),
    }


def marked_png(pixels: np.ndarray, mark: Mapping[str, str]) -> bytes:
    """PNG bytes of uint8 [H, W] or RGB [H, W, 3] with the mark, which includes the hash of the pixels."""
    return encode_png(pixels, {**mark, _PIXELS: pixel_hash(pixels)})


def misfit(path: Path, mark: Mapping[str, str]) -> str:
    """Why a fused image is not the needed one, to follow "because they"; empty if it is.

    Reads the file and decodes it.
    """
    try:
        data = read_bytes(path)
    except UserError:
        return _WITHOUT_MARK
    found = provenance_in(data)
    if found is None or _PIXELS not in found:
        return _WITHOUT_MARK
    if any(found.get(name) != value for name, value in mark.items()):
        return _OTHER_SOURCES
    try:
        image, _ = decode_8_bit(path, data)
    except UserError:
        return _CHANGED
    rgb = image if image.ndim == 2 else image[:, :, ::-1]
    return "" if pixel_hash(rgb) == found[_PIXELS] else _CHANGED


def to_make(
    images: Sequence[Mapping[str, Any]],
    folder: Path,
    fingerprint: Fingerprints,
    note: Callable[[str], None],
    about: str,
) -> list[Mapping[str, Any]]:
    """The images that must be made: those that are missing or whose mark does not match.

    Args:
        images: each with ``stem``, ``target`` (its file in the folder) and the ``mark`` it needs.
        folder: where the cache of checked files is.
        note: called with the number of existing files that do not match, and why.
        about: method and dataset, for the note.
    """
    checked = Checked(folder)
    names = file_names(folder)
    there = [image for image in images if os.path.basename(image["target"]) in names]  # noqa: PTH119
    contents = fingerprint.many(image["target"] for image in there)
    fitting, unknown = set(), []
    for image, content in zip(there, contents, strict=True):
        hashes = checked_as(content, image["mark"])
        if checked.knows(image["stem"], hashes):
            fitting.add(image["stem"])
        else:
            unknown.append((image, hashes))
    reasons = in_threads(
        lambda item: misfit(Path(item[0]["target"]), item[0]["mark"]), unknown, share=4
    )
    misfits: dict[str, list[str]] = {}
    for (image, hashes), reason in zip(unknown, reasons, strict=True):
        if reason:
            misfits.setdefault(reason, []).append(image["stem"])
        else:
            fitting.add(image["stem"])
            checked.add(image["stem"], hashes)
    checked.save()
    for reason, stems in misfits.items():
        note(
            f"{about}: {len(stems)} images are fused again because they {reason}: "
            f"{first_few(stems)}"
        )
    return [image for image in images if image["stem"] not in fitting]


def checked_as(content: str, mark: Mapping[str, str]) -> list[str]:
    """The entry of ``Checked`` for a fused image: the hash of its file, and its sources."""
    return [content, mark["infrared"], mark["visible"]]
