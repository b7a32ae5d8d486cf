"""Label images by value or colour: each class gets its id, what is not judged 255, the rest is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from trees.files import pair_files

from ivif_bench.data.audit import audit_dataset
from ivif_bench.data.base import Dataset, open_dataset
from ivif_bench.data.label_map import label_map
from ivif_bench.errors import UserError

ROAD, CAR, SKY = "#804080", "#00008e", "#4682b4"


def written(root: Path, mask: np.ndarray, **options: Any) -> Dataset:
    """A dataset of one pair with this label image (gray, or RGB)."""
    pair_files(root / "ir", root / "vi", ["a"])
    (root / "masks").mkdir()
    cv2.imwrite(str(root / "masks" / "a.png"), mask if mask.ndim == 2 else mask[:, :, ::-1])
    return open_dataset("folder", root, masks="masks", **options)


def full(values: list[list[int]]) -> np.ndarray:
    """A mask of the pairs' size, in blocks of these values."""
    return np.array(values, np.uint8).repeat(12, 0).repeat(16, 1)


def painted(colours: list[list[str]]) -> np.ndarray:
    """The same of colours."""
    rows = [[[int(c[at : at + 2], 16) for at in (1, 3, 5)] for c in row] for row in colours]
    return np.array(rows, np.uint8).repeat(12, 0).repeat(16, 1)


@pytest.mark.parametrize(
    ("stored", "options", "ids"),
    [
        ([[1, 2], [7, 0]], {"mask_classes": {"road": 1, "car": [2, 7]}, "mask_ignore": [0]},
         [[0, 1], [1, 255]]),
        ([[1, 2], [255, 1]], {"mask_classes": {"road": 1, "car": 2}}, [[0, 1], [255, 0]]),
        ([[0, 1], [2, 2]], {"mask_classes": ["void", "road", "car"], "mask_ignore": [0]}, [[255, 0], [1, 1]]),
        ([[0, 255], [0, 0]], {"mask_classes": {"background": 0, "person": 255}}, [[0, 1], [0, 0]]),
        ([[0, 1], [1, 0]], {"mask_classes": ["road", "car"]}, [[0, 1], [1, 0]]),
    ],
    ids=["several values", "255", "a list without the first", "0 and 255", "plain"],
)  # fmt: skip
def test_values_become_class_ids(tmp_path, stored, options, ids):
    dataset = written(tmp_path, full(stored), **options)
    assert (dataset.mask(dataset.pairs[0]) == full(ids)).all()
    assert audit_dataset(dataset).errors == ()


def test_colours_become_class_ids(tmp_path):
    options = {"mask_classes": {"road": ROAD, "car": CAR}, "mask_ignore": [SKY]}
    dataset = written(tmp_path, painted([[ROAD, CAR], [SKY, ROAD]]), **options)
    assert dataset.segmentation_classes == ("road", "car")
    assert (dataset.mask(dataset.pairs[0]) == full([[0, 1], [255, 0]])).all()
    shares = next(line for line in audit_dataset(dataset).facts if line.startswith("labels of"))
    assert "road 50.000%, car 25.000%; ignored (255) 25.000%" in shares


@pytest.mark.parametrize(
    ("mask", "options", "message"),
    [
        (full([[1, 2], [3, 1]]), {"mask_classes": {"road": 1, "car": 2}}, "value 3 belongs to no class"),
        (painted([[ROAD, CAR]] * 2), {"mask_classes": {"road": ROAD}}, "colour #00008e belongs to no"),
    ],
)  # fmt: skip
def test_a_value_of_no_class_is_refused_with_the_file(tmp_path, mask, options, message):
    dataset = written(tmp_path, mask, **options)
    with pytest.raises(UserError, match=rf"a\.png: {message}"):
        dataset.mask(dataset.pairs[0])


@pytest.mark.parametrize(
    ("classes", "ignored", "message"),
    [
        ({"road": 1, "car": 1}, [], "1 belongs to 'road' and to 'car'"),
        ({"road": 0}, [0], "0 belongs to 'road' and to 'mask_ignore'"),
        ({"road": 256}, [], "no value from 0 to 255"),
        ({"road": "red"}, [], "'red' is no colour"),
        ({"road": 1, "car": CAR}, [], "numbers and colours"),
        ({"road": []}, [], "class 'road' has no value"),
        ({}, [], "expected 1 to 255 classes"),
    ],
)
def test_a_map_that_is_none_is_refused(classes, ignored, message):
    with pytest.raises(ValueError, match=message):
        label_map(classes, ignored)


def test_a_wrong_map_is_one_line_with_the_option(tmp_path):
    (tmp_path / "masks").mkdir()
    with pytest.raises(UserError, match="1 belongs to 'road' and to 'car'") as caught:
        open_dataset("folder", tmp_path, masks="masks", mask_classes={"road": 1, "car": 1})
    assert "\n" not in str(caught.value)
