"""Shared parts of DMFuse's two trainings: crops, the loop, and the weights file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from ivif_bench.files import write_bytes
from ivif_bench.fusion_models.dmfuse.recipes import Settings
from ivif_bench.fusion_models.training.images import Crops, PairPool
from ivif_bench.fusion_models.training.loop import LoopSettings
from ivif_bench.origins import commit
from ivif_bench.training import TrainingRequest

_SCALES = (1.0, 1.0, 1.5, 2.0, 3.0)


def crops_of_step(settings: Settings, index: int) -> tuple[int, Crops]:
    """Number and kind of the crops of a step."""
    if settings.published:
        return settings.batch, Crops(settings.size, flip=False)
    if index % 4 == 3:
        return max(1, settings.batch // 4), Crops(2 * settings.size, _SCALES)
    return settings.batch, Crops(settings.size, _SCALES)


def loop_settings(settings: Settings, seed: int) -> LoopSettings:
    """The loop's settings: about a dozen validations, and a checkpoint every few minutes."""
    often = min(50, max(1, settings.steps // 4))
    return LoopSettings(
        settings.steps,
        seed,
        settings.average,
        settings.precision,
        clip=1e9 if settings.published else 1.0,
        log_every=often,
        check_every=often * max(2, settings.steps // (12 * often)),
        save_every=2 * often,
    )


def write_weights(
    path: Path,
    tensors: Mapping[str, Tensor],
    settings: Settings,
    request: TrainingRequest,
    pool: PairPool,
) -> None:
    """Write tensors, with what they were made of in the file's header."""
    about = {
        "settings": settings.model_dump(),
        "preset": request.preset,
        "seed": request.seed,
        "sources": pool.sources,
        "data": pool.fingerprint,
        "pairs": len(pool.training),
        "commit": commit(),
    }
    plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    write_bytes(path, save(plain, {"dmfuse": json.dumps(about)}))
