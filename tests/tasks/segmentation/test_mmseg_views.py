"""Averages over scales, mirrored images and windows, with a network whose answer is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from ivif_bench.tasks.segmentation.segmenters._mmseg_recipe import MmsegInference
from ivif_bench.tasks.segmentation.segmenters._mmseg_views import predicted_classes

SIZE = (40, 64)


def normalised(rgb):
    return torch.from_numpy(rgb.astype(np.float32).transpose(2, 0, 1)[None] / 255)


class Network:
    """Its classes are the brightest channel, smoothed to the right: mirroring changes its answer."""

    def __init__(self):
        self.sizes = []

    def __call__(self, batch):
        self.sizes.append(tuple(batch.shape[2:]))
        return 6 * (batch + 0.5 * torch.roll(batch, 2, 3))


def picture(size=SIZE):
    coarse = np.random.default_rng(1).integers(0, 256, (5, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def predict(image, **options):
    network = Network()
    options = MmsegInference(image_size=SIZE, **options)
    return predicted_classes(image, options, normalised, network), network.sizes


def by_hand(image, views):
    """The mean of probabilities over (scale, mirrored), in float64."""
    total = 0
    for scale, mirrored in views:
        size = tuple(round(side * scale) for side in SIZE)
        view = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
        logits = Network()(normalised(view[:, ::-1].copy() if mirrored else view)).double()
        logits = torch.flip(logits, [3]) if mirrored else logits
        logits = interpolate(logits, size=image.shape[:2], mode="bilinear", align_corners=False)
        total = total + torch.softmax(logits, 1)
    return total[0].argmax(0).numpy()


def test_one_view_is_the_largest_logit():
    found, sizes = predict(picture())
    assert sizes == [SIZE]
    np.testing.assert_array_equal(found, by_hand(picture(), [(1.0, False)]))


@pytest.mark.parametrize("size", [SIZE, (53, 47)])
def test_several_views_are_averaged_as_probabilities_at_the_label_size(size):
    image = picture(size)
    found, sizes = predict(image, scales=(1.0, 1.25), flip=True)
    assert sizes == [SIZE, SIZE, (50, 80), (50, 80)]
    expected = by_hand(image, [(1.0, False), (1.0, True), (1.25, False), (1.25, True)])
    assert (found == expected).mean() > 0.999
    assert (found != by_hand(image, [(1.0, False)])).any()


def test_flipping_alone_is_symmetric():
    image = picture()
    found, _ = predict(image, flip=True)
    mirrored, _ = predict(image[:, ::-1].copy(), flip=True)
    assert (found == mirrored[:, ::-1]).mean() > 0.999


def test_windows_cover_the_image_and_are_averaged_where_they_overlap():
    image = picture()
    found, sizes = predict(image, window=(32, 32), stride=(20, 20))
    assert sizes == [(32, 32)] * 6  # tops 0 and 8, lefts 0, 20 and 32
    total, seen = np.zeros((3, *SIZE)), np.zeros(SIZE)
    for top in (0, 8):
        for left in (0, 20, 32):
            part = image[top : top + 32, left : left + 32]
            total[:, top : top + 32, left : left + 32] += Network()(normalised(part))[0].numpy()
            seen[top : top + 32, left : left + 32] += 1
    assert (found == (total / seen).argmax(0)).mean() > 0.999
    whole, sizes = predict(image, window=(64, 64))
    assert sizes == [SIZE]
    np.testing.assert_array_equal(whole, predict(image)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": (8, 8)}, "stride needs a window"),
        ({"window": (32, 32), "stride": (33, 8)}, "larger than the window"),
        ({"scales": ()}, "scales"),
        ({"scales": (0.0,)}, "scales"),
    ],
)
def test_views_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MmsegInference(image_size=SIZE, **options)
