"""Units of segmentation work: trained once, judged in shares, killed and resumed, scored."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
from nearest_grey import CLASSES, SIZE, TEST, TRAIN, GreyTraining, NearestGrey, value
from other_process import become

from ivif_bench.data.images import read_labels
from ivif_bench.task import TASKS
from ivif_bench.tasks.network.run import Samples
from ivif_bench.tasks.segmentation.adapter import SegmentationAdapter
from ivif_bench.tasks.segmentation.scoring import confusion, score


@pytest.mark.parametrize("chroma", ["none", "visible"])
def test_the_protocol_decides_for_all_rows_alike_whether_they_are_seen_in_colour(world, chroma):
    pairs = world.dataset.select(TEST)
    colour = np.full((*SIZE, 3), (200, 90, 40), np.uint8)
    for pair in pairs:
        world.write(pair.visible, colour)
    files = tuple(world.root / "coloured" / f"{stem}.png" for stem in TEST)
    for path in files:
        world.write(path, colour[::-1])
    gray = tuple(world.sets["noisy"][stem] for stem in TEST)
    visible = tuple(pair.visible for pair in pairs)
    frozen = world.section({"chroma": chroma, "mode": "frozen", "train_on": "visible"})
    adapter = SegmentationAdapter()
    for row in (files, gray, visible, (None,) * len(pairs)):
        samples = Samples(adapter, frozen.resolved(), world.dataset, pairs, row)
        for sample in samples:
            assert bool((sample.image != sample.image[:, :, :1]).any()) == (chroma == "visible")
    about = world.plan(world.section({"chroma": chroma}))[0].about.chroma
    assert about.startswith(f"{chroma} (")
    assert len(about) > 60


def test_a_segmenter_with_keys_of_its_own_gets_them_and_its_network_line_says_what_is_true(world):
    section = world.section({"passes": 3})
    assert section.resolved().training == GreyTraining(passes=3)
    (first,) = world.plan(section, methods=("good",))
    assert first.about.network.endswith("initial weights scratch, 3 passes")
    (other,) = world.plan(world.section({"passes": 4}), methods=("good",))
    assert other.payload["training_key"] != first.payload["training_key"]


def test_one_unit_per_method_and_seed_and_none_for_methods_without_images(world):
    units = world.plan(world.section(seeds=(3, 5)))
    assert [(unit.method, unit.seed) for unit in units] == [
        ("good", 3), ("good", 5), ("noisy", 3), ("noisy", 5)
    ]  # fmt: skip
    assert len({unit.key for unit in units}) == 4
    json.dumps([unit.payload for unit in units])  # plain values: a worker gets them as JSON


def test_about_holds_only_what_reports_know_and_orders_the_columns(world):
    about = world.plan(world.section())[0].about
    assert list(about.metrics) == [
        "mIoU9", "mIoU8", "mIoU9[day]", "mIoU8[day]", "mIoU9[night]", "mIoU8[night]",
        "accuracy", "class_accuracy", "IoU",
    ]  # fmt: skip
    assert about.judges == ("numpy",)
    assert about.images == 3
    assert about.warnings == ()
    json.dumps(about.to_json())


def test_stems_are_those_that_must_be_fused(world):
    task = TASKS.load("segmentation")()
    assert task.stems(world.section(), world.dataset) == TRAIN + TEST
    frozen = world.section({"mode": "frozen", "train_on": "visible"})
    assert task.stems(frozen, world.dataset) == TEST


def test_numbers_come_from_the_saved_predictions_and_clean_images_win(world):
    good, noisy = (world.run(unit) for unit in world.plan(world.section()))
    assert value(good, "mIoU9") == pytest.approx(1.0)
    assert 0.3 < value(noisy, "mIoU9") < 0.9
    (folder,) = [
        each for each in (world.root / "shared").glob("segmentation-*")
        if each.name.endswith(world.plan(world.section())[1].key)
    ]  # fmt: skip
    masks = world.root / "msrs" / "test" / "Segmentation_labels"
    matrix = sum(
        confusion(read_labels(masks / f"{stem}.png"), read_labels(folder / f"{stem}.png"), 9)
        for stem in TEST
    )
    iou = score(matrix).iou
    assert value(noisy, "mIoU9") == pytest.approx(np.nanmean(iou))
    assert value(noisy, "mIoU8") == pytest.approx(np.nanmean(iou[1:]))
    assert value(noisy, "IoU", "car") == pytest.approx(iou[1])
    stored = json.loads((folder / "confusion.json").read_text())
    np.testing.assert_array_equal(stored["matrices"]["all"], matrix)
    counts = json.loads((folder / "per_image.json").read_text())
    assert counts["stems"] == sorted(TEST)
    right, union = (np.array(counts["iou"][key]).sum(axis=0) for key in ("right", "union"))
    np.testing.assert_array_equal(right[union > 0] / union[union > 0], iou[~np.isnan(iou)])
    right, union = (
        np.array(counts["means"]["mIoU8"][key]).sum(axis=0) for key in ("right", "union")
    )
    np.testing.assert_array_equal(right[union > 0] / union[union > 0], iou[1:][~np.isnan(iou[1:])])


def test_the_share_of_ignored_truth_is_recorded_whatever_is_predicted_there(world):
    path = world.root / "msrs" / "test" / "Segmentation_labels" / f"{TEST[0]}.png"
    mask = read_labels(path)
    mask[:8] = 255
    world.write(path, mask)
    share = 8 / mask.shape[0] / len(TEST)
    for unit in world.plan(world.section()):
        assert value(world.run(unit), "ignored") == pytest.approx(share, rel=1e-12)


def test_day_and_night_split_the_test_images(world):
    records = world.run(world.plan(world.section())[1])
    assert value(records, "n_images") == 3
    assert value(records, "n_images[day]") == 2
    assert value(records, "n_images[night]") == 1
    assert value(records, "mIoU9[day]") != value(records, "mIoU9[night]")


def test_absent_classes_are_named_with_their_reason_and_counted_out_of_the_mean(world):
    records = world.run(world.plan(world.section())[0])
    absent = {
        row.class_name: row.reason
        for row in records
        if row.metric == "IoU" and math.isnan(row.value)
    }
    assert absent == dict.fromkeys(CLASSES[3:], "no_truth_no_prediction")
    assert value(records, "n_classes_mIoU9") == 3
    assert value(records, "n_classes_mIoU8") == 2
    assert all(row.reason == "" for row in records if not math.isnan(row.value))


def test_whoever_trained_or_predicted_is_named_in_results_that_others_count(world, monkeypatch):
    frozen = world.section({"mode": "frozen", "train_on": "visible"})
    first, second = world.plan(frozen)
    become(monkeypatch, "trainer")
    assert world.makers(first) == []
    become(monkeypatch, "predictor")
    assert world.makers(second) == ["trainer"]
    become(monkeypatch, "counter")  # killed after the predictions and called again
    assert world.makers(second) == ["predictor", "trainer"]
    assert world.makers(first) == ["trainer"]


def test_retrain_trains_each_method_on_its_own_images_once(world):
    units = world.plan(world.section())
    for unit in (*units, *units):
        world.run(unit)
    assert NearestGrey.trained == [(4, 0), (4, 0)]


def test_frozen_trains_once_for_all_methods(world):
    units = world.plan(world.section({"mode": "frozen", "train_on": "visible"}))
    assert len({unit.payload["training_key"] for unit in units}) == 1
    assert len({unit.key for unit in units}) == 2
    for unit in units:
        world.run(unit)
    assert NearestGrey.trained == [(4, 0)]


def test_shares_of_the_images_give_the_records_of_the_whole(world):
    task = TASKS.load("segmentation")()
    first, second = world.plan(world.section({"mode": "frozen", "train_on": "visible"}))
    whole = world.run(first)
    for folder in (world.root / "shared").glob("segmentation-*"):
        shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    shutil.rmtree(world.root / "scratch")
    assert task.shared_work(first) == task.shared_work(second) != ""
    task.do_shared_work(first, world.workspace(first))
    for stem in reversed(task.images(first)):
        task.judge(first, (stem,), world.workspace(first))
    assert repr(world.run(first)) == repr(whole)
    assert NearestGrey.trained == [(4, 0)]
    (retrained, _) = world.plan(world.section())
    assert (task.shared_work(retrained), task.images(retrained)) == ("", ())


def test_a_crash_while_training_leaves_nothing_that_looks_finished(world):
    (unit,) = world.plan(world.section(), methods=("good",))
    NearestGrey.die = True
    with pytest.raises(RuntimeError, match="lost power"):
        world.run(unit)
    left = [each for each in (world.root / "shared").glob("segmenter-*") if each.is_dir()]
    assert left
    assert all(each.name.endswith(".part") for each in left)
    assert value(world.run(unit), "mIoU9") == pytest.approx(1.0)
    assert len(NearestGrey.trained) == 2


def test_holes_are_trained_and_judged_around_and_said_so(world):
    del world.sets["noisy"]["00002N"], world.sets["noisy"]["00006N"]
    unit = world.plan(world.section())[1]
    assert unit.about.missing == (
        "00002N",
        "00006N",
    )
    assert unit.about.images == 2
    assert unit.about.warnings == (
        "trained without 1 missing images", "judged without 1 missing images",)  # fmt: skip
    records = world.run(unit)
    assert NearestGrey.trained == [(3, 0)]
    assert value(records, "n_images") == 2
    assert not [row for row in records if "[night]" in row.metric]


@pytest.mark.parametrize("stems", [TRAIN, TEST], ids=["no training image", "no test image"])
def test_a_method_that_cannot_be_judged_keeps_an_empty_row(world, stems):
    for stem in stems:
        del world.sets["noisy"][stem]
    unit = world.plan(world.section())[1]
    assert unit.about.images == 0
    assert set(TEST) <= set(unit.about.missing)
    assert world.run(unit) == []
    assert NearestGrey.trained == []
