"""A training of the original YOLOv5 is repeatable, resumable, and finds what it was shown."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
from small_yolov5 import CLASSES, fit, made, protocol

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.detectors.yolov5_original import OriginalYolov5
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.detection.yolov5.recipe import Yolov5Training
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.tasks.network.curves import read_curves
from ivif_bench.types import Boxes


@pytest.fixture
def train() -> list[Sample]:
    return made()


@pytest.mark.slow
def test_equal_seeds_give_equal_files_and_workers_change_nothing(tmp_path, train, capfd):
    first = fit(tmp_path / "a", train)
    assert [path.name for path in sorted((tmp_path / "a").iterdir())] == [
        "curves.csv",
        "detector.safetensors",
    ]
    assert fit(tmp_path / "b", train, workers=2).read_bytes() == first.read_bytes()
    assert fit(tmp_path / "c", train, seed=1).read_bytes() != first.read_bytes()
    assert capfd.readouterr().out == ""
    rows = read_curves(tmp_path / "a/curves.csv")
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert all(row["box"] > 0 and row["seconds"] > 0 and row["memory_mb"] > 1 for row in rows)


class Stopped(Exception):
    pass


def _stop_at(epoch: int):
    def progress(done: int, total: int, what: str) -> None:
        if what == "training" and done == epoch:
            raise Stopped

    return progress


@pytest.mark.slow
def test_a_training_that_broke_off_after_an_epoch_ends_at_the_same_weights(tmp_path, train):
    whole = fit(tmp_path / "whole", train)
    with pytest.raises(Stopped):
        fit(tmp_path / "broken", train, progress=_stop_at(2))
    again = fit(tmp_path / "broken", train)
    assert again.read_bytes() == whole.read_bytes()
    rows = read_curves(tmp_path / "broken/curves.csv")
    whole_rows = read_curves(tmp_path / "whole/curves.csv")
    assert [(row["epoch"], row["box"]) for row in rows] == [
        (row["epoch"], row["box"]) for row in whole_rows
    ]


@pytest.mark.slow
def test_after_sigterm_it_goes_on_inside_the_epoch(tmp_path, train, monkeypatch):
    from ivif_bench.tasks.detection.yolov5.trainer import Trainer

    whole = fit(tmp_path / "whole", train)
    iterate, seen = Trainer._iterate, []

    def counted(self, epoch, position, *rest):
        iterate(self, epoch, position, *rest)
        seen.append((epoch, position))
        if (epoch, position) == (1, 1) and seen.count((1, 1)) == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    def terminated(*_):
        raise Stopped

    before = signal.signal(signal.SIGTERM, terminated)
    monkeypatch.setattr(Trainer, "_iterate", counted)
    try:
        with pytest.raises(Stopped):
            fit(tmp_path / "stopped", train)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen[-1] == (1, 1)
    assert fit(tmp_path / "stopped", train).read_bytes() == whole.read_bytes()
    assert seen[5:] == [(1, 2), (2, 0), (2, 1), (2, 2)]


def test_the_state_of_another_recipe_is_refused_and_the_difference_named(tmp_path, train):
    with pytest.raises(Stopped):
        fit(tmp_path / "a", train, progress=_stop_at(1))
    with pytest.raises(UserError, match=r"recipe\.lr0"):
        fit(tmp_path / "a", train, recipe=protocol({"lr0": 0.5}))


@pytest.mark.slow
def test_a_trained_detector_finds_what_it_was_shown(tmp_path, train):
    recipe = protocol(
        {
            "epochs": 40,
            "nominal_batch": 4,
            "optimizer": "AdamW",
            "lr0": 0.003,
            "warmup_bias_lr": 0.003,
            "autoanchor": True,
            "augmentation": {"mosaic": 0.0, "scale": 0.1, "translate": 0.02},
        }
    )
    checkpoint = fit(tmp_path / "a", train, recipe=recipe)
    detector = OriginalYolov5("yolov5n-original", recipe)
    assert detector.load(checkpoint) == CLASSES
    found = detector.predict(train[0].image)
    assert found.classes[0] == "Car"
    assert np.abs(found.xyxy[0] - train[0].target.xyxy[0]).max() < 8


@pytest.mark.slow
def test_the_best_epoch_is_chosen_on_a_part_of_the_training_images(tmp_path, train):
    changes = {"validation": 0.3, "epochs": 4}
    best = fit(tmp_path / "best", train, recipe=protocol(changes, checkpoint="best"))
    last = fit(tmp_path / "last", train, recipe=protocol(changes))
    rows = read_curves(tmp_path / "best/curves.csv")
    assert len(rows) == 4
    assert {"mAP50", "precision", "validation box"} <= set(rows[0])
    fitness = [0.1 * row["mAP50"] + 0.9 * row["mAP50_95"] for row in rows]
    latest_best = max(range(4), key=lambda epoch: (fitness[epoch], epoch))
    assert (best.read_bytes() == last.read_bytes()) == (latest_best == 3)


def test_checkpoint_best_needs_a_validation_part_and_a_network_that_has_it():
    with pytest.raises(UserError, match="'validation' part"):
        protocol(checkpoint="best")
    with pytest.raises(UserError, match="yolov5n has checkpoint last"):
        protocol(network="yolov5n", checkpoint="best", recipe={"ultralytics": _ultralytics()})


def _ultralytics() -> dict:
    shipped = DetectionProtocol.load("demo-det.v1")
    return shipped.model_dump(mode="json")["recipe"]["ultralytics"]


@pytest.mark.slow
def test_training_ends_early_if_the_validation_gets_no_better_also_after_a_break(
    tmp_path, train, monkeypatch
):
    from ivif_bench.tasks.detection.yolov5 import trainer

    calls, validate = [], trainer.validate

    def worse_each_time(*given):
        calls.append(1)
        return validate(*given)._replace(map50_95=1 / len(calls))

    monkeypatch.setattr(trainer, "validate", worse_each_time)
    recipe = protocol({"validation": 0.3, "epochs": 9, "patience": 2})
    whole = fit(tmp_path / "whole", train, recipe=recipe)
    assert len(read_curves(tmp_path / "whole/curves.csv")) == 3
    calls.clear()
    with pytest.raises(Stopped):
        fit(tmp_path / "broken", train, recipe=recipe, progress=_stop_at(3))
    assert fit(tmp_path / "broken", train, recipe=recipe).read_bytes() == whole.read_bytes()
    assert len(calls) == 3


@pytest.mark.slow
def test_a_row_of_curves_without_its_state_is_made_again(tmp_path, train, monkeypatch):
    from ivif_bench.tasks.detection.yolov5.trainer import Trainer

    def killed(*_):
        raise Stopped

    fit(tmp_path / "whole", train)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_save", killed)
        with pytest.raises(Stopped):
            fit(tmp_path / "broken", train)
    assert len(read_curves(tmp_path / "broken/curves.csv")) == 1
    fit(tmp_path / "broken", train)
    epochs = [row["epoch"] for row in read_curves(tmp_path / "broken/curves.csv")]
    assert epochs == [1, 2, 3]


def test_a_loss_that_is_not_finite_says_what_to_do(tmp_path, train):
    recipe = protocol({"lr0": 1e30, "warmup_bias_lr": 1e30, "nominal_batch": 4})
    with pytest.raises(UserError, match="not finite in epoch 1; use a lower 'lr0'"):
        fit(tmp_path / "a", train, recipe=recipe)


def test_the_line_under_a_table_names_what_differs_from_the_published_file():
    plain = Yolov5Training(epochs=2, cos_lr=True)
    assert plain.summary.endswith("rules of YOLOv5 v7.0, hyper-parameters scratch-low")
    own = Yolov5Training(epochs=2, lr0=0.1, augmentation={"mosaic": 0.0, "scale": 0.5})
    assert own.summary.endswith("hyper-parameters scratch-low but for lr0, mosaic")


@pytest.mark.slow
def test_images_drawn_by_the_last_validation_are_the_same_after_a_break(tmp_path, train):
    recipe = protocol({"validation": 0.3, "image_weights": True})
    whole = fit(tmp_path / "whole", train, recipe=recipe)
    with pytest.raises(Stopped):
        fit(tmp_path / "broken", train, recipe=recipe, progress=_stop_at(2))
    assert fit(tmp_path / "broken", train, recipe=recipe).read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_anchors_are_fitted_to_boxes_that_none_matches(tmp_path, train):
    thin = [
        Sample(each.stem, each.image, Boxes(np.array([[3.0, 20, 43 + index, 22.5]]), ("Car",)))
        for index, each in enumerate(train)
    ]
    fit(tmp_path / "a", thin, recipe=protocol({"epochs": 1}))
    log = (tmp_path / "log.txt").read_text()
    assert "anchors match 0.0000 of the boxes, new ones 1.0000" in log


def test_presets_fill_in_what_is_left_out_and_own_values_win(recorded):
    for name in ("scratch-low", "scratch-med", "scratch-high", "VOC", "Objects365"):
        values = Yolov5Training(preset=name, epochs=1).model_dump()
        values |= values.pop("augmentation")
        known = recorded.readme["hyper_parameters"][name]
        assert {key: values[key] for key in known if key != "iou_t"} == {
            key: value for key, value in known.items() if key != "iou_t"
        }
    own = Yolov5Training(preset="VOC", epochs=1, lr0=0.5, augmentation={"scale": 0.1})
    assert (own.lr0, own.augmentation.scale, own.augmentation.mosaic) == (0.5, 0.1, 0.85834)
    assert Yolov5Training(epochs=1, rules="v6.0").cos_lr


def test_a_gpu_recipe_is_refused_on_a_cpu(tmp_path, train):
    with pytest.raises(UserError, match="precision bf16 needs a GPU"):
        fit(tmp_path / "a", train, recipe=protocol({"precision": "bf16"}))


@pytest.mark.slow
@pytest.mark.golden
def test_published_weights_start_a_training_with_the_heads_of_other_classes_anew(
    tmp_path, train, shared
):
    weights = shared / "data/weights/yolov5n.pt"
    detector = OriginalYolov5("yolov5n-original", protocol())
    with pytest.raises(UserError, match="transfer: backbone"):
        detector.check_initial(weights)
    recipe = protocol({"epochs": 1, "lr0": 1e-9, "warmup_bias_lr": 0.0}, transfer="backbone")
    fit(tmp_path / "a", train, recipe=recipe, initial=weights)
    assert "initial weights: 343 of 349 tensors taken" in (tmp_path / "log.txt").read_text()
