"""Precomputed images of methods: finds and checks them, and lists problems by stem."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ivif_bench.config import MethodConfig
from ivif_bench.data.examine import size_text
from ivif_bench.data.images import image_names, size_in_header
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import file_names
from ivif_bench.fusion import PrecomputedImages
from ivif_bench.pipeline.sizes import Sizes
from ivif_bench.store import Store
from ivif_bench.types import FusedSet, Pair, Progress


def find_precomputed(
    method: MethodConfig,
    images: PrecomputedImages,
    dataset: str,
    pairs: Sequence[Pair],
    key: str,
    note: Callable[[str], None],
) -> FusedSet:
    """Find the images of a method; warnings go to ``note``.

    Raises:
        UserError: missing images (unless the row says ``missing: allow``), listed by stem.
    """
    found = {pair.stem: images.locate(dataset, pair.stem) for pair in pairs}
    parts = {stem: os.path.split(path) for stem, path in found.items()}
    names = {
        folder: file_names(Path(folder)) for folder in {folder for folder, _ in parts.values()}
    }
    missing = tuple(stem for stem, (folder, name) in parts.items() if name not in names[folder])
    if missing and method.missing == "refuse":
        example = found[missing[0]]
        raise UserError(
            f"method {method.name!r} lacks {len(missing)} of {len(pairs)} images of dataset {dataset!r}: "
            f"{first_few(missing)} (looked for {example}); add them, name the datasets it has under "
            "'datasets', or set 'missing: allow' to judge it on the images it has"
        )
    if missing and len(missing) == len(pairs):
        raise UserError(
            f"method {method.name!r} has none of the {len(pairs)} images of dataset {dataset!r}: "
            f"looked for {found[missing[0]]}; check its root"
        )
    if extra := _strangers(found):
        note(
            f"method {method.name!r}, dataset {dataset!r}: {len(extra)} images do not belong "
            f"to a pair that this run judges and are ignored: {first_few(extra)}"
        )
    absent = set(missing)
    present = {stem: path for stem, path in found.items() if stem not in absent}
    return FusedSet(dataset, method.name, key, present, missing)


def check_precomputed(
    sets: Sequence[tuple[FusedSet, Sequence[Pair]]], store: Store, progress: Progress | None = None
) -> None:
    """Decode and measure every image of some methods, and its infrared source, once.

    Checked files are cached by content; the plan does not look at them again.

    Args:
        sets: found images, each with the pairs for which they are needed.
        progress: called with the number of files hashed, and then decoded.

    Raises:
        UserError: unreadable images, or sizes that differ from the sources; lists all of the first
            such method by stem.
    """
    finished = [path for images, _ in sets for path in images.images.values()]
    sources = [
        pair.infrared for images, pairs in sets for pair in pairs if pair.stem in images.images
    ]
    paths = [*finished, *dict.fromkeys(sources)]
    store.fingerprint.hold(paths, progress)
    sizes = Sizes(store.root / "cache" / "sizes.jsonl")
    _refuse_by_headers(sets, store, sizes)
    broken = sizes.learn(((store.fingerprint(path), path) for path in paths), progress)
    sizes.save()
    for images, pairs in sets:
        problems = []
        for pair in pairs:
            path = images.images.get(pair.stem)
            if path is None:
                continue
            if problem := broken.get(path) or broken.get(pair.infrared):
                problems.append(problem)
                continue
            fused, source = store.fingerprint(path), store.fingerprint(pair.infrared)
            if not sizes.equal(fused, source):
                problems.append(f"{pair.stem} is {sizes(fused)}, its sources are {sizes(source)}")
        _refuse(images, problems)


def _refuse_by_headers(
    sets: Sequence[tuple[FusedSet, Sequence[Pair]]], store: Store, sizes: Sizes
) -> None:
    """Refuse images whose headers claim another size than their sources', before any is decoded."""
    for images, pairs in sets:
        problems = []
        for pair in pairs:
            path = images.images.get(pair.stem)
            if path is None or sizes.known(store.fingerprint(path)):
                continue
            fused, source = size_in_header(path), size_in_header(pair.infrared)
            if fused and source and fused != source:
                problems.append(
                    f"{pair.stem} is {size_text(fused)}, its sources are {size_text(source)}"
                )
        _refuse(images, problems)


def _refuse(images: FusedSet, problems: list[str]) -> None:
    if problems:
        raise UserError(
            f"method {images.method!r}, dataset {images.dataset!r}: {len(problems)} unusable "
            f"images: {first_few(problems, 4)}; fused images must have the size of their sources"
        )


def _strangers(found: Mapping[str, Path]) -> list[str]:
    """Stems of images in the same folder that no pair asked for."""
    folders = {os.path.dirname(path) for path in found.values()}  # noqa: PTH120 - often
    if len(folders) != 1:  # one folder per image: nothing to compare with
        return []
    wanted = {path.stem for path in found.values()}
    return sorted(image_names(Path(folders.pop())).keys() - wanted)
