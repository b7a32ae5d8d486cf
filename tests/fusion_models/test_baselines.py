"""Baselines against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ivif_bench.errors import UserError
from ivif_bench.fusion_models.baselines import LaplacianPyramid, Maximum, luma
from ivif_bench.fusion_models.precomputed import Precomputed


def _images(size=(48, 64)):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(1, 1, *size, generator=generator), torch.rand(
        1, 3, *size, generator=generator
    )


def test_laplacian_of_equal_images_gives_the_image_back():
    infrared, _ = _images()
    fused = LaplacianPyramid().fuse(infrared, infrared.repeat(1, 3, 1, 1), [0])
    assert torch.allclose(fused, infrared, atol=1e-6)


def test_laplacian_against_a_flat_image_keeps_all_detail_and_halves_the_mean():
    infrared, _ = _images()
    infrared = infrared * 0.5 + 0.25
    flat = torch.full((1, 3, 48, 64), 0.5)
    fused = LaplacianPyramid(levels=3).fuse(infrared, flat, [0])
    difference = (fused - infrared)[0, 0, 16:-16, 16:-16].numpy()
    # What is missing is half of the coarsest level's deviation: smooth, so neighbours agree.
    assert np.abs(np.diff(difference, axis=1)).max() < 0.02
    assert fused.std() > 0.8 * infrared.std()


def test_laplacian_is_symmetric_in_its_sources():
    first, second = _images()[0], _images((48, 64))[0].flip(3)
    one = LaplacianPyramid().fuse(first, second.repeat(1, 3, 1, 1), [0])
    other = LaplacianPyramid().fuse(second, first.repeat(1, 3, 1, 1), [0])
    assert torch.allclose(one, other, atol=1e-5)


def test_maximum_is_never_below_either_source():
    infrared, visible = _images()
    fused = Maximum().fuse(infrared, visible, [0])
    assert bool((fused >= infrared).all())
    assert bool((fused >= luma(visible)).all())


def test_luma_has_the_weights_of_bt601():
    pure = torch.eye(3)[:, :, None, None]
    assert luma(pure).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])


def test_precomputed_fills_its_pattern_and_refuses_other_braces():
    assert (
        str(Precomputed(root="out/{dataset}/{stem}.jpg").locate("m3fd", "00001"))
        == "out/m3fd/00001.jpg"
    )
    assert str(Precomputed(root="out").locate("m3fd", "00001")) == "out/00001.png"
    with pytest.raises(UserError, match=r"only \{dataset\} and \{stem\}"):
        Precomputed(root="out/{other}/{stem}.png").locate("m3fd", "00001")


def test_precomputed_takes_a_root_for_each_dataset():
    images = Precomputed(root={"a": "x", "b": "y/{stem}.jpg"})
    assert str(images.locate("a", "1")) == "x/1.png"
    assert str(images.locate("b", "1")) == "y/1.jpg"
    with pytest.raises(UserError, match="no root for dataset 'c'"):
        images.locate("c", "1")
