"""DDFM's schedule, colour conversion and sampler against the released script and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ivif_bench.fusion_models.ddfm.em import EM, EMSettings
from ivif_bench.fusion_models.ddfm.sampler import FULL, STUDIO, sample
from ivif_bench.fusion_models.ddfm.schedule import base_alphas_cumprod, base_betas, respaced


@pytest.fixture(scope="module")
def recorded(shared):
    return np.load(shared / "golden" / "methods" / "ddfm_sampler.npz")


@pytest.mark.golden
def test_base_schedule_is_exact(recorded):
    assert (base_betas() == recorded["base_betas"]).all()
    assert (base_alphas_cumprod() == recorded["base_alphas_cumprod"]).all()


@pytest.mark.golden
@pytest.mark.parametrize("steps", [100, 25, 4])
def test_respaced_chain_is_exact(recorded, steps):
    chain = respaced(steps)
    assert (chain.index == recorded[f"r{steps}_index"]).all()
    assert (chain.betas == recorded[f"r{steps}_betas"]).all()
    assert (chain.alphas_cumprod == recorded[f"r{steps}_alphas_cumprod"]).all()
    assert (chain.alphas_cumprod_prev == recorded[f"r{steps}_alphas_cumprod_prev"]).all()


@pytest.mark.golden
def test_kept_steps_are_not_those_of_ddim100(recorded):
    assert not (respaced(100).index == recorded["ddim100_index"]).all()


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 333, 999, 1000])
def test_any_number_of_steps_keeps_both_ends_and_the_product(steps):
    chain = respaced(steps)
    assert len(set(chain.index)) == steps
    assert chain.index[0] == 0
    assert steps == 1 or chain.index[-1] == 999
    assert np.allclose(chain.alphas_cumprod, base_alphas_cumprod()[chain.index], rtol=1e-12)


@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_impossible_numbers_of_steps_are_refused(steps):
    with pytest.raises(ValueError, match="from 1 to 1000"):
        respaced(steps)


@pytest.mark.golden
def test_luma_and_its_replacement_equal_the_released_conversion(recorded):
    rgb, new = torch.from_numpy(recorded["col_rgb"]), torch.from_numpy(recorded["col_newy"])
    y = STUDIO.read(rgb)
    np.testing.assert_allclose(y[:, 0].numpy(), recorded["col_ycbcr"][:, 0], atol=1e-6)
    replaced = rgb + STUDIO.gain * (new[:, None] - y)
    np.testing.assert_allclose(replaced.numpy(), recorded["col_back_newy"], atol=2e-6)
    np.testing.assert_allclose(rgb.numpy(), recorded["col_back"], atol=2e-6)


def test_full_range_keeps_gray_as_it_is():
    gray = torch.rand(1, 1, 4, 5) * 2 - 1
    assert torch.allclose(FULL.read(gray.expand(-1, 3, -1, -1)), gray, atol=1e-6)


@pytest.mark.golden
def test_hundred_released_steps_without_a_network_equal_the_recorded_loop(recorded):
    products = base_alphas_cumprod()

    def stand_in(x, step):
        return np.float32(math.sqrt(1 - products[step])) * (0.9 * x + 0.1 * x.roll(1, 3))

    em = EM(
        EMSettings(), torch.from_numpy(recorded["stub_I"]), torch.from_numpy(recorded["stub_V"])
    )
    last = {}
    # Each of the 100 steps rounds values of up to 4 some ten times: 100 x 10 x 2^-24 in the worst case.
    bound = 6e-5

    def compare(moment):
        i = 99 - moment.position
        taus = [em.tau_a.item(), em.tau_b.item()]
        np.testing.assert_allclose(taus, recorded["stub_taus"][i], atol=1e-6)
        found = {"fpre": moment.luma, "F": moment.rectified, "xprev": moment.x}
        for name, value in found.items():
            if f"stub_i{i:02d}_{name}" in recorded.files:
                wanted = recorded[f"stub_i{i:02d}_{name}"]
                np.testing.assert_allclose(value.numpy(), wanted, atol=bound)
        last["x"] = moment.x

    start = torch.from_numpy(recorded["stub_xT"])
    fused = sample(stand_in, em, start, respaced(100), observe=compare)
    np.testing.assert_allclose(last["x"].numpy(), recorded["stub_out"], atol=bound)
    # The shortcut: the stretched result is the stretched luma of the last image.
    weights = torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]
    luma = (last["x"] * weights).sum(1, keepdim=True)
    stretched = [(v - v.min()) / (v.max() - v.min()) for v in (fused, luma)]
    assert torch.allclose(*stretched, atol=1e-6)


class _Untouched:
    """A rectification that changes nothing: the sampler alone."""

    def step(self, f):
        return f


def test_full_noise_is_the_posterior_of_line_16():
    """Mean and deviation of DDPM's posterior, from the formula in the paper's Algorithm 1."""
    chain = respaced(10)
    moments = []
    start = torch.randn((1, 3, 6, 8), generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    again = torch.Generator().manual_seed(1)

    def guess(x, step):
        return 0.3 * x

    sample(guess, _Untouched(), start, chain, FULL, 1.0, [generator], moments.append)
    x = start
    for moment in moments:
        k = moment.position
        beta, product = chain.betas[k], chain.alphas_cumprod[k]
        previous = chain.alphas_cumprod_prev[k]
        mean = math.sqrt(1 - beta) * (1 - previous) / (1 - product) * x
        mean = mean + math.sqrt(previous) * beta / (1 - product) * moment.clean
        deviation = math.sqrt(beta * (1 - previous) / (1 - product))
        noise = torch.randn(start.shape, generator=again) if k else torch.zeros(())
        assert torch.allclose(moment.x, mean + deviation * noise, atol=2e-5)
        x = moment.x


def test_without_noise_the_sampler_inverts_the_forward_process_of_a_known_image():
    """With the true noise as the network's answer, every estimate is the image itself."""
    image = torch.rand((1, 3, 8, 8), generator=torch.Generator().manual_seed(0)) * 2 - 1
    products = base_alphas_cumprod()
    start = torch.randn(image.shape, generator=torch.Generator().manual_seed(1))

    def truth(x, step):
        a = products[step]
        return ((x - a**0.5 * image) / (1 - a) ** 0.5).float()

    moments = []
    fused = sample(truth, _Untouched(), start, respaced(20), observe=moments.append)
    assert torch.allclose(moments[-1].x, image, atol=1e-4)
    assert torch.allclose(fused, STUDIO.read(image), atol=1e-4)
