"""Weights files of compared methods with random numbers of the right names and shapes."""

from __future__ import annotations

from math import prod
from pathlib import Path


def random_tensors(method: type, seed: int = 0):
    """Tensors by name, scaled so that no activation saturates; variances are positive."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, shape in method.__new__(method).shapes().items():
        if name.endswith(("num_batches_tracked", "relative_position_index")):
            found[name] = torch.zeros(shape, dtype=torch.int64)
            continue
        values = torch.randn(shape, generator=generator)
        if name.endswith("running_var"):
            values = values.abs() + 0.5
        elif len(shape) == 2 and shape[0] > 1:
            values /= shape[1] ** 0.5
        elif len(shape) == 4:  # [D, C, k, k], or TensorFlow's [k, k, C, D]
            outputs = shape[-1] if shape[0] == shape[1] and shape[0] in (1, 3, 5) else shape[0]
            values /= (prod(shape) / outputs) ** 0.5
        else:  # biases above zero, or a rule that clips leaves nothing
            values = 0.1 * values + (0 if name.endswith("running_mean") else 0.4)
        found[name] = values
    return found


def random_file(method: type, folder: Path, seed: int = 0) -> str:
    """A converted file with such tensors."""
    from safetensors.torch import save_file

    path = folder / f"{method.name}.safetensors"
    if not path.exists():
        save_file(random_tensors(method, seed), path)
    return str(path)
