"""Writes demo scenes in the official layouts of M3FD and MSRS, complete or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import cv2
import numpy as np

from ivif_bench.data.demo.background import Image
from ivif_bench.data.demo.render import Scene, render_scene
from ivif_bench.data.demo_limits import LONGEST_SIDE, MARKER, MOST_SCENES, SHORTEST_SIDE
from ivif_bench.files import read_json

DEMO_VERSION = 1  # raise whenever the bytes of any scene change
PARTS = ("train", "test")


def image_seed(seed: int, part: str, index: int) -> int:
    """Seed of image `index` of a part: (2 seed + [part is test]) * 100000 + index.

    Distinct for distinct arguments, so train and test never share a scene.
    """
    if seed < 0 or not 0 <= index < MOST_SCENES:
        raise ValueError(f"demo: need seed >= 0 and 0 <= index < {MOST_SCENES}")
    return (2 * seed + PARTS.index(part)) * MOST_SCENES + index


def write_detection(
    root: Path, *, train: int, test: int, seed: int, size: tuple[int, int] = (192, 256)
) -> None:
    """Write `train` + `test` scenes as M3FD: Ir, Vis, Annotation, and meta/{train,test}.txt.

    Stems run 00000, 00001, ...: train first. size: (height, width) in pixels. Does nothing when
    the same demo is there already; raises ValueError when `root` holds anything else.
    """
    _write(Path(root), "detection", train, test, seed, size, _fill_detection)


def write_segmentation(
    root: Path, *, train: int, test: int, seed: int, size: tuple[int, int] = (192, 256)
) -> None:
    """Write scenes as MSRS: {train,test}/{ir,vi,Segmentation_labels}/NNNNN[D|N].png.

    N is night; day and fog count as D. Numbers run from 00001: train first. size: (height,
    width) in pixels. Refuses and repeats as `write_detection` does.
    """
    _write(Path(root), "segmentation", train, test, seed, size, _fill_segmentation)


def _write(
    root: Path,
    task: str,
    train: int,
    test: int,
    seed: int,
    size: tuple[int, int],
    fill: Callable[[Path, dict[str, Any]], None],
) -> None:
    if train < 0 or test < 0 or seed < 0:
        raise ValueError(f"demo: train, test and seed must be >= 0, got {train}, {test}, {seed}")
    if max(train, test) > MOST_SCENES:
        raise ValueError(f"demo: at most {MOST_SCENES} scenes a part, got {train} and {test}")
    if not all(SHORTEST_SIDE <= side <= LONGEST_SIDE for side in size):
        raise ValueError(
            f"demo: sides must be {SHORTEST_SIDE} to {LONGEST_SIDE} pixels, got {list(size)}"
        )
    wanted = {
        "version": DEMO_VERSION,
        "task": task,
        "train": train,
        "test": test,
        "seed": seed,
        "size": list(size),
    }
    if _is_done(root, wanted):
        return
    root.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    try:
        fill(work, wanted)
        (work / MARKER).write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
        work.chmod(0o755)  # mkdtemp makes it private
        try:
            work.replace(root)  # an empty directory may be replaced, a full one not
        except OSError:
            # Another process may have finished the same demo meanwhile: that is as good.
            if not _is_done(root, wanted):
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _is_done(root: Path, wanted: dict[str, Any]) -> bool:
    if not root.exists():
        return False
    hint = "Choose another folder, or delete this one if you no longer need it."
    if not root.is_dir():
        raise ValueError(f"demo: {root} is a file. {hint}")
    marker = root / MARKER
    if not marker.exists():
        if any(root.iterdir()):
            raise ValueError(f"demo: {root} holds files that are not a demo. {hint}")
        return False
    try:
        found = read_json(marker)
    except (OSError, ValueError) as error:
        raise ValueError(f"demo: cannot read {marker} ({error}). {hint}") from error
    if found != wanted:
        raise ValueError(f"demo: {root} was made with {found}, now wanted: {wanted}. {hint}")
    return True


def _scenes(wanted: dict[str, Any]) -> Iterator[tuple[int, str, Scene]]:
    """Yield (running number, part, scene)."""
    number, size = 0, (wanted["size"][0], wanted["size"][1])
    for part in PARTS:
        for index in range(wanted[part]):
            seed = image_seed(wanted["seed"], part, index)
            yield number, part, render_scene(seed, size, wanted["task"])
            number += 1


def _fill_detection(root: Path, wanted: dict[str, Any]) -> None:
    for folder in ("Ir", "Vis", "Annotation", "meta"):
        (root / folder).mkdir()
    stems: dict[str, list[str]] = {part: [] for part in PARTS}
    for number, part, scene in _scenes(wanted):
        stem = f"{number:05d}"
        stems[part].append(stem)
        # M3FD stores infrared, too, in three equal channels.
        _save(root / "Ir" / f"{stem}.png", np.repeat(scene.infrared[..., None], 3, axis=2))
        _save(root / "Vis" / f"{stem}.png", scene.visible)
        (root / "Annotation" / f"{stem}.xml").write_text(_xml(stem, scene), encoding="utf-8")
    for part in PARTS:
        text = "".join(stem + "\n" for stem in stems[part])
        (root / "meta" / f"{part}.txt").write_text(text, encoding="utf-8")


def _fill_segmentation(root: Path, wanted: dict[str, Any]) -> None:
    for part in PARTS:
        for folder in ("ir", "vi", "Segmentation_labels"):
            (root / part / folder).mkdir(parents=True)
    for number, part, scene in _scenes(wanted):
        name = f"{number + 1:05d}{'N' if scene.condition == 'night' else 'D'}.png"
        _save(root / part / "ir" / name, scene.infrared)
        _save(root / part / "vi" / name, scene.visible)
        _save(root / part / "Segmentation_labels" / name, scene.mask)


def _save(path: Path, image: Image) -> None:
    stored = image if image.ndim == 2 else image[..., ::-1]  # OpenCV writes BGR
    ok, data = cv2.imencode(".png", np.ascontiguousarray(stored))
    if not ok:
        raise ValueError(f"demo: cannot encode {path}")
    path.write_bytes(data.tobytes())


def _xml(stem: str, scene: Scene) -> str:
    """Pascal VOC text. Corners count from 0 with width = xmax - xmin."""
    height, width = scene.mask.shape
    lines = [
        "<annotation>",
        "\t<folder>Vis</folder>",
        f"\t<filename>{stem}.png</filename>",
        "\t<source>\n\t\t<database>ivif-bench demo</database>\n\t</source>",
        f"\t<size>\n\t\t<width>{width}</width>\n\t\t<height>{height}</height>",
        "\t\t<depth>3</depth>\n\t</size>",
        "\t<segmented>0</segmented>",
    ]
    for name, (x1, y1, x2, y2) in scene.boxes:
        lines += [
            f"\t<object>\n\t\t<name>{escape(name)}</name>\n\t\t<pose>Unspecified</pose>",
            "\t\t<truncated>0</truncated>\n\t\t<difficult>0</difficult>\n\t\t<bndbox>",
            f"\t\t\t<xmin>{x1}</xmin>\n\t\t\t<ymin>{y1}</ymin>",
            f"\t\t\t<xmax>{x2}</xmax>\n\t\t\t<ymax>{y2}</ymax>",
            "\t\t</bndbox>\n\t</object>",
        ]
    return "\n".join([*lines, "</annotation>"]) + "\n"
