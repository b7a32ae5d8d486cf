"""DMNet's training: recipes, which loss trains what, both stages, resuming, several processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_runs import write_pairs

from ivif_bench.errors import UserError
from ivif_bench.fusion_models.dmnet.architecture import Architecture
from ivif_bench.fusion_models.dmnet.files import read_weights
from ivif_bench.fusion_models.dmnet.losses import autoencoder_loss, denoising_loss
from ivif_bench.fusion_models.dmnet.network import DMNet
from ivif_bench.fusion_models.dmnet.recipes import PRESETS, LossWeights, Settings
from ivif_bench.fusion_models.dmnet.training import StageOne, StageTwo
from ivif_bench.fusion_models.training.images import PairPool, read_sources
from ivif_bench.fusion_models.training.loop import step_of
from ivif_bench.training import TRAININGS, TrainingRequest, train

UNDEFINED = sorted(name for name, preset in PRESETS.items() if preset.refused)
TINY = {
    "width": 8,
    "heads": 2,
    "unet_width": 4,
    "unet_groups": 4,
    "crop": 32,
    "batch": 2,
    "transformer_layers": 2,
    "decoder_blocks": 1,
}


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> PairPool:
    folder = tmp_path_factory.mktemp("pairs")
    write_pairs(folder, 4, (40, 48))
    return PairPool(read_sources([str(folder)]))


def recipe(preset, options, steps=None) -> Settings:
    settings = TRAININGS.get("dmnet").settings(preset, options, steps)
    assert isinstance(settings, Settings)
    return settings


def stage(kind, pool, **options):
    settings = recipe("paper", {**TINY, **options})
    torch.manual_seed(0)
    network = DMNet(settings.architecture).train()
    return kind(network, settings, pool, settings.batch)


def trained_parts(network) -> set[str]:
    """Parts of the network that got a gradient other than zero."""
    return {
        ".".join(name.split(".")[: 2 if name.startswith("diffusion") else 1])
        for name, parameter in network.named_parameters()
        if parameter.grad is not None and bool(parameter.grad.any())
    }


def test_the_paper_s_recipe_is_the_default():
    settings = recipe("paper", {})
    assert settings == Settings()
    assert settings.architecture == Architecture()
    assert (settings.stage_one_epochs, settings.stage_two_epochs) == (15, 30)
    assert settings.stages(pairs=1083) == (round(15 * 1083 / 8), round(30 * 1083 / 8))


def test_every_setting_can_be_named_on_the_command_line_and_is_documented(repository):
    names = set(Settings.model_fields)
    assert names > set(Architecture.model_fields) | set(LossWeights.model_fields)
    page = (repository / "docs" / "methods" / "dmnet.md").read_text()
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_every_ablation_of_the_paper_is_named():
    assert {f"ae{n}" for n in range(1, 15)} <= set(PRESETS)
    assert len(UNDEFINED) == 11


@pytest.mark.parametrize("preset", UNDEFINED)
def test_undefined_ablations_are_refused_with_the_reason(preset, tmp_path):
    with pytest.raises(UserError, match=f"{preset}.*paper"):
        train("dmnet", TrainingRequest(("demo=1",), tmp_path, preset))


@pytest.mark.slow
@pytest.mark.parametrize("preset", sorted(set(PRESETS) - set(UNDEFINED)))
def test_every_preset_takes_a_step_of_each_stage(preset, pool):
    options = {key: value for key, value in TINY.items() if key != "crop"}
    settings = recipe(preset, {**options, "crop": 32})
    torch.manual_seed(0)
    network = DMNet(settings.architecture).train()
    for kind in (StageOne, StageTwo):
        losses = kind(network, settings, pool, 1).losses(step_of(0, 0, torch.device("cpu")))
        losses["total"].backward()
        assert bool(losses["total"].isfinite())
        assert ("denoising" in losses) == settings.architecture.diffusion


def test_ablations_change_what_they_name_and_nothing_else():
    base = Settings().model_dump()
    changed = {}
    for name in ("ae1", "ae13", "ae14", "no-dtb", "no-dib", "no-dtb-dib"):
        other = recipe(name, {}).model_dump()
        changed[name] = {key for key, value in other.items() if value != base[key]}
    assert changed == {
        "ae1": {"stage_one", "stage_two_epochs"},
        "ae13": {"diffusion"},
        "ae14": {"attention"},
        "no-dtb": {"transformer"},
        "no-dib": {"invertible"},
        "no-dtb-dib": {"transformer", "invertible"},
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 7}, "width"),
        ({"gradient_operator": "prewitt"}, "gradient_operator"),
        ({"crop": 40}, "crop"),
        ({"batch": 0}, "batch"),
    ],
)
def test_impossible_settings_are_refused_by_name(options, message):
    with pytest.raises(UserError, match=message):
        recipe("paper", options)


def test_steps_of_both_stages_are_divided_like_the_recipe_s_own():
    settings = recipe("paper", {}, steps=9)
    assert settings.stages(pairs=8) == (3, 6)
    assert recipe("ae1", {}, steps=9).stages(pairs=8) == (0, 9)
    with pytest.raises(UserError, match="at least 2"):
        recipe("paper", {}, steps=1)


def test_a_batch_must_divide_among_the_processes():
    assert Settings(batch=8).batch_of(4) == 2
    with pytest.raises(UserError, match="3 processes"):
        Settings(batch=8).batch_of(3)


def test_learning_rate_stays_or_halves_every_twenty_epochs(pool):
    constant = stage(StageTwo, pool)
    assert {constant.learning_rate(step, 100) for step in (0, 99)} == {1e-4}
    halved = stage(StageTwo, pool, decay="step")
    per_epoch = len(pool.training) // 2
    rates = [halved.learning_rate(epoch * per_epoch, 1000) for epoch in (19, 20, 40)]
    assert rates == pytest.approx([1e-4, 5e-5, 2.5e-5])


def test_autoencoder_loss_trains_no_diffusion_weights(pool):
    one = stage(StageOne, pool)
    infrared, visible = one.batch(np.random.default_rng(0), 2)
    rebuilt = [one.network.reconstruct(image, 0) for image in (infrared, visible)]
    autoencoder_loss(infrared, visible, *rebuilt, LossWeights()).backward()
    assert trained_parts(one.network) == {"encoders", "attention", "decoder"}


def test_stage_one_trains_the_autoencoder_and_the_unet_apart(pool):
    one = stage(StageOne, pool)
    losses = one.losses(step_of(0, 0, one.device))
    losses["denoising"].backward()
    assert trained_parts(one.network) == {"diffusion.unet"}


@pytest.mark.parametrize("noise", ["reuse", "random"])
def test_stage_two_trains_everything_together(pool, noise):
    two = stage(StageTwo, pool, stage_two_noise=noise)
    two.losses(step_of(0, 0, two.device))["total"].backward()
    everything = {"encoders", "attention", "latent_input", "decoder"}
    assert trained_parts(two.network) == everything | {"diffusion.unet", "diffusion.projection"}


@pytest.mark.parametrize(("gradient", "reached"), [("through", True), ("detached", False)])
def test_the_denoising_loss_reaches_the_convolution_of_eq_9_unless_detached(
    pool, gradient, reached
):
    two = stage(StageTwo, pool, latent_gradient=gradient)
    two.losses(step_of(0, 0, two.device))["denoising"].backward()
    assert ("latent_input" in trained_parts(two.network)) == reached


def test_reused_noise_is_judged_at_the_three_steps(pool):
    two = stage(StageTwo, pool, unet_dropout=0.0)
    step = step_of(0, 0, two.device)
    infrared, visible = two.batch(step.rng, 2)
    found = two._losses(infrared, visible, step.rng, step.noise)["denoising"]
    step = step_of(0, 0, two.device)
    two.batch(step.rng, 2)
    drawn = torch.randn((2, 3, 2, 32, 32), generator=step.noise)
    level = two.levels(step.rng, np.array([[5, 50, 100]] * 2))
    predicted = two.network(infrared, visible, drawn, level, predict=True).predicted
    expected = denoising_loss(drawn, predicted, LossWeights())
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


def test_noise_levels_lie_between_the_ends_of_their_step(pool):
    two = stage(StageTwo, pool)
    table = two.network.diffusion.levels
    steps = np.random.default_rng(0).integers(1, 2001, (200, 1))
    found = two.levels(np.random.default_rng(1), steps).numpy()
    assert (found <= table[steps - 1] + 1e-6).all()
    assert (found >= table[steps] - 1e-6).all()


def test_mixed_precision_keeps_the_losses_in_float32(pool):
    two = stage(StageTwo, pool)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = two.losses(step_of(0, 0, two.device))
    plain = two.losses(step_of(0, 0, two.device))
    assert mixed["total"].dtype == torch.float32
    found, expected = (float(losses["total"].detach()) for losses in (mixed, plain))
    assert found == pytest.approx(expected, rel=0.05)


COMMAND = [sys.executable, "-m", "ivif_bench.cli", "train", "dmnet", "--preset", "lite"]
QUICK = [f"--option={key}={value}" for key, value in TINY.items()] + ["--steps=30"]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def rows(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_the_lite_recipe_trains_both_stages_and_the_losses_fall(tmp_path):
    data = tmp_path / "pairs"
    write_pairs(data, 4, (80, 96))
    command = [*COMMAND, "--data", str(data), "--out", str(tmp_path / "out"), "--steps=75"]
    subprocess.run(command, check=True, env=environment(), capture_output=True)
    first, second = (rows(tmp_path / "out" / f"stage-{n}") for n in (1, 2))
    for log in (first, second):
        validation = [row["validation total"] for row in log if "validation total" in row]
        assert validation[-1] < 0.9 * validation[0]
    for stage_folder in ("stage-1", "stage-2"):
        assert (tmp_path / "out" / stage_folder / "curves.png").is_file()
        assert list((tmp_path / "out" / stage_folder / "samples").glob("*.png"))
    network, about = read_weights(tmp_path / "out" / "dmnet.safetensors")
    assert network.options.width == 16
    assert about["preset"] == "lite"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> tuple[list[str], dict[str, torch.Tensor]]:
    """A command up to its ``--out``, and the weights that it gives."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    write_pairs(folder / "pairs", 4, (40, 48))
    command = [*COMMAND, *QUICK, "--data", str(folder / "pairs"), "--out"]
    whole = [*command, str(folder / "out")]
    subprocess.run(whole, check=True, env=environment(), capture_output=True)
    return command, load_file(folder / "out" / "dmnet.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["stage-1", "stage-2"])
def test_a_killed_training_goes_on_to_the_same_weights(uninterrupted, tmp_path, stage):
    command, expected = uninterrupted
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [*command, str(killed)],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    checkpoint = killed / stage / "checkpoint.safetensors"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "dmnet.safetensors").exists(), "the training was over before the kill"
    resumed = [*command, str(killed), "--resume"]
    subprocess.run(resumed, check=True, env=environment(), capture_output=True)
    found = load_file(killed / "dmnet.safetensors")
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[key], found[key]) for key in expected)


@pytest.mark.slow
def test_two_processes_of_torchrun_train_one_network(tmp_path):
    data = tmp_path / "pairs"
    write_pairs(data, 4, (40, 48))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [
        *launcher,
        "--nproc-per-node=2",
        *COMMAND[1:],
        *QUICK,
        "--steps=6",
        "--data",
        str(data),
        "--out",
        str(tmp_path / "out"),
    ]
    found = subprocess.run(command, check=False, env=environment(), capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    network, _ = read_weights(tmp_path / "out" / "dmnet.safetensors")
    assert network.options.width == 8
    expected = recipe("lite", {}, steps=6).stages(pairs=6)[1]
    assert [row["step"] for row in rows(tmp_path / "out" / "stage-2")][-1] == expected
