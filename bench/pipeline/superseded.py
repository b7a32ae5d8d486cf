"""Finds and removes finished work in a run directory that no unit of its configuration needs any more.

Only what this program wrote is touched, and that is told by content: images by their mark, results by
the JSON beside them, checkpoints by the recorded hashes of their files. Everything else is left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ivif_bench import contents, origins
from ivif_bench.data.images import provenance_in, read_bytes
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import read_json
from ivif_bench.fusion import METHODS
from ivif_bench.pipeline.plan import RunPlan
from ivif_bench.types import Unit

_KEYED = re.compile(r".+-([0-9a-f]{16})")
_CHECKED = "checked.jsonl"  # beside fused images: which of them have been decoded


@dataclass(frozen=True, slots=True)
class Superseded:
    """A result, the images of a method, or a checkpoint that no unit needs.

    Attributes:
        path: the Parquet file or the folder.
        files: all its files; folders that are empty without them go with them.
        bytes: size of these.
    """

    path: Path
    files: tuple[Path, ...]
    bytes: int


def superseded(plan: RunPlan) -> list[Superseded]:
    """What no unit of the configuration needs: fused images, results, checkpoints, in this order.

    Raises:
        UserError: images are still to be fused, so that it is not known what will be needed.
    """
    missing = [method.name for method, _ in plan.images_to_fuse()]
    if missing:
        raise UserError(
            f"{plan.store.root}: images of {first_few(missing)} are still to be fused, so it is not "
            "known which results are needed; finish the run first"
        )
    planned = [
        (task, unit)
        for _, task, section in plan.sections
        for method in plan.methods_of(task, section)
        for unit in plan.units(task, section, method)
    ]
    units = [unit for _, unit in planned]
    temporary, needed = set[str](), set[str]()
    for task, unit in planned:
        (temporary if plan.store.is_done(unit) else needed).update(task.temporary(unit))
    checkpoints = _checkpoints(plan.store.shared, units, temporary - needed)
    found = [*_images(plan), *_results(plan, units), *checkpoints]
    return [
        Superseded(path, files, sum(file.stat().st_size for file in files)) for path, files in found
    ]


def remove(found: Superseded) -> None:
    """Remove the files of a superseded piece of work, and its folders as far as they are empty then."""
    for file in found.files:
        file.unlink(missing_ok=True)
    if found.path.suffix == ".parquet":
        return
    inside = [path for path in found.path.rglob("*") if path.is_dir()]
    for folder in (*sorted(inside, reverse=True), found.path):
        if not any(folder.iterdir()):
            folder.rmdir()


def _images(plan: RunPlan) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    needed = {
        plan.store.fused_folder(dataset, method.name, plan.key_of(method))
        for method in plan.config.methods
        if not METHODS.get(method.type).precomputed
        for dataset in plan.datasets_of(method)
    }
    for folder in sorted((plan.store.root / "fused").glob("*/*")):
        keyed = _KEYED.fullmatch(folder.name)
        if keyed is None or folder in needed or not _is_folder(folder):
            continue
        ours = [path for path in sorted(folder.glob("*.png")) if _is_ours(path, keyed[1])]
        if ours:
            memory = [folder / _CHECKED] if (folder / _CHECKED).is_file() else []
            yield folder, (*ours, *memory)


def _is_ours(path: Path, key: str) -> bool:
    try:
        mark = None if path.is_symlink() else provenance_in(read_bytes(path))
    except UserError:
        return False
    return mark is not None and mark.get("method") == key


def _results(plan: RunPlan, units: list[Unit]) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    needed = {plan.store.result_path(unit) for unit in units}
    for path in sorted((plan.store.root / "results").rglob("*.parquet")):
        keyed, beside = _KEYED.fullmatch(path.stem), path.with_suffix(".json")
        if keyed is None or path in needed or path.is_symlink():
            continue
        try:
            ours = read_json(beside)["key"] == keyed[1]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if ours:
            yield path, (beside, path)  # the JSON, which says that it is complete, first


def _checkpoints(
    place: Path, units: list[Unit], unneeded: set[str]
) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    """A checkpoint is named by the key of its unit, or by that of a training, which its units name.

    Args:
        unneeded: names of folders that only units that are finished name.
    """
    texts = [json.dumps(unit.to_json()) for unit in units]
    for folder in sorted(place.glob("*")):
        keyed, known = _KEYED.fullmatch(folder.name), contents.recorded(folder)
        if keyed is None or known is None or not _is_folder(folder):
            continue
        if folder.name not in unneeded and any(keyed[1] in text for text in texts):
            continue
        if contents.misfits(folder):
            continue  # someone put other files there
        names = {contents.FILE, origins.FILE, *known}
        files = [folder / name for name in sorted(names)]
        yield folder, tuple(file for file in files if _is_inside(file, folder))


def _is_inside(file: Path, folder: Path) -> bool:
    return file.is_file() and file.resolve().is_relative_to(folder.resolve())


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
