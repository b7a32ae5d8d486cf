"""Whether a fused image is what a run needs: its mark, and the pixels that the mark covers.

Every PNG says in a text chunk the key of its method, the hashes of its sources and the hash of its
own pixels. Decoding thousands of files at each run would take minutes, so files that fitted once are
remembered by content, beside them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.data.images import decode, encode_png, pixel_hash, png_provenance
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import write_json
from ivif_bench.store import Fingerprints
from ivif_bench.types import Pair

_PIXELS = "pixels"
_OTHER_SOURCES = "were made from other sources"
_WITHOUT_MARK = "carry no mark, or one of an older version"
_CHANGED = "are damaged, or have other pixels than were written"


class Checked:
    """Images of one folder that were found good, remembered by what decides it: stem to hashes."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "checked.json"
        self._new: dict[str, list[str]] = {}
        self._good = self._read()

    def _read(self) -> dict[str, list[str]]:
        try:
            found: dict[str, list[str]] = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return found

    def knows(self, stem: str, hashes: Sequence[str]) -> bool:
        """Whether an image with these hashes was found good before."""
        return self._good.get(stem) == list(hashes)

    def add(self, stem: str, hashes: Sequence[str]) -> None:
        """Remember an image."""
        self._good[stem] = self._new[stem] = list(hashes)

    def save(self) -> None:
        """Keep what was learned; losing it to another process costs time, never correctness."""
        if self._new:
            write_json(self._path, self._read() | self._new)
            self._new = {}


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
    found = png_provenance(path)
    if found is None or _PIXELS not in found:
        return _WITHOUT_MARK
    if any(found.get(name) != value for name, value in mark.items()):
        return _OTHER_SOURCES
    try:
        image = decode(path)
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
    wanted, misfits = [], dict[str, list[str]]()
    for image in images:
        path, mark = Path(image["target"]), image["mark"]
        if path.is_file():
            hashes = checked_as(fingerprint(path), mark)
            if checked.knows(image["stem"], hashes):
                continue
            reason = misfit(path, mark)
            if not reason:
                checked.add(image["stem"], hashes)
                continue
            misfits.setdefault(reason, []).append(image["stem"])
        wanted.append(image)
    checked.save()
    for reason, stems in misfits.items():
        note(
            f"{about}: {len(stems)} fused images are made again because they {reason}: "
            f"{first_few(stems)}"
        )
    return wanted


def checked_as(content: str, mark: Mapping[str, str]) -> list[str]:
    """What ``Checked`` remembers of a fused image: the hash of its file, and what it was made from."""
    return [content, mark["infrared"], mark["visible"]]
