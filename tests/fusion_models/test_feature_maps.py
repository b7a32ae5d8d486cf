"""Intermediate maps: what hooks keep is what the layers compute, by name, at the image's place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from text_overlaps import faults
from torch import nn
from torch.nn import functional
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.errors import UserError
from ivif_bench.features import FeatureMap, capture, chosen
from ivif_bench.fusion import METHODS, FusionMethod
from ivif_bench.fusion_models.ddfm.method import stretch
from ivif_bench.fusion_models.dmfuse.imaging import finish
from ivif_bench.fusion_models.dmnet.inference import fuse_image
from ivif_bench.reports.charts import feature_maps, style
from ivif_bench.types import StoredImage

LITE = {"dmnet-lite": {}, "dmfuse-lite": {}, "ddfm-lite": {"steps": 3}}
SIZE = (33, 47)


def pair(size=SIZE):
    random = np.random.default_rng(0)
    return (
        StoredImage(Path("ir.png"), random.integers(0, 256, size, np.uint8)),
        StoredImage(Path("vi.png"), random.integers(0, 256, (*size, 3), np.uint8)),
    )


def captured(method, *names):
    maps = method.feature_maps()
    fused, found = capture(
        method.fuse_stored, *pair(), 7, {name: maps[name] for name in names or maps}
    )
    return torch.from_numpy(fused)[None], {k: torch.from_numpy(v)[None] for k, v in found.items()}


@pytest.mark.parametrize("name", LITE)
def test_every_declared_map_is_computed_and_covers_the_image_and_the_result_stays(name):
    method = METHODS.load(name)(**LITE[name])
    maps = method.feature_maps()
    fused, found = captured(method)
    assert list(maps) == [each for each in maps if each in found]
    for each, value in found.items():
        assert value.shape[2:] == tuple(-(-side // maps[each].scale) for side in SIZE), each
        assert value.isfinite().all()
    with torch.inference_mode():
        assert torch.equal(fused, method.fuse_stored(*pair(), 7))


def test_maps_of_dmnet_are_those_of_its_layers_called_directly():
    method = METHODS.load("dmnet-lite")()
    _, found = captured(method)
    infrared, visible = pair()
    gray = torch.from_numpy(infrared.pixels)[None, None].float() / 255
    padded = functional.pad(gray, (0, 1, 0, 15), mode="replicate")
    network = method.network
    with torch.inference_mode():
        base, detail = network.encoders[0](padded)
        direct = {
            "base-infrared": base,
            "before-csab-infrared": detail,
            "after-csab-infrared": network.attention[0](detail),
        }
    for name, value in direct.items():
        assert torch.allclose(found[name], value[:, :, :33, :47], atol=1e-6), name
    joined = sum(found[f"after-csab-{source}"] for source in ("infrared", "visible", "latent"))
    assert torch.allclose(found["joined"], joined, atol=1e-6)
    # The visible image goes through the same encoder second.
    seen = []
    handle = network.encoders[0].register_forward_hook(lambda _m, _i, out: seen.append(out[0]))
    levels = torch.from_numpy(visible.pixels).permute(2, 0, 1)[None].float() / 255
    luma = 0.299 * levels[:, 0:1] + 0.587 * levels[:, 1:2] + 0.114 * levels[:, 2:3]
    fuse_image(network, gray, luma, 7)
    handle.remove()
    assert torch.allclose(found["base-visible"], seen[1][:, :, :33, :47], atol=1e-2)
    assert not torch.allclose(found["base-infrared"], seen[1][:, :, :33, :47], atol=1e-2)


def test_the_last_decoder_level_of_dmfuse_gives_its_result():
    method = METHODS.load("dmfuse-lite")()
    fused, found = captured(method, "decoded-1")
    with torch.inference_mode():
        out = method.fuser.head.conv_t1(functional.leaky_relu(found["decoded-1"], 0.2))
    assert torch.allclose(finish(out, SIZE), fused, atol=1e-5)


def test_scales_of_dmfuse_that_share_an_encoder_are_kept_apart_by_modality():
    head = METHODS.load("dmfuse-lite")().fuser.head
    maps = METHODS.load("dmfuse-lite")().feature_maps()
    calls = {n: m.call for n, m in maps.items() if n.startswith("encoded") and n[-1] in "45"}
    assert head.en3 is not head.en2
    assert calls == {
        "encoded-infrared-4": 0,
        "encoded-infrared-5": 1,
        "encoded-visible-4": 2,
        "encoded-visible-5": 3,
    }


def test_the_last_rectified_luma_of_ddfm_is_its_result_before_the_stretch():
    method = METHODS.load("ddfm-lite")(steps=3, scale=1)
    fused, found = captured(method, "rectified-last", "estimate-first", "estimate-last")
    assert torch.allclose(stretch(found["rectified-last"]), fused, atol=1e-5)
    assert found["estimate-last"].shape[1] == 3
    assert not torch.equal(found["estimate-first"], found["estimate-last"])


def test_a_map_that_is_not_computed_or_no_map_is_named():
    class Half(FusionMethod):
        def __init__(self):
            self.layer = nn.Conv2d(1, 2, 1)

        def fuse(self, infrared, visible, seeds):
            return self.layer(infrared)[:, :1].clamp(0, 1)

    method = Half()
    with pytest.raises(UserError, match="'b' was not computed"):
        capture(method.fuse_stored, *pair(), 0, {"b": FeatureMap("", method.layer, call=1)})
    flat = FeatureMap("", method.layer, pick=lambda _, out: out[0, 0])
    with pytest.raises(UserError, match=r"'flat' has shape \[33, 47\]; expected \[1, C, h, w\]"):
        capture(method.fuse_stored, *pair(), 0, {"flat": flat})
    assert not method.layer._forward_hooks
    with pytest.raises(UserError, match="declares no intermediate maps"):
        chosen(method.feature_maps(), [], "half")


@pytest.mark.slow
def test_the_command_lists_maps_draws_them_and_refuses_a_wrong_name_in_one_line(tmp_path):
    def run(*arguments):
        return CliRunner().invoke(app, ["features", *map(str, arguments)])

    listed = run("dmnet-lite", "--list").stdout
    assert "after-csab-latent: " in listed
    assert "diffusion-5 (by --map): " in listed
    wrong = run("dmnet-lite", "--map", "after-csb-latent")
    assert isinstance(wrong.exception, UserError)
    assert "did you mean after-csab-latent" in str(wrong.exception)
    assert "\n" not in str(wrong.exception)
    assert "expected two files" in str(run("dmnet-lite", "00028").exception)
    names = ("--map", "after-csab-latent", "--map", "base-visible")
    done = run("dmnet-lite", *names, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("after-csab-latent: 16 channels, 256x192, ")
    pdf = (tmp_path / "features-dmnet-lite-scene-1.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    files = sorted(tmp_path.glob("scene-*.png"))
    again = run("dmnet-lite", *files, *names, "--out", tmp_path)
    assert again.exit_code == 0, again.output
    assert (tmp_path / "features-dmnet-lite-scene-infrared-1.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("venue", ["ieee", "cvpr"])
def test_texts_of_the_figure_stay_apart_with_long_names_and_extreme_values(venue):
    random = np.random.default_rng(0)
    groups = [[feature_maps.Panel("infrared", "", random.random((6, 8)), "picture")] * 3]
    for at in range(9):
        values = random.normal(size=(1 if at == 4 else 3, 6, 8)) * 10.0 ** (3 * at - 14)
        name = f"a long name of a map with specials _&%$#^~\\{{}} {at}"
        groups.append(feature_maps.panels_of(name, values, 2**at))
    with style.styled():
        for width in (style.COLUMN[venue], style.PAGE[venue]):
            for page in feature_maps.draw(groups, "A long title " * 20, width):
                assert faults(page) == []


def test_one_scale_for_all_is_that_of_the_widest_and_means_are_over_channels():
    values = np.stack([np.full((2, 2), 3.0), np.full((2, 2), -1.0)]).astype(np.float32)
    mean, energy = feature_maps.panels_of("m", values, 1)
    assert np.allclose(mean.values, 1)
    assert np.allclose(energy.values, 5**0.5)
    other = feature_maps.panels_of("n", 2 * values, 1)
    ends = feature_maps.ranges_of([mean, energy, *other], alike=True)
    assert ends[0] == ends[2] == pytest.approx((1, 2))
    assert feature_maps.ranges_of([mean, *other], alike=False)[0] == (1, 1)
