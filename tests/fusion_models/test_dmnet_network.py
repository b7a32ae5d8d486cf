"""DMNet as a whole: its size, its options, its equations, strips, tiles and files."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch

from ivif_bench.errors import UserError
from ivif_bench.fusion_models.dmnet.architecture import Architecture
from ivif_bench.fusion_models.dmnet.files import read_weights, write_weights
from ivif_bench.fusion_models.dmnet.inference import fuse_image, starts
from ivif_bench.fusion_models.dmnet.method import DMNetFusion
from ivif_bench.fusion_models.dmnet.network import DMNet, count_parameters
from ivif_bench.fusion_models.dmnet.strips import use_strips

TINY = {"width": 8, "heads": 2, "unet_width": 4, "unet_groups": 4}

ALTERNATIVES = [
    {"width": 16},
    {"heads": 4},
    {"encoders": "separate"},
    {"transformer": False},
    {"transformer_layers": 2},
    {"transformer_wiring": "dense"},
    {"invertible": False},
    {"invertible_layers": 1},
    {"invertible_wiring": "dense"},
    {"attention": False},
    {"attention_modules": "separate"},
    {"attention_order": "spatial_first"},
    {"attention_ratio": 4},
    {"attention_kernel": 3},
    {"pooling_mix": "per_channel"},
    {"pooling_mix": "fixed"},
    {"pooling_mix": "fixed", "pooling_share": 0.0},
    {"diffusion": False},
    {"latent_input_kernel": 3},
    {"latent_input_range": "symmetric"},
    {"unet_width": 8},
    {"unet_groups": 2},
    {"unet_attention": "eighth"},
    {"unet_attention": "sixteenth"},
    {"unet_attention": "eighth_only"},
    {"unet_dropout": 0.0},
    {"schedule": "cosine"},
    {"noise_steps": (5,)},
    {"steps_combined": "concatenate"},
    {"steps_combined": "concatenate", "projection": "single_1x1"},
    {"projection": "single_1x1"},
    {"projection": "single_3x3"},
    {"upsampling": "bilinear"},
    {"decoder_blocks": 1},
    {"decoder_slope": 0.2},
    {"add_visible": True},
    {"output_range": "minmax"},
]


def tiny(**changes) -> DMNet:
    torch.manual_seed(0)
    return DMNet(Architecture(**{**TINY, **changes})).eval()


def pair(height=32, width=48, count=1):
    generator = torch.Generator().manual_seed(0)
    infrared = torch.rand(count, 1, height, width, generator=generator)
    visible = torch.rand(count, 1, height, width, generator=generator)
    return infrared, visible


def noise(network, images):
    generator = torch.Generator().manual_seed(1)
    steps = len(network.options.noise_steps)
    return torch.randn(len(images), steps, 2, *images.shape[2:], generator=generator)


def test_default_choices_total_the_paper_s_count():
    assert count_parameters(Architecture()) == 386_247_442


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("encoders", 281_386),
        ("attention", 1_124),
        ("latent_input", 258),
        ("diffusion.unet", 370_058_882),
        ("diffusion.projection", 15_706_048),
        ("decoder", 199_744),
    ],
)
def test_parts_have_the_parameters_of_the_budget(part, expected):
    with torch.device("meta"):
        module = DMNet().get_submodule(part)
    assert sum(parameter.numel() for parameter in module.parameters()) == expected


@pytest.mark.parametrize(
    ("projection", "combined", "attention", "millions"),
    [
        ("top_down", "mean", "eighth", 407.23),
        ("top_down", "mean", "eighth_only", 403.04),
        ("single_1x1", "concatenate", "middle", 371.11),
        ("single_1x1", "concatenate", "eighth", 392.09),
        ("single_1x1", "concatenate", "eighth_only", 387.90),
        ("single_3x3", "concatenate", "middle", 375.63),
        ("single_3x3", "concatenate", "eighth", 396.62),
        ("single_3x3", "concatenate", "eighth_only", 392.42),
        ("single_1x1", "mean", "middle", 370.73),
        ("single_1x1", "mean", "eighth", 391.72),
        ("single_1x1", "mean", "eighth_only", 387.52),
        ("single_3x3", "mean", "middle", 372.24),
        ("single_3x3", "mean", "eighth", 393.22),
        ("single_3x3", "mean", "eighth_only", 389.03),
    ],
)
def test_other_choices_total_what_the_facts_sheet_says(projection, combined, attention, millions):
    options = Architecture(projection=projection, steps_combined=combined, unet_attention=attention)
    assert round(count_parameters(options) / 1e6, 2) == millions


@pytest.mark.slow
@pytest.mark.parametrize("changes", ALTERNATIVES, ids=str)
@torch.inference_mode()
def test_every_choice_builds_and_fuses(changes):
    network = tiny(**changes)
    infrared, visible = pair()
    found = network(infrared, visible, noise(network, infrared), predict=True)
    assert found.image.shape == infrared.shape
    assert 0 <= float(found.image.min()) <= float(found.image.max()) <= 1
    assert (found.predicted is None) == (not network.options.diffusion)
    assert network.reconstruct(infrared, 0).shape == infrared.shape
    assert network.stage_one_input(infrared, visible).shape == (1, 2, 32, 48)


@pytest.fixture(scope="module")
def default():
    """The tiny network, a pair of images, the noise drawn for them, and what it makes of them."""
    network, images = tiny(), pair()
    drawn = noise(network, images[0])
    with torch.inference_mode():
        return network, images, drawn, network(*images, drawn).image


@pytest.mark.parametrize(
    "changes",
    [
        {"transformer_wiring": "dense"},
        {"invertible_wiring": "dense"},
        {"attention_order": "spatial_first"},
        {"pooling_mix": "fixed", "pooling_share": 0.9},
        {"schedule": "cosine"},
        {"noise_steps": (5, 50, 400)},
        {"upsampling": "bilinear"},
        {"decoder_slope": 0.5},
        {"add_visible": True},
    ],
    ids=str,
)
@torch.inference_mode()
def test_options_that_keep_the_tensors_change_the_image(changes, default):
    network, (infrared, visible), drawn, image = default
    other = tiny(**changes)
    known = other.state_dict()
    shared = {name: tensor for name, tensor in network.state_dict().items() if name in known}
    other.load_state_dict(shared, strict="pooling_mix" in changes)
    difference = image - other(infrared, visible, drawn).image
    assert float(difference.abs().max()) > 1e-4


def test_every_option_of_the_architecture_is_tried_and_documented(repository):
    tried = set(itertools.chain.from_iterable(ALTERNATIVES))
    page = (repository / "docs" / "methods" / "dmnet.md").read_text()
    for name in Architecture.model_fields:
        assert name in tried, name
        assert name in (DMNet.__doc__ or ""), name
        assert f"`{name}`" in page, name


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 9},
        {"width": 4, "heads": 2},
        {"attention_kernel": 4},
        {"unet_groups": 3},
        {"noise_steps": ()},
        {"noise_steps": (0,)},
        {"projection": "two"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_impossible_choices_are_refused(changes):
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's own
        Architecture(**{**TINY, **changes})


@torch.inference_mode()
def test_eq_9_to_12_written_out_from_the_parts():
    network = tiny()
    infrared, visible = pair()
    drawn = noise(network, infrared)
    encoder, attend = network.encoders[0], network.attention[0]
    base_ir = encoder.transformer(encoder.embedding(infrared))
    base_vis = encoder.transformer(encoder.embedding(visible))
    clean = network.latent_input(torch.cat((base_ir, base_vis), dim=1))
    pyramids = []
    for index, step in enumerate((5, 50, 100)):
        c = float(network.diffusion.levels[step])
        noisy = c * clean + (1 - c**2) ** 0.5 * drawn[:, index]
        level = torch.tensor([[c]])
        pyramids.append(network.diffusion.unet.features(noisy, level, (2, 5, 8, 11, 14)))
    mean = [sum(maps) / 3 for maps in zip(*pyramids, strict=True)]
    latent = network.diffusion.projection(mean)
    total = attend(encoder.invertible(base_ir)) + attend(encoder.invertible(base_vis))
    expected = network.decoder(total + attend(latent))
    # The same sums in another order, through some thirty layers: 2^-24 of values around 1 in each.
    assert torch.allclose(network(infrared, visible, drawn).image, expected, atol=5e-6)


@torch.inference_mode()
def test_eq_11_reconstructs_from_one_modality_alone():
    network = tiny()
    infrared, _ = pair()
    encoder = network.encoders[0]
    detail = encoder.invertible(encoder.transformer(encoder.embedding(infrared)))
    expected = network.decoder(network.attention[0](detail))
    assert torch.equal(network.reconstruct(infrared, 0), expected)


@torch.inference_mode()
def test_separate_encoders_tell_the_modalities_apart():
    network = tiny(encoders="separate")
    infrared, _ = pair()
    assert not torch.equal(network.encode(infrared, 0)[0], network.encode(infrared, 1)[0])


@pytest.mark.slow
def test_checkpointing_changes_no_gradient():
    infrared, visible = pair()
    gradients = []
    for on in (False, True):
        network = tiny(unet_dropout=0.0).train()
        network.set_checkpointing(on)
        network(infrared, visible, noise(network, infrared)).image.mean().backward()
        gradients.append([p.grad for p in network.parameters() if p.grad is not None])
    for plain, recomputed in zip(*gradients, strict=True):
        assert torch.allclose(plain, recomputed, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [4, 8, 16, 100])
@pytest.mark.parametrize("changes", [{}, {"unet_attention": "eighth"}], ids=str)
@torch.inference_mode()
def test_strips_give_the_same_image(rows, changes):
    network = tiny(**changes)
    infrared, visible = pair(48, 32)
    whole = fuse_image(network, infrared, visible, seed=3)
    striped = copy.deepcopy(network)
    use_strips(striped, rows)
    assert torch.allclose(fuse_image(striped, infrared, visible, seed=3), whole, atol=5e-6)


@torch.inference_mode()
def test_tiles_blend_without_seams_where_the_network_is_local():
    class Local(torch.nn.Module):
        options = Architecture(**TINY)

        def forward(self, infrared, visible, noise):
            return type("Fusion", (), {"image": (infrared + visible) / 2})

    infrared, visible = pair(70, 90)
    fused = fuse_image(Local(), infrared, visible, 0, tile=32, overlap=8)
    assert torch.allclose(fused, (infrared + visible) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("length", "tile", "overlap"), [(64, 64, 8), (80, 64, 16), (1024, 256, 64)]
)
def test_tiles_cover_an_image_and_overlap_enough(length, tile, overlap):
    found = starts(length, tile, overlap)
    assert found[0] == 0
    assert found[-1] + tile >= length
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert all(step <= tile - overlap for step in steps)


@torch.inference_mode()
def test_minmax_output_spans_the_whole_range():
    network = tiny(output_range="minmax")
    infrared, visible = pair(20, 30)
    fused = fuse_image(network, infrared, visible, seed=0)
    assert (float(fused.min()), float(fused.max())) == (0.0, 1.0)


@pytest.mark.slow
def test_weights_come_back_with_their_architecture(tmp_path):
    network = tiny(projection="single_3x3", noise_steps=(7, 70))
    path = tmp_path / "w.safetensors"
    write_weights(path, network.state_dict(), network.options, {"seed": 5})
    found, about = read_weights(path)
    assert found.options == network.options
    assert about == {"seed": 5}
    for key, value in network.state_dict().items():
        assert torch.equal(found.state_dict()[key], value.half().float()), key


def test_a_file_of_another_kind_is_refused(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="does not describe its network"):
        read_weights(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(UserError, match="not a safetensors file"):
        read_weights(path)
    with pytest.raises(UserError, match="no such weights file"):
        read_weights(tmp_path / "absent")


@pytest.mark.parametrize("header", ["no json", "[]", '{"about": {}}', '{"architecture": 3}'])
def test_a_foreign_description_is_refused(tmp_path, header):
    from safetensors.torch import save_file

    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"dmnet": header})
    with pytest.raises(UserError, match=r"other\.safetensors"):
        read_weights(path)


def test_missing_weights_say_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(UserError, match=r"ivif-bench train dmnet.*dmnet-lite"):
        DMNetFusion()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strips": 2}, "strips"),
        ({"strips": 4.5}, "strips"),
        ({"tile": 40}, "tile"),
        ({"tile": 64, "overlap": 64}, "overlap"),
        ({"overlap": -5}, "overlap"),
        ({"tyle": 64}, "did you mean tile"),
    ],
)
def test_impossible_inference_options_are_refused(changes, message, tmp_path):
    network = tiny()
    path = tmp_path / "w.safetensors"
    write_weights(path, network.state_dict(), network.options, {})
    with pytest.raises(UserError, match=message):
        DMNetFusion(weights=str(path), **changes)


@pytest.mark.slow
def test_noise_depends_on_the_image_s_seed(tmp_path):
    network = tiny()
    path = tmp_path / "w.safetensors"
    write_weights(path, network.state_dict(), network.options, {})
    method = DMNetFusion(weights=str(path), device="cpu")
    infrared, _ = pair(20, 30, count=2)
    infrared[1] = infrared[0]
    visible = infrared.expand(-1, 3, -1, -1)
    fused = method.fuse(infrared, visible, [1, 2])
    assert not torch.equal(fused[0], fused[1])
    assert torch.equal(fused[:1], method.fuse(infrared[:1], visible[:1], [1]))


def test_the_list_of_methods_prints_the_counted_parameters():
    from typer.testing import CliRunner

    from ivif_bench.cli import app
    from ivif_bench.fusion import METHODS
    from ivif_bench.training import TRAININGS

    assert METHODS.get("dmnet").parameters == count_parameters(Architecture())
    lite = TRAININGS.get("dmnet").settings("lite", {})
    assert METHODS.get("dmnet-lite").parameters == count_parameters(lite.architecture)
    printed = CliRunner().invoke(app, ["list", "methods", "--detail"]).stdout
    assert "parameters: 386,247,442" in printed
    assert "parameters: 1,555,846" in printed
