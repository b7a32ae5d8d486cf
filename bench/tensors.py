"""Reads tensor files of other programs."""

from __future__ import annotations

import errno
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivif_bench.errors import UserError
from ivif_bench.files import demand_regular

if TYPE_CHECKING:
    from torch import Tensor


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors by name, from safetensors or from a ``torch.save`` file; no code in it is ever run.

    A checkpoint with its tensors under ``state_dict``, as mmengine's, or ``weight`` is unwrapped.

    Raises:
        UserError: unreadable, or it holds more than plain tensors and containers.
    """
    try:
        demand_regular(path)
    except OSError as problem:
        raise UserError(f"cannot read weights {path}: {problem.strerror}") from problem
    import torch

    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return dict(load_file(path))
        except (OSError, SafetensorError) as problem:
            raise UserError(f"cannot read weights {path}: {problem}") from problem
    try:
        mapped = zipfile.is_zipfile(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on the kind of pickle; a refused file is one line
            content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as problem:  # the unpickler raises whatever a broken file makes it raise
        # A file that was cut off makes it seek to an invalid place.
        if isinstance(problem, OSError) and problem.errno != errno.EINVAL:
            text = f"cannot read weights {path}: {problem.strerror or problem}"
            raise UserError(text) from problem
        # torch's own words are left out: they advise to switch off the protection.
        raise UserError(
            f"refused to load weights {path}: damaged, or not plain tensors "
            f"({type(problem).__name__}); files that hold anything else are never loaded"
        ) from problem
    for key in ("state_dict", "weight"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    ):
        raise UserError(f"weights {path}: expected a state dict, names to tensors")
    return dict(content)
