"""Conventions, weighted and boundary IoU, and mAcc against independent implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import yaml
from scipy.ndimage import distance_transform_cdt

from ivif_bench.tasks.segmentation.boundary import band_width, boundary_counts, boundary_iou
from ivif_bench.tasks.segmentation.counting import Counts, metric_names
from ivif_bench.tasks.segmentation.protocol import SHIPPED_PROTOCOLS, SegmentationProtocol
from ivif_bench.tasks.segmentation.scoring import confusion, score
from ivif_bench.types import Unit

CLASSES = 5


def drawn(seed, size=(47, 61), block=6, void=True):
    """Truth and prediction in blocks, so that there are regions with edges."""
    generator = np.random.default_rng(seed)
    values = np.array([*range(CLASSES), *([255] if void else [])], np.uint8)
    tall, wide = -(-size[0] // block), -(-size[1] // block)
    truth = generator.choice(values, (tall, wide)).repeat(block, 0).repeat(block, 1)
    found = np.roll(truth, (2, 1), (0, 1))
    found[generator.random(found.shape) < 0.02] = 0
    return truth[: size[0], : size[1]].copy(), found[: size[0], : size[1]].copy()


DEGENERATE = {
    "one class": (np.zeros((9, 11), np.uint8), np.zeros((9, 11), np.uint8)),
    "all wrong": (np.zeros((9, 11), np.uint8), np.ones((9, 11), np.uint8)),
    "all ignored": (np.full((9, 11), 255, np.uint8), np.ones((9, 11), np.uint8)),
    "all void": (np.ones((9, 11), np.uint8), np.full((9, 11), 255, np.uint8)),
    "one pixel": (np.full((1, 1), 3, np.uint8), np.full((1, 1), 2, np.uint8)),
}
PAIRS = {**{str(seed): drawn(seed) for seed in range(3)}, **DEGENERATE}


@pytest.mark.parametrize("name", list(PAIRS))
def test_the_matrix_is_that_of_torchmetrics_and_of_scikit_learn(name):
    pytest.importorskip("torchmetrics")
    metrics = pytest.importorskip("sklearn.metrics")
    import torch
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    truth, found = (np.where(each == 255, CLASSES, each).ravel() for each in PAIRS[name])
    ours = confusion(*PAIRS[name], CLASSES)
    theirs = multiclass_confusion_matrix(
        torch.from_numpy(found.astype(np.int64)),
        torch.from_numpy(truth.astype(np.int64)),
        num_classes=CLASSES + 1,
    )
    np.testing.assert_array_equal(ours, theirs.numpy())
    np.testing.assert_array_equal(
        ours, metrics.confusion_matrix(truth, found, labels=range(CLASSES + 1))
    )


def band_by_distance(mask, distance):
    """Pixels of a mask at most ``distance`` from a pixel outside, by a distance transform."""
    padded = np.pad(mask, 1)
    return mask & (distance_transform_cdt(padded, "chessboard")[1:-1, 1:-1] <= distance)


@pytest.mark.parametrize("name", [*PAIRS, "large"])
def test_boundary_iou_is_that_of_masks_and_distances_one_class_at_a_time(name):
    truth, found = drawn(9, (120, 160), 40) if name == "large" else PAIRS[name]
    counts = boundary_counts(truth, found, CLASSES)
    distance = band_width(*truth.shape)
    kept = truth != 255
    for label in range(CLASSES):
        actual = band_by_distance((truth == label) & kept, distance)
        claimed = band_by_distance((found == label) & kept, distance)
        assert counts[:, label].tolist() == [(actual & claimed).sum(), (actual | claimed).sum()]


def test_boundary_iou_by_hand_and_its_width_at_msrs_size():
    assert band_width(480, 640) == 16
    assert band_width(3, 4) == 1
    truth = np.zeros((7, 7), np.uint8)
    truth[1:6, 1:6] = 1  # a square of 5: a band of 16 pixels at d = 1, 9 inside
    found = truth.copy()
    found[2:5, 2:5] = 0  # the inside is missed: 16 pixels left, all of them near an edge
    np.testing.assert_array_equal(boundary_counts(truth, found, 2)[:, 1], [16, 16])
    assert score(confusion(truth, found, 2)).iou[1] == pytest.approx(16 / 25)
    assert math.isnan(boundary_iou(np.zeros((2, 1)))[0])


def test_what_is_predicted_on_ignored_truth_changes_no_boundary_score():
    truth, found = drawn(4)
    other = np.where(truth == 255, np.uint8(2), found)
    np.testing.assert_array_equal(
        boundary_counts(truth, found, CLASSES), boundary_counts(truth, other, CLASSES)
    )


@pytest.mark.parametrize("void", ["ignore", "false-positive", "class", "mfnet"])
def test_frequency_weighted_iou_and_accuracies_by_loops(void):
    truth, found = drawn(5)
    scores = score(confusion(truth, found, CLASSES), void)
    kept = (truth != 255) & ((found != 255) | (void != "mfnet"))
    expected, right = 0.0, 0
    for label in range(CLASSES):
        actual = (truth == label) & kept
        right += (actual & (found == label)).sum()
        expected += scores.iou[label] * actual.sum() / kept.sum()
    assert scores.weighted_iou == pytest.approx(expected)
    assert scores.accuracy == pytest.approx(right / kept.sum())


def test_mfnet_drops_the_classes_left_out_of_a_mean_with_their_pixels():
    truth = np.array([[0, 0, 1, 1, 2, 2]], np.uint8)
    found = np.array([[1, 0, 1, 0, 2, 1]], np.uint8)
    matrix = confusion(truth, found, 3)
    np.testing.assert_allclose(score(matrix, "mfnet", (0,)).iou[1:], [1 / 2, 1 / 2])
    np.testing.assert_allclose(score(matrix, "ignore", (0,)).iou[1:], [1 / 4, 1 / 2])
    assert math.isnan(score(matrix, "mfnet", (0,)).iou[0])


def protocol(**changes):
    content = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-seg.v1.yaml").read_text())
    plain = SegmentationProtocol.from_file(content).model_dump(mode="json")
    return SegmentationProtocol.model_validate({**plain, "format": 2, **changes})


def counted(**changes):
    counts = Counts(protocol(**changes))
    for stem, tag, seed in (("a", "day", 1), ("b", "night", 2)):
        truth, found = drawn(seed)
        counts.add(stem, (tag,), truth, found)
    unit = Unit("segmentation", "msrs", "m", "p", 0, "k")
    return counts, {(r.metric, r.class_name): r.value for r in counts.records(unit)}


def test_more_scores_are_recorded_where_a_protocol_asks_and_only_there():
    counts, plain = counted()
    _, more = counted(scores=["mAcc", "FWIoU", "boundary"])
    assert {key: more[key] for key in plain} == pytest.approx(plain, nan_ok=True)
    recall = score(counts.matrices[""]).recall
    assert more["mAcc9", ""] == pytest.approx(np.nanmean(recall)) == plain["class_accuracy", ""]
    assert more["mAcc8", ""] == pytest.approx(np.nanmean(recall[1:]))
    edges = sum(boundary_counts(*drawn(seed), 9) for seed in (1, 2))
    assert more["boundary_mIoU9", ""] == pytest.approx(np.nanmean(boundary_iou(edges)))
    assert {"mAcc8[day]", "FWIoU[night]", "boundary_mIoU8[day]"} <= {key for key, _ in more}
    assert not {"mAcc8", "FWIoU"} & {key for key, _ in plain}
    names = metric_names(protocol(scores=["mAcc", "FWIoU", "boundary"]), ["day"])
    assert {"mAcc9", "FWIoU", "boundary_mIoU8", "boundary_IoU", "mIoU9[day]"} <= set(names)


def test_matrices_of_the_images_add_up_to_that_of_all_of_them():
    counts, _ = counted()
    stored = counts.to_json()
    total = np.sum(list(stored["by_image"].values()), axis=0)
    np.testing.assert_array_equal(total, stored["matrices"]["all"])
    assert list(stored["by_image"]) == ["a", "b"]


def test_hashes_know_scores_only_where_there_are_any():
    plain = protocol()
    assert "scores" not in plain.values()
    asked = protocol(scores=["mAcc"])
    assert asked.sha256 != plain.sha256
    assert asked.training_part == plain.training_part
    assert SegmentationProtocol.model_validate(asked.model_dump(mode="json")) == asked
