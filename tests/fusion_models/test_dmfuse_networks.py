"""DMFuse's networks, loss and end-to-end picture against recordings of the public programs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from float32 import NORMAL_DRAW, TWO_ROUNDINGS
from golden_weights import noise, rule_state

from ivif_bench.fusion_models.dmfuse.crisscross import CrissCrossFusion
from ivif_bench.fusion_models.dmfuse.head import FusionHead, HeadConfig
from ivif_bench.fusion_models.dmfuse.imaging import finish, gray_levels, prepare
from ivif_bench.fusion_models.dmfuse.loss import fusion_loss
from ivif_bench.fusion_models.dmfuse.method import DMFuse
from ivif_bench.fusion_models.dmfuse.networks import diffusion_features, load_diffusion, load_head
from ivif_bench.fusion_models.dmfuse.noise import LEVELS, TIME_STEPS, Draws
from ivif_bench.fusion_models.sr3.schedule import checkpoint_buffers
from ivif_bench.fusion_models.training.measures import sobel, ssim
from ivif_bench.pipeline.fuse import fuse_one
from ivif_bench.tensors import read_tensors
from ivif_bench.weights import sha256_of, weights_folder

pytestmark = pytest.mark.golden
CHANNELS = (32, 64, 128, 256, 256)
# Channel and pixel steps at which the features of the end-to-end run were recorded, by scale.
FEATURE_STEPS = ((4, 8), (8, 4), (16, 2), (32, 1), (32, 1))
PIXEL_STEPS = (4, 4, 2, 1, 1)


@pytest.fixture(scope="module")
def golden(shared):
    return shared / "golden/methods"


@pytest.fixture(scope="module")
def diffusion_state(golden):
    return rule_state(golden / "keys_sr3_dmfuse_true.json")


@pytest.fixture(scope="module")
def head_state(golden):
    return rule_state(golden / "keys_dmfuse_head.json")


@pytest.fixture(scope="module")
def diffusion(diffusion_state):
    return load_diffusion(diffusion_state, "rule")


@pytest.fixture
def rule_head(diffusion, head_state):
    return load_head(head_state, diffusion, "rule")


@pytest.fixture
def released_head(diffusion):
    return load_head(read_tensors(_released()), diffusion, "released")


def _released():
    path = weights_folder() / "dmfuse/model.model"
    if not path.is_file():
        pytest.skip(f"the released fusion head is not at {path}; see docs/methods/dmfuse.md")
    return path


def _largest(found, expected):
    return np.abs(found.detach().numpy() - expected).max()


def test_the_head_has_the_parameters_of_the_released_file():
    head = FusionHead(HeadConfig())
    assert len(head.state_dict()) == 57
    assert sum(parameter.numel() for parameter in head.parameters()) == 651_006


@pytest.mark.slow
def test_the_diffusion_network_has_the_expected_parameters(diffusion):
    assert sum(parameter.numel() for parameter in diffusion.parameters()) == 24_473_315


def test_schedule_levels_are_those_of_the_program(golden):
    bounds = np.load(golden / "dmfuse_e2e.npz")["c_bounds"]
    found = [(LEVELS[step - 1], LEVELS[step]) for step in TIME_STEPS]
    assert np.abs(np.array(found) - bounds).max() < 1e-12


# Values reach 3, and the deepest goes through some ten convolutions of up to 1728 products.
@pytest.mark.parametrize(("which", "tolerance"), [("rule", 3e-5), ("real", 1.5e-5)])
def test_encoders_fusion_and_decoder_on_recorded_features(golden, request, which, tolerance):
    head = request.getfixturevalue("rule_head" if which == "rule" else "released_head")
    arrays = np.load(golden / "dmfuse_head.npz")
    features = {modality: _head_features(modality) for modality in ("ir", "vi")}
    with torch.inference_mode():
        encoded = {modality: head.encode(scales) for modality, scales in features.items()}
        fused = head.fuse(encoded["ir"], encoded["vi"])
        decoded = head.decode(fused)
        out = head(features["ir"], features["vi"])
    for scale in range(5):
        cut, step = ("_c4", 4) if scale == 0 else ("", 1)
        named = {"en_ir": encoded["ir"], "en_vi": encoded["vi"], "fus": fused}
        for name, levels in named.items():
            expected = arrays[f"{which}_{name}{scale + 1}{cut}"]
            assert _largest(levels[scale][:, ::step], expected) < tolerance, (name, scale)
    for number, level in zip((4, 3, 2, 1), decoded, strict=True):
        cut, step = ("_c4", 4) if number == 1 else ("", 1)
        expected = arrays[f"{which}_dec_f{number}{cut}"]
        assert _largest(level[:, ::step], expected) < tolerance, number
    assert _largest(out, arrays[f"{which}_out"]) < tolerance


def _head_features(modality):
    return [
        torch.cat(
            [
                torch.from_numpy(
                    noise(
                        f"dev/head/feat/{modality}/t{t}/s{scale}",
                        (1, CHANNELS[scale], 32 >> scale, 48 >> scale),
                    )
                )
                for t in TIME_STEPS
            ],
            dim=1,
        )
        for scale in range(5)
    ]


def test_criss_cross_module_with_a_large_share_of_attention(golden, head_state):
    arrays = np.load(golden / "dmfuse_head.npz")
    module = CrissCrossFusion(32)
    prefix = "crossatten."
    module.load_state_dict(
        {k.removeprefix(prefix): v for k, v in head_state.items() if k.startswith(prefix)}
    )
    with torch.inference_mode():
        module.gamma.fill_(0.7)
        first, second = module(*(torch.from_numpy(arrays[name]) for name in ("cc_x", "cc_y")))
    assert _largest(first, arrays["cc_x_out"]) < 1e-5
    assert _largest(second, arrays["cc_y_out"]) < 1e-5


def test_the_released_gamma(golden, released_head):
    assert float(released_head.crossatten.gamma) == float(
        np.load(golden / "dmfuse_head.npz")["real_gamma_used"][0]
    )


def test_the_released_head_file_is_the_known_one():
    from ivif_bench.fusion import METHODS

    assert sha256_of(_released()) == METHODS.get("dmfuse").weights[1].sha256


@pytest.mark.slow
def test_end_to_end_draws_features_and_levels(golden, diffusion, rule_head):
    arrays = np.load(golden / "dmfuse_e2e.npz")
    draws = Draws.official(*map(int, arrays["seeds"]))
    encoded = []
    for index, modality in enumerate(("ir", "vi")):
        picture = prepare(torch.from_numpy(arrays[f"{modality}_u8"]).float()[None, None])
        assert _largest(picture[:, :1], arrays[f"{modality}_in"]) < TWO_ROUNDINGS
        passes = list(draws.passes((64, 64)))
        for offset, (level, epsilon) in enumerate(passes):
            assert float(level) == float(arrays["c"][3 * index + offset])
            recorded = arrays["eps"][3 * index + offset]
            assert np.abs(epsilon[0].numpy() - recorded).max() < NORMAL_DRAW
            passes[offset] = level, torch.from_numpy(recorded)[None]
        with torch.inference_mode():
            features = diffusion_features(diffusion, picture, passes)
            encoded.append(rule_head.encode(features))
        _compare_features(arrays, modality, features)
    with torch.inference_mode():
        fused = rule_head.fuse(*encoded)
        decoded = rule_head.decode(fused)
        out = rule_head.conv_t1(decoded[-1])
    for scale, step in enumerate(PIXEL_STEPS):
        named = {"en_ir": encoded[0], "en_vi": encoded[1], "fus": fused}
        for name, levels in named.items():
            expected = arrays[f"{name}{scale + 1}_sub"]
            assert _largest(levels[scale][:, ::4, ::step, ::step], expected) < 5e-5
    for number, step, level in zip((4, 3, 2, 1), (1, 2, 4, 4), decoded, strict=True):
        assert _largest(level[:, ::4, ::step, ::step], arrays[f"dec_f{number}_sub"]) < 5e-5
    assert _largest(out, arrays["out"]) < 2e-5


def test_end_to_end_with_the_released_head(golden, diffusion, released_head):
    arrays = np.load(golden / "dmfuse_e2e.npz")
    draws = Draws.official(*map(int, arrays["seeds"]))
    encoded = []
    with torch.inference_mode():
        for modality in ("ir", "vi"):
            picture = prepare(torch.from_numpy(arrays[f"{modality}_u8"]).float()[None, None])
            features = diffusion_features(diffusion, picture, draws.passes((64, 64)))
            encoded.append(released_head.encode(features))
        fused = released_head.fuse(*encoded)
        out = released_head.conv_t1(released_head.decode(fused)[-1])
    named = {"en_ir5": encoded[0][4], "en_vi5": encoded[1][4], "fus5": fused[4]}
    for name, level in named.items():
        assert _largest(level[:, ::4], arrays[f"realhead_{name}_sub"]) < 5e-5, name
    assert _largest(out, arrays["realhead_out"]) < 2e-5


def _compare_features(arrays, modality, features):
    for offset, time in enumerate(TIME_STEPS):
        for scale, (channel_step, step) in enumerate(FEATURE_STEPS):
            count = CHANNELS[scale]
            one = features[scale][:, offset * count : (offset + 1) * count].numpy()
            name = f"feat_{modality}_t{time}_s{scale}"
            cut = one[:, ::channel_step, ::step, ::step]
            assert np.abs(cut - arrays[f"{name}_sub"]).max() < 5e-5, name
            wide = one.astype(np.float64)
            statistics = [wide.mean(), wide.std(), np.abs(wide).max()]
            assert np.abs(statistics - arrays[f"{name}_stat"]).max() < 5e-5, name


@pytest.mark.slow
@pytest.mark.parametrize(("which", "expected"), [("rule", "u8"), ("released", "realhead_u8")])
def test_the_method_gives_the_picture_that_the_program_saved(
    golden, tmp_path, diffusion_state, head_state, which, expected
):
    arrays = np.load(golden / "dmfuse_e2e.npz")
    head = tmp_path / "model.model"
    if which == "rule":
        torch.save(head_state, head)
    else:
        head = _released()
    tables = {k: torch.from_numpy(v) for k, v in checkpoint_buffers("cosine").items()}
    torch.save(diffusion_state | tables, tmp_path / "ddpm_gen.pth")
    for name in ("ir", "vi"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), arrays[f"{name}_u8"])
    seeds = [int(seed) for seed in arrays["seeds"]]
    method = DMFuse(
        diffusion=str(tmp_path / "ddpm_gen.pth"), head=str(head), device="cpu", official_seeds=seeds
    )
    image = {
        "dataset": "tno",
        "stem": "07",
        "infrared": str(tmp_path / "ir.png"),
        "visible": str(tmp_path / "vi.png"),
    }
    picture = fuse_one(method, image, run_seed=0)
    difference = np.abs(picture.astype(int) - arrays[expected])
    assert difference.max() <= 1
    # The floats agree to 2e-5 (above), so levels differ where 255 times the value is within 0.005
    # of a half: one pixel in a hundred on average.
    assert (difference > 0).mean() <= 0.01


def test_pictures_are_read_padded_and_written_as_by_the_program(golden):
    arrays = np.load(golden / "dmfuse_e2e.npz")
    rgb = torch.from_numpy(arrays["gray_in_rgb"]).permute(2, 0, 1)[None].float() / 255
    assert np.array_equal(gray_levels(rgb)[0, 0].numpy(), arrays["gray_out_u8"])
    small = torch.from_numpy(arrays["pre_in_u8"]).float()[None, None]
    assert _largest(prepare(small)[0, :1], arrays["pre_out"]) < TWO_ROUNDINGS
    values = torch.from_numpy(arrays["post_in"])
    out = (values / 255)[None, None]
    kept = (out * 255 == values)[0, 0]  # where dividing and multiplying gives the value back
    assert int(kept.sum()) > 8
    # What the pipeline does to a method's result: clamp, times 255, round half to even.
    written = (finish(out, (1, values.shape[1])).clamp(0, 1) * 255).round().byte()[0, 0]
    assert torch.equal(written[kept], torch.from_numpy(arrays["post_u8"])[kept])


@pytest.mark.parametrize(
    ("case", "terms", "similarity", "total", "gradient"),
    [("rand", 1e-5, 1e-5, 1e-4, 1e-6), ("real", 1e-5, 2e-5, 3e-4, 2e-5)],
)
def test_the_loss_its_terms_and_its_gradient(golden, case, terms, similarity, total, gradient):
    arrays = np.load(golden / "dmfuse_loss.npz")
    infrared, visible, fused = (torch.from_numpy(arrays[f"{case}_{name}"]) for name in "ABF")
    fused.requires_grad_()
    loss = fusion_loss(infrared, visible, fused)
    (slope,) = torch.autograd.grad(loss.total, fused)
    assert _largest(loss.total, arrays[f"{case}_total"]) < total
    assert _largest(loss.structure, arrays[f"{case}_S"]) < similarity
    assert _largest(loss.gradient, arrays[f"{case}_T"]) < terms
    assert _largest(loss.intensity, arrays[f"{case}_P"]) < terms
    assert _largest(slope, arrays[f"{case}_grad"]) < gradient
    assert _largest(sobel(fused), arrays[f"{case}_sobelF"]) < terms
    assert _largest(ssim(infrared, fused, padding=True), arrays[f"{case}_ssimAF"]) < similarity
    assert _largest(ssim(visible, fused, padding=True), arrays[f"{case}_ssimBF"]) < similarity
    wide = fusion_loss(infrared.double(), visible.double(), fused.detach().double())
    assert float(wide.total) == pytest.approx(float(arrays[f"{case}_total_f64"]), abs=1e-5)
