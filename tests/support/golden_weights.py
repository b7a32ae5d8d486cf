"""The rule by which the goldens of the learned methods were filled with weights.

Section 1 of ``golden/methods/README.md``: a tensor is normal noise seeded by its key, scaled by
its shape; key lists carry sums that show the rule was followed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch


def noise(name: str, shape: Sequence[int]) -> np.ndarray:
    """Standard normal float32 of that shape, seeded by the CRC-32 of the name."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    return generator.standard_normal(tuple(shape)).astype(np.float32)


def rule_tensor(key: str, shape: Sequence[int]) -> torch.Tensor:
    """The value that the rule gives the tensor of that key."""
    values = noise(key, shape)
    if len(shape) >= 2:
        values = values * np.float32(1 / np.sqrt(np.prod(shape[1:])))
    elif key.endswith("bias"):
        values = np.float32(0.05) * values
    else:
        values = np.float32(1) + np.float32(0.1) * values
    return torch.from_numpy(values)


def rule_state(keys: Path) -> dict[str, torch.Tensor]:
    """All tensors that a ``keys_*.json`` lists, by full key, checked against the recorded sums."""
    state = {}
    for entry in json.loads(keys.read_text())["tensors"]:
        tensor = rule_tensor(entry["key"], entry["shape"])
        assert abs(float(tensor.double().sum()) - entry["sum"]) < 1e-6 * tensor.numel() ** 0.5, (
            entry
        )
        state[entry["key"]] = tensor
    return state
