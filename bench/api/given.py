"""The caller's methods: images from a function or given as arrays, written as PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.api.arrays import as_pixels
from ivif_bench.data.images import gray_of, rgb_of, size_of
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import write_bytes
from ivif_bench.naming import safe_name
from ivif_bench.pipeline.fuse import read_pair
from ivif_bench.pipeline.marks import image_mark, marked_png, to_make
from ivif_bench.store import Store, key_of
from ivif_bench.types import Pair, Progress

Fuse = Callable[[np.ndarray, np.ndarray], np.ndarray]
Images = Mapping[str, np.ndarray]

FOLDER = "given"  # in the run directory


@dataclass(frozen=True, slots=True)
class Given:
    """A method given by the caller.

    Attributes:
        name: its row in the tables.
        images: a function of infrared [H, W] and visible [H, W, 3], or fused images by stem.
        version: images of a function are reused under the same version; empty for never.
    """

    name: str
    images: Fuse | Images
    version: str = ""

    @property
    def key(self) -> str:
        """Identity of its images, as far as it is known."""
        return key_of("given", self.version)

    def folder(self, run: Path, dataset: str) -> Path:
        """The folder of its images."""
        return run / FOLDER / safe_name(dataset) / f"{safe_name(self.name)}-{self.key}"

    def row(self, run: Path, dataset: str, missing: str) -> dict[str, Any]:
        """Its row in a configuration."""
        folder = str(self.folder(run, dataset)).replace("{", "{{").replace("}", "}}")
        return {
            "name": self.name,
            "type": "precomputed",
            "options": {"root": f"{folder}/{{stem}}.png"},
            "missing": missing,
        }


def write_given(
    given: Given,
    pairs: Sequence[Pair],
    store: Store,
    missing: str,
    progress: Progress,
    note: Callable[[str], None],
) -> None:
    """Write the images of a method for these pairs, of one dataset; each file is written atomically.

    Images of a function with a version are kept if their mark has that version and the present
    sources; all others are made again.

    Raises:
        UserError: stems are missing, or an image is not valid (``as_pixels``).
    """
    dataset = pairs[0].dataset
    folder = given.folder(store.root, dataset)
    about = f"method {given.name!r}, dataset {dataset!r}"
    if isinstance(given.images, Mapping):
        pairs = _present(given.images, pairs, about, missing)
    by_stem = {pair.stem: pair for pair in pairs}
    described: list[Mapping[str, Any]] = [
        {
            "stem": pair.stem,
            "target": str(folder / f"{pair.stem}.png"),
            "mark": image_mark(given.key, pair, store.fingerprint),
        }
        for pair in pairs
    ]
    if given.version:
        described = to_make(described, folder, store.fingerprint, note, about)
    else:
        for old in folder.glob("*.png"):
            old.unlink()
    store.fingerprint.save()
    for done, image in enumerate(described, start=1):
        pixels = _pixels(given.images, by_stem[image["stem"]], about)
        write_bytes(Path(image["target"]), marked_png(pixels, image["mark"]))
        progress(done, len(described), f"{given.name}: {image['stem']}")


def _present(images: Images, pairs: Sequence[Pair], about: str, missing: str) -> list[Pair]:
    present = [pair for pair in pairs if pair.stem in images]
    lacking = [pair.stem for pair in pairs if pair.stem not in images]
    if lacking and (missing == "refuse" or not present):
        raise UserError(
            f"{about}: no image for {len(lacking)} of {len(pairs)} stems: {first_few(lacking)} "
            f"(given: {first_few([str(stem) for stem in images], 3) or 'none'}); add them, or "
            "pass missing='allow' to judge it on the images it has"
        )
    return present


def _pixels(images: Fuse | Images, pair: Pair, about: str) -> np.ndarray:
    where = f"{about}, stem {pair.stem!r}"
    if isinstance(images, Mapping):
        return as_pixels(images[pair.stem], size_of(pair.infrared), where)
    infrared, visible = read_pair(pair.dataset, pair.stem, str(pair.infrared), str(pair.visible))
    try:
        fused = images(gray_of(infrared), rgb_of(visible))
    except Exception as problem:
        problem.add_note(f"while fusing: {where}")
        raise
    return as_pixels(fused, infrared.pixels.shape[:2], where)
