"""Files of detections that are not what they should be are refused in one line, with the place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ivif_bench.data.coco_results import read_results
from ivif_bench.errors import UserError

GOOD = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"boxes": []}, "not COCO results"),
        ("text", "not COCO results"),
        ([17], "not COCO results"),
        ([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}], "detection 0 has no 'score'"),
        ([GOOD, {**GOOD, "image_id": None}], "detection 1: 'image_id' must be a number or text"),
        ([{**GOOD, "category_id": 1.5}], "'category_id' must be a number or text, found 1.5"),
        ([{**GOOD, "image_id": True}], "'image_id' must be a number or text, found True"),
        ([{**GOOD, "image_id": "\ud800"}], "surrogates"),
        ([{**GOOD, "bbox": [1, 2, 3]}], "'bbox' must be [x, y, width, height]"),
        ([{**GOOD, "bbox": [10**400, 2, 3, 4]}], "cannot read boxes"),
        ([{**GOOD, "score": "0.5"}], "'score' must be one number in 0..1, found 0.5"),
        ({"images": [], "annotations": [GOOD]}, "not COCO results"),
        (
            {
                "images": [{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}],
                "categories": [],
                "annotations": [],
            },
            "two of 'images' have one id",
        ),
    ],
)
def test_other_content_is_refused_with_its_place(
    tmp_path: Path, content: object, said: str
) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError) as problem:
        read_results(path)
    assert said in str(problem.value)
    assert str(path) in str(problem.value)


def test_a_float_id_is_its_number_and_corners_are_the_sum(tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps([{**GOOD, "image_id": 3.0}]))
    found = read_results(path)
    assert (found.images, found.xyxy.tolist()) == ([3], [[1, 2, 4, 6]])
