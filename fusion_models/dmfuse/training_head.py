"""Training of DMFuse's fusion head on a frozen diffusion network.

Published: Adam 1e-5, batch 4, crops of 256, the loss of ``loss.fusion_loss`` on the head's output
as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ivif_bench.device import device_of
from ivif_bench.errors import UserError
from ivif_bench.fusion_models.dmfuse.head import FusionHead
from ivif_bench.fusion_models.dmfuse.imaging import finish, gray_levels, prepare
from ivif_bench.fusion_models.dmfuse.loss import fusion_loss
from ivif_bench.fusion_models.dmfuse.networks import (
    diffusion_features,
    head_config,
    load_diffusion,
    load_networks,
)
from ivif_bench.fusion_models.dmfuse.noise import LEVELS, TIME_STEPS
from ivif_bench.fusion_models.dmfuse.recipes import HeadSettings
from ivif_bench.fusion_models.dmfuse.trainings import (
    crops_of_step,
    loop_settings,
    write_weights,
)
from ivif_bench.fusion_models.sr3.checkpoint import unet_tensors
from ivif_bench.fusion_models.sr3.prior import draw_levels
from ivif_bench.fusion_models.sr3.unet import UNet
from ivif_bench.fusion_models.training.images import Crops, PairPool, read_sources
from ivif_bench.fusion_models.training.loop import Recipe, Step, run_loop, warmup_cosine
from ivif_bench.fusion_models.training.record import write_grid
from ivif_bench.processes import join
from ivif_bench.tensors import read_tensors
from ivif_bench.training import TrainingRequest

WIDTHS = {"lite": 16, "published": 32, "tiny": 16}  # by preset


def train_head(request: TrainingRequest, settings: HeadSettings) -> Path:
    """Train it; returns ``dmfuse.safetensors`` with both networks, half precision.

    Raises:
        UserError: the diffusion network, or the head to go on from, cannot be read.
    """
    diffusion = load_diffusion(read_tensors(Path(settings.prior)), settings.prior)
    device = device_of(request.device, "train dmfuse")
    processes = join(device)
    pool = PairPool(read_sources(request.data))
    torch.manual_seed(request.seed)
    head = FusionHead(
        head_config(diffusion.config, WIDTHS[request.preset], spare=settings.published)
    )
    _start(head, settings.start)
    recipe = HeadRecipe(diffusion, head, settings, pool, device)
    loop = loop_settings(settings, request.seed)
    averages = run_loop(recipe, loop, request.out, request.resume, request.progress)
    path = request.out / "dmfuse.safetensors"
    tensors = unet_tensors(diffusion.cpu()) | averages["head"]
    half = {key: value.half() for key, value in tensors.items()}
    if processes.rank == 0:
        write_weights(path, half, settings, request, pool)
    processes.wait()  # the file is there for all
    return path


class HeadRecipe(Recipe):
    """The published loss on fused crops."""

    def __init__(
        self,
        diffusion: UNet,
        head: FusionHead,
        settings: HeadSettings,
        pool: PairPool,
        device: torch.device,
    ) -> None:
        self.diffusion = diffusion.to(device)
        self.head = head.to(device)
        self.networks = {"head": self.head}
        self.device = device
        self.settings = settings
        self.pool = pool
        self.identity: Mapping[str, Any] = {
            "settings": settings.model_dump(),
            "width": head.config.width,
            "data": pool.fingerprint,
            "diffusion": _digest(diffusion),
            "start": _digest(head),
        }

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.head.parameters(), lr=self.settings.learning_rate)

    def learning_rate(self, step: int, steps: int) -> float | None:
        if self.settings.published:
            return None
        return warmup_cosine(step, steps, self.settings.learning_rate, warmup=min(200, steps // 10))

    def losses(self, step: Step) -> dict[str, Tensor]:
        count, crops = crops_of_step(self.settings, step.index)
        infrared, visible = self._pairs(step.rng, count, crops, validation=False)
        return self._loss(infrared, visible, self._fuse(infrared, visible, step.noise))

    def validate(self) -> dict[str, float]:
        """The loss and its parts on held-out crops."""
        infrared, visible, fused = self._held_out()
        parts = self._loss(infrared, visible, fused)
        return {name: float(value) for name, value in parts.items()}

    def _loss(self, infrared: Tensor, visible: Tensor, fused: Tensor) -> dict[str, Tensor]:
        # SSIM's variances are differences of nearly equal numbers: in bf16 its gradient is noise.
        with torch.autocast(self.device.type, enabled=False):
            return fusion_loss(infrared / 255, visible / 255, fused.float())._asdict()

    def write_samples(self, folder: Path, step: int) -> None:
        """Rows of infrared, visible and fused crops."""
        infrared, visible, fused = self._held_out()
        shown = finish(fused, (fused.shape[2], fused.shape[3]))
        rows = torch.stack((infrared / 255, visible / 255, shown))[:, :, 0]
        sheet = rows.flatten(0, 1).cpu().numpy()
        write_grid(sheet, folder / f"{step:06d}.png", columns=len(infrared))

    def _held_out(self) -> tuple[Tensor, Tensor, Tensor]:
        """The same crops and noise every time: gray levels of both, and the head's output."""
        crops = Crops(2 * self.settings.size)
        count = 8 if self.settings.size <= 64 else 4  # large crops take time
        infrared, visible = self._pairs(np.random.default_rng(1), count, crops, validation=True)
        generator = torch.Generator(self.device).manual_seed(1)
        return infrared, visible, self._fuse(infrared, visible, generator)

    def _pairs(
        self, rng: np.random.Generator, count: int, crops: Crops, validation: bool
    ) -> tuple[Tensor, Tensor]:
        """Gray levels 0..255 of infrared and visible crops, [N, 1, S, S]."""
        infrared, visible = self.pool.pairs(rng, count, crops, validation)
        levels = (torch.from_numpy(infrared) * 255).round()
        return levels.to(self.device), gray_levels(torch.from_numpy(visible)).to(self.device)

    def _fuse(self, infrared: Tensor, visible: Tensor, generator: torch.Generator) -> Tensor:
        features = []
        for picture in (prepare(infrared), prepare(visible)):
            with torch.no_grad():
                passes = _passes(picture, generator)
                features.append(diffusion_features(self.diffusion, picture, passes))
        fused: Tensor = self.head(*features)
        return fused


def _passes(picture: Tensor, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Levels [N, 1] and noise like the picture for each time step, all from one generator."""
    for step in TIME_STEPS:
        steps = torch.full((len(picture),), step, device=picture.device)
        level = draw_levels(steps, LEVELS, generator)
        yield level, torch.randn(picture.shape, generator=generator, device=picture.device)


def _start(head: FusionHead, start: str | None) -> None:
    """Fill the head from the file of an earlier one, if any."""
    if start is None:
        return
    found = load_networks(read_tensors(Path(start)), start).head
    if found.config != head.config:
        raise UserError(f"train dmfuse: the head in {start} is not of this preset's shape")
    head.load_state_dict(found.state_dict())


def _digest(network: nn.Module) -> str:
    """Short hash of the network's weights."""
    digest = hashlib.sha256()
    for value in network.state_dict().values():
        digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
