"""Training of DMFuse's diffusion network: predict the noise in single gray pictures.

Published: Adam 1e-5, a million steps, squared error, steps 1..2000 drawn evenly, cosine schedule.
The data is not stated there; here infrared and visible luma take turns.

Narrow networks also learn, on half of the crops, to hold the picture in the features that the head
will read (``PriorSettings.picture``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ivif_bench.device import device_of
from ivif_bench.fusion_models.dmfuse.networks import CHANNELS, diffusion_config
from ivif_bench.fusion_models.dmfuse.noise import LEVELS, TIME_STEPS
from ivif_bench.fusion_models.dmfuse.readout import PictureReadout, favour_picture
from ivif_bench.fusion_models.dmfuse.recipes import PriorSettings
from ivif_bench.fusion_models.dmfuse.trainings import (
    crops_of_step,
    loop_settings,
    write_weights,
)
from ivif_bench.fusion_models.sr3.checkpoint import unet_tensors
from ivif_bench.fusion_models.sr3.prior import denoised, denoising_loss, draw_levels, random_steps
from ivif_bench.fusion_models.sr3.schedule import add_noise
from ivif_bench.fusion_models.sr3.unet import UNet
from ivif_bench.fusion_models.training.images import Crops, PairPool, read_sources
from ivif_bench.fusion_models.training.loop import Recipe, Step, run_loop, warmup_cosine
from ivif_bench.fusion_models.training.record import write_grid
from ivif_bench.processes import join
from ivif_bench.training import TrainingRequest

WIDTHS = {"lite": 8, "published": 32, "tiny": 8}  # by preset
_VALIDATION_STEPS = (*TIME_STEPS, 250, 500, 1000, 1500, 1900)


def train_prior(request: TrainingRequest, settings: PriorSettings) -> Path:
    """Train it; returns ``prior.safetensors``, under the names of the published diffusion file."""
    width = WIDTHS[request.preset]
    device = device_of(request.device, "train dmfuse-prior")
    processes = join(device)
    pool = PairPool(read_sources(request.data))
    torch.manual_seed(request.seed)
    unet = UNet(diffusion_config(width))
    if settings.picture:
        favour_picture(unet)
    recipe = PriorRecipe(unet, settings, pool, device)
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
        self, unet: UNet, settings: PriorSettings, pool: PairPool, device: torch.device
    ) -> None:
        self.unet = unet.to(device)
        self.networks: dict[str, nn.Module] = {"diffusion": self.unet}
        if settings.picture:
            self.readout = PictureReadout(unet.config).to(device)
            self.networks["readout"] = self.readout
        self.device = device
        self.settings = settings
        self.pool = pool
        self.identity: Mapping[str, Any] = {
            "settings": settings.model_dump(),
            "width": unet.config.width,
            "data": pool.fingerprint,
        }

    def optimizer(self) -> torch.optim.Optimizer:
        parameters = [p for network in self.networks.values() for p in network.parameters()]
        return torch.optim.Adam(parameters, lr=self.settings.learning_rate)

    def learning_rate(self, step: int, steps: int) -> float | None:
        if self.settings.published:
            return None
        return warmup_cosine(step, steps, self.settings.learning_rate, warmup=min(200, steps // 10))

    def losses(self, step: Step) -> dict[str, Tensor]:
        count, crops = crops_of_step(self.settings, step.index)
        clean = self._pictures(step.rng, count, crops, validation=False)
        if not self.settings.picture:
            return {"total": denoising_loss(self.unet, clean, LEVELS, step.noise)}
        return self._with_readout(clean, step.noise)

    def _with_readout(self, clean: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        count, device = len(clean), self.device
        read = torch.rand(count, generator=generator, device=device) < 0.5
        which = torch.randint(len(TIME_STEPS), (count,), generator=generator, device=device)
        steps = torch.where(
            read,
            torch.tensor(TIME_STEPS, device=device)[which],
            random_steps(count, LEVELS, generator),
        )
        level = draw_levels(steps, LEVELS, generator)
        noise = torch.randn(clean.shape, generator=generator, device=device)
        predicted, features = self._predict(clean, level, noise)
        error = functional.mse_loss(predicted.float(), noise)
        picture = (self.readout.errors(features, clean[:, :1]).mean(dim=1) * read).mean()
        total = error + self.settings.picture * picture
        return {"total": total, "noise": error, "picture": picture}

    def _predict(self, clean: Tensor, level: Tensor, noise: Tensor) -> tuple[Tensor, list[Tensor]]:
        noisy = add_noise(clean, level, noise)
        return self.unet.denoise_with_features(noisy, level, self.unet.config.first_taps)

    def validate(self) -> dict[str, float]:
        """Mean squared error of the noise at fixed steps, and their mean.

        With ``picture`` also the mean absolute error, in [-1, 1], of the picture as read off the
        finest and the coarsest features of the first step.
        """
        clean, noise = self._held_out(16)
        found, pictures = {}, {}
        for step in _VALIDATION_STEPS:
            level = torch.full((len(clean), 1), float(LEVELS[step]), device=self.device)
            predicted, features = self._predict(clean, level, noise)
            found[f"t={step}"] = float((predicted - noise).square().mean())
            if self.settings.picture and step == TIME_STEPS[0]:
                errors = self.readout.errors(features, clean[:, :1]).mean(dim=0)
                pictures = {"picture": float(errors[0]), "coarsest picture": float(errors[-1])}
        return {**found, "mean": float(np.mean(list(found.values()))), **pictures}

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
