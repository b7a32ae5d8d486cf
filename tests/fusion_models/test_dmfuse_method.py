"""DMFuse as a method: its files, its randomness, and what it says when something is missing."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS
from ivif_bench.fusion_models.dmfuse.head import FusionHead
from ivif_bench.fusion_models.dmfuse.method import DMFuse, DMFuseLite
from ivif_bench.fusion_models.dmfuse.networks import diffusion_config, head_config, load_networks
from ivif_bench.fusion_models.dmfuse.noise import LEVELS, TIME_STEPS, Draws
from ivif_bench.fusion_models.sr3.checkpoint import unet_tensors
from ivif_bench.fusion_models.sr3.unet import UNet
from ivif_bench.tensors import read_tensors


@pytest.fixture(scope="module")
def networks():
    """Untrained networks of small width; attention has a say."""
    torch.manual_seed(0)
    diffusion = UNet(diffusion_config(8))
    head = FusionHead(head_config(diffusion.config, 16))
    torch.nn.init.constant_(head.crossatten.gamma, 0.5)
    return diffusion, head


@pytest.fixture(scope="module")
def weights(networks, tmp_path_factory):
    """Both networks in one file."""
    diffusion, head = networks
    path = tmp_path_factory.mktemp("weights") / "both.safetensors"
    save_file(unet_tensors(diffusion) | head.state_dict(), path)
    return str(path)


@pytest.fixture
def no_files(monkeypatch, tmp_path):
    """A weights folder with nothing in it."""
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path / "none"))
    return tmp_path


def _pair(count=3, size=(33, 47)):
    generator = torch.Generator().manual_seed(3)
    levels = [
        torch.randint(0, 256, (count, channels, *size), generator=generator) for channels in (1, 3)
    ]
    return [x / 255 for x in levels]


def test_without_files_the_error_says_which_where_and_what_runs_instead(no_files):
    with pytest.raises(UserError) as caught:
        DMFuse()
    message = str(caught.value)
    for part in ("ddpm_gen.pth", "Baidu", "IMAG", "no checksum published", "dmfuse-lite runs"):
        assert part in message


def test_without_the_head_the_error_says_its_checksum(no_files, networks):
    path = no_files / "ddpm_gen.pth"
    torch.save(unet_tensors(networks[0], "cosine"), path)
    with pytest.raises(UserError) as caught:
        DMFuse(diffusion=str(path))
    message = str(caught.value)
    for part in (
        "model.model",
        "github.com/Zhishe-Wang/DMFuse",
        "68aa21e4dcdfffb6f1bdf2cf081e2348fa3e1fd45ebd9f3b713797625b6257d7",
        "dmfuse-lite runs",
    ):
        assert part in message


def test_another_head_in_the_place_of_the_published_one_is_refused(no_files, networks, monkeypatch):
    diffusion, head = networks
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(no_files))
    (no_files / "dmfuse").mkdir()
    torch.save(unet_tensors(diffusion), no_files / "dmfuse/ddpm_gen.pth")
    torch.save(head.state_dict(), no_files / "dmfuse/model.model")
    with pytest.raises(UserError, match=r"not the published file.*option 'head'"):
        DMFuse()
    DMFuse(head=str(no_files / "dmfuse/model.model"))


@pytest.mark.slow
def test_two_files_and_one_joint_file_are_the_same_method(tmp_path, networks, weights):
    diffusion, head = networks
    torch.save(unet_tensors(diffusion, "cosine"), tmp_path / "d.pth")
    torch.save(head.state_dict(), tmp_path / "h.model", _use_new_zipfile_serialization=False)
    apart = DMFuse(diffusion=str(tmp_path / "d.pth"), head=str(tmp_path / "h.model"))
    pair = _pair(1)
    assert torch.equal(apart.fuse(*pair, [1]), DMFuse(weights=weights).fuse(*pair, [1]))
    with pytest.raises(UserError, match="weights holds both networks"):
        DMFuse(diffusion=str(tmp_path / "d.pth"), weights=weights)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (print, ("executed",))

    path = tmp_path / "ddpm_gen.pth"
    torch.save({"denoise_fn.init_conv.weight": Harmful()}, path)
    with pytest.raises(UserError, match="refused to load weights"):
        read_tensors(path)


def test_a_file_of_another_network_is_refused(networks):
    diffusion, head = networks
    tensors = unet_tensors(diffusion) | head.state_dict()
    with pytest.raises(UserError, match="no diffusion network of DMFuse"):
        load_networks(head.state_dict(), "file")
    with pytest.raises(UserError, match="no fusion head of DMFuse"):
        load_networks(unet_tensors(diffusion), "file")
    with pytest.raises(UserError, match="it differs in extra"):
        load_networks(tensors | {"extra": torch.zeros(1)}, "file")
    wide = FusionHead(head_config(diffusion_config(16), 16)).state_dict()
    with pytest.raises(UserError, match=r"en0\.conv1.*diffusion network of width 8"):
        load_networks(tensors | wide, "file")


@pytest.mark.slow
def test_an_image_depends_on_its_own_seed_and_not_on_its_neighbours(weights):
    infrared, visible = _pair()
    method = DMFuse(weights=weights)
    together = method.fuse(infrared, visible, [5, 6, 7])
    alone = method.fuse(infrared[1:2], visible[1:2], [6])
    other = method.fuse(infrared[1:2], visible[1:2], [8])
    assert torch.equal(together[1:2], alone)
    assert not torch.equal(alone, other)
    assert together.shape == (3, 1, 33, 47)
    assert 0 <= float(together.min()) <= float(together.max()) <= 1


@pytest.mark.slow
def test_in_the_official_order_an_image_depends_on_those_before_it(weights):
    infrared, visible = _pair(2)
    both = DMFuse(weights=weights, official_seeds=[1, 2]).fuse(infrared, visible, [0, 0])
    first = DMFuse(weights=weights, official_seeds=[1, 2]).fuse(infrared[:1], visible[:1], [9])
    second = DMFuse(weights=weights, official_seeds=[1, 2]).fuse(infrared[1:], visible[1:], [0])
    assert torch.equal(both[:1], first)
    assert not torch.equal(both[1:], second)


def test_draws_are_level_then_noise_by_time_step():
    draws, again = Draws.of_image(3), Draws.of_image(3)
    passes = list(draws.passes((16, 16)))
    for step, (level, noise) in zip(TIME_STEPS, passes, strict=True):
        assert LEVELS[step] - 1e-7 <= float(level) <= LEVELS[step - 1] + 1e-7
        assert noise.shape == (1, 3, 16, 16)
    assert all(
        torch.equal(one[1], other[1])
        for one, other in zip(passes, again.passes((16, 16)), strict=True)
    )
    # The visible image's draws go on where the infrared image's ended.
    assert not torch.equal(next(iter(draws.passes((16, 16))))[1], passes[0][1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory_budget": 0}, "memory_budget"),
        ({"official_seeds": [1]}, "official_seeds"),
        ({"device": "abacus"}, "device 'abacus'"),
        ({"memory_budgets": 5}, "did you mean memory_budget"),
    ],
)
def test_wrong_options_are_named(weights, options, message):
    with pytest.raises(UserError, match=message):
        DMFuse(weights=weights, **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without CUDA")
def test_the_fused_attention_is_refused_without_cuda(weights):
    with pytest.raises(UserError, match="fused needs a CUDA device"):
        DMFuse(weights=weights, fused=True)


@pytest.mark.slow
def test_the_budget_changes_nothing_in_the_picture(weights):
    pair = _pair(1, (64, 80))
    small = DMFuse(weights=weights, memory_budget=1).fuse(*pair, [4])
    large = DMFuse(weights=weights, memory_budget=1 << 40).fuse(*pair, [4])
    assert float((small - large).abs().max()) < 1e-5


def test_the_shipped_method_runs_and_its_spec_counts_its_parameters():
    method = DMFuseLite(device="cpu")
    networks = (method.fuser.diffusion, method.fuser.head)
    count = sum(p.numel() for network in networks for p in network.parameters())
    assert count == METHODS.get("dmfuse-lite").parameters
    fused = method.fuse(*_pair(1), [0])
    assert float(fused.std()) > 0.01
