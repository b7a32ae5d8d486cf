"""Opening pickled networks without running anything that the file names."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ivif_bench.errors import UserError

# Layers of torch that detector checkpoints are made of; all are plain arithmetic.
TORCH_LAYERS = (
    nn.BatchNorm2d,
    nn.Conv2d,
    nn.Hardswish,
    nn.Identity,
    nn.LeakyReLU,
    nn.MaxPool2d,
    nn.ModuleList,
    nn.Sequential,
    nn.SiLU,
    nn.Upsample,
)


def load_pickled_network(path: Path, known: Mapping[str, type]) -> dict[str, Any]:
    """Load a checkpoint dictionary that holds pickled modules.

    torch's restricted unpickler builds only the classes allowed here; any other name in the file
    is refused before anything runs, and there is no other way of loading to fall back to.

    Args:
        path: a ``.pt`` file.
        known: full names in the file, such as ``models.common.Conv``, to the classes that take
            their place.

    Raises:
        UserError: unreadable, not a dictionary, or it names a class that is not allowed.
    """
    allowed: list[Any] = [
        *TORCH_LAYERS,
        set,
        (set, "__builtin__.set"),
        *((cls, name) for name, cls in known.items()),
    ]
    try:
        with torch.serialization.safe_globals(allowed), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on the kind of pickle; a refused file is one line
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as problem:
        raise UserError(f"cannot read weights {path}: {problem.strerror or problem}") from problem
    except Exception as problem:  # the unpickler raises whatever a broken file makes it raise
        raise UserError(f"weights {path}: {_why(str(problem))}") from problem
    if not isinstance(content, dict):
        raise UserError(f"weights {path}: expected a checkpoint dictionary with key 'model'")
    return content


def network_of(content: Mapping[str, Any], path: Path, expected: type[nn.Module]) -> nn.Module:
    """The network of a checkpoint, float32: its moving average if it has one."""
    network = content.get("ema") or content.get("model")
    if not isinstance(network, expected):
        raise UserError(f"weights {path}: no network under 'ema' or 'model'")
    return network.float()


def class_names(network: nn.Module, path: Path) -> tuple[str, ...]:
    """Class names of a pickled network, which has them as a list or as a mapping from 0."""
    names = getattr(network, "names", None)
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise UserError(f"weights {path}: the network has no list of class names")
    return tuple(names)


def _why(message: str) -> str:
    """The refused name out of torch's long explanation."""
    for pattern in (r"GLOBAL (\S+)", r"class (\S+)", r"Unsupported operand (\d+)"):
        found = re.search(pattern, message)
        if found:
            return (
                f"refused, it names {found.group(1).rstrip('.,')!r}, which is not part of a known "
                "network; nothing of the file was run"
            )
    return f"not a readable checkpoint ({message.splitlines()[0][:120] if message else 'empty'})"
