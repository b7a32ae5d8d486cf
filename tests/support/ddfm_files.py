"""Small DDFM priors as files, for tests."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from ivif_bench.fusion_models.ddfm.prior import PriorShape, build


def randomised(shape: PriorShape, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights for every layer, also for those that start at zero."""
    generator = torch.Generator().manual_seed(seed)
    state = build(shape).state_dict()
    for name, value in state.items():
        noise = torch.randn(value.shape, generator=generator)
        fan = value[0].numel() if value.ndim > 1 else 1
        if value.ndim > 1:
            state[name] = noise / fan**0.5
        else:
            state[name] = 0.05 * noise if name.endswith("bias") else 1 + 0.1 * noise
    return state


def write_prior(path: Path, shape: PriorShape, state: dict[str, torch.Tensor]) -> Path:
    """A prior's file as ``weights convert`` and ``train`` write it."""
    about = {"shape": shape.arguments, "stride": shape.stride}
    contiguous = {name: value.contiguous() for name, value in state.items()}
    save_file(contiguous, path, {"prior": json.dumps(about)})
    return path
