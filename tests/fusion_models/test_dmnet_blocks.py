"""DMNet's parts against recorded outputs, closed forms and CBAM written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden_weights import noise, rule_state
from torch.nn import functional

from ivif_bench.fusion_models.dmnet.architecture import Architecture
from ivif_bench.fusion_models.dmnet.blocks import InvertibleNode, RestormerBlock
from ivif_bench.fusion_models.dmnet.csab import CSAB
from ivif_bench.fusion_models.dmnet.diffusion import (
    DiffusionModule,
    SingleConvolution,
    TopDown,
    posterior,
)
from ivif_bench.fusion_models.dmnet.encoder import DenseBlock
from ivif_bench.fusion_models.sr3.schedule import checkpoint_buffers, levels

NODE_KEYS = {
    "shffleconv": "mix",
    "theta_phi.bottleneckBlock": "phi.layers",
    "theta_rho.bottleneckBlock": "rho.layers",
    "theta_eta.bottleneckBlock": "eta.layers",
}


def golden(shared, name):
    return np.load(shared / "golden" / "methods" / name)


def filled_restormer(shared) -> RestormerBlock:
    state = rule_state(shared / "golden" / "methods" / "keys_restormer_block.json")
    block = RestormerBlock(64, 8)
    block.load_state_dict(
        {
            key.replace("norm1.body", "norm1").replace("norm2.body", "norm2"): value
            for key, value in state.items()
        }
    )
    return block.eval()


def filled_node(state) -> InvertibleNode:
    node = InvertibleNode(64)
    renamed = {}
    for key, value in state.items():
        for theirs, ours in NODE_KEYS.items():
            key = key.replace(theirs, ours)
        renamed[key] = value
    node.load_state_dict(renamed)
    return node.eval()


@pytest.mark.golden
@torch.inference_mode()
def test_restormer_block_equals_the_recorded_one(shared):
    arrays = golden(shared, "dmnet_blocks.npz")
    block = filled_restormer(shared)
    x = torch.from_numpy(arrays["tb_x"])
    first = x[:1]
    normed = block.norm1(first)
    attended = block.attn(normed)
    fed = block.ffn(block.norm2(first + attended))
    for found, name in ((normed, "tb_norm1"), (attended, "tb_attn"), (fed, "tb_ffn")):
        assert np.allclose(found.numpy(), arrays[name], rtol=0, atol=1e-5), name
    both = block(x).numpy()
    assert np.allclose(both[:1], arrays["tb_y"], rtol=0, atol=1e-5)
    assert np.allclose(both[1:, ::8], arrays["tb_y_batch2"], rtol=0, atol=1e-5)


@pytest.mark.golden
@torch.inference_mode()
def test_invertible_node_equals_the_recorded_one(shared):
    arrays = golden(shared, "dmnet_blocks.npz")
    node = filled_node(rule_state(shared / "golden" / "methods" / "keys_detail_node.json"))
    z = torch.from_numpy(np.concatenate((arrays["dn_z1"], arrays["dn_z2"]), axis=1))
    mixed = node.mix(z)
    z1, z2 = mixed.chunk(2, dim=1)
    assert np.allclose(mixed.numpy()[:, ::4], arrays["dn_mixed"], rtol=0, atol=2e-5)
    phi = node.phi(z1)
    moved = z2 + phi
    for found, name in ((phi, "phi"), (node.rho(moved), "rho"), (node.eta(moved), "eta")):
        expected = arrays[f"dn_theta_{name}"]
        assert np.allclose(found.numpy()[:, ::4], expected, rtol=0, atol=2e-5), name
    expected = np.concatenate((arrays["dn_y1"], arrays["dn_y2"]), axis=1)
    assert np.allclose(node(z).numpy(), expected, rtol=0, atol=2e-5)


@pytest.mark.golden
@torch.inference_mode()
def test_three_nodes_in_a_row_equal_the_recorded_branch(shared):
    arrays = golden(shared, "dmnet_blocks.npz")
    state = rule_state(shared / "golden" / "methods" / "keys_detail_branch.json")
    z = torch.from_numpy(np.concatenate((arrays["dn_z1"], arrays["dn_z2"]), axis=1))
    for index in range(3):
        prefix = f"net.{index}."
        z = filled_node({k.removeprefix(prefix): v for k, v in state.items() if prefix in k})(z)
    assert np.allclose(z.numpy()[:, ::2], arrays["db_y_c2"], rtol=0, atol=2e-4)


@pytest.mark.golden
@torch.inference_mode()
def test_inverse_reconstructs_the_input_of_the_recorded_node(shared):
    arrays = golden(shared, "dmnet_blocks.npz")
    z = torch.from_numpy(np.concatenate((arrays["dn_z1"], arrays["dn_z2"]), axis=1)).double()
    node = filled_node(rule_state(shared / "golden" / "methods" / "keys_detail_node.json")).double()
    # In float64: the mixing matrix of these random weights costs float32 four digits.
    assert float((node.inverse(node(z)) - z).abs().max()) < 1e-9


@pytest.mark.parametrize("channels", [16, 64])
@torch.inference_mode()
def test_inverse_reconstructs_in_float32(channels):
    torch.manual_seed(0)
    node = InvertibleNode(channels)
    z = torch.randn(2, channels, 9, 12)
    assert float((node.inverse(node(z)) - z).abs().max()) < 1e-5


def cbam(x, w1, w2, kernel):
    """CBAM written out: average and maximum through one MLP; then both over channels, convolved."""
    pooled = (x.mean(dim=(2, 3)), x.amax(dim=(2, 3)))
    gate = sum((p @ w1.T).relu() @ w2.T for p in pooled).sigmoid()
    x = x * gate[:, :, None, None]
    maps = torch.stack((x.mean(dim=1), x.amax(dim=1)), dim=1)
    return x * functional.conv2d(maps, kernel, padding=3).sigmoid()


@torch.inference_mode()
def test_csab_with_the_mixing_at_average_is_cbam():
    torch.manual_seed(0)
    block = CSAB(Architecture(pooling_mix="fixed", pooling_share=0))
    x = torch.randn(2, 64, 12, 17)
    w1, w2 = (block.channel.mlp[i].weight[:, :, 0, 0] for i in (0, 2))
    expected = cbam(x, w1, w2, block.spatial.conv.weight)
    assert torch.allclose(block(x), expected, rtol=0, atol=1e-6)


@torch.inference_mode()
def test_learned_mixing_moves_from_half_towards_average():
    torch.manual_seed(0)
    learned = CSAB(Architecture())
    halves = CSAB(Architecture(pooling_mix="fixed", pooling_share=0.5))
    average = CSAB(Architecture(pooling_mix="fixed", pooling_share=0))
    for other in (halves, average):
        other.load_state_dict(learned.state_dict(), strict=False)
    x = torch.randn(1, 64, 8, 8)
    assert torch.allclose(learned(x), halves(x), rtol=0, atol=1e-6)
    learned.channel.pooling.share_logit.fill_(-200)
    learned.spatial.pooling.share_logit.fill_(-200)
    assert torch.allclose(learned(x), average(x), rtol=0, atol=1e-6)


@torch.inference_mode()
def test_dense_block_adds_its_layers_up_with_the_scale():
    factors = iter((2.0, 3.0))

    class Times(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = next(factors)

        def forward(self, x):
            return self.factor * x

    x = torch.ones(1, 1, 1, 1)
    chain = DenseBlock(Times, 2, "chain")
    assert float(chain(x)) == 0.5 * (2 + 6)
    factors = iter((2.0, 3.0))
    dense = DenseBlock(Times, 2, "dense")
    assert float(dense(x)) == 0.5 * (2 + 3 * 0.5 * (1 + 2))


@torch.inference_mode()
def test_a_1x1_projection_is_the_sum_of_its_scales_projected_alone():
    torch.manual_seed(0)
    projection = SingleConvolution([4, 6], 5, 1, "nearest")
    fine, coarse = torch.randn(1, 4, 8, 8), torch.randn(1, 6, 4, 4)
    weight, bias = projection.conv.weight, projection.conv.bias
    expected = functional.conv2d(fine, weight[:, :4], bias) + functional.interpolate(
        functional.conv2d(coarse, weight[:, 4:]), scale_factor=2
    )
    assert torch.allclose(projection([fine, coarse]), expected, atol=1e-6)


@torch.inference_mode()
def test_top_down_projection_of_two_scales_written_out():
    torch.manual_seed(0)
    projection = TopDown([4, 6], 5, "nearest")
    fine, coarse = torch.randn(1, 4, 8, 8), torch.randn(1, 6, 4, 4)
    up = functional.interpolate(projection.convs[0](coarse), scale_factor=2)
    assert torch.equal(projection([fine, coarse]), projection.convs[1](up + fine))


@pytest.mark.golden
@torch.inference_mode()
def test_features_inside_the_diffusion_module_equal_the_recorded_ones(shared):
    arrays = golden(shared, "sr3_unet_2ch.npz")
    state = rule_state(shared / "golden" / "methods" / "keys_sr3_2ch_tiny.json")
    module = DiffusionModule(Architecture(unet_width=16, unet_groups=4)).eval()
    module.unet.load_state_dict(
        {key.removeprefix("denoise_fn."): value for key, value in state.items()}
    )
    x, c = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["c"])
    predicted, features = module.unet.denoise_with_features(x, c, module.taps)
    alone = module.unet.features(x, c, module.taps)
    for tap, found, only in zip((2, 5, 8, 11, 14), features, alone, strict=True):
        assert np.allclose(found.numpy(), arrays[f"f{tap}"], rtol=0, atol=5e-5), tap
        assert torch.equal(found, only)
    assert np.allclose(predicted.numpy(), arrays["y"], rtol=0, atol=2e-5)


def test_noise_levels_are_those_of_the_facts():
    module = DiffusionModule(Architecture(unet_width=8, unet_groups=8))
    sigma = (1 - module.end_levels(1).double() ** 2).sqrt()[0]
    assert np.allclose(sigma.numpy(), (0.0074, 0.0785, 0.1567), atol=5e-5)


@pytest.mark.parametrize("step", [1, 5, 100, 2000])
def test_posterior_equals_the_tables_of_published_checkpoints(step):
    tables = checkpoint_buffers("linear")
    table = torch.from_numpy(levels("linear"))
    clean, noisy = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    mean, variance = posterior(clean, noisy, step, table)
    assert float(mean[0]) == pytest.approx(tables["posterior_mean_coef1"][step - 1], rel=1e-5)
    assert float(mean[1]) == pytest.approx(
        tables["posterior_mean_coef2"][step - 1], rel=1e-5, abs=1e-9
    )
    assert float(variance) == pytest.approx(
        tables["posterior_variance"][step - 1], rel=1e-5, abs=1e-12
    )


@pytest.mark.golden
def test_schedule_and_posterior_equal_the_recorded_tables(shared):
    arrays = golden(shared, "schedules.npz")
    table = torch.from_numpy(levels("linear"))
    for place, index in enumerate(arrays["at"].tolist()):
        _, variance = posterior(torch.zeros(1), torch.zeros(1), index + 1, table)
        expected = arrays["linear_buf_posterior_variance_at"][place]
        assert float(variance) == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_noise_helper_is_the_recorded_inputs(shared):
    arrays = golden(shared, "dmnet_blocks.npz")
    assert np.array_equal(arrays["tb_x"], noise("dev/cdd/tb", (2, 64, 16, 24)))
