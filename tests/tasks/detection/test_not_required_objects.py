"""Crowd regions and difficult objects: pycocotools' rule, a plain evaluation, and what drops out."""

from dataclasses import replace

import numpy as np
import pytest

from ivif_bench.tasks.detection.scoring import coco_ap, coco_document, score
from ivif_bench.tasks.detection.yolov5_ap import IOU_THRESHOLDS, yolov5_ap
from ivif_bench.types import Boxes

# Far apart; a detection of one never overlaps another.
FIRST, SECOND, THIRD = [0.0, 0, 40, 40], [100.0, 0, 140, 40], [200.0, 0, 240, 40]
REGION = [300.0, 0, 500, 200]
INSIDE = [[310.0, 10, 350, 60], [400.0, 100, 450, 150]]  # wholly in the region


def _truth(xyxy: list[list[float]], crowd: str = "", difficult: str = "") -> Boxes:
    """Cars; the flags are strings of 0 and 1."""
    flags = (
        np.array([each == "1" for each in text]) if text else None for text in (crowd, difficult)
    )
    return Boxes(np.array(xyxy, float).reshape(-1, 4), ("Car",) * len(xyxy), None, *flags)


def _found(xyxy: list[list[float]], scores: list[float]) -> Boxes:
    return Boxes(
        np.array(xyxy, float).reshape(-1, 4), ("Car",) * len(xyxy), np.array(scores, float)
    )


def _all_ap(truth: Boxes, found: Boxes) -> np.ndarray:
    """AP at ten thresholds: COCO, yolov5, yolov5 before v6.2."""
    yolov5 = [yolov5_ap([truth], [found], "Car", once) for once in (False, True)]
    return np.vstack([coco_ap([truth], [found], ["Car"])[0], *yolov5])


def test_one_detection_of_a_difficult_object_is_as_if_neither_were_there() -> None:
    """Another one is a false positive, as of any object."""
    truth = _truth([FIRST, SECOND, THIRD], difficult="010")
    bare = _truth([FIRST, THIRD])
    found = _found([SECOND, FIRST, SECOND], [0.9, 0.8, 0.7])
    without = _found([FIRST, SECOND], [0.8, 0.7])
    assert np.allclose(_all_ap(truth, found), _all_ap(bare, without), atol=1e-12)
    # Counted as an ordinary object, or as nothing, it would be another number.
    assert not np.allclose(_all_ap(replace(truth, difficult=None), found), _all_ap(truth, found))
    assert not np.allclose(_all_ap(bare, found), _all_ap(truth, found))


def test_a_difficult_object_is_found_by_ordinary_iou() -> None:
    """A detection that lies wholly in it, but covers a quarter, is a false positive."""
    truth = _truth([FIRST, SECOND], difficult="01")
    part = _found([[100, 0, 120, 20], FIRST], [0.9, 0.8])
    assert np.allclose(_all_ap(truth, part), _all_ap(_truth([FIRST]), part), atol=1e-12)


def test_any_number_of_detections_inside_a_crowd_region_are_as_if_not_there() -> None:
    truth = _truth([FIRST, REGION], crowd="01")
    found = _found([*INSIDE, FIRST], [0.9, 0.8, 0.7])
    expected = _all_ap(_truth([FIRST]), _found([FIRST], [0.7]))
    assert np.allclose(_all_ap(truth, found), expected, atol=1e-12)


def test_a_detection_is_left_out_where_the_region_covers_the_threshold_of_it() -> None:
    """Seven tenths of the detection lie in the region."""
    truth = _truth([FIRST, REGION], crowd="01")
    found = _found([[270, 50, 370, 100], FIRST], [0.9, 0.8])
    alone, after_false = 1, 0.5
    coco, yolov5, before = _all_ap(truth, found)
    assert coco == pytest.approx([alone] * 5 + [after_false] * 5)
    # yolov5's straight end takes half a percent of the last of 101 recalls away
    assert yolov5 == pytest.approx([0.995] * 5 + [0.4975] * 5)
    assert before.tolist() == yolov5.tolist()


def test_a_required_object_comes_before_a_region_and_a_duplicate_falls_to_the_region() -> None:
    truth = _truth([FIRST, [0, 0, 200, 200]], crowd="01")
    found = _found([FIRST, FIRST], [0.9, 0.8])
    perfect = _all_ap(_truth([FIRST]), _found([FIRST], [0.9]))
    assert np.allclose(_all_ap(truth, found), perfect, atol=1e-12)


def test_a_class_with_nothing_required_is_undefined() -> None:
    truth = {"a": _truth([FIRST, REGION], crowd="01", difficult="10")}
    rows = {
        (row.metric, row.class_name): row for row in score(truth, {"a": _found([], [])}, ["Car"])
    }
    assert np.isnan(rows["AP50", "Car"].value)
    assert rows["mAP50[yolov5]", ""].reason == "no_truth"
    assert rows["n_boxes", ""].value == 0
    assert rows["n_difficult", ""].value == 1
    assert rows["n_crowd", ""].value == 1


def test_what_is_not_required_is_counted_only_where_there_is_any() -> None:
    rows = score({"a": _truth([FIRST])}, {"a": _found([FIRST], [0.9])}, ["Car"])
    assert not {"n_difficult", "n_crowd"} & {row.metric for row in rows}


def _drawn(seed: int) -> tuple[list[Boxes], list[Boxes]]:
    """Crowded images: objects of all three kinds overlap, and detections scatter about them."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for _ in range(12):
        corner = rng.uniform(0, 150, (14, 2))
        xyxy = np.hstack([corner, corner + rng.uniform(30, 90, (14, 2))])
        kind = rng.integers(0, 4, 14)
        near = np.repeat(xyxy, 3, axis=0) + rng.normal(0, 6, (42, 4))
        truth.append(Boxes(xyxy, ("Car",) * 14, None, kind == 2, kind == 3))
        found.append(Boxes(near, ("Car",) * 42, rng.random(42)))
    return truth, found


def _plain_ap(truth: list[Boxes], found: list[Boxes], threshold: float) -> float:
    """AP by nested loops, from the rules alone: greedy by score, 101 recalls."""
    listed = []
    for real, boxes in zip(truth, found, strict=True):
        taken: set[int] = set()
        for index in np.argsort(-boxes.scores):
            best: dict[str, tuple[float, int]] = {}
            for at, (x1, y1, x2, y2) in enumerate(real.xyxy):
                a1, b1, a2, b2 = boxes.xyxy[index]
                shared = max(0, min(x2, a2) - max(x1, a1)) * max(0, min(y2, b2) - max(y1, b1))
                area, own = (x2 - x1) * (y2 - y1), (a2 - a1) * (b2 - b1)
                overlap = shared / (own if real.crowd[at] else area + own - shared)
                kind = "left out" if real.crowd[at] or real.difficult[at] else "hit"
                if overlap >= threshold and (real.crowd[at] or at not in taken):
                    best[kind] = max(best.get(kind, (0, -1)), (overlap, at))
            kind = "hit" if "hit" in best else "left out" if best else "false"
            if best:
                taken.add(best[kind][1])
            listed.append((boxes.scores[index], kind))
    listed = [kind for _, kind in sorted(listed, reverse=True) if kind != "left out"]
    hits = np.cumsum([kind == "hit" for kind in listed])
    objects = sum(
        not (crowd or difficult)
        for real in truth
        for crowd, difficult in zip(real.crowd, real.difficult, strict=True)
    )
    precision = hits / np.arange(1, len(hits) + 1)
    samples = [precision[hits / objects >= level] for level in np.linspace(0, 1, 101)]
    return float(np.mean([each.max() if len(each) else 0 for each in samples]))


@pytest.mark.parametrize("seed", range(3))
def test_coco_ap_is_that_of_a_plain_evaluation(seed: int) -> None:
    truth, found = _drawn(seed)
    expected = [_plain_ap(truth, found, threshold) for threshold in IOU_THRESHOLDS]
    assert coco_ap(truth, found, ["Car"])[0] == pytest.approx(expected, abs=1e-9)
    ordinary = [replace(each, difficult=None) for each in truth]
    assert np.abs(coco_ap(ordinary, found, ["Car"])[0] - expected).max() > 0.01


def test_crowd_without_difficult_is_exactly_what_pycocotools_says_of_the_document() -> None:
    coco = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    truth, found = _drawn(7)
    truth = [replace(each, difficult=None) for each in truth]
    real, mine = coco.COCO(), coco.COCO()
    real.dataset = coco_document(truth, ["Car"])
    mine.dataset = coco_document(found, ["Car"])
    assert sum(each["iscrowd"] for each in real.dataset["annotations"]) > 10
    real.createIndex()
    mine.createIndex()
    judge = evaluation.COCOeval(real, mine, "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    assert coco_ap(truth, found, ["Car"]).mean() == pytest.approx(judge.stats[0], abs=1e-12)


def test_the_document_carries_both_flags() -> None:
    (first, second) = coco_document([_truth([FIRST, REGION], "01", "10")], ["Car"])["annotations"]
    assert (first["iscrowd"], first["difficult"]) == (0, 1)
    assert (second["iscrowd"], second["difficult"]) == (1, 0)
    assert first["area"] == 1600
