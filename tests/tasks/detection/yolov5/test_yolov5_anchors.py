"""Fit and search of anchors, and weights of images: as recorded from YOLOv5 v7.0 (group g)."""

from __future__ import annotations

import numpy as np
import pytest

from ivif_bench.tasks.detection.yolov5.anchors import box_sizes, checked, fit, searched
from ivif_bench.tasks.detection.yolov5.sampling import (
    class_weights,
    drawn_images,
    image_weights,
)

_ANCHORS = np.array(
    [
        (10, 13),
        (16, 30),
        (33, 23),
        (30, 61),
        (62, 45),
        (59, 119),
        (116, 90),
        (156, 198),
        (373, 326),
    ],
    np.float64,
)


@pytest.mark.golden
@pytest.mark.parametrize("number", range(4))
def test_fit_of_the_usual_anchors_is_the_recorded_one(recorded, number):
    case = recorded.about("g_anchors.npz")["cases"][number]
    boxes = recorded.arrays("g_anchors.npz")[f"{case['key']}/wh_px"]
    found = fit(boxes, np.reshape(case["anchors_px"], (-1, 2)), case["anchor_t"])
    assert found.best_possible_recall == pytest.approx(case["best_possible_recall"], rel=1e-5)
    assert found.above_threshold == pytest.approx(case["anchors_above_threshold"], rel=1e-5)
    again = checked([boxes.astype(float)], _ANCHORS, case["anchor_t"], 640, 0, generations=1)
    assert again.searched == case["recompute"]


def _boxes_of_images(archive, key: str) -> list[np.ndarray]:
    image, sizes = archive[f"{key}/labels_image"], archive[f"{key}/labels_wh"]
    rows = [np.pad(sizes[image == number], ((0, 0), (3, 0))) for number in range(60)]
    return box_sizes(archive[f"{key}/image_wh"][:, ::-1], rows, 640)


@pytest.mark.golden
@pytest.mark.parametrize("number", range(3))
def test_search_is_as_good_as_the_recorded_one(recorded, number):
    case = recorded.about("g_anchors.npz")["cases"][4 + number]
    archive = recorded.arrays("g_anchors.npz")
    boxes = np.concatenate(_boxes_of_images(archive, case["key"]))
    assert boxes == pytest.approx(archive[f"{case['key']}/wh_px_640"], rel=1e-5)
    usual = fit(boxes, _ANCHORS, 4.0)
    assert (usual.fitness, usual.best_possible_recall) == pytest.approx(
        case["fitness_bpr_default_anchors"], rel=1e-5
    )
    generator = np.random.default_rng(0)
    found = searched(boxes, 9, 4.0, 640, generator, case["generations"])
    assert fit(boxes, found, 4.0).fitness > case["fitness_bpr_evolved"][0] - 0.02
    assert (np.diff(found.prod(axis=1)) >= 0).all()


def test_anchors_that_match_are_kept_and_others_are_replaced_only_by_better_ones():
    generator = np.random.default_rng(0)
    boxes = [generator.uniform(20, 60, (20, 2)) for _ in range(10)]
    kept = checked(boxes, _ANCHORS, 4.0, 640, 0)
    assert not kept.searched
    assert kept.anchors is _ANCHORS
    useless = np.tile([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], (3, 1))  # what stands in for none
    found = checked(boxes, useless, 4.0, 640, 0, 50)
    assert found.before.best_possible_recall < 0.5 < 0.98 < found.after.best_possible_recall
    assert np.array_equal(found.anchors, checked(boxes, useless, 4.0, 640, 0, 50).anchors)
    # Boxes of less than 2 pixels are left out of the search, which so cannot match them.
    tiny = checked([np.full((30, 2), 0.1), np.full((1, 2), 50.0)], _ANCHORS, 4.0, 640, 0, 5)
    assert tiny.searched
    assert tiny.anchors is _ANCHORS


def test_fewer_boxes_than_anchors_still_give_anchors():
    found = searched(np.full((3, 2), 30.0), 9, 4.0, 640, np.random.default_rng(0), 20)
    assert found.shape == (9, 2)
    assert (found >= 2).all()


@pytest.mark.golden
def test_weights_of_classes_and_images_are_the_recorded_ones(recorded):
    archive = recorded.arrays("g_anchors.npz")
    numbers, image = archive["weights/classes_flat"], archive["weights/image_of_label"]
    found = class_weights(numbers, 6)
    assert found == pytest.approx(archive["weights/class_weights_normalised"], rel=1e-5)
    weights = found * (1 - archive["weights/maps"]) ** 2
    per_image = image_weights([numbers[image == each] for each in range(8)], weights)
    assert per_image == pytest.approx(archive["weights/image_weights"], rel=1e-5)


def test_images_are_drawn_by_the_weight_of_their_classes():
    numbers = [np.zeros(1), np.ones(1), np.ones(0)]
    drawn = [
        index
        for seed in range(300)
        for index in drawn_images(numbers, np.array([0.0, 0.5]), np.random.default_rng(seed))
    ]
    shares = np.bincount(drawn, minlength=3) / len(drawn)
    assert shares == pytest.approx([0.8, 0.2, 0.0], abs=0.04)  # (1 - 0)^2 to (1 - 0.5)^2
