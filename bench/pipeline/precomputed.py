"""Precomputed images of a method: found, checked, and listed by stem where something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ivif_bench.config import MethodConfig
from ivif_bench.data.images import images_in, size_of
from ivif_bench.errors import UserError, first_few
from ivif_bench.fusion import PrecomputedImages
from ivif_bench.pipeline.marks import Checked
from ivif_bench.store import Store
from ivif_bench.types import FusedSet, Pair

# Raised when more files are refused than before, so that all are checked again.
_RULES = "2"


def check_precomputed(
    method: MethodConfig,
    images: PrecomputedImages,
    dataset: str,
    pairs: Sequence[Pair],
    key: str,
    store: Store,
    note: Callable[[str], None] = lambda text: None,
) -> FusedSet:
    """Use the images where they are, after every one has been decoded and measured once.

    Raises:
        UserError: missing images (unless the row says ``missing: allow``), unreadable ones, or
            sizes that differ from the sources; all are listed by stem.
    """
    found = {pair.stem: images.locate(dataset, pair.stem) for pair in pairs}
    missing = tuple(stem for stem, path in found.items() if not path.is_file())
    if missing and method.missing == "refuse":
        example = found[missing[0]]
        raise UserError(
            f"method {method.name!r} lacks {len(missing)} of {len(pairs)} images of dataset {dataset!r}: "
            f"{first_few(missing)} (looked for {example}); add them, name the datasets it has under "
            "'datasets', or set 'missing: allow' to judge it on the images it has"
        )
    if len(missing) == len(pairs):
        raise UserError(
            f"method {method.name!r} has none of the {len(pairs)} images of dataset {dataset!r}: "
            f"looked for {found[missing[0]]}; check its root"
        )
    if extra := _strangers(found):
        note(
            f"method {method.name!r}, dataset {dataset!r}: {len(extra)} images belong to no pair "
            f"that this run judges and are not used: {first_few(extra)}"
        )
    present = {stem: path for stem, path in found.items() if stem not in set(missing)}
    _check_sizes(method.name, dataset, pairs, present, store, key)
    return FusedSet(dataset, method.name, key, present, missing)


def _strangers(found: Mapping[str, Path]) -> list[str]:
    """Stems of images in the same folder that no pair asked for."""
    folders = {path.parent for path in found.values() if path.parent.is_dir()}
    if len(folders) != 1:  # one folder per image: nothing to compare with
        return []
    return sorted(set(images_in(folders.pop())) - {path.stem for path in found.values()})


def _check_sizes(
    method: str,
    dataset: str,
    pairs: Sequence[Pair],
    present: dict[str, Path],
    store: Store,
    key: str,
) -> None:
    """Decode what was not decoded before; what was found good is remembered by content."""
    checked = Checked(store.fused_folder(dataset, method, key))
    problems = []
    for pair in pairs:
        if pair.stem not in present:
            continue
        path = present[pair.stem]
        hashes = [store.fingerprint(path), store.fingerprint(pair.infrared), _RULES]
        if checked.knows(pair.stem, hashes):
            continue
        try:
            fused_size, source_size = size_of(path), size_of(pair.infrared)
        except UserError as problem:
            problems.append(str(problem))
            continue
        if fused_size == source_size:
            checked.add(pair.stem, hashes)
        else:
            problems.append(
                f"{pair.stem} is {fused_size[1]}x{fused_size[0]}, its sources are "
                f"{source_size[1]}x{source_size[0]}"
            )
    if problems:
        raise UserError(
            f"method {method!r}, dataset {dataset!r}: {len(problems)} unusable images: "
            f"{first_few(problems, 4)}; fused images must have the size of their sources"
        )
    checked.save()
