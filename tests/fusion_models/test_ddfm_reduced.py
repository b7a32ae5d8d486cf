"""ddfm-lite's chain at a fraction of the size: a plain transcription, closed forms, cost, metrics."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ddfm_files import randomised, write_prior
from torch.utils.flop_counter import FlopCounterMode

from ivif_bench.data.base import open_dataset
from ivif_bench.data.images import encode_png
from ivif_bench.files import write_bytes
from ivif_bench.fusion_models.ddfm.em import EM, EMSettings
from ivif_bench.fusion_models.ddfm.method import DDFM, DDFMLite
from ivif_bench.fusion_models.ddfm.prior import TINY
from ivif_bench.fusion_models.ddfm.reduced import DAMPING, RADIUS, Reduced
from ivif_bench.fusion_models.ddfm.schedule import respaced
from ivif_bench.pipeline.fuse import fuse_one
from ivif_bench.tasks.quality.folder import score_folder

STEPS = 3


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    return str(write_prior(path, TINY, randomised(TINY)))


def _sources(size=(32, 48), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand((2, 1, 1, *size), generator=generator) * 2 - 1).unbind(0)


@pytest.mark.parametrize("scale", [2, 4])
def test_the_chain_equals_a_plain_transcription(tiny_file, scale):
    """Float64 numpy, window by window and pixel by pixel; only the network's answers are taken over."""
    method = DDFMLite(weights=tiny_file, steps=STEPS, scale=scale)
    a, b = _sources()
    moments = []
    with torch.inference_mode():
        found = method.fuse_luma(a, b, [5], moments.append)
    noises = [moment.noise[0].double().numpy() for moment in moments]
    assert noises[0].shape == (3, 32 // scale, 48 // scale)
    start = torch.randn(
        (1, 3, 32 // scale, 48 // scale), generator=torch.Generator().manual_seed(5)
    )
    expected = _plain_chain(a[0, 0].double().numpy(), b[0, 0].double().numpy(),
                            start[0].double().numpy(), noises, scale)  # fmt: skip
    # The first step multiplies float32 roundings of x and noise by sqrt(1 / product) = 157.
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=1e-4)


def _plain_chain(a, b, x, noises, scale):
    """The last result at full size; arrays [H, W], x [3, h, w]."""
    chain, state = respaced(STEPS), _EMState()
    small_a, small_b = _area_means(a, scale), _area_means(b, scale)
    for noise, k in zip(noises, reversed(range(STEPS)), strict=True):
        product, previous = chain.alphas_cumprod[k], chain.alphas_cumprod_prev[k]
        clean = np.clip((x - math.sqrt(1 - product) * noise) / math.sqrt(product), -1, 1)
        y = (65.481 * clean[0] + 128.553 * clean[1] + 24.966 * clean[2] + 16) / 255
        weight = _local_weights(y, small_a, small_b)
        f = (a + b) / 2 + _bilinear(weight, scale) * (a - b)
        fused = _plain_em(f, a, b, state)
        replaced = clean + 255 / 219 * (_area_means(fused, scale) - y)
        direction = (x - math.sqrt(product) * replaced) / math.sqrt(1 - product)
        x = math.sqrt(previous) * replaced + math.sqrt(1 - previous) * direction
    return fused


def _area_means(image, scale):
    height, width = image.shape
    return image.reshape(height // scale, scale, width // scale, scale).mean((1, 3))


def _local_weights(y, a, b):
    """Of a - b beside the mean of both, by damped least squares over the window that is inside."""
    weights = np.empty_like(y)
    for i, j in np.ndindex(*y.shape):
        rows = slice(max(0, i - RADIUS), i + RADIUS + 1)
        columns = slice(max(0, j - RADIUS), j + RADIUS + 1)
        difference = (a - b)[rows, columns].ravel()
        wanted = (y - (a + b) / 2)[rows, columns].ravel()
        weights[i, j] = wanted @ difference / (difference @ difference + DAMPING * difference.size)
    return weights


def _bilinear(image, scale):
    """Enlarged with pixel centres kept in place; border values go on outside."""
    for axis in (0, 1):
        size = image.shape[axis]
        at = np.clip((np.arange(size * scale) + 0.5) / scale - 0.5, 0, size - 1)
        below = np.floor(at).astype(int)
        share = (at - below).reshape((-1, 1) if axis == 0 else (1, -1))
        above = np.minimum(below + 1, size - 1)
        image = (1 - share) * image.take(below, axis) + share * image.take(above, axis)
    return image


class _EMState:
    tau_a = tau_b = 1.0
    u1: np.ndarray | float = 0.0
    u2: np.ndarray | float = 0.0


def _plain_em(f, a, b, state):
    """The released step with psi 0.5 and eta 0.001, by complex transforms and C, D themselves."""
    psi, eta = 0.5, 0.001
    height, width = f.shape
    across = np.exp(2j * np.pi * np.arange(width) / width)[None, :] - 1
    along = np.exp(2j * np.pi * np.arange(height) / height)[:, None] - 1
    y, x = a - b, f - b
    c = np.sqrt(2 / state.tau_a) / np.abs(y - x + 1e-6)
    d = np.minimum(np.sqrt(2 / state.tau_b) / np.sqrt(x**2 + 1e-6), 2 * c)
    state.tau_a, state.tau_b = (1 / c + state.tau_a / 2).mean(), (1 / d + state.tau_b / 2).mean()
    spectrum = np.fft.fft2(y - x)
    for otf, u in ((across, state.u1), (along, state.u2)):
        spectrum = spectrum + otf.conj() * np.fft.fft2(u + np.zeros_like(f))
    h = np.fft.ifft2(spectrum / (1 + abs(across) ** 2 + abs(along) ** 2)).real
    shrink = eta / (2 * psi + eta)
    state.u1 = shrink * (h - np.pad(h[:, 1:], ((0, 0), (0, 1))))
    state.u2 = shrink * (h - np.pad(h[1:], ((0, 1), (0, 0))))
    return a - (2 * c * y + eta * (y - h)) / (2 * c + 2 * d + eta)


def test_a_blend_of_one_weight_is_enlarged_to_it_but_for_the_damping():
    _, b = _sources()
    a = b + 0.8
    reduced = Reduced(EM(EMSettings(), a, b), a, b, 4)
    weight = 0.3
    small = torch.nn.functional.avg_pool2d((a + b) / 2 + weight * (a - b), 4)
    kept = weight * 0.8**2 / (0.8**2 + DAMPING)
    expected = (a + b) / 2 + kept * (a - b)
    assert torch.allclose(reduced.enlarged(small), expected, atol=1e-5)


def test_where_the_sources_are_equal_the_estimate_changes_nothing():
    a, _ = _sources()
    small = torch.full((1, 1, 8, 12), 0.9)
    assert torch.equal(Reduced(EM(EMSettings(), a, a), a, a, 4).enlarged(small), a)


def test_scale_1_is_the_method_as_released(tiny_file):
    a, b = _sources()
    with torch.inference_mode():
        released = DDFM(weights=tiny_file, steps=STEPS).fuse_luma(a, b, [1])
        lite = DDFMLite(weights=tiny_file, steps=STEPS, scale=1).fuse_luma(a, b, [1])
    assert torch.equal(released, lite)


def test_the_start_noise_decides_and_another_seed_gives_another_image():
    infrared, visible = (torch.rand((1, n, 64, 96), generator=torch.Generator().manual_seed(n))
                         for n in (1, 3))  # fmt: skip
    method = DDFMLite(steps=4)
    with torch.inference_mode():
        first, again, other = (method.fuse(infrared, visible, [seed]) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert float((first - other).abs().max()) > 2 / 255


@pytest.mark.slow
def test_a_step_at_640x480_takes_less_than_30_gflop():
    infrared, visible = torch.rand(1, 1, 480, 640), torch.rand(1, 3, 480, 640)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        DDFMLite(steps=1).fuse(infrared, visible, [0])
    assert 5e9 < counter.get_total_flops() < 30e9  # at full size it is 189e9


@pytest.mark.slow
def test_eight_steps_are_ahead_of_the_full_size_chain_on_tno(shared, tmp_path):
    dataset = open_dataset("folder", shared / "data" / "TNO42", infrared="ir", visible="vi")
    pairs = [pair for pair in dataset.pairs if pair.stem in ("05", "11")]
    assert len(pairs) == 2
    methods = {f"scale {scale}": DDFMLite(steps=8, scale=scale) for scale in (1, 4)}
    for pair in pairs:
        for side in ("infrared", "visible"):
            source = getattr(pair, side)
            write_bytes(tmp_path / side / f"{pair.stem}.png", source.read_bytes())
        job = {"dataset": pair.dataset, "stem": pair.stem,
               "infrared": pair.infrared, "visible": pair.visible}  # fmt: skip
        for name, method in methods.items():
            with torch.inference_mode():
                fused = fuse_one(method, job, 0)
            write_bytes(tmp_path / name / f"{pair.stem}.png", encode_png(fused))
    folders = {name: tmp_path / name for name in methods}
    scores = score_folder(tmp_path / "infrared", tmp_path / "visible", folders,
                          ["MI", "VIF", "Qabf"], "reference").to_json()["methods"]  # fmt: skip
    for metric in ("MI", "VIF", "Qabf"):
        full, reduced = (scores[name]["mean"][metric] for name in methods)
        assert reduced > full, metric
