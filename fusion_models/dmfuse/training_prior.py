"""Training of DMFuse's diffusion network: predict the noise in single gray pictures.

Published: Adam 1e-5, a million steps, squared error, steps 1..2000 drawn evenly, cosine schedule.
The data is not stated there; here infrared and visible luma take turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.device import device_of
from bench.training import TrainingRequest
from fusion_models.dmfuse.networks import CHANNELS, diffusion_config
from fusion_models.dmfuse.noise import LEVELS, TIME_STEPS
from fusion_models.dmfuse.recipes import (
    Settings,
    crops_of_step,
    loop_settings,
    overridden,
    write_weights,
)
from fusion_models.sr3.checkpoint import unet_tensors
from fusion_models.sr3.prior import denoised, denoising_loss
from fusion_models.sr3.schedule import add_noise
from fusion_models.sr3.unet import UNet
from fusion_models.training.images import Crops, PairPool, read_sources
from fusion_models.training.loop import Recipe, Step, run_loop, warmup_cosine
from fusion_models.training.processes import join
from fusion_models.training.record import write_grid

PRESETS: dict[str, tuple[int, Settings]] = {
    "lite": (8, Settings(steps=4000, batch=4, learning_rate=1e-3)),
    "published": (
        32,
        Settings(steps=1_000_000, batch=4, learning_rate=1e-5, size=256, published=True),
    ),
    "tiny": (8, Settings(steps=20, batch=2, learning_rate=1e-3, size=32)),
}
_VALIDATION_STEPS = (*TIME_STEPS, 250, 500, 1000, 1500, 1900)


def train_prior(request: TrainingRequest) -> Path:
    """Train it; returns ``prior.safetensors``, under the names of the published diffusion file."""
    width, preset = PRESETS[request.preset]
    settings = overridden(preset, request, "dmfuse-prior")
    device = device_of(request.device, "train dmfuse-prior")
    processes = join(device)
    pool = PairPool(read_sources(request.data))
    torch.manual_seed(request.seed)
    recipe = PriorRecipe(UNet(diffusion_config(width)), settings, pool, device)
    loop = loop_settings(settings, request.seed)
    averages = run_loop(recipe, loop, request.out, request.resume, request.progress)
    trained = UNet(diffusion_config(width))
    trained.load_state_dict(averages["diffusion"])
    path = request.out / "prior.safetensors"
    if processes.rank == 0:
        write_weights(path, unet_tensors(trained, "cosine"), settings, request, pool)
    processes.wait()  # the file is there for all
    return path


class PriorRecipe(Recipe):
    """Noise prediction at levels drawn from the cosine schedule."""

    def __init__(
        self, unet: UNet, settings: Settings, pool: PairPool, device: torch.device
    ) -> None:
        self.unet = unet.to(device)
        self.networks = {"diffusion": self.unet}
        self.device = device
        self.settings = settings
        self.pool = pool
        self.identity: Mapping[str, Any] = {
            "settings": settings.model_dump(),
            "width": unet.config.width,
            "data": pool.fingerprint,
        }

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.unet.parameters(), lr=self.settings.learning_rate)

    def learning_rate(self, step: int, steps: int) -> float | None:
        if self.settings.published:
            return None
        return warmup_cosine(step, steps, self.settings.learning_rate, warmup=min(200, steps // 10))

    def losses(self, step: Step) -> dict[str, Tensor]:
        count, crops = crops_of_step(self.settings, step.index)
        clean = self._pictures(step.rng, count, crops, validation=False)
        return {"total": denoising_loss(self.unet, clean, LEVELS, step.noise)}

    def validate(self) -> dict[str, float]:
        """Mean squared error of the noise at fixed steps, and their mean."""
        clean, noise = self._held_out(16)
        found = {}
        for step in _VALIDATION_STEPS:
            level = torch.full((len(clean), 1), float(LEVELS[step]), device=self.device)
            error = self.unet(add_noise(clean, level, noise), level) - noise
            found[f"t={step}"] = float(error.square().mean())
        return {**found, "mean": float(np.mean(list(found.values())))}

    def write_samples(self, folder: Path, step: int) -> None:
        """Rows of clean, noisy and denoised crops; the noise grows downwards."""
        clean, noise = self._held_out(4)
        rows = []
        for time in (100, 500, 1000):
            level = torch.full((len(clean), 1), float(LEVELS[time]), device=self.device)
            noisy = add_noise(clean, level, noise)
            rows += [clean, noisy, denoised(self.unet, noisy, level)]
        sheet = (torch.stack(rows)[:, :, 0].flatten(0, 1) + 1) / 2
        write_grid(sheet.cpu().numpy(), folder / f"{step:06d}.png", columns=12)

    def _held_out(self, count: int) -> tuple[Tensor, Tensor]:
        """The same crops and noise every time."""
        size = self.settings.size
        clean = self._pictures(np.random.default_rng(1), count, Crops(size), validation=True)
        generator = torch.Generator(self.device).manual_seed(1)
        return clean, torch.randn(clean.shape, generator=generator, device=self.device)

    def _pictures(
        self, rng: np.random.Generator, count: int, crops: Crops, validation: bool
    ) -> Tensor:
        """Gray crops as three equal channels in [-1, 1]."""
        gray = torch.from_numpy(self.pool.grays(rng, count, crops, validation)).to(self.device)
        return (gray * 2 - 1).expand(-1, CHANNELS, -1, -1)
