"""Augmentation with given random numbers equals that recorded from YOLOv5 v7.0 (group f); properties."""

from __future__ import annotations

import numpy as np
import pytest
from yolov5_samples import CLASSES, augmentation, drawn_samples, recorded_samples, sample

from ivif_bench.tasks.detection.yolov5 import perspective
from ivif_bench.tasks.detection.yolov5.colour import change_colour
from ivif_bench.tasks.detection.yolov5.images import TrainingImages
from ivif_bench.tasks.detection.yolov5.labels import in_fractions, rows_of
from ivif_bench.tasks.detection.yolov5.mosaic import Picture, copy_paste, mixup, mosaic
from ivif_bench.types import Boxes

_STRONG = {
    "hsv_h": 0.5, "hsv_s": 0.9, "hsv_v": 0.9, "degrees": 30.0, "translate": 0.3, "scale": 0.7, "shear": 10.0,
    "perspective": 0.001, "flipud": 0.5, "fliplr": 0.5, "mosaic": 0.7, "mixup": 0.5,
}  # fmt: skip


@pytest.fixture
def archive(recorded):
    return recorded.arrays("f_augmentation.npz")


@pytest.mark.golden
@pytest.mark.parametrize("number", range(7))
def test_matrix_and_kept_boxes_are_the_recorded_ones(recorded, archive, number):
    case = recorded.about("f_augmentation.npz")["cases"][number]
    key, source, output = case["key"], case["source_size"], case["output_size"]
    draws = perspective.Draws(*archive[f"{key}/random_draws"])
    matrix = perspective.matrix(draws, (source, source), (output, output))
    assert matrix == pytest.approx(archive[f"{key}/matrix"], rel=1e-9, abs=1e-12)
    before = archive[f"{key}/boxes_in_xyxy"]
    after = perspective.moved_boxes(before, matrix, (output, output))
    kept = perspective.worth_keeping(before * draws.scale, after, perspective.LEAST_AREA, 100)
    assert np.array_equal(np.flatnonzero(kept), archive[f"{key}/kept_index"])
    assert after[kept] == pytest.approx(archive[f"{key}/kept_boxes_xyxy"], abs=1e-3)
    image = np.zeros((source, source, 3), np.uint8)
    warped = perspective.warp(image, matrix, (output, output))
    assert warped.shape == (output, output, 3)
    assert (warped is not image) == case["image_changed"]


@pytest.mark.golden
def test_boxes_around_moved_outlines_are_the_recorded_ones(recorded, archive):
    case = recorded.about("f_augmentation.npz")["cases"][7]
    output = (case["output_size"], case["output_size"])
    matrix, before = archive["segments/matrix"], archive["segments/boxes_in_xyxy"]
    after = np.stack(
        [perspective.outline_box(each, matrix, output) for each in archive["segments/points"]]
    )
    least = perspective.LEAST_AREA_OUTLINED
    kept = perspective.worth_keeping(before * case["scale_drawn"], after, least, 100)
    assert np.array_equal(np.flatnonzero(kept), archive["segments/kept_index"])
    assert after[kept] == pytest.approx(archive["segments/kept_boxes_xyxy"], abs=1e-3)


@pytest.mark.golden
@pytest.mark.parametrize("share", ["0.10", "0.01"])
def test_filter_of_boxes_keeps_the_recorded_ones(archive, share):
    before, after = archive["candidates/before"], archive["candidates/after"]
    kept = perspective.worth_keeping(before, after, float(share), 100)
    assert np.array_equal(kept, archive[f"candidates/kept_{share}"])


@pytest.mark.golden
def test_fractions_of_cut_boxes_are_the_recorded_ones(archive):
    rows = np.pad(archive["normalise/xyxy_in"], ((0, 0), (1, 0)))
    found = in_fractions(rows, 320, 256, 0.001)[:, 1:]
    assert found == pytest.approx(archive["normalise/xywhn_320x256_wh_clip"], abs=1e-6)


@pytest.mark.golden
@pytest.mark.parametrize("number", range(3))
def test_changed_colours_are_the_recorded_ones(archive, number):
    given = np.ascontiguousarray(archive["hsv/bgr_in"][..., ::-1])
    before = given.copy()
    found = change_colour(given, archive[f"hsv/gains{number}"])[..., ::-1]
    assert found.astype(int) == pytest.approx(archive[f"hsv/bgr_out{number}"].astype(int), abs=1)
    assert np.array_equal(given, before)  # it may be the image in memory


@pytest.mark.golden
def test_mixed_pixels_are_the_recorded_ones(archive):
    found = mixup(archive["mixup/a"], archive["mixup/b"], float(archive["mixup/ratio"]))
    assert found.astype(int) == pytest.approx(archive["mixup/out"].astype(int), abs=1)


def test_mixing_drops_fractions_and_keeps_equal_pixels():
    every = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    for share in (0.3, 0.5, 0.61):
        assert np.array_equal(mixup(every, every, share), every)
        exact = every * share + every[::-1] * (1 - share)
        assert np.array_equal(mixup(every, every[::-1].copy(), share), np.floor(exact + 1e-6))


@pytest.mark.golden
@pytest.mark.parametrize("number", [0, 1])
def test_mosaic_is_the_recorded_one(recorded, archive, number):
    side = (64, 96)[number]
    samples = recorded_samples(recorded.arrays("e_letterbox.npz"))
    images = TrainingImages(samples, CLASSES, side, augmentation(), 0)
    order = archive[f"mosaic{number}/order_tl_tr_bl_br"]
    centre = tuple(archive[f"mosaic{number}/centre_y_x"].tolist())
    found = mosaic([images.picture(index) for index in order], side, centre)
    expected = archive[f"mosaic{number}/image_bgr_2s"].astype(int)
    assert found.image[..., ::-1].astype(int) == pytest.approx(expected, abs=1)
    assert found.rows == pytest.approx(archive[f"mosaic{number}/labels_cls_xyxy"], abs=1e-3)


@pytest.mark.golden
def test_copied_objects_are_the_recorded_ones_and_mirrored(archive):
    outlines = tuple(archive["segments/points"])
    rows = np.insert(archive["segments/boxes_in_xyxy"], 0, np.arange(12), axis=1)
    image = np.random.default_rng(0).integers(0, 256, (640, 640, 3), np.uint8)
    found = copy_paste(Picture(image, rows, outlines), archive["copy_paste/picked"])
    expected = archive["copy_paste/labels_out"]
    assert found.rows == pytest.approx(expected, abs=1e-3)
    assert len(found.outlines) == len(found.rows)
    changed = (found.image != image).any(axis=2)
    assert np.array_equal(found.image[changed], image[:, ::-1][changed])
    pasted = np.zeros_like(changed)
    for x1, y1, x2, y2 in expected[12:, 1:].round().astype(int):
        pasted[y1 - 1 : y2 + 2, max(x1 - 1, 0) : x2 + 2] = True
    assert changed.any()
    assert not (changed & ~pasted).any()


@pytest.mark.parametrize(
    ("options", "turned"),
    [
        ({"mosaic": 1.0}, False),
        ({"fliplr": 0.5, "flipud": 0.5}, False),
        ({"mosaic": 1.0, "scale": 0.5, "translate": 0.2, "fliplr": 0.5}, False),
        ({"mosaic": 1.0, "degrees": 25.0, "shear": 8.0, "scale": 0.6, "flipud": 0.5}, True),
        ({"mosaic": 0.5, "degrees": 10.0, "perspective": 0.001, "scale": 0.3, "fliplr": 0.5}, True),
    ],
)
def test_boxes_stay_around_the_pixels_of_their_objects(options, turned):
    image = np.zeros((150, 200, 3), np.uint8)
    image[40:90, 60:160] = 255
    row = np.array([[2, 110 / 200, 65 / 150, 100 / 200, 50 / 150]])
    empty = sample("empty", np.zeros_like(image), np.zeros((0, 5)))
    samples = [sample("white", image, row), *[empty] * 999]  # else a mosaic has it twice
    side, checked = 160, 0
    images = TrainingImages(samples, CLASSES, side, augmentation(**options), 3)
    for epoch in range(100):
        pixels, rows = images.item(epoch, 0)
        white = np.argwhere(pixels.numpy().min(axis=0) > 184)  # white, not the gray 114 around
        for _, x, y, width, height in rows.numpy() * (1, side, side, side, side):
            box = np.array((y - height / 2, x - width / 2, y + height / 2, x + width / 2))
            if turned and (box.min() < 1 or box.max() > side - 1):
                continue  # the box of four corners, then cut, is larger than what is visible
            assert np.array((*white.min(axis=0), *white.max(axis=0) + 1)) == pytest.approx(
                box, abs=2
            )
            checked += 1
    assert checked > 15


@pytest.mark.parametrize("seed", range(3))
def test_boxes_are_inside_of_the_image_whatever_is_drawn(seed):
    images = TrainingImages(drawn_samples(), CLASSES, 64, augmentation(**_STRONG), seed)
    counts = []
    for epoch in range(20):
        for index in range(len(images)):
            pixels, rows = images.item(epoch, index)
            centre, size = rows[:, 1:3].numpy(), rows[:, 3:].numpy()
            assert pixels.shape == (3, 64, 64)
            assert (centre - size / 2 >= -1e-6).all()
            assert (centre + size / 2 <= 1 + 1e-6).all()
            assert (size * 64 > 1.9).all()  # 2 pixels, before the margin at the border
            counts.append(len(rows))
    assert max(counts) > 3  # of several images


def test_version_6_0_drops_thin_boxes():
    thin = sample("thin", np.zeros((320, 320, 3), np.uint8), np.array([[0, 0.5, 0.5, 0.9, 0.03]]))
    for rules, left in (("v6.0", 0), ("v6.1", 1), ("v7.0", 1)):
        images = TrainingImages([thin], CLASSES, 320, augmentation(), 0, rules)
        assert len(images.item(0, 0)[1]) == left


def test_outlined_objects_are_pasted_into_mosaics():
    samples = drawn_samples()
    square = np.array([[0.05, 0.05], [0.2, 0.05], [0.2, 0.2], [0.05, 0.2]])
    outlines = [[square] * len(each.target.classes) for each in samples]

    def boxes(**given) -> int:
        options = augmentation(mosaic=1.0, copy_paste=1.0)
        images = TrainingImages(samples, CLASSES, 64, options, 0, **given)
        return sum(len(images.item(epoch, 0)[1]) for epoch in range(20))

    assert boxes(outlines=outlines) > boxes(outlines=None)


def test_labels_are_cut_and_lose_unknown_empty_and_repeated_boxes():
    corners = [
        (10, 10, 30, 40), (-20, 50, 50, 300), (10, 10, 30, 40), (0, 0, 9, 9), (90, 20, 130, 30),
        (100, 0, 140, 9), (10, 10, 30, 40),
    ]  # fmt: skip
    names = ("b", "a", "b", "unknown", "a", "a", "a")
    rows, sources = rows_of(
        Boxes(np.array(corners, np.float64), names), {"a": 0, "b": 1}, (200, 100)
    )
    assert sources.tolist() == [0, 1, 4, 6]
    assert rows.tolist() == [
        pytest.approx([1, 0.2, 0.125, 0.2, 0.15]),
        pytest.approx([0, 0.25, 0.625, 0.5, 0.75]),
        pytest.approx([0, 0.95, 0.125, 0.1, 0.05]),
        pytest.approx([0, 0.2, 0.125, 0.2, 0.15]),
    ]
