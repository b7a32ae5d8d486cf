"""Log-average miss rate: against a count from scratch, closed forms, and its subset."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from drawn_boxes import drawn_boxes

from ivif_bench.tasks.detection.miss_rate import Subset, log_average_miss_rate
from ivif_bench.types import Boxes

CLASSES = ("Car", "People", "Bus")


def _iou(one: list[float], other: list[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def _counted_from_scratch(
    truth: Mapping[str, Boxes], found: Mapping[str, Boxes], name: str
) -> float:
    """For each of the nine points, the best confidence threshold, matched anew at each."""
    scores = {
        float(score)
        for boxes in found.values()
        for score, each in zip(boxes.scores, boxes.classes, strict=True)
        if each == name
    }
    points = []
    for least in [math.inf, *scores]:
        false = hits = objects = 0
        for stem, real in truth.items():
            wanted = [
                real.xyxy[at].tolist() for at, each in enumerate(real.classes) if each == name
            ]
            objects += len(wanted)
            mine = found[stem]
            kept = [i for i, s in enumerate(mine.scores) if s >= least and mine.classes[i] == name]
            for at in sorted(kept, key=lambda i: (-mine.scores[i], *mine.xyxy[i])):
                near = [(_iou(mine.xyxy[at].tolist(), box), box) for box in wanted]
                if near and max(near)[0] >= 0.5:
                    wanted.remove(max(near)[1])
                    hits += 1
                else:
                    false += 1
        points.append((false / len(truth), 1 - hits / objects))
    logs = []
    for power in range(9):
        limit = 10 ** (-2 + power / 4)
        reached = [(false, -missed) for false, missed in points if false <= limit + 1e-12]
        logs.append(math.log(max(-max(reached)[1], 1e-10)))
    return math.exp(sum(logs) / 9)


@pytest.mark.parametrize("seed", range(4))
def test_it_equals_a_count_from_scratch_at_every_threshold(seed: int) -> None:
    truth, found = drawn_boxes(seed, images=12, flags=False, false=3)
    ours = log_average_miss_rate(truth, found, CLASSES)
    for name in CLASSES:
        assert ours[name] == pytest.approx(_counted_from_scratch(truth, found, name), abs=1e-12)


def _one(xyxy: list[list[float]], scores: list[float] | None = None) -> Boxes:
    return Boxes(
        np.array(xyxy, float).reshape(-1, 4),
        ("Car",) * len(xyxy),
        None if scores is None else np.array(scores),
    )


def test_all_found_without_false_positives_is_the_floor_and_nothing_found_is_one() -> None:
    truth = {"a": _one([[0, 0, 10, 20]])}
    perfect = log_average_miss_rate(truth, {"a": _one([[0, 0, 10, 20]], [0.5])}, ["Car"])
    nothing = log_average_miss_rate(truth, {"a": _one([], [])}, ["Car"])
    assert (perfect["Car"], nothing["Car"]) == (pytest.approx(1e-10), 1)


def test_a_class_without_objects_is_undefined() -> None:
    found = {"a": _one([[0, 0, 10, 20]], [0.5])}
    assert math.isnan(log_average_miss_rate({"a": _one([])}, found, ["Car"])["Car"])


def test_objects_outside_of_the_subset_are_neither_required_nor_wrong_to_find() -> None:
    """One tall object found, one low one found and one low false box: only the tall one counts."""
    tall, low, stray = [0, 0, 20, 60], [100, 0, 110, 30], [200, 0, 210, 30]
    truth = {"a": _one([tall, low])}
    found = {"a": _one([tall, low, stray], [0.9, 0.8, 0.7])}
    subset = Subset(min_height=50)
    assert log_average_miss_rate(truth, found, ["Car"], subset)["Car"] == pytest.approx(1e-10)
    missed = {"a": _one([low, stray], [0.8, 0.7])}
    assert log_average_miss_rate(truth, missed, ["Car"], subset)["Car"] == 1


def test_occluded_objects_that_a_protocol_ignores_do_not_count() -> None:
    seen, hidden = [0, 0, 20, 60], [100, 0, 120, 60]
    truth = {"a": _one([seen, hidden])}
    found = {"a": _one([hidden, seen], [0.9, 0.8])}
    flags = {"a": np.array([False, True])}
    ours = log_average_miss_rate(truth, found, ["Car"], ignored=flags)["Car"]
    assert ours == pytest.approx(1e-10)
