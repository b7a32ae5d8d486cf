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
from ivif_bench.files import demand_regular
from ivif_bench.tasks.detection.checkpoint import MOST_CLASSES, class_names

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
        demand_regular(path)
    except OSError as problem:
        raise UserError(f"cannot read weights {path}: {problem.strerror}") from problem
    try:
        with torch.serialization.safe_globals(allowed), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on the kind of pickle; a refused file is one line
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as problem:  # also what torch raises for a file that ends too early
        reason = problem.strerror or problem
        raise UserError(
            f"cannot read weights {path}: damaged or unreadable ({reason})"
        ) from problem
    except Exception as problem:  # the unpickler raises whatever a broken file makes it raise
        raise UserError(f"weights {path}: {_why(str(problem))}") from problem
    if not isinstance(content, dict):
        raise UserError(f"weights {path}: expected a checkpoint dictionary with key 'model'")
    return content


def pickled_network(
    path: Path, known: Mapping[str, type], expected: type[nn.Module]
) -> tuple[nn.Module, tuple[str, ...]]:
    """The network of a checkpoint, float32 (its moving average if it has one), and its class names.

    Args:
        path, known: as ``load_pickled_network`` takes them.
        expected: class of the network.

    Raises:
        UserError: as ``load_pickled_network``, or there is no such network in the file, or a damaged
            one.
    """
    content = load_pickled_network(path, known)
    try:
        network = _network(content, path, expected)
        return network, _names(network, path)
    except UserError:
        raise
    except Exception as problem:  # a file sets attributes of modules to whatever it likes
        said = f"{type(problem).__name__}: {problem}".splitlines()[0][:120]
        raise UserError(f"weights {path}: damaged network ({said})") from problem


def _network(content: Mapping[str, Any], path: Path, expected: type[nn.Module]) -> nn.Module:
    network = content.get("ema") or content.get("model")
    if not isinstance(network, expected):
        raise UserError(f"weights {path}: no network under 'ema' or 'model'")
    network.state_dict()  # raises for attributes that are no modules or tensors
    return network.float()


def _names(network: nn.Module, path: Path) -> tuple[str, ...]:
    """Class names of a pickled network, which has them as a list or as a mapping from 0."""
    names = getattr(network, "names", None)
    if isinstance(names, dict) and len(names) <= MOST_CLASSES:
        names = [names.get(index) for index in range(len(names))]
    found = class_names(names)
    if found is None:
        raise UserError(
            f"weights {path}: the network has no list of distinct, printable class names"
        )
    return found


def _why(message: str) -> str:
    """The refused name out of torch's long explanation."""
    for pattern in (r"GLOBAL (\S+)", r"class (\S+)"):
        found = re.search(pattern, message)
        if found:
            return (
                f"refused, it names {found.group(1).rstrip('.,')!r}, which is not part of a known "
                "network; nothing of the file was run"
            )
    return f"not a readable checkpoint ({message.splitlines()[0][:120] if message else 'empty'})"
