"""Files of which trees are made: images, boxes, texts."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH = 24, 32


def image(path: Path, channels: int = 3, value: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    generator = np.random.default_rng(list(path.name.encode()))  # no two stems alike
    pixels = generator.integers(0, 256, shape, dtype=np.uint8)
    cv2.imwrite(str(path), pixels if value is None else np.full(shape, value, np.uint8))


def pair_files(infrared: Path, visible: Path, stems: list[str], suffix: str = ".png") -> None:
    for stem in stems:
        image(infrared / f"{stem}.png", channels=1)
        image(visible / f"{stem}{suffix}")


def voc(path: Path, *objects: tuple[str, int, int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    items = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax>"
        f"<ymax>{d}</ymax></bndbox></object>"
        for name, a, b, c, d in objects
    )
    path.write_text(f"<annotation>{items}</annotation>")


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
