"""Checkpoints: one safetensors file with everything that the next step depends on.

Data order and noise are functions of (seed, step), so networks, their averages, the optimiser and
the step number are the whole state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ivif_bench.states import read_state_file, write_state_file

NAME = "checkpoint.safetensors"
_PARTS = ("step", "networks", "averages", "optimizer")


@dataclass(frozen=True)
class State:
    """The state of a training.

    Attributes:
        step: steps done.
        networks: name to state dict.
        averages: name to state dict of the moving averages.
        optimizer: its ``state_dict()``.
        identity: values that must be equal for the training to be resumed.
    """

    step: int
    networks: Mapping[str, Mapping[str, Tensor]]
    averages: Mapping[str, Mapping[str, Tensor]]
    optimizer: Mapping[str, Any]
    identity: Mapping[str, Any]


def write_checkpoint(folder: Path, state: State) -> None:
    """Write the checkpoint atomically."""
    content = {name: getattr(state, name) for name in _PARTS}
    write_state_file(folder / NAME, content, state.identity)


def read_checkpoint(folder: Path, identity: Mapping[str, Any]) -> State | None:
    """The checkpoint of a folder, or None.

    Raises:
        UserError: it is damaged, or belongs to another recipe or other data; the message names the
            difference.
    """
    found = read_state_file(
        folder / NAME,
        identity,
        what="a checkpoint of 'train'",
        damaged="delete it to start again, or choose another --out",
        differs="continue with the settings it was started with, or choose another --out",
    )
    return (
        None
        if found is None
        else State(**{name: found[name] for name in _PARTS}, identity=identity)
    )
