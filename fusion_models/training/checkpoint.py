"""Checkpoints: one safetensors file with everything that the next step depends on.

Data order and noise are functions of (seed, step), so networks, their averages, the optimiser and
the step number are the whole state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes

NAME = "checkpoint.safetensors"


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
    tensors: dict[str, Tensor] = {}
    for kind, dicts in (("network", state.networks), ("average", state.averages)):
        for name, values in dicts.items():
            tensors |= {f"{kind}/{name}/{key}": value for key, value in values.items()}
    plain: dict[str, dict[str, Any]] = {}
    for index, slots in state.optimizer["state"].items():
        for slot, value in slots.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{index}/{slot}"] = value
            else:
                plain.setdefault(str(index), {})[slot] = value
    about = {
        "step": state.step,
        "identity": dict(state.identity),
        "optimizer": {"groups": state.optimizer["param_groups"], "plain": plain},
    }
    data = save(
        {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()},
        {"state": json.dumps(about)},
    )
    write_bytes(folder / NAME, data)


def read_checkpoint(folder: Path, identity: Mapping[str, Any]) -> State | None:
    """The checkpoint of a folder, or None.

    Raises:
        UserError: it is damaged, or belongs to another recipe or other data; the message names the
            difference.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()["state"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        found = about["identity"]
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as problem:
        raise UserError(
            f"{path}: not a checkpoint of 'train' ({problem}); delete it to start again, or choose "
            "another --out"
        ) from problem
    _compare(path, found, json.loads(json.dumps(dict(identity))))
    kinds: dict[str, dict[str, dict[str, Tensor]]] = {"network": {}, "average": {}, "optimizer": {}}
    for key, value in tensors.items():
        kind, name, rest = key.split("/", 2)
        kinds[kind].setdefault(name, {})[rest] = value
    slots: dict[int, dict[str, Any]] = {int(k): dict(v) for k, v in kinds["optimizer"].items()}
    for index, values in about["optimizer"]["plain"].items():
        slots.setdefault(int(index), {}).update(values)
    optimizer = {"state": slots, "param_groups": about["optimizer"]["groups"]}
    return State(about["step"], kinds["network"], kinds["average"], optimizer, about["identity"])


def _compare(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    key, before, now = _first_difference("", found, wanted)
    if key:
        raise UserError(
            f"{path} was made with {key} {before!r}, now {now!r}; "
            "continue with the settings it was started with, or choose another --out"
        )


def _first_difference(prefix: str, found: Any, wanted: Any) -> tuple[str, Any, Any]:
    """Dotted name of the first leaf that differs with both its values; the name is empty if none."""
    if not (isinstance(found, Mapping) and isinstance(wanted, Mapping)):
        return ("" if found == wanted else prefix), found, wanted
    for key in sorted({*found, *wanted}):
        name = f"{prefix}.{key}" if prefix else key
        difference = _first_difference(name, found.get(key), wanted.get(key))
        if difference[0]:
            return difference
    return "", None, None
