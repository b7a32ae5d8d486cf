"""DDFM's rectification against the authors' own runs, and against its closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import diags, identity, kron
from scipy.sparse.linalg import spsolve

from ivif_bench.fusion_models.ddfm.em import (
    ADMM,
    EM,
    ADMMSettings,
    EMSettings,
    Smoothing,
    adjoint_differences,
    forward_differences,
)
from ivif_bench.fusion_models.ddfm.method import rectifier_of
from ivif_bench.fusion_models.ddfm.options import DDFMOptions

RUNS = {
    "rel": EMSettings(),
    "strong": EMSettings(psi=0.1, eta=0.5),
    "fvr1": EMSettings(form="paper"),
    "fvr2": EMSettings(form="paper", eta=0.1),
    "fir1": EMSettings(form="older"),
}
# There and back by FFT in float32: 2^-24 of values up to 2 in each of 2 x 12 stages, and three steps.
FFT = 4e-6
WEIGHTS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


@pytest.fixture(scope="module")
def recorded(shared):
    return np.load(shared / "golden" / "methods" / "ddfm_em.npz")


def _tensor(recorded, name):
    return torch.from_numpy(recorded[name])


@pytest.mark.golden
@pytest.mark.parametrize("case", ["rand", "real"])
@pytest.mark.parametrize("run", RUNS)
def test_three_chained_steps_equal_the_authors(recorded, run, case):
    em = EM(RUNS[run], _tensor(recorded, f"{case}_I"), _tensor(recorded, f"{case}_V"))
    compared = 0
    for step in range(3):
        fused = em.step(_tensor(recorded, f"{case}_f")[step])
        found = {
            "F": fused,
            "H": em.smoothed,
            "F1": em.u1,
            "F2": em.u2,
            "tau_a": em.tau_a,
            "tau_b": em.tau_b,
            "C": 1 / em.inverse_c,
            "D": 1 / em.inverse_d,
        }
        for quantity, value in found.items():
            name = f"{run}_{case}_s{step}_{quantity}"
            if name not in recorded.files:
                continue
            tolerance = {"rtol": 1e-5, "atol": 0} if quantity in "CD" else {"rtol": 0, "atol": FFT}
            wanted = recorded[name]
            np.testing.assert_allclose(value.numpy().reshape(wanted.shape), wanted, **tolerance)
            compared += 1
    assert compared >= 9


@pytest.mark.golden
def test_every_recorded_array_of_the_em_step_is_compared(recorded):
    prefixes = ("rand_", "real_", "blend_", "otf_", *(f"{run}_" for run in RUNS))
    assert [name for name in recorded.files if not name.startswith(prefixes)] == []


@pytest.mark.golden
def test_smoothing_uses_the_recorded_transfer_functions(recorded):
    squares = sum(recorded[name][0] ** 2 + recorded[name][1] ** 2 for name in ("otf_k1", "otf_k2"))
    inverse = Smoothing(32, 64, 1.0, 1.0, torch.device("cpu"))._inverse
    np.testing.assert_allclose(inverse.numpy(), 1 / (1 + squares[:, :33]), atol=1e-6)


@pytest.mark.golden
def test_differences_have_the_recorded_transfer_functions(recorded):
    impulse = torch.zeros(1, 1, 32, 64)
    impulse[0, 0, 0, 0] = 1
    for name, found in zip(("otf_k1", "otf_k2"), forward_differences(impulse), strict=True):
        spectrum = torch.fft.fft2(found.double())[0, 0].numpy()
        np.testing.assert_allclose(spectrum.real, recorded[name][0], atol=1e-6)
        np.testing.assert_allclose(spectrum.imag, recorded[name][1], atol=1e-6)


@pytest.mark.golden
@pytest.mark.parametrize(("run", "penalty"), [("fvr1", 0.001), ("fvr2", 0.1)])
def test_the_compiled_variant_is_had_by_explicit_options(recorded, run, penalty):
    options = DDFMOptions(variant="paper", roles="released", gradient="open", penalty=penalty)
    assert options.visible_is_a
    em = rectifier_of(options, _tensor(recorded, "rand_I"), _tensor(recorded, "rand_V"))
    for step in range(3):
        fused = em.step(_tensor(recorded, "rand_f")[step])
        name = f"{run}_rand_s{step}_F"
        np.testing.assert_allclose(fused.numpy(), recorded[name].reshape(fused.shape), atol=FFT)


@pytest.mark.golden
@pytest.mark.parametrize(("table", "run"), [("rel", "rel"), ("fv", "fvr1"), ("fi", "fir1")])
def test_blend_tables_equal_the_authors(recorded, table, run):
    a, b = _tensor(recorded, "rand_I"), _tensor(recorded, "rand_V")
    far = (a - b).abs() > 0.2
    for row, weight in enumerate(recorded["blend_w"]):
        fused = EM(RUNS[run], a, b).step((weight * a + (1 - weight) * b).float())
        ratio = ((fused - b) / (a - b))[far].numpy()
        found = [np.median(ratio), ratio.min(), ratio.max()]
        np.testing.assert_allclose(found, recorded[f"blend_{table}"][row], atol=1e-5)
        name = f"blend_F_w{round(100 * weight):03d}"
        if table == "rel" and name in recorded.files:
            np.testing.assert_allclose(fused.numpy(), recorded[name], atol=FFT)


def _sources(size=(24, 40), count=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand((3, count, 1, *size), generator=generator) * 2 - 1).unbind(0)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_blend_follows_the_closed_form(weight):
    """s = w √τb / (w √τb + (1-w) √τa), at least 1/3; the released form mirrors it."""
    a, b, _ = _sources()
    far = (a - b).abs() > 0.2
    for form in ("paper", "released"):
        em = EM(EMSettings(form=form, eta=1e-6, gradient="circular"), a, b)
        em.tau_a.fill_(0.7)
        em.tau_b.fill_(1.4)
        high, low = weight * 1.4**0.5, (1 - weight) * 0.7**0.5
        s = max(high / (high + low), 1 / 3)
        fused = em.step(weight * a + (1 - weight) * b)
        expected = s if form == "paper" else 1 - s
        ratio = ((fused - b) / (a - b))[far]
        assert torch.allclose(ratio, torch.full_like(ratio, expected), atol=1e-4)


def test_without_clamp_the_estimate_may_equal_b():
    a, b, _ = _sources()
    free = EM(EMSettings(form="paper", clamp=False, eta=1e-6), a, b).step(b)
    assert torch.allclose(free, b, atol=2e-3)


def test_smoothing_solves_its_linear_system():
    """(I + KᵀK) k = z, solved directly with a sparse matrix of circular differences."""
    height, width = 7, 10
    z = torch.from_numpy(np.random.default_rng(0).standard_normal((height, width)))
    ring = {n: diags([1.0, 1.0], [1, 1 - n], shape=(n, n)) - identity(n) for n in (height, width)}
    across, along = kron(identity(height), ring[width]), kron(ring[height], identity(width))
    system = identity(height * width) + across.T @ across + along.T @ along
    expected = spsolve(system.tocsc(), z.numpy().ravel()).reshape(height, width)
    found = Smoothing(height, width, 1.0, 1.0, torch.device("cpu"))(z[None, None].float())
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=1e-6)


def test_adjoint_is_the_adjoint():
    h, u1, u2 = _sources()
    d1, d2 = forward_differences(h)
    left = (d1 * u1).sum() + (d2 * u2).sum()
    assert float(left) == pytest.approx(float((h * adjoint_differences(u1, u2)).sum()), abs=1e-3)


def test_images_of_a_batch_do_not_see_each_other():
    a, b, _ = _sources(count=4)
    estimates = [_sources(count=4, seed=seed)[2] for seed in (1, 2, 3)]
    together = EM(EMSettings(), a, b)
    alone = EM(EMSettings(), a[2:3], b[2:3])
    for f in estimates:
        assert torch.allclose(together.step(f)[2:3], alone.step(f[2:3]), atol=1e-6)


def test_equal_sources_and_estimate_give_that_image_and_no_nan():
    a, _, _ = _sources()
    for form in ("released", "paper", "older"):
        em = EM(EMSettings(form=form), a, a)
        for _ in range(3):
            fused = em.step(a)
        assert torch.allclose(fused, a, atol=1e-3)


def test_without_smoothness_the_step_is_the_weighted_mean():
    a, b, f = _sources()
    em = EM(EMSettings(form="paper", smoothness=False), a, b)
    fused = em.step(f)
    c, d = 1 / em.inverse_c, 1 / em.inverse_d
    assert torch.allclose(fused, b + c * (a - b) / (c + d), atol=1e-5)
    assert em.smoothed is None


def _objective(x, y, phi, psi):
    d1, d2 = forward_differences(x)
    return float(
        (x - y).abs().sum() + phi * x.abs().sum() + psi * (d1.square() + d2.square()).sum()
    )


@pytest.mark.parametrize("phi", [0.1, 1.0])
def test_admm_finds_the_minimum_that_no_small_change_improves(phi):
    a, b, f = _sources((12, 16))
    solver = ADMM(ADMMSettings(phi=phi), a, b)
    for _ in range(600):
        f = solver.step(f)
    best = _objective(f - b, a - b, phi, 0.5)
    generator = torch.Generator().manual_seed(3)
    for scale in (1e-1, 1e-2, 1e-3):
        for _ in range(20):
            other = f + scale * torch.randn(f.shape, generator=generator)
            assert _objective(other - b, a - b, phi, 0.5) > best - 1e-3


def test_admm_without_smoothness_and_small_phi_gives_the_first_source():
    a, b, f = _sources()
    solver = ADMM(ADMMSettings(phi=0.1, psi=0.0), a, b)
    for _ in range(300):
        f = solver.step(f)
    assert torch.allclose(f, a, atol=1e-3)
