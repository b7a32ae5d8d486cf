"""The confusion matrix and its scores, against published matrices, loops and mmsegmentation."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivif_bench.data.images import read_labels
from ivif_bench.tasks.segmentation.pairs import pairs_of_values
from ivif_bench.tasks.segmentation.scoring import confusion, mean_iou, score

VOID = 11


@pytest.fixture(scope="module")
def camvid(shared):
    folder = shared / "data" / "CamVid"
    oracle = json.loads((folder / "espnet_oracle.json").read_text())
    matrix = np.zeros((12, 12), np.int64)
    per_image = []
    for path in sorted((folder / "valannot").glob("*.png")):
        prediction = read_labels(folder / "pred_espnet" / path.name)
        one = confusion(read_labels(path), prediction, classes=11, ignore_index=VOID)
        per_image.append(one)
        matrix += one
    return oracle, matrix, per_image


@pytest.mark.golden
def test_camvid_predictions_give_the_recorded_matrix_exactly(camvid):
    oracle, matrix, per_image = camvid
    assert len(per_image) == 26
    assert matrix.sum() == oracle["pixels"] == 4_492_800
    np.testing.assert_array_equal(matrix, oracle["confusion_rows_gt_cols_pred"])


@pytest.mark.golden
@pytest.mark.parametrize(
    ("void", "miou", "key"),
    [
        ("ignore", 0.702169, "void_ignored"),
        ("false-positive", 0.687517, "void_as_false_positive"),
        ("class", 0.648773, "twelve_classes_with_void"),
    ],
)
def test_each_treatment_of_void_gives_its_own_published_miou(camvid, void, miou, key):
    oracle, matrix, _ = camvid
    classes = oracle["classes"][:11]
    scores = score(matrix, void)
    (value, held) = mean_iou(scores, classes, {"mIoU11": ()})["mIoU11"]
    assert value == pytest.approx(miou, abs=1e-6)
    assert value == pytest.approx(oracle[key]["mIoU"], abs=1e-12)
    assert held == len(oracle[key]["IoU"])
    own = [scores.void_iou] if void == "class" else []
    np.testing.assert_allclose([*scores.iou, *own], oracle[key]["IoU"], atol=1e-6)


@pytest.mark.golden
def test_mfnet_drops_row_and_column_of_void(camvid):
    _, matrix, _ = camvid
    scores = score(matrix, "mfnet")
    assert np.mean(scores.iou) == pytest.approx(0.715708, abs=1e-6)
    assert score(matrix).iou.mean() == pytest.approx(0.702169, abs=1e-6)  # the matrix is unchanged


@pytest.mark.golden
def test_accuracies_are_over_labelled_pixels_and_predicted_void_is_a_miss(camvid):
    _, matrix, _ = camvid
    for void in ("ignore", "false-positive"):
        scores = score(matrix, void)
        assert scores.accuracy == pytest.approx(0.927907, abs=1e-6)
        assert scores.class_accuracy == pytest.approx(0.795238, abs=1e-6)
        assert scores.pixels == 4_492_800 - 77_731


@pytest.mark.golden
def test_miou_is_over_all_pixels_and_not_a_mean_over_images(camvid):
    _, matrix, per_image = camvid
    of_images = np.mean([np.nanmean(score(one).iou) for one in per_image])
    assert of_images == pytest.approx(0.680709, abs=1e-6)
    assert np.nanmean(score(matrix).iou) - of_images > 0.02


def test_two_classes_by_hand():
    truth = np.array([[0, 0, 1, 1], [0, 1, 1, 255]], np.uint8)
    found = np.array([[0, 1, 1, 1], [0, 0, 1, 1]], np.uint8)
    matrix = confusion(truth, found, 2)
    np.testing.assert_array_equal(matrix, [[2, 1, 0], [1, 3, 0], [0, 1, 0]])
    dropped, counted = score(matrix, "ignore"), score(matrix, "false-positive")
    np.testing.assert_allclose(dropped.iou, [2 / 4, 3 / 5])
    np.testing.assert_allclose(counted.iou, [2 / 4, 3 / 6])
    assert dropped.accuracy == counted.accuracy == 5 / 7
    assert dropped.class_accuracy == pytest.approx((2 / 3 + 3 / 4) / 2)


def test_absent_class_is_undefined_and_left_out_of_the_mean_but_a_false_alarm_is_zero():
    truth = np.array([[0, 0, 1, 1]], np.uint8)
    right = score(confusion(truth, truth, 4))
    assert [math.isnan(value) for value in right.iou] == [False, False, True, True]
    assert mean_iou(right, "abcd", {"m": ()})["m"] == (1.0, 2)
    alarm = score(confusion(truth, np.array([[0, 0, 1, 3]], np.uint8), 4))
    assert alarm.iou[3] == 0
    assert math.isnan(alarm.iou[2])
    assert mean_iou(alarm, "abcd", {"m": ()})["m"] == (pytest.approx(1.5 / 3), 3)


def test_leaving_a_class_out_of_the_mean_keeps_its_pixels_as_errors():
    truth = np.array([[0, 0, 0, 1]], np.uint8)
    found = np.array([[0, 0, 1, 1]], np.uint8)  # a false positive of 1 on unlabelled
    means = mean_iou(
        score(confusion(truth, found, 2)), ("unlabelled", "car"), {"m": ("unlabelled",)}
    )
    assert means["m"] == (0.5, 1)  # MFNet's way would drop the pixel and say 1.0


def test_nothing_defined_gives_nan_not_zero():
    empty = score(np.zeros((3, 3), np.int64))
    assert math.isnan(empty.accuracy)
    assert math.isnan(empty.class_accuracy)
    assert mean_iou(empty, "ab", {"m": ()})["m"][1] == 0


@pytest.mark.parametrize(
    ("truth", "found", "message"),
    [
        (np.full((2, 2), 9, np.uint8), np.zeros((2, 2), np.uint8), "label value 9 on 4 pixels"),
        (np.zeros((2, 2), np.uint8), np.full((2, 2), 12, np.uint8), "predicted value 12"),
        (np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), "shape"),
        (np.zeros((2, 2), np.int32), np.zeros((2, 2), np.uint8), "int32"),
    ],
)
def test_values_that_are_no_class_are_refused(truth, found, message):
    with pytest.raises(ValueError, match=message):
        confusion(truth, found, 9)


images = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed))


@settings(max_examples=40, deadline=None)
@given(images, st.integers(2, 6), st.sampled_from(["ignore", "false-positive"]))
def test_scores_equal_set_arithmetic_on_pixels(generator, classes, void):
    values = np.array([*range(classes), 255], np.uint8)
    truth, found = generator.choice(values, (2, 7, 9))
    scores = score(confusion(truth, found, classes), void)
    kept = truth != 255 if void == "ignore" else np.ones_like(truth, bool)
    for label in range(classes):
        actual, claimed = (truth == label) & kept, (found == label) & kept
        union = (actual | claimed).sum()
        expected = (actual & claimed).sum() / union if union else math.nan
        assert scores.iou[label] == pytest.approx(expected, nan_ok=True)
    labelled = truth != 255
    if labelled.any():
        assert scores.accuracy == pytest.approx((truth == found)[labelled].mean())


@pytest.mark.mmseg
def test_mmsegmentation_counts_the_same_and_rounds_to_two_decimals():
    pytest.importorskip("mmseg")
    from ivif_bench.tasks.segmentation.segmenters._mmseg import import_mmseg

    import_mmseg()
    import torch
    from mmseg.evaluation import IoUMetric

    generator = np.random.default_rng(5)
    truth = generator.integers(0, 9, (3, 40, 50), dtype=np.uint8)
    found = np.where(
        generator.random(truth.shape) < 0.7, truth, generator.integers(0, 9, truth.shape)
    )
    found = found.astype(np.uint8)
    truth[:, :5] = 255
    metric = IoUMetric(iou_metrics=["mIoU"])
    metric.dataset_meta = {"classes": tuple("abcdefghi")}
    metric.process(
        {},
        [
            {
                "pred_sem_seg": {"data": torch.from_numpy(one.astype(np.int64))[None]},
                "gt_sem_seg": {"data": torch.from_numpy(label.astype(np.int64))[None]},
            }
            for one, label in zip(found, truth, strict=True)
        ],
    )
    theirs = metric.compute_metrics(metric.results)
    ours = score(sum(confusion(t, f, 9) for t, f in zip(truth, found, strict=True)))
    assert theirs["mIoU"] == pytest.approx(100 * np.mean(ours.iou), abs=0.00501)
    assert theirs["aAcc"] == pytest.approx(100 * ours.accuracy, abs=0.00501)
    assert theirs["mAcc"] == pytest.approx(100 * ours.class_accuracy, abs=0.00501)


@pytest.mark.parametrize("highest", [0, 1, 8, 255])
def test_pairs_of_values_are_counted_as_by_bincount_whatever_the_size_and_the_runs(highest):
    generator = np.random.default_rng(highest)
    for length in range(1, 60):
        drawn = generator.integers(0, highest + 1, (2, length), dtype=np.uint8)
        rows, columns = np.repeat(drawn, generator.integers(1, 30, length), axis=1)
        expected = np.bincount(256 * rows.astype(int) + columns, minlength=256 * 256)
        np.testing.assert_array_equal(pairs_of_values(rows, columns).ravel(), expected)
