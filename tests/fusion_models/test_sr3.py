"""SR3's UNet and schedules against recordings of the public programs, and its own properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden_weights import rule_state

from ivif_bench.errors import UserError
from ivif_bench.fusion_models.sr3.checkpoint import PREFIX, load_unet, unet_tensors
from ivif_bench.fusion_models.sr3.prior import denoising_loss, draw_levels, random_steps
from ivif_bench.fusion_models.sr3.schedule import (
    add_noise,
    checkpoint_buffers,
    draw_level,
    levels,
)
from ivif_bench.fusion_models.sr3.schedule import betas as schedule_betas
from ivif_bench.fusion_models.sr3.unet import UNet, UNetConfig

TINY = UNetConfig(channels=3, width=8, norm_groups=8, attention_levels=(4,))
NETWORKS = [
    ("keys_sr3_tiny.json", TINY, "sr3_unet.npz", "tiny_"),
    (
        "keys_sr3_dmfuse_true.json",
        UNetConfig(channels=3, width=32, attention_levels=(4,)),
        "sr3_unet.npz",
        "true_",
    ),
    (
        "keys_sr3_2ch_tiny.json",
        UNetConfig(channels=2, width=16, norm_groups=4),
        "sr3_unet_2ch.npz",
        "",
    ),
]


@pytest.mark.golden
@pytest.mark.parametrize(("keys", "config", "arrays", "prefix"), NETWORKS)
def test_output_features_and_embedding_are_those_of_the_public_network(
    shared, keys, config, arrays, prefix
):
    golden = np.load(shared / "golden/methods" / arrays)
    unet = UNet(config).eval()
    load_unet(unet, rule_state(shared / "golden/methods" / keys), keys)
    noisy, level = (torch.from_numpy(golden[prefix + name]) for name in "xc")
    with torch.inference_mode():
        output = unet(noisy, level).numpy()
        features = unet.features(noisy, level, config.first_taps)
        code = unet.noise_level_mlp(level).numpy()
    assert np.abs(output - golden[prefix + "y"]).max() < 2e-5
    assert np.abs(code - golden[prefix + "emb"]).max() < 1e-6
    for tap, feature in zip((2, 5, 8, 11, 14), features, strict=True):
        assert np.abs(feature.numpy() - golden[f"{prefix}f{tap}"]).max() < 5e-5


@pytest.mark.golden
@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_schedules_and_checkpoint_tables_are_those_of_the_public_programs(shared, kind):
    golden = np.load(shared / "golden/methods/schedules.npz")
    assert np.abs(schedule_betas(kind) - golden[f"{kind}_betas"]).max() < 1e-12
    assert np.abs(levels(kind) - golden[f"{kind}_level"]).max() < 1e-12
    for name, table in checkpoint_buffers(kind).items():
        expected = golden[f"{kind}_buf_{name}_at"]
        np.testing.assert_allclose(table[golden["at"]], expected, rtol=1e-6, err_msg=name)


def test_a_schedule_of_another_name_is_refused():
    with pytest.raises(ValueError, match="linear or cosine"):
        levels("sigmoid")


def test_taps_are_what_the_full_pass_computes_and_come_in_the_order_asked():
    unet = UNet(TINY).eval()
    noisy, level = torch.randn(2, 3, 32, 48), torch.full((2, 1), 0.9)
    with torch.inference_mode():
        every = unet.features(noisy, level, range(15))
        some = unet.features(noisy, level, (14, 5, 5))
        assert torch.equal(unet.final_conv(every[0]), unet(noisy, level))
    assert [feature.shape[1] for feature in every] == [TINY.tap_channels(tap) for tap in range(15)]
    assert torch.equal(some[0], every[14])
    assert torch.equal(some[1], every[5])
    assert torch.equal(some[2], every[5])


def test_images_of_a_batch_do_not_touch_each_other():
    unet = UNet(TINY).eval()
    noisy, level = torch.randn(3, 3, 32, 32), torch.tensor([[0.9], [0.5], [0.1]])
    with torch.inference_mode():
        together, alone = unet(noisy, level), unet(noisy[1:2], level[1:2])
    assert torch.allclose(together[1:2], alone, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "level", "message"),
    [
        ((1, 3, 40, 32), (1, 1), "multiples of 16"),
        ((1, 1, 32, 32), (1, 1), r"expected \[N, 3, H, W\]"),
        ((2, 3, 32, 32), (1, 1), "noise levels"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_with_their_shape(shape, level, message):
    with pytest.raises(ValueError, match=message):
        UNet(TINY)(torch.zeros(shape), torch.ones(level))


def test_unknown_taps_are_refused():
    with pytest.raises(ValueError, match=r"0\.\.14"):
        UNet(TINY).features(torch.zeros(1, 3, 16, 16), torch.ones(1, 1), (15,))


def test_attention_can_be_placed_at_any_level_or_nowhere():
    nowhere = UNet(UNetConfig(2, 8, norm_groups=8, middle_attention=False))
    assert not any("attn" in key for key in nowhere.state_dict())
    third = UNet(UNetConfig(2, 8, norm_groups=8, attention_levels=(3,)))
    attended = {key.split(".attn")[0] for key in third.state_dict() if ".attn" in key}
    assert attended == {"mid.0", "downs.9", "downs.10", "ups.4", "ups.5", "ups.6"}


@pytest.mark.slow
def test_a_file_loads_with_and_without_its_schedule_tables():
    source, target = UNet(TINY), UNet(TINY)
    bare, full = unet_tensors(source), unet_tensors(source, "cosine")
    assert (len(bare), len(full)) == (362, 374)
    for tensors in (bare, full):
        load_unet(target, tensors, "file")
        assert torch.equal(target.init_conv.weight, source.init_conv.weight)


def test_a_file_of_another_network_is_refused_by_tensor_and_shape():
    unet = UNet(TINY)
    tensors = unet_tensors(unet)
    lacking = {key: value for key, value in tensors.items() if "init_conv.bias" not in key}
    with pytest.raises(UserError, match=r"a\.pth.*missing: denoise_fn\.init_conv\.bias"):
        load_unet(unet, lacking, "a.pth")
    with pytest.raises(UserError, match="unknown: other"):
        load_unet(unet, tensors | {"other": torch.zeros(1)}, "a.pth")
    with pytest.raises(UserError, match=r"init_conv\.bias has shape \[9\], expected \[8\]"):
        load_unet(unet, tensors | {PREFIX + "init_conv.bias": torch.zeros(9)}, "a.pth")


def test_noise_levels_are_drawn_between_the_ends_of_their_step():
    table = levels("cosine")
    generator = np.random.default_rng(0)
    drawn = [draw_level(table, 50, generator) for _ in range(200)]
    assert table[50] - 1e-7 <= min(drawn) < max(drawn) <= table[49] + 1e-7
    assert max(drawn) - min(drawn) > 0.9 * (table[49] - table[50])
    draws = torch.Generator().manual_seed(0)
    steps = torch.tensor([5, 50, 100, 2000]).repeat(200)
    between = draw_levels(steps, table, draws).numpy().ravel()
    assert (between >= table[steps] - 1e-7).all()
    assert (between <= table[steps - 1] + 1e-7).all()
    batch = draw_levels(random_steps(4000, table, draws), table, draws).numpy().ravel()
    # A uniform step draws levels whose distribution is that of the table itself.
    assert np.abs(np.quantile(batch, [0.1, 0.5, 0.9]) - table[[1800, 1000, 200]]).max() < 0.03


def test_noise_is_mixed_so_that_unit_variance_stays_unit_variance():
    clean, noise = torch.randn(2, 3, 64, 64), torch.randn(2, 3, 64, 64)
    level = torch.tensor([[1.0], [0.6]])
    mixed = add_noise(clean, level, noise)
    assert torch.equal(mixed[0], clean[0])
    assert torch.allclose(mixed[1], 0.6 * clean[1] + 0.8 * noise[1], atol=1e-6)


def test_denoising_loss_is_one_for_a_network_that_says_nothing_and_repeats_by_seed():
    unet = UNet(TINY).eval()
    for parameter in unet.final_conv.parameters():
        torch.nn.init.zeros_(parameter)
    clean = torch.rand(4, 3, 32, 32) * 2 - 1
    with torch.inference_mode():
        losses = [
            float(
                denoising_loss(unet, clean, levels("cosine"), torch.Generator().manual_seed(seed))
            )
            for seed in (0, 0, 1)
        ]
    assert losses[0] == losses[1] != losses[2]
    assert losses[0] == pytest.approx(1.0, abs=0.05)
