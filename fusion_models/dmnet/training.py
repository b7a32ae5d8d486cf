"""Training of DMNet: stage I (auto-encoder and diffusion module), then stage II (everything)."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ivif_bench.device import device_of
from ivif_bench.fusion_models.baselines import luma
from ivif_bench.fusion_models.dmnet.diffusion import denoise
from ivif_bench.fusion_models.dmnet.files import WEIGHTS, write_weights
from ivif_bench.fusion_models.dmnet.losses import autoencoder_loss, denoising_loss, fusion_loss
from ivif_bench.fusion_models.dmnet.network import INFRARED, VISIBLE, DMNet
from ivif_bench.fusion_models.dmnet.recipes import Settings
from ivif_bench.fusion_models.training.images import Crops, PairPool, read_sources
from ivif_bench.fusion_models.training.loop import (
    LoopSettings,
    Recipe,
    Step,
    run_loop,
    warmup_cosine,
)
from ivif_bench.fusion_models.training.record import write_grid
from ivif_bench.origins import commit
from ivif_bench.processes import join
from ivif_bench.training import TrainingRequest

WARMUP = 20
SAMPLES = 4


def train_dmnet(request: TrainingRequest, settings: Settings) -> Path:
    """Train both stages; returns the weights file.

    The folder ``stage-1`` and ``stage-2`` hold each stage's checkpoint, log, curves and samples.
    """
    device = device_of(request.device, "train dmnet")
    processes = join(device)
    pool = PairPool(read_sources(request.data), settings.held_out)
    torch.manual_seed(request.seed)
    network = DMNet(settings.architecture).to(device)
    network = network.to(memory_format=torch.channels_last)
    network.set_checkpointing(settings.checkpointing)
    final: Mapping[str, Tensor] = {}
    for kind, steps in zip((StageOne, StageTwo), settings.stages(len(pool.training)), strict=True):
        if not steps:
            continue
        stage = kind(network, settings, pool, settings.batch_of(processes.count))
        loop = _loop(settings, steps, request.seed)
        final = run_loop(stage, loop, request.out / stage.name, request.resume, request.progress)[
            "dmnet"
        ]
        network.load_state_dict(final)  # stage II starts from stage I's result
    about = {
        "preset": request.preset,
        "settings": settings.model_dump(mode="json"),
        "seed": request.seed,
        "sources": pool.sources,
        "data": pool.fingerprint,
        "pairs": len(pool.training),
        "commit": commit(),
    }
    path = request.out / WEIGHTS
    if processes.rank == 0:
        write_weights(path, final, settings.architecture, about)
    processes.wait()  # the file is there for all
    return path


def _loop(settings: Settings, steps: int, seed: int) -> LoopSettings:
    """A stage's loop; a short one is logged and saved more often."""
    log_every = max(1, min(25, steps // 4))
    save_every = log_every * (20 if steps >= 1000 else 2)
    return LoopSettings(
        steps,
        seed,
        settings.average,
        settings.precision,
        clip=settings.clip or math.inf,
        log_every=log_every,
        check_every=save_every,
        save_every=save_every,
    )


class Stage(Recipe):
    """Base of both stages: the network, its optimiser, batches and noise."""

    name: str

    def __init__(self, network: DMNet, settings: Settings, pool: PairPool, batch_size: int) -> None:
        self.network = network
        self.networks = {"dmnet": network}
        self.device = next(network.parameters()).device
        self.settings = settings
        self.pool = pool
        self.batch_size = batch_size
        self.crops = Crops(settings.crop, settings.scales)
        self.identity: Mapping[str, Any] = {
            "stage": self.name,
            "settings": settings.model_dump(mode="json"),
            "data": pool.fingerprint,
        }

    def losses(self, step: Step) -> dict[str, Tensor]:
        infrared, visible = self.batch(step.rng, self.batch_size)
        return self._losses(infrared, visible, step.rng, step.noise)

    def validate(self) -> dict[str, float]:
        """The losses on held-out crops."""
        infrared, visible, rng, noise = self.held_out()
        return {k: float(v) for k, v in self._losses(infrared, visible, rng, noise).items()}

    @abstractmethod
    def _losses(
        self, infrared: Tensor, visible: Tensor, rng: np.random.Generator, noise: torch.Generator
    ) -> dict[str, Tensor]:
        """The stage's losses of a batch, ``total`` among them."""

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.network.parameters(), lr=self.settings.learning_rate)

    def learning_rate(self, step: int, steps: int) -> float:
        rate = self.settings.learning_rate
        if self.settings.decay == "cosine":
            return warmup_cosine(step, steps, rate, min(WARMUP, steps // 2))
        if self.settings.decay == "step":
            epoch = step * self.settings.batch // len(self.pool.training)
            return float(rate * 0.5 ** (epoch // 20))
        return rate

    def batch(
        self, rng: np.random.Generator, count: int, validation: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Infrared and visible luma, [count, 1, S, S] in [0, 1]."""
        infrared, visible = self.pool.pairs(rng, count, self.crops, validation)
        return (
            torch.from_numpy(infrared).to(self.device),
            luma(torch.from_numpy(visible)).to(self.device),
        )

    def held_out(self) -> tuple[Tensor, Tensor, np.random.Generator, torch.Generator]:
        """The same crops and generators at every call, for validation and samples."""
        rng = np.random.default_rng(1)
        infrared, visible = self.batch(rng, 2 * SAMPLES, validation=True)
        return infrared, visible, rng, torch.Generator(self.device).manual_seed(1)

    def noise(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Standard normal noise on the training's device."""
        return torch.randn(shape, generator=generator, device=self.device)

    def levels(self, rng: np.random.Generator, steps: np.ndarray) -> Tensor:
        """Noise levels between the ends of these steps (1..T), float32, shaped as ``steps``."""
        assert self.network.diffusion is not None
        table = self.network.diffusion.levels
        share = rng.uniform(size=steps.shape)
        level = table[steps - 1] + share * (table[steps] - table[steps - 1])
        return torch.from_numpy(level.astype(np.float32)).to(self.device)

    def denoising(self, clean: Tensor, rng: np.random.Generator, noise: Tensor) -> Tensor:
        """L_dm (Eq. 17) at steps drawn from all of the schedule."""
        diffusion = self.network.diffusion
        assert diffusion is not None
        steps = rng.integers(1, len(diffusion.levels), (len(clean), 1))
        level = self.levels(rng, steps)
        predicted = diffusion.predict(clean, noise, level)
        with torch.autocast(self.device.type, enabled=False):
            return denoising_loss(noise, predicted.float(), self.settings.losses)


class StageOne(Stage):
    """Stage I: the auto-encoder by L_au and, on other parameters, the diffusion module by L_dm."""

    name = "stage-1"

    def _losses(
        self, infrared: Tensor, visible: Tensor, rng: np.random.Generator, noise: torch.Generator
    ) -> dict[str, Tensor]:
        rebuilt_ir, rebuilt_vis = self._rebuilt(infrared, visible)
        with torch.autocast(self.device.type, enabled=False):
            auto = autoencoder_loss(
                infrared, visible, rebuilt_ir.float(), rebuilt_vis.float(), self.settings.losses
            )
        if self.network.diffusion is None:
            return {"total": auto, "autoencoder": auto}
        clean = self.network.stage_one_input(infrared, visible)
        denoising = self.denoising(clean, rng, self.noise(tuple(clean.shape), noise))
        return {"total": auto + denoising, "autoencoder": auto, "denoising": denoising}

    def _rebuilt(self, infrared: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        return (
            self.network.reconstruct(infrared, INFRARED),
            self.network.reconstruct(visible, VISIBLE),
        )

    def write_samples(self, folder: Path, step: int) -> None:
        """Rows: infrared, visible, both rebuilt; and infrared denoised from the last step."""
        infrared, visible, _, noise = self.held_out()
        infrared, visible = infrared[:SAMPLES], visible[:SAMPLES]
        rows = [infrared, visible, *self._rebuilt(infrared, visible)]
        diffusion = self.network.diffusion
        if diffusion is not None:
            clean = self.network.stage_one_input(infrared, visible)
            last = max(diffusion.steps)
            level = torch.full((len(clean), 1), float(diffusion.levels[last]), device=self.device)
            noisy = diffusion.noisy(clean, self.noise(tuple(clean.shape), noise), level)
            table = torch.from_numpy(diffusion.levels)
            restored = denoise(diffusion.unet, noisy, last, table, noise)
            rows += [noisy[:, :1], restored[:, :1]]
        _write_rows(rows, folder, step)


class StageTwo(Stage):
    """Stage II: everything together by L_total."""

    name = "stage-2"

    def _losses(
        self, infrared: Tensor, visible: Tensor, rng: np.random.Generator, noise: torch.Generator
    ) -> dict[str, Tensor]:
        settings, options = self.settings, self.network.options
        count, steps = len(infrared), options.noise_steps
        drawn = self.noise((count, len(steps), 2, *infrared.shape[2:]), noise)
        level = None
        if options.diffusion:
            level = self.levels(rng, np.broadcast_to(np.array(steps), (count, len(steps))))
        reuse = options.diffusion and settings.stage_two_noise == "reuse"
        result = self.network(
            infrared,
            visible,
            drawn,
            level,
            predict=reuse,
            detach=settings.latent_gradient == "detached",
        )
        with torch.autocast(self.device.type, enabled=False):
            terms = fusion_loss(
                result.image.float(),
                infrared,
                visible,
                drawn,
                None if result.predicted is None else result.predicted.float(),
                settings.losses,
            )
        if options.diffusion and not reuse:
            fresh = self.noise(tuple(result.clean.shape), noise)
            terms["denoising"] = self.denoising(result.clean, rng, fresh)
            terms["total"] = terms["total"] + terms["denoising"]
        return terms

    def write_samples(self, folder: Path, step: int) -> None:
        """Rows: infrared, visible, fused."""
        infrared, visible, _, noise = self.held_out()
        infrared, visible = infrared[:SAMPLES], visible[:SAMPLES]
        steps = len(self.network.options.noise_steps)
        drawn = self.noise((len(infrared), steps, 2, *infrared.shape[2:]), noise)
        fused = self.network(infrared, visible, drawn).image
        _write_rows([infrared, visible, fused], folder, step)


def _write_rows(rows: list[Tensor], folder: Path, step: int) -> None:
    images = torch.cat([row[:, 0].float().cpu() for row in rows]).numpy()
    write_grid(images, folder / f"{step:06d}.png", columns=SAMPLES)
