"""Kinds of errors in hand-made cases, the confusion matrix and the best F1 against plain counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from drawn_boxes import drawn_boxes

from ivif_bench.detections.boxes import judged
from ivif_bench.detections.confusion import confusion
from ivif_bench.detections.curves import best_common_confidence, best_f1, curve
from ivif_bench.detections.errors import KINDS, Errors, errors
from ivif_bench.detections.matches import match
from ivif_bench.types import Boxes

CLASSES = ("Car", "People", "Bus")
HERE, THERE = [0.0, 0, 100, 100], [300.0, 0, 400, 100]
PART = [0.0, 0, 100, 30]  # overlaps HERE by 0.3
NOWHERE = [600.0, 600, 700, 700]
Item = tuple[str, list[float]]


def _errors(truth: list[Item], found: list[tuple[str, list[float], float]]) -> Errors:
    real = Boxes(np.array([box for _, box in truth], float), tuple(name for name, _ in truth))
    mine = Boxes(
        np.array([box for _, box, _ in found], float).reshape(-1, 4),
        tuple(name for name, _, _ in found),
        np.array([score for *_, score in found]),
    )
    return errors(judged({"a": real}, {"a": mine}, ("Car", "People")))


def _only(kind: str, found: Errors, count: int = 1) -> None:
    assert found.counts == {name: count if name == kind else 0 for name in KINDS}
    assert found.shares[kind] == 1
    others = {name: gain for name, gain in found.gains.items() if name != kind}
    assert others == pytest.approx(dict.fromkeys(others, 0))


def test_the_right_box_with_the_wrong_class() -> None:
    """Car found as People: with its class mended, Car rises from 0 to 1; People stays at 1."""
    truth: list[Item] = [("Car", HERE), ("People", THERE)]
    found = _errors(truth, [("People", THERE, 0.9), ("People", HERE, 0.8)])
    _only("class", found)
    assert (found.ap, found.gains["class"]) == (pytest.approx(0.5), pytest.approx(0.5))


def test_the_right_class_with_a_poor_box() -> None:
    found = _errors([("Car", HERE)], [("Car", PART, 0.9)])
    _only("localisation", found)
    assert (found.ap, found.gains["localisation"]) == (0, pytest.approx(1))


def test_neither_class_nor_box_are_right() -> None:
    """A poor People box on a Car, above the only hit of People, whose precision it halves."""
    truth: list[Item] = [("Car", HERE), ("People", THERE)]
    found = _errors(truth, [("Car", HERE, 0.9), ("People", PART, 0.8), ("People", THERE, 0.7)])
    _only("both", found)
    assert found.gains["both"] == pytest.approx(0.25)


def test_an_object_that_is_found_twice() -> None:
    """Hit, duplicate, hit: precision 1 up to recall 0.5 (51 of 101), then 2/3."""
    truth: list[Item] = [("Car", HERE), ("Car", THERE)]
    found = _errors(truth, [("Car", HERE, 0.9), ("Car", HERE, 0.8), ("Car", THERE, 0.7)])
    _only("duplicate", found)
    assert found.ap == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert found.gains["duplicate"] == pytest.approx(1 - found.ap)


def test_a_detection_of_nothing() -> None:
    found = _errors([("Car", HERE)], [("Car", NOWHERE, 0.9), ("Car", HERE, 0.8)])
    _only("background", found)
    assert found.gains["background"] == pytest.approx(0.5)


def test_an_object_that_nothing_found() -> None:
    found = _errors([("Car", HERE), ("Car", THERE)], [("Car", HERE, 0.9)])
    _only("missed", found)
    assert found.gains["missed"] == pytest.approx(50 / 101)


def test_an_object_with_a_poor_box_is_not_missed_as_well() -> None:
    found = _errors([("Car", HERE), ("Car", THERE)], [("Car", PART, 0.9)])
    assert (found.counts["localisation"], found.counts["missed"]) == (1, 1)  # THERE is missed


def test_a_mended_box_of_an_object_that_is_hit_already_takes_one_of_the_two_away() -> None:
    """The poor box is the more confident: mended it is the hit, and the other goes."""
    found = _errors([("Car", HERE)], [("Car", PART, 0.9), ("Car", HERE, 0.8)])
    _only("localisation", found)
    assert (found.ap, found.gains["localisation"]) == (pytest.approx(0.5), pytest.approx(0.5))


def test_overlaps_at_the_limits_belong_to_the_better_kind() -> None:
    """IoU 0.5 is foreground, 0.1 is not background."""
    tenth = [0.0, 0, 100, 10]
    assert _errors([("Car", HERE)], [("Car", tenth, 0.9)]).counts["localisation"] == 1
    half = [0.0, 0, 100, 50]
    assert _errors([("People", HERE)], [("Car", half, 0.9)]).counts["class"] == 1


@pytest.mark.parametrize("seed", range(3))
def test_every_false_positive_and_every_lost_object_has_a_kind(seed: int) -> None:
    boxes = judged(*drawn_boxes(seed), CLASSES)
    found = errors(boxes)
    matches = match(boxes, np.array([0.5]))
    assert sum(found.counts[name] for name in KINDS[:5]) == (matches.outcome == 0).sum()
    assert sum(found.shares.values()) == pytest.approx(1)
    assert min(found.gains.values()) >= -1e-12
    assert min(found.counts.values()) > 0


def _counted(truth: Mapping[str, Boxes], found: Mapping[str, Boxes], least: float) -> Counter[str]:
    """Pairs of (true class, found class) counted plainly, with torch's IoU."""
    torch = pytest.importorskip("torch")
    box_iou = pytest.importorskip("torchvision.ops").box_iou
    pairs: Counter[str] = Counter()
    for stem, real in truth.items():
        mine = found[stem]
        iou = box_iou(torch.tensor(mine.xyxy), torch.tensor(real.xyxy)).numpy()
        free = set(range(len(real.classes)))
        kept = [i for i in range(len(mine.classes)) if mine.scores[i] >= least]
        for at in sorted(kept, key=lambda i: -mine.scores[i]):
            near = max(free, key=lambda j: iou[at, j], default=None)
            if near is not None and iou[at, near] >= 0.5:
                free.remove(near)
                pairs[f"{real.classes[near]}>{mine.classes[at]}"] += 1
            else:
                pairs[f">{mine.classes[at]}"] += 1
        pairs.update(f"{real.classes[j]}>" for j in free)
    return pairs


@pytest.mark.parametrize("least", [0.0, 0.6])
def test_the_confusion_matrix_equals_a_plain_count(least: float) -> None:
    truth, found = drawn_boxes(11, flags=False, ties=False)
    matrix = confusion(judged(truth, found, CLASSES), least)
    names = (*CLASSES, "")
    ours = {f"{a}>{b}": matrix[i, j] for i, a in enumerate(names) for j, b in enumerate(names)}
    assert {key: n for key, n in ours.items() if n} == _counted(truth, found, least)
    assert matrix[:3, :3].sum() > np.trace(matrix[:3, :3])


def test_objects_that_are_ignored_are_in_no_row_of_the_confusion_matrix() -> None:
    real = Boxes(np.array([HERE, THERE]), ("Car", "Car"), difficult=np.array([True, False]))
    mine = Boxes(np.array([HERE]), ("People",), np.array([0.9]))
    matrix = confusion(judged({"a": real}, {"a": mine}, ("Car", "People")), 0.5)
    assert matrix.tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_the_best_f1_is_the_largest_over_all_confidences() -> None:
    truth, found = drawn_boxes(3, flags=False)
    boxes = judged(truth, found, CLASSES)
    matches = match(boxes, np.array([0.5]))
    curves = [curve(boxes, matches, index) for index in range(3)]
    common = {}
    for level in np.unique(boxes.found.score):
        kept = boxes.found.score >= level
        common[level] = 0.0
        for index, one in enumerate(curves):
            mine = kept & (boxes.found.category == index)
            right = int((matches.outcome[0, mine] == 1).sum())
            f1 = 2 * right / (int(mine.sum()) + one.objects)
            assert best_f1(one).f1 >= f1 - 1e-12
            common[level] += f1
            if level == best_f1(one).confidence:
                assert best_f1(one).f1 == pytest.approx(f1)
    assert common[best_common_confidence(curves)] == max(common.values())


def test_without_objects_there_is_no_f1() -> None:
    mine = Boxes(np.array([HERE]), ("Car",), np.array([0.9]))
    boxes = judged({"a": Boxes(np.zeros((0, 4)), ())}, {"a": mine}, ("Car",))
    one = curve(boxes, match(boxes, np.array([0.5])), 0)
    assert math.isnan(best_f1(one).f1)
    assert math.isinf(best_common_confidence([one]))
