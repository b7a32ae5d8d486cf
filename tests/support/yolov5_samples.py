"""Samples for the tests of the data of YOLOv5: the recorded small images, and drawn ones."""

from typing import Any

import numpy as np

from ivif_bench.tasks.detection.yolov5.augmentation import Augmentation
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.types import Boxes

CLASSES = tuple("abcdef")
_NONE = dict.fromkeys(Augmentation.model_fields, 0.0)


def augmentation(**values: float) -> Augmentation:
    """No augmentation but these values."""
    return Augmentation(**{**_NONE, **values})


def sample(stem: str, image: np.ndarray, rows: np.ndarray) -> Sample:
    """An RGB image with rows of class number, centre, width and height as fractions."""
    height, width = image.shape[:2]
    corners = np.concatenate(
        (rows[:, 1:3] - rows[:, 3:] / 2, rows[:, 1:3] + rows[:, 3:] / 2), axis=1
    )
    names = tuple(CLASSES[number] for number in rows[:, 0].astype(int))
    return Sample(stem, image, Boxes(corners * (width, height, width, height), names))


def recorded_samples(archive: Any) -> list[Sample]:
    """The 13 images of ``e_letterbox.npz`` in the order of their names."""
    return [
        sample(
            f"{number:02d}",
            np.ascontiguousarray(archive[f"dataset/image_bgr_{number:02d}"][..., ::-1]),
            archive[f"dataset/labels_{number:02d}"],
        )
        for number in range(13)
    ]


def drawn_samples(count: int = 5, seed: int = 0) -> list[Sample]:
    """Noise of several sizes with one to three boxes each."""
    generator = np.random.default_rng(seed)
    samples = []
    for number in range(count):
        height, width = generator.integers(40, 90, 2).tolist()
        image = generator.integers(0, 256, (height, width, 3), np.uint8)
        boxes = int(generator.integers(1, 4))
        rows = np.concatenate(
            (
                generator.integers(0, 6, (boxes, 1)),
                generator.uniform(0.3, 0.7, (boxes, 2)),
                generator.uniform(0.2, 0.5, (boxes, 2)),
            ),
            axis=1,
        )
        samples.append(sample(f"drawn-{number}", image, rows))
    return samples
