"""DMNet's losses against recorded values, other libraries and closed forms."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from ivif_bench.fusion_models.dmnet.gradients import (
    OPERATORS,
    canny,
    laplacian_of_gaussian,
    roberts,
    sobel,
)
from ivif_bench.fusion_models.dmnet.losses import (
    LossWeights,
    autoencoder_loss,
    denoising_loss,
    fusion_loss,
    gradient_loss,
    intensity_loss,
    reconstruction_loss,
)
from ivif_bench.fusion_models.training.measures import ssim


def random_images(count=3, size=(24, 30), seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(2, 1, *size, generator=generator, dtype=dtype) for _ in range(count)]


@pytest.mark.golden
@pytest.mark.parametrize("case", ["rand", "real"])
def test_sobel_and_fusion_loss_equal_the_recorded_ones(shared, case):
    arrays = np.load(shared / "golden" / "methods" / "dmnet_blocks.npz")
    vis, ir, gen = (torch.from_numpy(arrays[f"loss_{case}_{k}"]) for k in ("vis", "ir", "gen"))
    gen.requires_grad_()
    terms = fusion_loss(gen, ir, vis, gen, None, LossWeights())
    found_values = {name: float(value.detach()) for name, value in terms.items()}
    for ours, theirs in (("intensity", "int"), ("gradient", "grad"), ("total", "total")):
        expected = float(arrays[f"loss_{case}_{theirs}"])
        assert found_values[ours] == pytest.approx(expected, abs=1e-5)
    terms["total"].backward()
    assert np.allclose(gen.grad.numpy(), arrays[f"loss_{case}_dgen"], rtol=0, atol=1e-6)
    for image, name in ((gen, "gen"), (vis, "vis")):
        expected = arrays[f"loss_{case}_sobel_{name}"]
        assert np.allclose(sobel(image).detach().numpy(), expected, rtol=0, atol=1e-5)


def test_sobel_equals_opencv_with_zero_borders():
    image = random_images()[0][:1]
    pixels = image[0, 0].numpy()
    kinds = ((1, 0), (0, 1))
    expected = sum(
        np.abs(cv2.Sobel(pixels, cv2.CV_32F, dx, dy, ksize=3, borderType=cv2.BORDER_CONSTANT))
        for dx, dy in kinds
    )
    assert np.allclose(sobel(image)[0, 0].numpy(), expected, atol=1e-5)


def test_roberts_cross_written_out():
    image = random_images()[0]
    a, b = image[..., :-1, :-1], image[..., 1:, 1:]
    c, d = image[..., :-1, 1:], image[..., 1:, :-1]
    expected = (a - b).abs() + (c - d).abs()
    assert torch.allclose(roberts(image)[..., :-1, :-1], expected)


def test_log_equals_the_laplacian_of_a_smoothed_image():
    from scipy.ndimage import gaussian_laplace

    at = np.arange(64.0)
    smooth = 0.5 + 0.3 * np.sin(at[:, None] / 6) * np.cos(at[None, :] / 5)
    expected = np.abs(gaussian_laplace(smooth, 1.0, mode="nearest", truncate=4))
    found = laplacian_of_gaussian(torch.from_numpy(smooth)[None, None])[0, 0].numpy()
    assert np.allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_flat_areas_have_no_edges(operator):
    flat = torch.full((1, 1, 20, 20), 0.7)
    inside = OPERATORS[operator](flat)[..., 2:-2, 2:-2]
    assert float(inside.abs().max()) < 1e-5


@pytest.mark.parametrize("operator", ["sobel", "roberts"])
def test_derivatives_are_those_of_finite_differences(operator):
    image = random_images(1, (9, 9), dtype=torch.float64)[0][:1].requires_grad_()
    assert torch.autograd.gradcheck(OPERATORS[operator], image)


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_every_operator_teaches_a_blurred_image_to_sharpen(operator):
    sharp = torch.zeros(1, 1, 24, 24)
    sharp[..., 12:] = 0.8
    kernel = torch.full((1, 1, 1, 5), 0.2)
    blurred = torch.nn.functional.conv2d(
        torch.nn.functional.pad(sharp, (2, 2, 0, 0), mode="replicate"), kernel
    ).requires_grad_()
    loss = gradient_loss(blurred, sharp, sharp, operator)
    (slope,) = torch.autograd.grad(loss, blurred)
    assert bool(slope.isfinite().all())
    better = gradient_loss((blurred - 0.5 * slope).detach(), sharp, sharp, operator)
    assert float(better) < float(loss.detach())


def test_canny_keeps_one_line_of_a_step_and_nothing_else():
    image = torch.zeros(1, 1, 32, 32)
    image[..., 16:] = 0.9
    edges = canny(image)[0, 0]
    reference = cv2.Canny((image[0, 0].numpy() * 255).astype(np.uint8), 50, 100) > 0
    strong = (edges > 0.5).numpy()
    rows = slice(3, -3)
    assert strong[rows].any(axis=1).all()
    columns = set(np.nonzero(strong[rows])[1])
    assert columns <= {15, 16}
    assert columns & set(np.nonzero(reference[rows])[1])
    assert float(edges[rows, :13].abs().max()) < 1e-3


def test_canny_joins_weak_edges_only_next_to_strong_ones():
    contrast = torch.linspace(0.02, 0.15, 60)[:, None]
    image = torch.zeros(1, 1, 60, 40)
    image[..., 20:] = contrast
    line = canny(image)[0, 0, 3:-3, 18:22].amax(dim=1)
    padded = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")
    strength = sobel(padded)[0, 0, 4:-4, 19:23].amax(dim=1)
    kept = (line / strength).numpy()
    first = int(np.argmax(kept > 0.3))
    assert kept[: first - 1].max() < 0.15  # weak rows with no strong row beside them
    assert (kept[first:] > 0.3).all()


def test_ssim_equals_scikit_image_inside_the_borders():
    first, second, _ = random_images(dtype=torch.float64)
    _, full = structural_similarity(
        first[0, 0].numpy(),
        second[0, 0].numpy(),
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    assert float(ssim(first[:1], second[:1])) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-6)


def test_eqs_13_to_16_written_out():
    infrared, visible, rebuilt = random_images()
    weights = LossWeights(infrared_weight=2, ssim_weight=3)
    vis = ((visible - rebuilt) ** 2).mean() + 3 * (1 - ssim(visible, rebuilt))
    ir = ((infrared - rebuilt) ** 2).mean() + 3 * (1 - ssim(infrared, rebuilt))
    assert reconstruction_loss(visible, rebuilt, weights) == pytest.approx(float(vis))
    found = autoencoder_loss(infrared, visible, rebuilt, rebuilt, weights)
    assert float(found) == pytest.approx(float(vis + 2 * ir), rel=1e-6)


def test_eq_17_is_the_error_of_the_noise_or_its_root():
    noise, predicted, _ = random_images()
    squared = float(((noise - predicted) ** 2).mean())
    assert float(denoising_loss(noise, predicted, LossWeights())) == pytest.approx(squared)
    root = denoising_loss(noise, predicted, LossWeights(denoising_error="root"))
    assert float(root) == pytest.approx(math.sqrt(squared))


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_eq_18_adds_its_terms(operator):
    fused, infrared, visible = random_images()
    noise, predicted, _ = random_images(seed=1)
    weights = LossWeights(gradient_weight=7, gradient_operator=operator)
    terms = fusion_loss(fused, infrared, visible, noise, predicted, weights)
    expected = (
        intensity_loss(fused, infrared, visible)
        + denoising_loss(noise, predicted, weights)
        + 7 * gradient_loss(fused, infrared, visible, operator)
    )
    assert float(terms["total"]) == pytest.approx(float(expected))


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_the_best_fused_image_of_equal_sources_is_that_image(operator):
    image, other, _ = random_images()
    assert float(gradient_loss(image, image, image, operator)) == 0
    assert float(gradient_loss(other, image, image, operator)) > 0
    assert float(intensity_loss(image, image, image)) == 0
