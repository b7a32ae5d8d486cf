"""Training of a small unconditional prior (DDPM, Ho et al. 2020): predict the noise, mean square.

The prior sees gray images as three equal channels, infrared and visible luma in turn, because
fusion uses the luma of its estimate only. Contrast and brightness are varied beyond [-1, 1]: the
fusion step hands the network images stretched by the studio range of its colour conversion
(see ``em``), from -1.24 to 1.09.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from ivif_bench.device import device_of
from ivif_bench.files import write_bytes
from ivif_bench.fusion_models.ddfm.prior import LITE, TINY, PriorShape, build
from ivif_bench.fusion_models.ddfm.recipes import PriorSettings
from ivif_bench.fusion_models.ddfm.schedule import TRAINED_STEPS, base_alphas_cumprod, respaced
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

SIDE = 64
SCALES = (1.0, 1.0, 1.5, 2.0, 3.0)
VALIDATION_TIMES = (10, 50, 150, 300, 500, 700, 900, 990)


SHAPES = {"lite": LITE, "tiny": TINY}  # by preset


def train_prior(request: TrainingRequest, settings: PriorSettings) -> Path:
    """Train a prior; returns ``prior.safetensors`` (half precision, averaged weights)."""
    shape = SHAPES[request.preset]
    device = device_of(request.device, "train ddfm")
    processes = join(device)
    pool = PairPool(read_sources(request.data))
    torch.manual_seed(request.seed)
    recipe = PriorRecipe(shape, settings, pool, device)
    log_every = 50 if settings.steps >= 1000 else 5
    loop = LoopSettings(
        settings.steps,
        request.seed,
        settings.average,
        settings.precision,
        log_every=log_every,
        save_every=5 * log_every,
        check_every=10 * log_every,
    )
    averages = run_loop(recipe, loop, request.out, request.resume, request.progress)
    path = request.out / "prior.safetensors"
    about = {
        "shape": shape.arguments,
        "stride": shape.stride,
        "settings": settings.model_dump(),
        "seed": request.seed,
        "data": {"fingerprint": pool.fingerprint, "training_pairs": pool.sources},
        "commit": commit(),
    }  # fmt: skip
    half = {key: value.half().contiguous() for key, value in averages["prior"].items()}
    if processes.rank == 0:
        write_bytes(path, save(half, {"prior": json.dumps(about)}))
    processes.wait()  # the file is there for all
    return path


class PriorRecipe(Recipe):
    """Noise prediction on gray crops."""

    def __init__(
        self, shape: PriorShape, settings: PriorSettings, pool: PairPool, device: torch.device
    ) -> None:
        self.settings = settings
        self.pool = pool
        self.device = device
        self.network = build(shape).to(device)
        self.networks = {"prior": self.network}
        self.identity: Mapping[str, Any] = {
            "settings": settings.model_dump(),
            "shape": shape.arguments,
            "data": pool.fingerprint,
        }
        self._products = torch.from_numpy(base_alphas_cumprod()).float().to(device)

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self.network.parameters(), lr=self.settings.learning_rate, weight_decay=0.0
        )

    def learning_rate(self, step: int, steps: int) -> float:
        return warmup_cosine(step, steps, self.settings.learning_rate, warmup=200)

    def losses(self, step: Step) -> dict[str, Tensor]:
        large = step.index % 4 == 3
        count = max(1, self.settings.batch // 4) if large else self.settings.batch
        crops = Crops(2 * SIDE if large else SIDE, SCALES)
        images = self._images(step.rng, count, crops, validation=False)
        times = torch.randint(TRAINED_STEPS, (count,), generator=step.noise, device=self.device)
        noise = torch.randn(images.shape, generator=step.noise, device=self.device)
        return {"total": self._error(images, times, noise).mean()}

    def validate(self) -> dict[str, float]:
        """Mean squared error of the noise at fixed times, and their mean."""
        rng = np.random.default_rng(1)
        generator = torch.Generator(self.device).manual_seed(1)
        images = self._images(rng, 16, Crops(SIDE, SCALES), validation=True)
        noise = torch.randn(images.shape, generator=generator, device=self.device)
        found = {
            f"t={time}": float(
                self._error(images, torch.full((16,), time, device=self.device), noise).mean()
            )
            for time in VALIDATION_TIMES
        }
        return {**found, "mean": float(np.mean(list(found.values())))}

    def write_samples(self, folder: Path, step: int) -> None:
        """Eight images from noise, by 25 steps of DDIM."""
        generator = torch.Generator(self.device).manual_seed(0)
        images = torch.randn((8, 3, SIDE, SIDE), generator=generator, device=self.device)
        chain = respaced(25)
        for k in reversed(range(25)):
            time = torch.full((8,), int(chain.index[k]), device=self.device)
            noise = self.network(images, time).sample.float()
            product, previous = float(chain.alphas_cumprod[k]), float(chain.alphas_cumprod_prev[k])
            clean = ((images - (1 - product) ** 0.5 * noise) / product**0.5).clamp(-1.3, 1.3)
            noise = (images - product**0.5 * clean) / (1 - product) ** 0.5
            images = previous**0.5 * clean + (1 - previous) ** 0.5 * noise
        gray = (images.mean(1) + 1) / 2
        write_grid(gray.cpu().numpy(), folder / f"{step:06d}.png", columns=4)

    def _images(
        self, rng: np.random.Generator, count: int, crops: Crops, validation: bool
    ) -> Tensor:
        """Gray crops as three equal channels around [-1, 1], varied in contrast and brightness."""
        gray = self.pool.grays(rng, count, crops, validation) * 2 - 1
        gain = rng.uniform(0.7, 1.25, (count, 1, 1, 1))
        shift = rng.uniform(-0.15, 0.15, (count, 1, 1, 1))
        varied = torch.from_numpy((gray * gain + shift).astype(np.float32)).to(self.device)
        return varied.expand(-1, 3, -1, -1)

    def _error(self, images: Tensor, times: Tensor, noise: Tensor) -> Tensor:
        product = self._products[times][:, None, None, None]
        noisy = product.sqrt() * images + (1 - product).sqrt() * noise
        return (self.network(noisy, times).sample.float() - noise).square()
