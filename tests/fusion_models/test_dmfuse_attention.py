"""Criss-cross attention in chunks against its definition, pixel by pixel and in one piece."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.attention.flex_attention import flex_attention

from ivif_bench.fusion_models.dmfuse import crisscross
from ivif_bench.fusion_models.dmfuse.crisscross import CrissCrossFusion, criss_cross, lines_at_once
from ivif_bench.fusion_models.dmfuse.fused_attention import attend_fused

SIZES = [(7, 9), (1, 6), (6, 1), (1, 1), (16, 16), (40, 13)]
WHOLE = 1 << 40


def _inputs(size, batch=1, channels=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(batch, 4, *size), (batch, 4, *size), (batch, channels, *size)]
    return [torch.randn(shape, generator=generator) for shape in shapes]


def _by_definition(query, key, value):
    """Every pixel by itself, in float64: its column without itself and its row, one softmax."""
    q, k, v = (x.double().numpy() for x in (query, key, value))
    out = np.zeros(v.shape)
    for n, i, j in np.ndindex(v.shape[0], *v.shape[2:]):
        others = [m for m in range(v.shape[2]) if m != i]
        keys = np.concatenate((k[n][:, others, j], k[n][:, i, :]), axis=1)
        values = np.concatenate((v[n][:, others, j], v[n][:, i, :]), axis=1)
        scores = q[n][:, i, j] @ keys
        weights = np.exp(scores - scores.max())
        out[n, :, i, j] = values @ (weights / weights.sum())
    return out


def _lines(monkeypatch, count, length):
    """Let the method do that many lines at once."""
    monkeypatch.setattr(crisscross, "CPU_CACHE", count * 4 * length * length)


@pytest.mark.parametrize("size", SIZES)
def test_every_pixel_is_what_the_definition_says(size):
    inputs = _inputs(size, batch=2)
    expected = _by_definition(*inputs)
    wide = criss_cross(*(x.double() for x in inputs))
    assert np.abs(wide.numpy() - expected).max() < 1e-12
    assert np.abs(criss_cross(*inputs).numpy() - expected).max() < 3e-6


@pytest.mark.parametrize("size", [(24, 40), (40, 24), (33, 33), (64, 5)])
@pytest.mark.parametrize("lines", [1, 2, 3, 7, 1000])
def test_chunks_of_any_size_give_what_the_whole_gives(monkeypatch, size, lines):
    inputs = _inputs(size, batch=2, channels=32)
    whole = criss_cross(*inputs, WHOLE)
    _lines(monkeypatch, lines, max(size))
    assert float((criss_cross(*inputs, WHOLE) - whole).abs().max()) < 1e-6


def test_the_budget_bounds_the_chunks_and_one_line_is_the_least():
    cuda, cpu = torch.device("cuda"), torch.device("cpu")
    assert lines_at_once(1024, 1 << 30, cuda) == 256
    assert lines_at_once(1024, 1 << 30, cpu) == 2
    assert lines_at_once(1024, 4 << 20, cpu) == 1
    assert lines_at_once(1024, -5, cpu) == 1


def test_large_scores_neither_overflow_nor_vanish():
    query, key, value = _inputs((12, 20))
    found = criss_cross(100 * query, 10 * key, value)
    assert bool(found.isfinite().all())
    assert np.abs(found.numpy() - _by_definition(100 * query, 10 * key, value)).max() < 1e-3


def test_equal_keys_give_the_mean_of_row_and_column():
    query, key, value = _inputs((5, 7))
    found = criss_cross(query, torch.ones_like(key), value)
    total = value.sum(dim=3, keepdim=True) + value.sum(dim=2, keepdim=True) - value
    assert torch.allclose(found, total / (5 + 7 - 1), atol=1e-6)


def test_gradients_are_right():
    inputs = [x.double().requires_grad_() for x in _inputs((4, 5), channels=2)]
    assert torch.autograd.gradcheck(lambda *x: criss_cross(*x, WHOLE), inputs)


@pytest.mark.slow
def test_maps_computed_again_for_the_gradient_give_the_same_gradient(monkeypatch):
    _lines(monkeypatch, 2, 12)
    inputs = [x.double().requires_grad_() for x in _inputs((10, 12))]
    weights = torch.randn(1, 8, 10, 12, generator=torch.Generator().manual_seed(1)).double()
    kept = torch.autograd.grad((criss_cross(*inputs, WHOLE) * weights).sum(), inputs)
    again = torch.autograd.grad((criss_cross(*inputs, 1) * weights).sum(), inputs)
    # The two forms add in different orders: sums of some hundred terms of size up to 10, each
    # rounded to 1.1e-16 of itself. A missing or doubled term would be of size 1.
    for one, other in zip(kept, again, strict=True):
        assert float((one - other).abs().max()) < 1e-12


def test_a_new_module_adds_nothing_and_learns_its_share():
    module = CrissCrossFusion(16)
    first, second = torch.randn(1, 16, 6, 8), torch.randn(1, 16, 6, 8)
    outputs = module(first, second)
    assert torch.equal(outputs[0], first)
    assert torch.equal(outputs[1], second)
    (outputs[0].sum() + outputs[1].sum()).backward()
    assert float(module.gamma.grad.abs()) > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:flex_attention called without")
@pytest.mark.parametrize("size", [(7, 9), (16, 16), (1, 5)])
def test_the_fused_form_computes_the_same(monkeypatch, size):
    monkeypatch.setattr(
        "ivif_bench.fusion_models.dmfuse.fused_attention.compiled", lambda: flex_attention
    )  # the kernel's meaning, without a GPU
    inputs = _inputs(size, batch=2)
    fused = criss_cross(*inputs, fused=True)
    assert float((fused - criss_cross(*inputs)).abs().max()) < 2e-6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:flex_attention called without")
def test_the_fused_form_leaves_out_the_position_itself():
    query = key = torch.eye(3)[None]
    mean, _ = attend_fused(100 * query, key, torch.eye(3)[None], True, flex_attention)
    assert torch.equal(mean[0], (1 - torch.eye(3)) / 2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("fused", [False, True])
def test_cuda_gives_what_the_cpu_gives(fused):
    inputs = _inputs((96, 128), channels=32)
    found = criss_cross(*(x.cuda() for x in inputs), fused=fused).cpu()
    assert float((found - criss_cross(*inputs)).abs().max()) < 1e-4
