"""``compare`` of segmentation: the interval is that of the confusions of the drawn images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from synthetic_run import RunBuilder
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.statistics.changes import changes
from ivif_bench.resampling import image_counts, interval

CLASSES = ("unlabelled", "car", "person")
IMAGES, PIXELS = 30, 400
TRUTH = np.random.default_rng(0).integers(0, 3, (IMAGES, PIXELS))
Guesses = dict[str, np.ndarray]


def guessed(wrong: float, seed: int) -> np.ndarray:
    """Labels of which a share is drawn anew."""
    random = np.random.default_rng(seed)
    return np.where(random.random(TRUTH.shape) < wrong, random.integers(0, 3, TRUTH.shape), TRUTH)


def mean_iou(truth: np.ndarray, guess: np.ndarray) -> float:
    """Mean IoU from the confusion matrix of some images."""
    matrix = np.bincount((3 * truth + guess).ravel(), minlength=9).reshape(3, 3)
    right = np.diag(matrix)
    return float((right / (matrix.sum(axis=0) + matrix.sum(axis=1) - right)).mean())


def segmented(folder: Path, guesses: Guesses, recorded: float | None = None) -> Path:
    """A run whose methods have these label images, and their pixel counts."""
    builder = RunBuilder(folder)
    for at, (name, guess) in enumerate(guesses.items()):
        hits = [[(t == c) & (g == c) for c in range(3)] for t, g in zip(TRUTH, guess, strict=True)]
        some = [[(t == c) | (g == c) for c in range(3)] for t, g in zip(TRUTH, guess, strict=True)]
        right, union = (np.array(each).sum(axis=2) for each in (hits, some))
        iou = right.sum(axis=0) / union.sum(axis=0)
        mean = mean_iou(TRUTH, guess) if recorded is None else recorded
        builder.segmentation(
            name, dict(zip(CLASSES, iou, strict=True)), {"mIoU3": mean}, images=IMAGES
        )
        kept = folder / "checkpoints" / f"segmentation-{at:016x}" / "per_image.json"
        kept.parent.mkdir(parents=True)
        pixels = {"right": right.tolist(), "union": union.tolist()}
        content = {
            "stems": [f"{n:02}" for n in range(IMAGES)],
            "classes": list(CLASSES),
            "iou": pixels,
            "means": {"mIoU3": pixels},
        }
        kept.write_text(json.dumps(content))
    return builder.write()


def test_the_interval_of_a_difference_is_that_of_the_drawn_images_confusions(tmp_path):
    one, two = guessed(0.30, 1), guessed(0.32, 2)
    runs = [
        load_run(segmented(tmp_path / name, {"a": labels}))
        for name, labels in (("one", one), ("two", two))
    ]
    (found,) = (each for each in changes(*runs) if each.quantity == "mIoU3")
    apart = []
    for counts in image_counts(IMAGES):
        drawn = np.repeat(np.arange(IMAGES), counts)
        first, second = (mean_iou(TRUTH[drawn], labels[drawn]) for labels in (one, two))
        apart.append(second - first)
    low, high = interval(np.array(apart), IMAGES)
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high))
    assert found.difference.value == pytest.approx(mean_iou(TRUTH, two) - mean_iou(TRUTH, one))
    # Counts that do not reproduce the record say nothing about it.
    other = load_run(segmented(tmp_path / "other", {"a": two}, recorded=0.9))
    (bare,) = (each for each in changes(runs[0], other) if each.quantity == "mIoU3")
    assert bare.difference.low is None


def test_a_run_and_itself_have_nothing_and_one_damaged_method_is_named(tmp_path):
    whole = {"a": guessed(0.3, 1), "b": guessed(0.3, 2)}
    one = segmented(tmp_path / "one", whole)
    same = CliRunner().invoke(app, ["compare", str(one), str(one)])
    assert (same.exit_code, same.stdout) == (0, "")
    two = segmented(tmp_path / "two", {**whole, "b": guessed(0.5, 2)})
    done = CliRunner().invoke(app, ["compare", str(one), str(two)])
    assert done.exit_code == 1
    assert "4 of 8 numbers changed: b\n" in done.stderr  # three classes and their mean
    assert "b IoU:car" in done.stdout
    assert "bootstrap over images" in done.stdout
    # Other trainings of equal quality: a difference, but within its interval.
    chance = segmented(tmp_path / "chance", {**whole, "b": guessed(0.3, 3)})
    found = changes(load_run(one), load_run(chance))
    assert {each.state for each in found if each.method == "b"} == {"within"}
