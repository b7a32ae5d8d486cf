"""Both trainings of DMFuse, from folders of pairs to files that the method reads."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from small_runs import write_pairs

from ivif_bench.errors import UserError
from ivif_bench.fusion_models.dmfuse import training_prior
from ivif_bench.fusion_models.dmfuse.head import FusionHead
from ivif_bench.fusion_models.dmfuse.method import DMFuse
from ivif_bench.fusion_models.dmfuse.networks import diffusion_config, head_config, load_diffusion
from ivif_bench.fusion_models.dmfuse.noise import LEVELS, TIME_STEPS
from ivif_bench.fusion_models.dmfuse.readout import PictureReadout, favour_picture
from ivif_bench.fusion_models.dmfuse.training_head import WIDTHS, HeadRecipe
from ivif_bench.fusion_models.dmfuse.training_prior import PriorRecipe
from ivif_bench.fusion_models.dmfuse.trainings import crops_of_step
from ivif_bench.fusion_models.sr3.prior import denoising_loss, draw_levels
from ivif_bench.fusion_models.sr3.unet import UNet, UNetConfig
from ivif_bench.fusion_models.training import loop
from ivif_bench.fusion_models.training.images import PairPool, read_sources
from ivif_bench.fusion_models.training.loop import step_of
from ivif_bench.tensors import read_tensors
from ivif_bench.training import TRAININGS, TrainingRequest, train

PRIOR = TRAININGS.get("dmfuse-prior")


@pytest.fixture(scope="module", autouse=True)
def _curves_not_drawn():
    """Drawing them takes longer than these trainings do. ``test_training_loop.py`` has them drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "draw_curves", lambda rows, path: path.write_bytes(b"not drawn"))
        yield


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    write_pairs(folder, count=4, size=(72, 80))
    return str(folder)


@pytest.fixture(scope="module")
def prior(pairs, tmp_path_factory):
    out = tmp_path_factory.mktemp("prior")
    return train("dmfuse-prior", TrainingRequest((pairs,), out, "tiny", steps=4))


@pytest.fixture(scope="module")
def trained(pairs, prior, tmp_path_factory):
    out = tmp_path_factory.mktemp("head")
    request = TrainingRequest((pairs,), out, "tiny", steps=4, options={"prior": str(prior)})
    return train("dmfuse", request)


@pytest.mark.slow
def test_the_prior_is_written_under_the_published_names_with_its_schedule(prior):
    tensors = read_tensors(prior)
    assert len(tensors) == 374
    assert tensors["betas"].shape == (2000,)
    load_diffusion(tensors, str(prior))


@pytest.mark.slow
def test_the_head_comes_with_its_prior_in_one_file_that_the_method_reads(prior, trained):
    both, alone = read_tensors(trained), read_tensors(prior)
    name = "denoise_fn.mid.0.attn.qkv.weight"
    assert both[name].dtype == torch.float16
    assert torch.equal(both[name], alone[name].half())
    fused = DMFuse(weights=str(trained)).fuse(
        torch.rand(1, 1, 40, 40), torch.rand(1, 3, 40, 40), [0]
    )
    assert fused.shape == (1, 1, 40, 40)


@pytest.mark.slow
def test_a_weights_file_says_what_it_was_made_of(trained):
    with safe_open(trained, "pt") as file:
        about = json.loads(file.metadata()["dmfuse"])
    assert about["preset"] == "tiny"
    assert about["settings"]["steps"] == 4
    assert about["pairs"] == 4
    assert about["commit"]


def test_losses_validation_and_samples_are_kept(prior, trained):
    rows = {
        name: [json.loads(line) for line in (path.parent / "log.jsonl").read_text().splitlines()]
        for name, path in (("prior", prior), ("head", trained))
    }
    seen = {name: {key for row in found for key in row} for name, found in rows.items()}
    assert {
        "total",
        "noise",
        "picture",
        "validation picture",
        "validation t=5",
        "validation t=1900",
        "validation mean",
    } <= seen["prior"]
    parts = {"total", "structure", "gradient", "intensity"}
    assert parts | {f"validation {part}" for part in parts} <= seen["head"]
    for path in (prior, trained):
        assert (path.parent / "curves.png").is_file()
        assert list((path.parent / "samples").glob("*.png"))


def test_a_picture_that_stands_in_the_features_is_read_off_without_error():
    config = UNetConfig(channels=3, width=8, norm_groups=8)
    readout = PictureReadout(config)
    picture = torch.rand(2, 1, 32, 32)
    features = []
    for level, (scale, tap) in enumerate(zip(readout.scales, config.first_taps, strict=True)):
        side = 32 >> level
        blocks = picture.reshape(2, 1, side, 32 // side, side, 32 // side)
        feature = torch.rand(2, config.tap_channels(tap), side, side)
        feature[:, 1:2] = 2 * blocks.mean(dim=(3, 5)) + 3
        with torch.no_grad():
            scale.weight.zero_()[:, 1] = 0.5
            scale.bias.fill_(-1.5)
        features.append(feature)
    with torch.no_grad():
        exact = readout.errors(features, picture)
        off = readout.errors(features, picture + torch.tensor([0.0, 0.25])[:, None, None, None])
    assert exact.shape == (2, 5)
    assert exact.max() < 1e-6
    assert torch.allclose(off[1], torch.full((5,), 0.25), atol=1e-6)


@pytest.mark.slow
def test_a_larger_first_convolution_leaves_the_first_block_as_it_was():
    torch.manual_seed(0)
    plain, favoured = UNet(diffusion_config(8)), UNet(diffusion_config(8))
    favoured.load_state_dict(plain.state_dict())
    favour_picture(favoured)
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        starts = [unet.init_conv(picture) for unet in (plain, favoured)]
        blocks = [
            unet.downs[0].res_block.block1(start)
            for unet, start in zip((plain, favoured), starts, strict=True)
        ]
    assert float(starts[1].std() / starts[0].std()) > 2
    assert torch.allclose(*blocks, atol=5e-4)


@pytest.fixture
def losses(pairs):
    """Losses of a step with the picture's weight, and their gradient at the first convolution."""
    pool = PairPool(read_sources([pairs]))

    def of(picture, part=lambda found: found["total"]):
        settings = PRIOR.settings("tiny", {"picture": picture, "batch": 8})
        torch.manual_seed(0)
        recipe = PriorRecipe(UNet(diffusion_config(8)), settings, pool, torch.device("cpu"))
        found = recipe.losses(step_of(0, 0, torch.device("cpu")))
        first = recipe.unet.init_conv.weight
        return found, torch.autograd.grad(part(found), first)[0]

    return of


def test_the_picture_counts_by_its_weight_and_reaches_the_network(losses):
    def of_picture(found):
        return found["total"] - found["noise"]

    (once, slope), (twice, double) = losses(1.0, of_picture), losses(2.0, of_picture)
    assert once["noise"] == twice["noise"]
    assert float(of_picture(once).detach()) > 0.05
    assert torch.isclose(of_picture(twice), 2 * of_picture(once))
    assert slope.abs().max() > 0
    assert torch.allclose(double, 2 * slope, rtol=1e-3, atol=1e-6)


def test_without_the_picture_the_loss_is_that_of_the_noise_alone(losses, pairs):
    """As published; the readout is in no weights file."""
    found, _ = losses(0.0)
    settings = PRIOR.settings("tiny", {"batch": 8})
    torch.manual_seed(0)
    unet = UNet(diffusion_config(8))
    step = step_of(0, 0, torch.device("cpu"))
    count, crops = crops_of_step(settings, 0)
    gray = torch.from_numpy(PairPool(read_sources([pairs])).grays(step.rng, count, crops))
    clean = (gray * 2 - 1).expand(-1, 3, -1, -1)
    assert found.keys() == {"total"}
    assert torch.equal(found["total"], denoising_loss(unet, clean, LEVELS, step.noise))
    published, lite = (PRIOR.settings(preset, {}) for preset in ("published", "lite"))
    assert published.picture == 0 < lite.picture


def test_only_crops_at_steps_that_the_head_reads_count_for_the_picture(losses, monkeypatch):
    shown = []

    def draw(steps, *rest):
        shown.extend(int(step) in TIME_STEPS for step in steps)
        return draw_levels(steps, *rest)

    def errors(readout, features, picture):
        return torch.arange(1.0, 1 + len(picture))[:, None]

    monkeypatch.setattr(training_prior, "draw_levels", draw)
    monkeypatch.setattr(PictureReadout, "errors", errors)
    found, _ = losses(1.0)
    assert 0 < sum(shown) < len(shown)
    wanted = sum(at for at, read in enumerate(shown, start=1) if read) / len(shown)
    assert float(found["picture"]) == pytest.approx(wanted)


def test_a_finished_training_is_taken_up_as_it_is(pairs, prior):
    before = read_tensors(prior)
    again = train(
        "dmfuse-prior", TrainingRequest((pairs,), prior.parent, "tiny", steps=4, resume=True)
    )
    after = read_tensors(again)
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_the_head_needs_a_prior(pairs, tmp_path):
    with pytest.raises(UserError, match=r"train dmfuse\.prior: this key is required: file of the"):
        train("dmfuse", TrainingRequest((pairs,), tmp_path, "tiny"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batch", 0),
        ("learning_rate", -1.0),
        ("average", 2.0),
        ("precision", "x"),
        ("picture", -1.0),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(pairs, tmp_path, key, value):
    with pytest.raises(UserError, match=rf"train dmfuse-prior\.{key}"):
        train("dmfuse-prior", TrainingRequest((pairs,), tmp_path, "tiny", options={key: value}))


def test_mixed_precision_leaves_the_loss_in_float32(pairs, prior):
    """In bf16 the gradient of SSIM is noise: its variances are differences of nearly equal numbers."""
    diffusion = load_diffusion(read_tensors(prior), str(prior))
    settings = TRAININGS.get("dmfuse").settings("tiny", {"prior": str(prior)})
    head = FusionHead(head_config(diffusion.config, WIDTHS["tiny"]))
    pool = PairPool(read_sources([pairs]))
    recipe = HeadRecipe(diffusion, head, settings, pool, torch.device("cpu"))
    fused = torch.rand(1, 1, 40, 40, requires_grad=True)
    infrared, visible = 255 * torch.rand(1, 1, 40, 40), 255 * torch.rand(1, 1, 40, 40)
    slopes = []
    for mixed in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            total = recipe._loss(infrared, visible, fused)["total"]
        slopes.append(torch.autograd.grad(total, fused)[0])
    assert torch.equal(*slopes)


@pytest.mark.slow
def test_a_head_goes_on_from_another_one_s_weights(pairs, prior, trained, tmp_path):
    options = {"prior": str(prior), "start": str(trained), "learning_rate": 1e-12, "average": 0.0}
    again = train("dmfuse", TrainingRequest((pairs,), tmp_path, "tiny", steps=1, options=options))
    first, second = read_tensors(trained), read_tensors(again)
    assert all(torch.equal(first[name], second[name]) for name in first)
