"""Dataset layouts read the real samples exactly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from coco import coco_boxes
from trees.shipped import TARDAL_ORDER

from ivif_bench.data.base import Dataset, open_dataset
from ivif_bench.errors import UserError


def read_back(dataset: Dataset, stem: str) -> list[tuple[str, list[float]]]:
    boxes = dataset.boxes(dataset.by_stem[stem])
    return sorted(zip(boxes.classes, boxes.xyxy.tolist(), strict=True))


@pytest.mark.golden
@pytest.mark.parametrize("inside", ["M3FD_Detection", "."])
def test_real_m3fd_boxes_equal_the_published_conversion(shared: Path, inside: str) -> None:
    dataset = open_dataset("m3fd", shared / "data" / inside)
    expected = coco_boxes(shared / "data" / "M3FD_meta" / "instances_dev12.json")
    assert [pair.stem for pair in dataset.pairs] == sorted(expected)
    for stem, boxes in expected.items():
        assert read_back(dataset, stem) == sorted(boxes)
    names = Counter(name for pair in dataset.pairs for name in dataset.boxes(pair).classes)
    assert names == {"Car": 86, "People": 65, "Lamp": 18}


@pytest.mark.golden
def test_real_tardal_text_gives_the_boxes_of_the_xml(shared: Path) -> None:
    root = shared / "data" / "M3FD_Detection"
    xml = open_dataset("m3fd", root)
    txt = open_dataset("m3fd-tardal", root, class_order=TARDAL_ORDER)
    assert len(txt.pairs) == 12
    for pair in txt.pairs:
        ours, theirs = txt.boxes(pair), xml.boxes(xml.by_stem[pair.stem])
        assert ours.classes == theirs.classes
        np.testing.assert_allclose(ours.xyxy, theirs.xyxy, atol=1e-4)


@pytest.mark.golden
def test_real_msrs_test_has_13_day_and_12_night_pairs(shared: Path) -> None:
    dataset = open_dataset("msrs", shared / "data" / "MSRS")
    pairs = dataset.select(dataset.official_splits()["test"])
    assert Counter(tag for pair in pairs for tag in pair.tags) == {"day": 13, "night": 12}
    assert dataset.mask(pairs[0]).shape == (480, 640)
    listed = (shared / "data" / "MSRS" / "meta" / "test.txt").read_text().split()
    assert [pair.stem for pair in pairs] == sorted(listed)


@pytest.mark.golden
def test_real_msrs_detection_boxes_equal_the_recorded_truth(shared: Path) -> None:
    dataset = open_dataset("msrs-detection", shared / "data" / "MSRS")
    expected = coco_boxes(shared / "data" / "detections" / "msrs_dev15_gt.json")
    assert {pair.stem for pair in dataset.pairs} == set(expected)
    total = 0
    for stem, boxes in expected.items():
        found = read_back(dataset, stem)
        assert [name for name, _ in found] == [name for name, _ in sorted(boxes)]
        # The text has six decimals, the recorded truth whole pixels.
        for (_, ours), (_, theirs) in zip(found, sorted(boxes), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-3)
        total += len(found)
    assert total == 42


@pytest.mark.golden
def test_real_llvip_test_has_16_persons_and_train_no_boxes(shared: Path) -> None:
    dataset = open_dataset("llvip", shared / "data" / "LLVIP")
    parts = dataset.official_splits()
    assert (len(parts["train"]), len(parts["test"])) == (32, 6)
    expected = coco_boxes(shared / "data" / "LLVIP" / "test" / "instances.json")
    assert sum(map(len, expected.values())) == 16
    for stem in parts["test"]:
        assert read_back(dataset, stem) == sorted(expected[stem])
    with pytest.raises(UserError, match="has no boxes"):
        dataset.boxes(dataset.by_stem[parts["train"][0]])


@pytest.mark.golden
@pytest.mark.parametrize(
    ("layout", "inside", "count"), [("tno", "TNO42", 16), ("roadscene", "RoadScene", 180)]
)
def test_real_plain_folders_have_all_their_pairs(
    shared: Path, layout: str, inside: str, count: int
) -> None:
    assert len(open_dataset(layout, shared / "data" / inside).pairs) == count
