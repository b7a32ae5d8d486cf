"""Whether a fused image is what a run needs: its mark, and the pixels that the mark covers.

Every PNG says in a text chunk the key of its method, the hashes of its sources and the hash of its
own pixels. Decoding thousands of files at each run would take minutes, so files that fitted once are
remembered by content, beside them.
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
_WITHOUT_MARK = "carry no mark, or one of an older version"
_CHANGED = "are damaged, or have other pixels than were written"


class Checked:
    """Images of one folder that were found good, remembered by what decides it: stem to hashes."""

    def __init__(self, folder: Path) -> None:
        self._memory = Memory(folder / "checked.jsonl", lambda value: isinstance(value, str))

    def knows(self, stem: str, hashes: Sequence[str]) -> bool:
        """Whether an image with these hashes was found good before."""
        return bool(self._memory.known.get(stem) == " ".join(hashes))

    def add(self, stem: str, hashes: Sequence[str]) -> None:
        """Remember an image."""
        self._memory.put(stem, " ".join(hashes))

    def save(self) -> None:
        """Keep what was learned; losing it costs time, never correctness."""
        self._memory.save()


def image_mark(key: str, pair: Pair, fingerprint: Fingerprints) -> dict[str, str]:
    """What a fused PNG says of its origin."""
    return {
        "method": key,
        "infrared": fingerprint(pair.infrared),
        "visible": fingerprint(pair.visible),
    }


def marked_png(pixels: np.ndarray, mark: Mapping[str, str]) -> bytes:
    """PNG bytes of uint8 [H, W] or RGB [H, W, 3] that carry the mark, and in it their pixels' hash."""
    return encode_png(pixels, {**mark, _PIXELS: pixel_hash(pixels)})


def misfit(path: Path, mark: Mapping[str, str]) -> str:
    """Why a fused image is not what is needed, to follow "because they"; empty if it fits.

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
    """Those of some images that must be made: they are missing, or are not what their mark says.

    Args:
        images: each with ``stem``, ``target`` (its file in the folder) and the ``mark`` it needs.
        folder: where it is remembered which files fitted.
        note: told how many files that are there do not fit, and why.
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
            f"{about}: {len(stems)} fused images are made again because they {reason}: "
            f"{first_few(stems)}"
        )
    return [image for image in images if image["stem"] not in fitting]


def checked_as(content: str, mark: Mapping[str, str]) -> list[str]:
    """What ``Checked`` remembers of a fused image: the hash of its file, and what it was made from."""
    return [content, mark["infrared"], mark["visible"]]
