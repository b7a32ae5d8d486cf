"""AP: pycocotools' own answers, closed forms, and the recorded oracle."""

import math
from pathlib import Path

import numpy as np
import pytest
from stored_detections import IMAGES, PARTS, oracle, stored_set, values

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.scoring import DetectionScore, coco_ap, score
from ivif_bench.tasks.detection.yolov5_ap import average_precision, iou_matrix, yolov5_ap
from ivif_bench.types import Boxes

BOX = [10.0, 10.0, 50.0, 60.0]
OTHER = [100.0, 100.0, 140.0, 160.0]


def boxes(xyxy: list[list[float]], names: list[str], scores: list[float] | None = None) -> Boxes:
    array = np.array(xyxy, float).reshape(-1, 4)
    return Boxes(array, tuple(names), None if scores is None else np.array(scores, float))


NOTHING = boxes([], [], [])


def value(rows: list[DetectionScore], metric: str, class_name: str = "") -> float:
    (found,) = [row for row in rows if (row.metric, row.class_name) == (metric, class_name)]
    return found.value


def test_one_hit_of_two_objects_is_505_for_coco_and_750_for_yolov5() -> None:
    truth = {"a": boxes([BOX, OTHER], ["Car", "Car"])}
    found = {"a": boxes([BOX], ["Car"], [0.9])}
    rows = score(truth, found, ["Car"])
    assert value(rows, "mAP50") == pytest.approx(51 / 101)
    assert value(rows, "mAP50_95") == pytest.approx(51 / 101)
    assert value(rows, "mAP50[yolov5]") == pytest.approx(0.75)


def test_a_perfect_first_annotation_is_not_lost_to_annotation_id_zero() -> None:
    truth = {"a": boxes([BOX], ["Car"])}
    rows = score(truth, {"a": boxes([BOX], ["Car"], [0.9])}, ["Car"])
    assert value(rows, "AP50", "Car") == pytest.approx(1)


def test_a_detector_that_finds_nothing_scores_zero_without_crashing_or_printing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    rows = score({"a": boxes([BOX], ["Car"])}, {"a": NOTHING}, ["Car"])
    assert value(rows, "mAP50") == 0
    assert value(rows, "mAP50[yolov5]") == 0
    assert capfd.readouterr().out == ""


def test_a_class_without_objects_is_undefined_and_left_out_of_the_mean() -> None:
    truth = {"a": boxes([BOX], ["Car"])}
    found = {"a": boxes([BOX, OTHER], ["Car", "Bus"], [0.9, 0.8])}
    rows = score(truth, found, ["Car", "Bus"])
    assert math.isnan(value(rows, "AP50", "Bus"))
    assert {row.reason for row in rows if row.class_name == "Bus" and row.metric != "n_boxes"} == {
        "no_truth"
    }
    assert value(rows, "mAP50") == pytest.approx(1)


def test_no_objects_at_all_gives_nan_with_a_reason_not_minus_one() -> None:
    rows = score({"a": boxes([], [])}, {"a": NOTHING}, ["Car"])
    assert all(
        math.isnan(row.value) and row.reason == "no_truth" for row in rows if "AP" in row.metric
    )


def test_a_class_without_counterpart_is_out_of_the_headline_and_zero_in_the_full_mean() -> None:
    truth = {"a": boxes([BOX, OTHER], ["Car", "Lamp"])}
    rows = score(truth, {"a": boxes([BOX], ["Car"], [0.9])}, ["Car", "Lamp"], ["Car"])
    assert value(rows, "mAP50") == pytest.approx(1)
    assert value(rows, "mAP50[all]") == pytest.approx(0.5)
    assert math.isnan(value(rows, "AP50", "Lamp"))
    assert [row.reason for row in rows if (row.metric, row.class_name) == ("AP50", "Lamp")] == [
        "no_counterpart"
    ]


def test_images_without_objects_count_their_false_alarms() -> None:
    truth = {"a": boxes([BOX], ["Car"]), "b": boxes([], [])}
    found = {"a": boxes([BOX], ["Car"], [0.5]), "b": boxes([OTHER], ["Car"], [0.9])}
    assert value(score(truth, found, ["Car"]), "mAP50") == pytest.approx(0.5)


def test_truth_and_detections_of_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match="same images"):
        score({"a": NOTHING}, {"b": NOTHING}, ["Car"])


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("part", ["score", "corners"])
def test_a_detection_that_is_not_finite_is_refused_with_image_and_class(
    number: float, part: str
) -> None:
    """A NaN score counted as a hit: it sorts first and its AP is 1."""
    truth = {"00042": boxes([BOX], ["Car"])}
    box, scored = ([*BOX[:3], number], 0.9) if part == "corners" else (BOX, number)
    found = {"00042": boxes([OTHER, box], ["Car", "Car"], [0.5, scored])}
    with pytest.raises(
        UserError, match=rf"image '00042': the {part} of a detection \(Car\)"
    ) as caught:
        score(truth, found, ["Car"])
    assert str(number) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truth_box_that_is_not_finite_is_refused_too() -> None:
    truth = {"a": boxes([[0, 0, math.nan, 5]], ["Car"])}
    with pytest.raises(UserError, match="correct the annotation"):
        score(truth, {"a": NOTHING}, ["Car"])


def test_iou_of_closed_forms() -> None:
    found = iou_matrix(
        np.array([[0, 0, 10, 10.0]]), np.array([[0, 0, 10, 10.0], [5, 0, 15, 10], [20, 20, 30, 30]])
    )
    assert found[0].tolist() == pytest.approx([1, 1 / 3, 0])


@pytest.mark.ultralytics
def test_yolov5_ap_equals_ultralytics_where_all_objects_are_found() -> None:
    """The two curves differ only behind the last recall, so they agree when it is 1."""
    metrics = pytest.importorskip("ultralytics.utils.metrics")
    rng = np.random.default_rng(3)
    for _ in range(20):
        hits = rng.random(60) < 0.4
        hits[-1] = True
        truths = int(hits.sum())
        found = np.cumsum(hits)
        theirs, _, _ = metrics.compute_ap(found / truths, found / np.arange(1, 61))
        assert average_precision(hits, truths) == pytest.approx(theirs, abs=1e-9)


def test_yolov5_ap_is_never_below_coco_by_more_than_its_sampling() -> None:
    rng = np.random.default_rng(0)
    truth, found = [], []
    for _ in range(40):
        corner = rng.uniform(0, 400, (5, 2))
        real = np.hstack([corner, corner + rng.uniform(20, 80, (5, 2))])
        kept = rng.random(5) < 0.7
        near = real[kept] + rng.normal(0, 3, (kept.sum(), 4))
        truth.append(boxes(real.tolist(), ["Car"] * 5))
        found.append(boxes(near.tolist(), ["Car"] * len(near), rng.random(len(near)).tolist()))
    ours = yolov5_ap(truth, found, "Car")
    assert ours is not None
    theirs = coco_ap(truth, found, ["Car"])[0]
    assert (ours > theirs - 0.01).all()
    assert ours[0] > theirs[0] + 0.02  # missed objects: yolov5's tail adds area


@pytest.mark.golden
@pytest.mark.parametrize(("group", "source"), [*IMAGES, *PARTS])
def test_stored_boxes_give_the_recorded_ap(shared: Path, group: str, source: str) -> None:
    stored = stored_set(shared, group, source)
    ours = values(score(stored.truth, stored.found, stored.classes))
    recorded = oracle(shared, group, source)
    assert len(recorded) == 2 * (len(stored.classes) + 1)
    for key, expected in recorded.items():
        assert ours[key] == pytest.approx(expected, abs=1e-4, nan_ok=True), key
