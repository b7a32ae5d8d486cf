"""What the two trainings of DMFuse share: settings and the file they write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import save
from torch import Tensor

from ivif_bench.files import write_bytes
from ivif_bench.fusion_models.training.images import Crops, PairPool
from ivif_bench.fusion_models.training.loop import LoopSettings
from ivif_bench.origins import commit
from ivif_bench.training import TrainingRequest
from ivif_bench.validation import checked

_SCALES = (1.0, 1.0, 1.5, 2.0, 3.0)


class Settings(BaseModel):
    """A recipe; all but ``published`` may be changed on the command line.

    Attributes:
        steps: optimiser steps.
        batch: crops in a step.
        learning_rate: of Adam; its peak unless ``published``.
        average: decay of the moving average of the weights, 0 for none.
        precision: ``fp32`` or ``bf16``.
        size: side of a crop; unless ``published`` every fourth step shows a quarter as many of
            twice the side.
        published: constant learning rate, no clipping of gradients, plain crops of one size; else
            warm-up and half a cosine, clipping at norm 1, and crops scaled and mirrored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=1)
    batch: int = Field(ge=1)
    learning_rate: float = Field(gt=0, lt=1)
    average: float = Field(default=0.999, ge=0, lt=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    size: int = Field(default=64, ge=32, multiple_of=32)
    published: bool = False


S = TypeVar("S", bound=Settings)


def overridden(settings: S, request: TrainingRequest, name: str) -> S:
    """The preset with the user's options.

    Raises:
        UserError: a value of the wrong kind or out of range.
    """
    files = ("prior", "start")
    changes = {key: value for key, value in request.options.items() if key not in files}
    if request.steps is not None:
        changes["steps"] = request.steps
    return checked(type(settings), settings.model_dump() | changes, f"train {name}")


def crops_of_step(settings: Settings, index: int) -> tuple[int, Crops]:
    """How many crops a step shows and how they are cut."""
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
