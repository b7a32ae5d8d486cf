"""pycocotools and faster-coco-eval give the same numbers; what is read of them is what they print."""

from __future__ import annotations

import contextlib
import copy
import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stored_detections import IMAGES, StoredSet, stored_set

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.coco_eval import STATISTICS, precision, statistics
from ivif_bench.tasks.detection.scoring import coco_ap, coco_documents
from ivif_bench.types import Boxes

pytest.importorskip("faster_coco_eval")
SETS = sorted(IMAGES)


@pytest.fixture(params=SETS, ids="-".join)
def stored(shared: Path, request: pytest.FixtureRequest) -> StoredSet:
    return stored_set(shared, *request.param)


def _printed_by_pycocotools(real: dict, mine: dict) -> list[float]:
    """The twelve statistics as pycocotools' own summary has them."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth, found = COCO(), COCO()
        truth.dataset, found.dataset = real, mine
        truth.createIndex()
        found.createIndex()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return list(map(float, evaluation.stats))


def _equal(truth: list[Boxes], found: list[Boxes], classes: tuple[str, ...]) -> None:
    """All twelve statistics of all classes and of each are equal, and so is each AP."""
    documents = coco_documents(truth, found, classes)
    slow = statistics(*copy.deepcopy(documents), "pycocotools")
    fast = statistics(*copy.deepcopy(documents), "faster-coco-eval")
    assert [list(row) for row in slow] == [list(STATISTICS)] * (1 + len(classes))
    for one, other in zip(slow, fast, strict=True):
        np.testing.assert_allclose([*other.values()], [*one.values()], rtol=0, atol=1e-12)
    printed = _printed_by_pycocotools(*copy.deepcopy(documents))
    np.testing.assert_allclose([*fast[0].values()], printed, rtol=0, atol=1e-12)
    one, other = (coco_ap(truth, found, classes, by) for by in ("pycocotools", "faster-coco-eval"))
    np.testing.assert_allclose(other, one, rtol=0, atol=1e-12)


def _lists(stored: StoredSet) -> tuple[list[Boxes], list[Boxes]]:
    return [stored.truth[key] for key in stored.truth], [stored.found[key] for key in stored.truth]


def test_both_give_the_same_twelve_statistics_on_real_boxes(stored: StoredSet) -> None:
    _equal(*_lists(stored), stored.classes)


@pytest.mark.parametrize("group", ["msrs_dev15", "m3fd_dev12"])
def test_both_agree_with_equal_scores_crowd_regions_and_difficult_objects(
    shared: Path, group: str
) -> None:
    stored = stored_set(shared, group, "vi")
    truth, found = _lists(stored)
    tied = [replace(each, scores=np.round(each.scores, 1)) for each in found]
    flagged = []
    for boxes in truth:
        at = np.arange(len(boxes.classes))
        flagged.append(replace(boxes, crowd=at % 4 == 1, difficult=at % 5 == 2))
    assert any(each.crowd.any() for each in flagged)
    assert any(each.difficult.any() for each in flagged)
    _equal(flagged, tied, stored.classes)


def test_both_agree_where_there_is_nothing(shared: Path) -> None:
    stored = stored_set(shared, "msrs_dev15", "ir")
    truth, found = _lists(stored)
    nothing = [each.take([]) for each in truth]
    silent = [each.take([]) for each in found]
    for real, mine in ((truth, silent), (nothing, found), (nothing, silent)):
        _equal(real, mine, stored.classes)
    half = [each if at % 2 else silent[at] for at, each in enumerate(found)]
    _equal(truth, half, stored.classes)


def test_what_is_read_is_computed_for_all_sizes_at_once(shared: Path) -> None:
    """The precision of ``precision`` is, to the bit, that of a full evaluation by pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    stored = stored_set(shared, "m3fd_dev12", "vi")
    real, mine = coco_documents(*_lists(stored), stored.classes)
    found = precision(copy.deepcopy(real), copy.deepcopy(mine))
    with contextlib.redirect_stdout(io.StringIO()):
        truth, boxes = COCO(), COCO()
        truth.dataset, boxes.dataset = real, mine
        truth.createIndex()
        boxes.createIndex()
        evaluation = COCOeval(truth, boxes, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    np.testing.assert_array_equal(found, evaluation.eval["precision"][:, :, :, 0, 2])


def test_an_evaluator_that_is_not_installed_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(UserError, match=r"install 'ivif-bench\[fast-scoring\]'"):
        precision({}, {}, "faster-coco-eval")
