"""Matching, CIoU and the loss equal numbers recorded from YOLOv5 v7.0 (groups a and b)."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from ivif_bench.tasks.detection.yolov5.loss import Loss
from ivif_bench.tasks.detection.yolov5.matching import match
from ivif_bench.tasks.detection.yolov5.overlap import complete_iou
from ivif_bench.tasks.detection.yolov5.settings import LossSettings

pytestmark = pytest.mark.golden
_GROUPS = (slice(0, 2), slice(2, 4), slice(4, 5), slice(5, None))


def _anchors(case: dict) -> torch.Tensor:
    strides = torch.tensor(case["strides"], dtype=torch.float32).view(-1, 1, 1)
    levels = torch.tensor(case["anchors_px"], dtype=torch.float32)
    return levels.view(len(strides), -1, 2) / strides


@pytest.mark.parametrize("number", range(8))
def test_the_same_cells_predict_the_same_objects(recorded, number):
    case = recorded.about("a_build_targets.npz")["cases"][number]
    arrays = recorded.arrays("a_build_targets.npz")
    targets = torch.from_numpy(arrays[f"{case['key']}/targets"])
    height, width = case["image_hw"]
    for level, stride in enumerate(case["strides"]):
        grid = (height // stride, width // stride)
        rows = match(targets, _anchors(case)[level], grid, case["anchor_t"])
        place = f"{case['key']}/L{level}"
        cells = torch.stack(rows[:4], 1).numpy()
        np.testing.assert_array_equal(cells, arrays[f"{place}/index_b_a_gj_gi"])
        np.testing.assert_array_equal(rows.label, arrays[f"{place}/cls"])
        np.testing.assert_array_equal(rows.size, arrays[f"{place}/anchor"])
        np.testing.assert_allclose(rows.box, arrays[f"{place}/box"], atol=1e-5, rtol=0)


def _predictions(case: dict, arrays) -> list[torch.Tensor]:
    if f"{case['key']}/pred0" in arrays:
        levels = [arrays[f"{case['key']}/pred{level}"] for level in range(len(case["strides"]))]
    else:
        drawn = np.random.RandomState(case["preds"]["seed"])
        shapes, scale = case["preds"]["shapes"], case["preds"]["scale"]
        levels = [(drawn.standard_normal(shape) * scale).astype(np.float32) for shape in shapes]
        for level, expected in zip(levels, case["preds"]["sha256"], strict=True):
            assert hashlib.sha256(level.tobytes()).hexdigest() == expected
    return [torch.from_numpy(level).requires_grad_() for level in levels]


@pytest.mark.parametrize("number", range(31))
def test_loss_and_gradients_are_the_recorded_ones(recorded, number):
    case = recorded.about("b_loss.npz")["cases"][number]
    arrays = recorded.arrays("b_loss.npz")
    settings = LossSettings(
        **case["raw_gains"],
        **{key: case[key] for key in ("obj_pw", "cls_pw", "anchor_t", "fl_gamma")},
        label_smoothing=case["label_smoothing"],
        sort_overlaps=case.get("sort", False),
        autobalance="autobalance" in case,
    )
    loss = Loss(settings, _anchors(case), case["strides"], case["nc"], case["imgsz"])
    assert loss.gains == pytest.approx(tuple(case["scaled_gains"].values()), rel=1e-12)
    levels = _predictions(case, arrays)
    targets = torch.from_numpy(arrays[f"{case['key']}/targets"])
    for expected, balance in zip(
        case.get("loss_per_call", [case["loss"]]),
        case.get("balance_after_call", [None]),
        strict=True,
    ):
        total, parts = loss(levels, targets)
        assert total.item() == pytest.approx(expected, rel=1e-5)
        assert balance is None or loss.balance == pytest.approx(balance, rel=1e-7)
    np.testing.assert_allclose(parts, case["items_box_obj_cls"], rtol=1e-5)
    total.backward()
    for index, level in enumerate(levels):
        place = f"{case['key']}/grad{index}"
        if place in arrays:
            np.testing.assert_allclose(level.grad, arrays[place], rtol=1e-4, atol=1e-7)
            continue
        some = level.grad.flatten()[torch.from_numpy(arrays[f"{place}/flat_index"]).long()]
        np.testing.assert_allclose(some, arrays[f"{place}/value"], rtol=1e-4, atol=1e-7)
        norms = [level.grad[..., group].double().norm().item() for group in _GROUPS]
        np.testing.assert_allclose(norms, arrays[f"{place}/norm_xy_wh_obj_cls"], rtol=1e-5)


def test_ciou_and_its_gradient_are_the_recorded_ones(recorded):
    arrays = recorded.arrays("b_loss.npz")
    first = torch.from_numpy(arrays["ciou/pred_xywh"]).requires_grad_()
    overlap = complete_iou(first, torch.from_numpy(arrays["ciou/target_xywh"]))
    np.testing.assert_allclose(overlap.detach(), arrays["ciou/value"], rtol=1e-5, atol=1e-6)
    overlap.sum().backward()
    np.testing.assert_allclose(first.grad, arrays["ciou/grad_of_sum"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rule", ["height", "corners"])
def test_older_rules_differ_from_it_by_their_small_constants_only(rule):
    boxes = torch.rand(2, 500, 4, generator=torch.Generator().manual_seed(1)) * 4 + 0.5
    first, second = boxes.double()
    older, plain = complete_iou(first, second, rule), complete_iou(first, second)
    assert 0 < (older - plain).abs().max() < 1e-6
