"""Writes boxes and lists of a dataset in the formats of other tools: COCO JSON, YOLO text, lists.

::

    OUT/prepare.json           what was made from what: counts, hashes, versions
    OUT/split_<part>.txt       sorted stems; the file's sha256 is the canonical hash of the list
    OUT/instances_<part>.json  COCO: ids and categories from 1, in the layout's order of names
    OUT/labels/<stem>.txt      YOLO: ``index cx cy w h``, index 0.. in the order of classes.txt
    OUT/classes.txt
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.data.base import Dataset
from ivif_bench.data.examine import Finding, equal_sides
from ivif_bench.data.examined import Examiner
from ivif_bench.data.splits import Split, canonical_hash
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import read_json, sync_all
from ivif_bench.parallel import in_threads
from ivif_bench.types import Boxes, Pair, Progress

SUMMARY = "prepare.json"
_DECIDING = ("ivif-bench", "python", "numpy", "opencv-python")

# md5 of published archives by layout, as the projects that mirror them print it.
KNOWN_MD5: Mapping[str, tuple[str, str]] = {
    "msrs": ("dfc32330f411437fbefae701e1bb9ba0", "MSRS-main.zip of CharlesShan-hub/MSRS-Backup"),
    "msrs-detection": (
        "dfc32330f411437fbefae701e1bb9ba0",
        "MSRS-main.zip of CharlesShan-hub/MSRS-Backup",
    ),
    "m3fd-fusion": (
        "e11dcc73ff6f590d927631467930abb6",
        "the archive of CharlesShan-hub/M3FD-Fusion-Backup",
    ),
    "tno": ("1ab9ce3b84dd3e5894630c13abd20953", "the original TNO archive on figshare"),
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """The result of ``prepare``.

    Attributes:
        folder: where the files are.
        summary: content of ``prepare.json``.
        unchanged: the folder had the same content before, and nothing was written.
    """

    folder: Path
    summary: Mapping[str, Any]
    unchanged: bool


@dataclass(slots=True)
class _Content:
    """The files to write, and the notes on them, while they are collected."""

    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def md5_note(layout: str, md5: str) -> str | None:
    """Whether an archive is the one whose md5 is known for this layout; None if none is known."""
    if layout not in KNOWN_MD5:
        return None
    expected, which = KNOWN_MD5[layout]
    if md5 == expected:
        return f"md5 is that of {which}"
    return f"note: md5 is not that of {which} ({expected}); it may be another pack of the set"


def prepare(
    dataset: Dataset,
    split: Split,
    out: Path,
    *,
    force: bool = False,
    examiner: Examiner | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Check the pairs of a split and write its boxes and lists.

    COCO boxes are those of the dataset, unchanged. YOLO text has no coordinates outside the
    image, so boxes are clipped to it and those without area are left out; it has no flags
    either, so crowd regions are left out and difficult objects are written like all others. Notes
    count all four.

    Args:
        dataset: the dataset; parts whose pairs have no annotation get a list only.
        split: its parts, all stems of which are in the dataset.
        out: folder to write; it appears by rename, complete or not at all.
        force: replace an earlier result that differs, if all in it was written by this function.
        examiner: reads the pairs, and may cache findings; by default it does not.
        progress: called with the number of pairs read.

    Raises:
        UserError: pairs that are unreadable or of two sizes, broken annotations, unknown classes,
            or an earlier, different result in ``out``.
    """
    content = _Content()
    parts = {part: dataset.select(split.parts[part]) for part in sorted(split.parts)}
    wanted = [pair for pairs in parts.values() for pair in pairs]
    findings = in_threads(examiner or Examiner(dataset, None), wanted, progress, "reading pairs")
    sizes = _sizes(dataset, findings)
    about = {
        part: _write_part(dataset, part, pairs, sizes, content) for part, pairs in parts.items()
    }
    if any("classes" in entry for entry in about.values()):
        content.files["classes.txt"] = _lines(dataset.detection_classes)
    unused = len(dataset.pairs) - len(sizes)
    if unused:
        content.notes.append(f"{unused} of {len(dataset.pairs)} pairs are in no part of the split")
    from ivif_bench.origins import versions

    summary: dict[str, Any] = {
        "dataset": dataset.name,
        "split": {"name": split.name, "sha256": split.sha256},
        "parts": about,
        "notes": content.notes,
        "files": {
            name: hashlib.sha256(data).hexdigest() for name, data in sorted(content.files.items())
        },
        "versions": {name: versions()[name] for name in _DECIDING if name in versions()},
    }
    unchanged = _is_same(out, summary)
    if not unchanged:
        _demand_replaceable(out, summary, force)
        _place(out, content.files | {SUMMARY: _json(summary)})
    return Prepared(out, summary, unchanged)


def _sizes(dataset: Dataset, findings: list[Finding]) -> dict[str, tuple[int, int]]:
    """(height, width) by stem, of pairs without defects."""
    errors = [error for finding in findings for error in finding.errors]
    errors += filter(None, [equal_sides(findings)])
    if errors:
        raise UserError(
            f"dataset {dataset.name!r} at {dataset.root} has {len(errors)} defects: {errors[0]}; "
            "'ivif-bench data audit' lists them all"
        )
    return {finding.stem: finding.size for finding in findings if finding.size is not None}


def _write_part(
    dataset: Dataset,
    part: str,
    pairs: tuple[Pair, ...],
    sizes: Mapping[str, tuple[int, int]],
    content: _Content,
) -> dict[str, Any]:
    stems = [pair.stem for pair in pairs]
    content.files[f"split_{part}.txt"] = _lines(sorted(stems))
    entry: dict[str, Any] = {"images": len(pairs), "stems_sha256": canonical_hash(stems)}
    without = [pair.stem for pair in pairs if pair.annotation is None and not dataset.background]
    if not dataset.detection_classes or len(without) == len(pairs):
        if dataset.detection_classes and pairs:
            content.notes.append(f"{part}: no annotations, so a list only")
        return entry
    if without:
        raise UserError(
            f"dataset {dataset.name!r}: part {part!r} has pairs without annotation among others "
            f"with it: {first_few(without)}; leave them out of the split"
        )
    boxes = {pair.stem: dataset.boxes(pair) for pair in pairs}
    names = dataset.detection_classes
    content.files[f"instances_{part}.json"] = _json(coco(pairs, boxes, sizes, names))
    clipped: list[str] = []
    dropped: list[str] = []
    for stem, found in boxes.items():
        single = found.take(np.flatnonzero(~found.crowd).tolist())
        text, n_clipped, n_dropped = yolo_text(single, sizes[stem], names)
        content.files[f"labels/{stem}.txt"] = text.encode()
        clipped += [stem] * n_clipped
        dropped += [stem] * n_dropped
    if clipped:
        content.notes.append(
            f"{part}: YOLO text has {len(clipped)} boxes clipped to the image, in "
            f"{first_few(sorted(set(clipped)))}"
        )
    if dropped:
        content.notes.append(
            f"{part}: YOLO text lacks {len(dropped)} boxes without area in the image, in "
            f"{first_few(sorted(set(dropped)))}"
        )
    crowd = sum(int(found.crowd.sum()) for found in boxes.values())
    difficult = sum(int(found.difficult.sum()) for found in boxes.values())
    if crowd:
        entry["crowd"] = crowd
        content.notes.append(
            f"{part}: {crowd} boxes are crowd regions ('iscrowd' 1 in COCO JSON); YOLO text cannot "
            "say so and lacks them"
        )
    if difficult:
        entry["difficult"] = difficult
        content.notes.append(
            f"{part}: {difficult} boxes are difficult ('difficult' and 'ignore' 1 in COCO JSON, "
            "which pycocotools does not heed); YOLO text cannot say so and has them like any other"
        )
    totals = Counter(name for found in boxes.values() for name in found.classes)
    entry["boxes"] = totals.total()
    entry["classes"] = {name: totals[name] for name in names}
    return entry


def coco(
    pairs: tuple[Pair, ...],
    boxes: Mapping[str, Boxes],
    sizes: Mapping[str, tuple[int, int]],
    names: tuple[str, ...],
) -> dict[str, Any]:
    """COCO instances: all ids from 1, images by stem, ``file_name`` that of the visible image, or the
    stem where several images have one name (frames of several videos).

    Crowd regions have ``iscrowd`` 1. COCO has no flag for VOC's difficult objects: they get
    ``difficult`` 1, and ``ignore`` 1 as other conversions of VOC files write it.
    """
    numbers = {name: number for number, name in enumerate(names, start=1)}
    unique = len({pair.visible.name for pair in pairs}) == len(pairs)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, pair in enumerate(sorted(pairs, key=lambda pair: pair.stem), start=1):
        height, width = sizes[pair.stem]
        name = pair.visible.name if unique else f"{pair.stem}{pair.visible.suffix}"
        images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        found = boxes[pair.stem]
        for index, class_name in enumerate(found.classes):
            x1, y1, x2, y2 = found.xyxy[index].tolist()
            annotation = {
                "id": len(annotations) + 1,
                "image_id": image_id,
                "category_id": numbers[class_name],
                "bbox": [_plain(value) for value in (x1, y1, x2 - x1, y2 - y1)],
                "area": _plain((x2 - x1) * (y2 - y1)),
                "iscrowd": int(found.crowd[index]),
            }
            if found.difficult[index]:
                annotation |= {"difficult": 1, "ignore": 1}
            annotations.append(annotation)
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def yolo_text(boxes: Boxes, size: tuple[int, int], names: tuple[str, ...]) -> tuple[str, int, int]:
    """Lines ``index cx cy w h`` in shares of an image of ``size`` (height, width).

    Returns:
        The text, the number of boxes clipped to the image, and the number left out because
        nothing of them is inside.
    """
    limits = np.array([size[1], size[0], size[1], size[0]], dtype=np.float64)
    inside = boxes.xyxy.clip(0, limits)
    lines: list[str] = []
    clipped = dropped = 0
    for before, corners, name in zip(boxes.xyxy, inside, boxes.classes, strict=True):
        x1, y1, x2, y2 = (corners / limits).tolist()
        if x2 <= x1 or y2 <= y1:
            dropped += 1
            continue
        clipped += not np.array_equal(before, corners)
        shares = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
        lines.append(" ".join([str(names.index(name)), *(f"{share:.10g}" for share in shares)]))
    return "".join(f"{line}\n" for line in lines), clipped, dropped


def _is_same(out: Path, summary: Mapping[str, Any]) -> bool:
    """Whether a folder holds this result already, made by whatever versions."""
    try:
        earlier = read_json(out / SUMMARY)
        hashes = {name: _sha256(out / name) for name in summary["files"]}
    except (OSError, ValueError):
        return False
    same = {**summary, "versions": None} == {**earlier, "versions": None}
    return same and hashes == summary["files"]


def _demand_replaceable(out: Path, summary: Mapping[str, Any], force: bool) -> None:
    """Refuse to overwrite a different result, and even with force files of others."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; give a folder with --out")
    present = sorted(
        path.relative_to(out).as_posix()
        for path in (out.rglob("*") if out.is_dir() else ())
        if not path.is_dir() or path.is_symlink()
    )
    if not present:
        return
    try:
        earlier = read_json(out / SUMMARY)
        ours = {SUMMARY, *earlier["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    foreign = [name for name in present if name not in ours]
    if foreign:
        raise UserError(
            f"{out} holds files that 'data prepare' did not write ({first_few(foreign, 3)}); "
            "give another folder with --out"
        )
    if not force:
        changed = [name for name in present if name != SUMMARY and not _equal(out, name, summary)]
        changed += [name for name in summary["files"] if name not in present]
        raise UserError(
            f"{out} holds another result: {first_few(changed or [SUMMARY], 3)} would change; "
            "use --force to replace it, or another --out"
        )


def _equal(out: Path, name: str, summary: Mapping[str, Any]) -> bool:
    return bool(summary["files"].get(name) == _sha256(out / name))


def _place(out: Path, files: Mapping[str, bytes]) -> None:
    out = out.resolve()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.new-") as outer:
            folder = Path(outer) / "content"  # not outer: that one is closed to other users
            for parent in {(folder / name).parent for name in files}:
                parent.mkdir(parents=True, exist_ok=True)
            for name, data in files.items():
                (folder / name).write_bytes(data)
            sync_all(folder)
            if out.is_dir():
                out.replace(Path(outer) / "earlier")
            folder.replace(out)
    except OSError as problem:
        raise UserError(
            f"cannot write {out}: {problem.strerror or problem}; give another folder with --out"
        ) from problem


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _lines(items: list[str] | tuple[str, ...]) -> bytes:
    return "".join(f"{item}\n" for item in items).encode()


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def _plain(value: float) -> float | int:
    """Whole numbers without ``.0``, as published files have them."""
    return int(value) if value.is_integer() else value
