"""Frames of drawn scenes as a camera takes them that turns: known scenes, in M3FD's layout."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import cv2
import numpy as np

from ivif_bench.data.demo import render_scene

WINDOW = (192, 256)  # height, width of a frame; the scene is half as large again
_SCENE = (288, 384)


def write_runs(root: Path, lengths: list[int], seed: int = 0) -> list[range]:
    """Write ``sum(lengths)`` pairs with boxes, numbered from 00000; the frames of each scene.

    From frame to frame the camera turns by 3 to 14 pixels and back at the edge; each frame has its own
    noise and exposure (by up to 8 %).
    """
    for folder in ("Ir", "Vis", "Annotation"):
        (root / folder).mkdir(parents=True)
    rng = np.random.Generator(np.random.PCG64(seed))
    scenes: list[range] = []
    number = 0
    room = (_SCENE[0] - WINDOW[0], _SCENE[1] - WINDOW[1])
    for index, length in enumerate(lengths):
        scene = render_scene(1000 * seed + index, _SCENE)
        place = rng.uniform(0, room)
        pace = rng.uniform(3, 14)
        angle = rng.uniform(0, 2 * np.pi)
        scenes.append(range(number, number + length))
        for _ in range(length):
            top, left = (_within(at, side) for at, side in zip(place, room, strict=True))
            stem = f"{number:05d}"
            for folder, image in (("Ir", scene.infrared), ("Vis", scene.visible[..., ::-1])):
                part = image[top : top + WINDOW[0], left : left + WINDOW[1]] * rng.uniform(
                    0.92, 1.08
                )
                part = np.clip(part + rng.normal(0, 3, part.shape), 0, 255).astype(np.uint8)
                cv2.imwrite(
                    str(root / folder / f"{stem}.png"), part, [cv2.IMWRITE_PNG_COMPRESSION, 1]
                )
            (root / "Annotation" / f"{stem}.xml").write_text(_xml(scene.boxes, top, left))
            number += 1
            place = place + pace * np.array([0.5 * np.sin(angle), np.cos(angle)])
    return scenes


def _within(at: float, side: int) -> int:
    """A place that runs on without end, turned back at 0 and at ``side``."""
    return round(abs((at + side) % (2 * side) - side))


def _xml(boxes: tuple[tuple[str, tuple[int, int, int, int]], ...], top: int, left: int) -> str:
    lines = ["<annotation>"]
    for name, (x1, y1, x2, y2) in boxes:
        a, c = (int(np.clip(x - left, 0, WINDOW[1])) for x in (x1, x2))
        b, d = (int(np.clip(y - top, 0, WINDOW[0])) for y in (y1, y2))
        if c - a >= 6 and d - b >= 6:
            corners = f"<xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax>"
            lines.append(f"<object><name>{escape(name)}</name><bndbox>{corners}</bndbox></object>")
    return "\n".join([*lines, "</annotation>"]) + "\n"
