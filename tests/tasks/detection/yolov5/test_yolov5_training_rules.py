"""Network, schedule, optimizer and average equal numbers recorded from YOLOv5 v7.0 (groups c, d)."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ivif_bench.tasks.detection.yolov5.building import (
    ANCHORS,
    SIZES,
    STRIDES,
    build,
    initial_biases,
)
from ivif_bench.tasks.detection.yolov5.loss import Loss
from ivif_bench.tasks.detection.yolov5.network import augmented
from ivif_bench.tasks.detection.yolov5.optimization import (
    Average,
    Stepper,
    freeze,
    make_optimizer,
    round_to_half,
    set_rates,
)
from ivif_bench.tasks.detection.yolov5.rules import RULES
from ivif_bench.tasks.detection.yolov5.schedule import Rates, Schedule
from ivif_bench.tasks.detection.yolov5.settings import LossSettings

_RULES = RULES["v7.0"]
_TINY = (0.33, 0.0625, 6)


def _schedule(case: dict, hyper: dict) -> Schedule:
    names = ("lr0", "lrf", "momentum", "warmup_epochs", "warmup_momentum", "warmup_bias_lr")
    return Schedule(
        epochs=case["epochs"],
        batches=case["nb"],
        batch=case["batch_size"],
        nominal_batch=case["nbs"],
        cosine=case["cosine"],
        **{name: hyper[name] for name in names},
    )


@pytest.mark.golden
@pytest.mark.parametrize("number", range(7))
def test_rates_updates_and_decay_of_every_iteration_are_the_recorded_ones(recorded, number):
    case = recorded.about("d_schedule.npz")["cases"][number]
    hyper = recorded.readme["hyper_parameters"][case["hyp"]]
    schedule = _schedule(case, hyper)
    assert schedule.warmup == case["warmup_iterations"]
    assert schedule.decay(hyper["weight_decay"]) == pytest.approx(
        case["scaled_weight_decay"], rel=1e-12
    )
    factors = [schedule.factor(epoch) for epoch in range(case["epochs"] + 1)]
    assert factors == pytest.approx(case["lf"], rel=1e-9)
    layer = torch.nn.Linear(1, 1)
    average = Average(layer)
    stepper = Stepper(layer, torch.optim.SGD(layer.parameters(), lr=0.0), average, None)
    found = []
    for iteration in range(case["nb"] * case["epochs"]):
        rates = schedule.rates(*divmod(iteration, case["nb"]))
        stepped = stepper.step(iteration, rates)
        decay = average.decay(average.updates) if stepped else np.nan
        row = (rates.bias, rates.other, rates.other, rates.momentum, rates.accumulate)
        found.append((*row, stepped, average.updates, decay))
    expected = recorded.arrays("d_schedule.npz")[case["key"]]
    stepped = expected[:, 5] == 1
    np.testing.assert_array_equal(np.array(found)[:, 4:7], expected[:, 4:7])
    np.testing.assert_allclose(np.array(found)[:, :4], expected[:, :4], rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(np.array(found)[stepped, 7], expected[stepped, 7], rtol=1e-9)


def test_older_versions_fall_over_one_epoch_less_and_warm_up_longer():
    old = Schedule(epochs=5, batches=10, batch=16, lrf=0.1, rules=RULES["v6.0"])
    assert old.factor(4) == pytest.approx(0.1)
    assert (old.warmup, Schedule(epochs=5, batches=10, batch=16).warmup) == (1000, 100)


@pytest.mark.parametrize(
    ("size", "parameters", "items"), [("n", 1_872_157, 349), ("x", 86_749_405, 745)]
)
def test_networks_have_the_published_size(size, parameters, items):
    with torch.device("meta"):
        network = build(*SIZES[size], classes=80)
    assert sum(each.numel() for each in network.parameters()) == parameters
    assert len(network.state_dict()) == items


@pytest.mark.golden
@pytest.mark.parametrize("size", ["n", "s"])
def test_layers_and_names_of_all_tensors_are_the_recorded_ones(recorded, size):
    expected = recorded.json("c_architecture.json")[size]
    network = build(*SIZES[size], classes=80)
    assert network.save == expected["save"]
    for layer, known in zip(network.model, expected["layers"], strict=True):
        count = sum(each.numel() for each in layer.parameters())
        assert (layer.i, layer.f, count) == (known["i"], known["f"], known["params"])
    names = [[key, list(value.shape)] for key, value in network.state_dict().items()]
    assert len(names) == expected["state_items"]
    assert names == expected.get("names_and_shapes", names)
    lines = "\n".join(f"{key} {tuple(shape)}" for key, shape in names)
    digest = hashlib.sha256(lines.encode()).hexdigest()
    assert digest == expected["sha256_of_names_and_shapes"]


@pytest.mark.golden
@pytest.mark.parametrize("classes", [1, 2, 6, 80])
def test_biases_of_a_new_head_are_shifted_as_recorded(recorded, classes):
    expected = recorded.json("c_architecture.json")["bias_shift"][f"nc{classes}"]
    found = [initial_biases(stride, classes, _RULES) for stride in STRIDES]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def _tiny(recorded, dtype: torch.dtype = torch.float32):
    network = build(*_TINY)
    network.load_state_dict(load_file(recorded.folder / "c_tiny_state.safetensors"), strict=True)
    return network.to(dtype)


def _batch(recorded, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    arrays = recorded.arrays("c_tiny_network.npz")
    images = torch.from_numpy(arrays["images_uint8_rgb"]).to(dtype) / 255
    return images, torch.from_numpy(arrays["targets"])


def _loss(network, hyper: dict) -> Loss:
    names = ("box", "obj", "cls", "obj_pw", "cls_pw", "anchor_t")
    settings = LossSettings(**{name: hyper[name] for name in names})
    return Loss(settings, network.detect.anchors, STRIDES, classes=6, image_size=128)


@pytest.mark.golden
def test_predictions_in_both_modes_are_the_recorded_ones(recorded):
    arrays = recorded.arrays("c_tiny_network.npz")
    # In float64, which no processor changes; the recording in float32 is 3.8e-5 off at most. (In
    # float32 on its kind of processor the README's 2e-5 holds.)
    network, (images, targets) = _tiny(recorded, torch.float64), _batch(recorded, torch.float64)
    assert (
        network.detect.anchors.tolist()
        == (torch.tensor(ANCHORS) / torch.tensor(STRIDES).view(3, 1, 1)).tolist()
    )
    levels = network(images)
    for index, level in enumerate(levels):
        np.testing.assert_allclose(level.detach(), arrays[f"train_raw{index}"], atol=5e-5)
    about = recorded.about("c_tiny_network.npz")
    loss, parts = _loss(network, recorded.readme["hyper_parameters"]["scratch-low"])(
        levels, targets
    )
    assert loss.item() == pytest.approx(about["train_loss"], rel=1e-5)
    np.testing.assert_allclose(parts, about["train_items_box_obj_cls"], rtol=1e-5)
    loss.backward()
    norms = recorded.json("c_training_runs.json")["grad_norm_per_parameter"]
    for name, parameter in network.named_parameters():
        assert parameter.grad.norm().item() == pytest.approx(norms[name], rel=1e-4), name
    network = _tiny(recorded, torch.float64).eval()
    with torch.inference_mode():
        decoded = torch.cat(network.detect.decode(network(images[:2])), dim=-1)
        rectangle = torch.cat(network.detect.decode(network(images[:1, :, :96])), dim=-1)
        views = torch.cat(augmented(network, images[:1]), dim=-1)
    for found, name in (
        (decoded, "eval_decoded_xywh_obj_cls"),
        (rectangle, "eval_decoded_rect_96x128"),
        (views, "eval_tta_decoded"),
        (decoded[:1], "eval_fused_decoded_first_image"),  # batch norm folded into convolutions
    ):
        np.testing.assert_allclose(found, arrays[name], atol=5e-5, rtol=1e-5, err_msg=name)


@pytest.mark.slow
@pytest.mark.golden
@pytest.mark.parametrize(
    "name",
    ["sgd_fixed", "sgd_warmup", "sgd_warmup_voc_cos", "sgd_freeze10", "adam_fixed", "adamw_fixed"],
)
def test_six_training_runs_in_float64_are_the_recorded_ones(recorded, name):
    run = recorded.json("c_training_runs.json")["runs"][f"{name}_f64"]
    hyper = recorded.readme["hyper_parameters"][run["hyp"]]
    network, (images, targets) = _tiny(recorded, torch.float64), _batch(recorded, torch.float64)
    schedule = _schedule(run, hyper)
    decay = schedule.decay(hyper["weight_decay"])
    assert decay == pytest.approx(run["weight_decay_scaled"], rel=1e-12)
    optimizer = make_optimizer(network, run["optimizer"], hyper["lr0"], hyper["momentum"], decay)
    assert [len(group["params"]) for group in optimizer.param_groups] == [60, 60, 57]
    freeze(network, run["frozen_layers"])
    average = Average(network)
    if run["half_rounding_after_ema_creation"]:
        round_to_half(network)
    loss, stepper = _loss(network, hyper), Stepper(network, optimizer, average, _RULES.clip)
    # The recorded loop keeps gradients over the ends of epochs; the training script drops them.
    for index, expected in enumerate(run["iterations"]):
        rates = schedule.rates(*divmod(expected["ni"], run["nb"]))
        if run["fixed_lr"]:
            rate = run["fixed_lr"][index]
            rates = Rates(rate, rate, hyper["momentum"], 1.0)
        assert rates.accumulate == expected["accumulate"]
        assert [rates.bias, rates.other, rates.other] == pytest.approx(
            expected["lr_bias_weight_bn"], rel=1e-9, abs=1e-15
        )
        assert rates.momentum == pytest.approx(expected["momentum"], rel=1e-9)
        set_rates(optimizer, rates)
        total, _ = loss(network(images), targets)
        assert total.item() == pytest.approx(expected["loss"], rel=1e-7)
        total.backward()
        assert stepper.step(expected["ni"], rates) == expected["stepped"]
        if not expected["stepped"]:
            continue
        assert stepper.norm == pytest.approx(expected["grad_norm_before_clip"], rel=1e-7)
        assert average.updates == expected["ema_updates"]
        for part, of in (("weights", network), ("ema", average.network)):
            _compare(of.state_dict(), expected[part])


def _compare(state: dict, digests: dict) -> None:
    for key, expected in digests.items():
        values = state[key].double().flatten()
        found = [values.mean(), values.std(correction=0), values.norm(), *values[:4]]
        np.testing.assert_allclose(
            torch.stack(found[: len(expected)]), expected, rtol=1e-7, atol=1e-10, err_msg=key
        )
