"""Checks the finished work of a run by its content; no cache of hashes or of checked images is used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivif_bench import contents
from ivif_bench.errors import UserError
from ivif_bench.files import file_names, read_json
from ivif_bench.fingerprints import hash_file
from ivif_bench.fusion import METHODS
from ivif_bench.parallel import in_threads
from ivif_bench.pipeline.marks import image_mark, misfit
from ivif_bench.pipeline.plan import RunPlan
from ivif_bench.types import Progress


@dataclass(frozen=True, slots=True)
class Verified:
    """What was checked.

    Attributes:
        images, results, checkpoints: number of each that were checked.
        problems: a line for each that does not fit.
        unrecorded: results and checkpoints of earlier versions, which recorded no hash.
    """

    images: int
    results: int
    checkpoints: int
    problems: tuple[str, ...]
    unrecorded: tuple[str, ...]


def verify(plan: RunPlan, progress: Progress | None = None) -> Verified:
    """Check fused images by their marks, results and checkpoints by their recorded hashes.

    Args:
        plan: with a store that remembers no hashes, so that sources are hashed as well.
        progress: called with the number of images decoded.
    """
    images = list(_images(plan))
    reasons = in_threads(lambda each: misfit(*each), images, progress, "checking images", share=4)
    problems = [
        f"{path}: does not fit: such images {reason}; delete it, and 'run' fuses it again"
        for (path, _), reason in zip(images, reasons, strict=True)
        if reason
    ]
    unrecorded = []
    results = sorted((plan.store.root / "results").rglob("*.parquet"))
    for path in results:
        reason = _result_misfit(path)
        if reason is None:
            unrecorded.append(str(path))
        elif reason:
            problems.append(f"{path}: {reason}; delete it, and 'run' computes it again")
    places = (plan.store.root / "checkpoints").glob("*")
    folders = sorted(path for path in places if path.is_dir() and path.suffix != ".part")
    for path in folders:
        changed = contents.misfits(path)
        if changed is None:
            unrecorded.append(str(path))
        problems += [
            f"{path / name}: missing or changed; delete {path}, and 'run' makes it again if needed"
            for name in changed or ()
        ]
    return Verified(len(images), len(results), len(folders), tuple(problems), tuple(unrecorded))


def _images(plan: RunPlan) -> Iterator[tuple[Path, dict[str, str]]]:
    """Files and marks of the fused images that are there."""
    for method in plan.config.methods:
        if METHODS.get(method.type).precomputed:
            continue
        key = plan.key_of(method)
        for dataset, pairs in plan.datasets_of(method).items():
            folder = plan.store.fused_folder(dataset, method.name, key)
            names = file_names(folder)
            for pair in pairs:
                if f"{pair.stem}.png" in names:
                    yield folder / f"{pair.stem}.png", image_mark(key, pair, plan.store.fingerprint)


def _result_misfit(path: Path) -> str | None:
    """Why a Parquet file is not the one that was written; empty if it is, None if no hash says so."""
    try:
        said: dict[str, Any] = read_json(path.with_suffix(".json"))
        key, what = said["key"], said["what"]
        size = what["bytes"]
    except (OSError, ValueError, KeyError, TypeError):
        return "the JSON beside it is missing or damaged"
    if not path.stem.endswith(f"-{key}"):
        return f"the JSON beside it is that of another result ({str(key)[:40]})"
    if path.stat().st_size != size:
        return f"it has {path.stat().st_size} bytes, and {size} were written"
    if "sha256" not in what:
        return None
    try:
        return "" if hash_file(str(path)) == what["sha256"] else "its content was changed"
    except UserError as problem:
        return str(problem)
