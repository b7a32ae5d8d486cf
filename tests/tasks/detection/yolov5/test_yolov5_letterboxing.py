"""Letterbox, sizes and rectangles equal those recorded from YOLOv5 v7.0 (group e)."""

from __future__ import annotations

import numpy as np
import pytest
from yolov5_samples import CLASSES, recorded_samples

from ivif_bench.tasks.detection.geometry import Letterbox, letterbox
from ivif_bench.tasks.detection.yolov5.letterboxing import batch_shape, by_aspect, resized
from ivif_bench.tasks.detection.yolov5.loader import validation_batches, validation_item
from ivif_bench.tasks.detection.yolov5.samples import ResizedImages


@pytest.mark.slow
@pytest.mark.golden
def test_shapes_scales_and_pads_are_the_recorded_ones(recorded):
    table = recorded.arrays("e_letterbox.npz")["letterbox_table"]
    assert len(table) > 300
    for row in table:
        height, width, rows, columns, auto, enlarge, stride = (int(value) for value in row[:7])
        given = np.zeros((height, width, 3), np.uint8)
        out, place = letterbox(
            given, (rows, columns), enlarge=bool(enlarge), least_padding=stride if auto else None
        )
        inside = np.argwhere(out[..., 0] == 0)
        found = (*out.shape[:2], place.scale, place.scale, place.left, place.top)
        assert (*found, *inside.min(axis=0), *inside.max(axis=0) + 1) == tuple(row[7:]), row


@pytest.mark.golden
@pytest.mark.parametrize(
    ("name", "side", "stride"),
    [("64_noauto", 64, None), ("64_auto", 64, 32), ("16_noauto", 16, None)],
)
def test_letterboxed_pixels_are_the_recorded_ones(recorded, name, side, stride):
    archive = recorded.arrays("e_letterbox.npz")
    out, _ = letterbox(archive["pixels_in"], side, least_padding=stride)
    assert out.astype(int) == pytest.approx(archive[f"pixels_{name}"].astype(int), abs=1)


def test_an_image_of_one_row_keeps_one_row():
    out, place = letterbox(np.zeros((1, 640, 3), np.uint8), 320)  # the original stops here
    assert (out[..., 0] == 0).sum() == 320
    assert place.top == 159.5
    assert resized(np.zeros((1, 640, 3), np.uint8), 320, augment=True).shape == (1, 320, 3)


@pytest.mark.golden
@pytest.mark.parametrize("number", range(3))
def test_boxes_go_back_to_the_image_as_recorded(recorded, number):
    archive = recorded.arrays("e_letterbox.npz")
    case = recorded.about("e_letterbox.npz")["cases"][-1]["scale_back"][number]
    height, width = case["image_hw"]
    if case["ratio_pad"] is None:
        _, place = letterbox(np.zeros((height, width, 3), np.uint8), tuple(case["net_hw"]))
    else:
        (scale, _), (left, top) = case["ratio_pad"]
        place = Letterbox(scale, left, top, height, width)
    found = place.to_image(archive["scale_back/in"])
    assert found == pytest.approx(archive[f"scale_back/out{number}"], abs=1e-3)


@pytest.mark.golden
@pytest.mark.parametrize("number", range(5))
def test_rectangles_of_the_validation_are_the_recorded_ones(recorded, number):
    case = recorded.json("e_rect_batches.json")[number]
    side = case["img_size"]
    samples = recorded_samples(recorded.arrays("e_letterbox.npz"))
    images = ResizedImages(samples, CLASSES, side, augment=False)
    order = by_aspect(images.sizes) if case["rect"] else np.arange(13)
    assert [f"{image:02d}" for image in order] == case["order"]
    for item, image, batch in zip(case["items"], order, case["batch_of_image"], strict=True):
        shape = (side, side)
        if case["rect"]:
            together = order[np.array(case["batch_of_image"]) == batch]
            shape = batch_shape(images.sizes[together], side, case["pad"], case["stride"])
            assert list(shape) == case["batch_shapes_hw"][batch]
        padded, rows, place = validation_item(images, image, shape)
        assert list(padded.shape[:2]) == item["out_hw"]
        assert [place.left, place.top] == item["pad_wh"]
        assert [place.height, place.width] == item["orig_hw"]
        assert [place.scale, place.across] == pytest.approx(item["ratio_hw"], rel=1e-9)
        assert padded.mean() == pytest.approx(item["mean"], abs=0.01)
        assert rows == pytest.approx(np.reshape(item["labels"], (-1, 5)), abs=1e-5)


@pytest.mark.golden
def test_validation_batches_hold_every_image_once_and_lead_back_to_its_boxes(recorded):
    samples = recorded_samples(recorded.arrays("e_letterbox.npz"))
    seen = []
    for batch in validation_batches(ResizedImages(samples, CLASSES, 128, augment=False), 4):
        _, _, height, width = batch.images.shape
        seen += batch.indices
        for position, (image, place) in enumerate(zip(batch.indices, batch.places, strict=True)):
            rows = batch.targets[batch.targets[:, 0] == position, 2:].numpy()
            centre, half = rows[:, :2], rows[:, 2:] / 2
            corners = np.concatenate((centre - half, centre + half), axis=1)
            found = place.to_image(corners * (width, height, width, height))
            assert found == pytest.approx(samples[image].target.xyxy, abs=1e-3)
    assert sorted(seen) == list(range(13))
