"""Matches and AP against pycocotools: all thresholds, sizes, crowds, ties, and drawn images."""

from __future__ import annotations

import contextlib
import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from drawn_boxes import drawn_boxes
from stored_detections import IMAGES, stored_set

from ivif_bench.detections.ap import average_precision, mean_over, resampled
from ivif_bench.detections.boxes import Judged, judged
from ivif_bench.detections.matches import match
from ivif_bench.detections.sizes import COCO, SHARES, outside
from ivif_bench.resampling import image_counts
from ivif_bench.tasks.detection.scoring import coco_ap, coco_document
from ivif_bench.types import Boxes

CLASSES = ("Car", "People", "Bus")
pytest.importorskip("pycocotools")


def _pycocotools(truth: Mapping[str, Boxes], found: Mapping[str, Boxes]) -> np.ndarray:
    """AP by range of area (all, small, medium, large) and class."""
    from pycocotools.coco import COCO as Coco
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        real, mine = Coco(), Coco()
        real.dataset = coco_document([truth[stem] for stem in sorted(truth)], CLASSES)
        mine.dataset = coco_document([found[stem] for stem in sorted(found)], CLASSES)
        real.createIndex()
        mine.createIndex()
        evaluation = COCOeval(real, mine, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., -1]  # [T, recalls, classes, ranges]
    ap: np.ndarray = np.where(precision < 0, np.nan, precision).mean(axis=1)
    return ap.transpose(2, 1, 0)


def _in_coco_order(boxes: Judged) -> dict[str, Boxes]:
    """Detections as pycocotools must get them where scores are equal."""
    names, found = np.array(boxes.classes), {}
    for index, stem in enumerate(boxes.stems):
        mine = boxes.found.take(boxes.found.image == index)
        corners = np.hstack([mine.xywh[:, :2], mine.xywh[:, :2] + mine.xywh[:, 2:]])
        found[stem] = Boxes(corners, tuple(map(str, names[mine.category])), mine.score)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_ap_of_all_classes_and_thresholds_equals_the_scorers(seed: int) -> None:
    """With crowd regions, difficult objects, equal scores and overlaps at a threshold."""
    truth, found = drawn_boxes(seed, images=40)
    boxes = judged(truth, found, CLASSES)
    stems = sorted(truth)
    theirs = coco_ap([truth[stem] for stem in stems], [found[stem] for stem in stems], CLASSES)
    np.testing.assert_allclose(average_precision(boxes, match(boxes)), theirs, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_ap_by_size_equals_pycocotools_area_ranges(seed: int) -> None:
    truth, found = drawn_boxes(seed, images=40)
    truth = {s: Boxes(b.xyxy, b.classes, None, b.crowd) for s, b in truth.items()}
    boxes = judged(truth, found, CLASSES)
    theirs = _pycocotools(truth, _in_coco_order(boxes))
    for index, limits in enumerate(COCO.values(), start=1):
        ours = average_precision(boxes, match(boxes, sizes=outside(boxes, limits)))
        np.testing.assert_allclose(ours, theirs[index], atol=1e-12)
    assert np.nanmax(theirs[1:, :, 0]) > np.nanmin(theirs[1:, :, 0]) + 0.1


def test_shares_of_a_vga_image_are_cocos_limits() -> None:
    truth, found = drawn_boxes(1)
    boxes = judged(truth, found, CLASSES)
    areas = np.full(len(boxes.stems), 640.0 * 480)
    for name in COCO:
        for ours, cocos in zip(
            outside(boxes, SHARES[name], areas), outside(boxes, COCO[name]), strict=True
        ):
            assert (ours == cocos).all()


def test_more_than_100_detections_of_a_class_in_an_image_are_cut_as_by_pycocotools() -> None:
    truth, found = drawn_boxes(5, images=3, classes=("Car",), flags=False, false=400)
    assert max(len(boxes.classes) for boxes in found.values()) > 100
    boxes = judged(truth, found, ("Car",))
    stems = sorted(truth)
    theirs = coco_ap([truth[stem] for stem in stems], [found[stem] for stem in stems], ("Car",))
    np.testing.assert_allclose(average_precision(boxes, match(boxes)), theirs, atol=1e-12)


@pytest.mark.slow
def test_a_resample_is_scored_like_a_data_set_that_holds_images_several_times() -> None:
    truth, found = drawn_boxes(7, images=15, ties=False)
    boxes = judged(truth, found, CLASSES)
    counts = image_counts(15)[:20]
    ours = resampled(boxes, match(boxes), counts)
    stems = boxes.stems
    for row, drawn in enumerate(counts):
        several = np.repeat(np.arange(15), drawn)
        real, mine = [truth[stems[i]] for i in several], [found[stems[i]] for i in several]
        np.testing.assert_allclose(ours[row], coco_ap(real, mine, CLASSES), atol=1e-12)


def test_a_part_of_the_images_is_scored_like_a_data_set_of_them() -> None:
    truth, found = drawn_boxes(8)
    part = [stem for stem in truth if int(stem) % 3 == 0]
    boxes = judged(truth, found, CLASSES)
    mine = boxes.only(np.array([boxes.stems.index(stem) for stem in part]))
    alone = judged({s: truth[s] for s in part}, {s: found[s] for s in part}, CLASSES)
    ours, theirs = (average_precision(each, match(each)) for each in (mine, alone))
    np.testing.assert_array_equal(ours, theirs)


def test_the_mean_leaves_out_classes_without_objects() -> None:
    values = np.array([[0.2], [np.nan], [0.4]])
    assert mean_over(values) == pytest.approx([0.3])
    assert np.isnan(mean_over(values, [1])).all()


@pytest.mark.golden
@pytest.mark.parametrize(("group", "source"), IMAGES)
def test_recorded_boxes_give_the_recorded_ap_at_75_and_by_size(
    shared: Path, group: str, source: str
) -> None:
    """``oracle.csv`` was recorded with pycocotools on the files as they are."""
    stored = stored_set(shared, group, source)
    boxes = judged(stored.truth, stored.found, stored.classes)
    whole = average_precision(boxes, match(boxes))
    ours = {"AP50": whole[:, 0], "AP75": whole[:, 5], "AP": whole.mean(axis=1)}
    for name, limits in COCO.items():
        part = average_precision(boxes, match(boxes, sizes=outside(boxes, limits)))
        ours[f"AP{name}"] = part.mean(axis=1)
    compared = 0
    with (shared / "data/detections/oracle.csv").open() as file:
        for row in csv.DictReader(file):
            if (row["set"], row["input"]) != (group, source):
                continue
            for metric, values in ours.items():
                if row["category"] == "all":
                    value = float(mean_over(values[:, None])[0])
                else:
                    value = float(values[stored.classes.index(row["category"])])
                expected = math.nan if float(row[metric]) == -1 else float(row[metric])
                assert value == pytest.approx(expected, abs=2e-5, nan_ok=True)
                compared += 1
    assert compared == 6 * (len(stored.classes) + 1)
