"""Weights of detectors in a file: safetensors, with network and class names in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ivif_bench.errors import UserError
from ivif_bench.files import demand_regular, write_bytes

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "ivif-bench-detector/1"
_CARD = "ivif-bench"


class Checkpoint(NamedTuple):
    """What a file holds.

    Attributes:
        state: tensors by name; floating ones in float32.
        names: class names in the order of the network's outputs.
        about: everything else that the header says, such as the training stems.
    """

    state: dict[str, Tensor]
    names: tuple[str, ...]
    about: dict[str, Any]


def write_checkpoint(
    path: Path,
    state: Mapping[str, Tensor],
    architecture: str,
    names: Sequence[str],
    *,
    half: bool = False,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write weights atomically; equal weights give equal files.

    Args:
        architecture: registered name of the network.
        half: store float16, for a smaller file.
        about: more values for the header, which is JSON.
    """
    from safetensors.torch import save

    stored: dict[str, Tensor] = {}
    for key, value in state.items():
        value = value.detach().cpu().contiguous().clone()
        stored[key] = value.half() if half and value.is_floating_point() else value
    # One entry only: safetensors writes several in random order.
    card = {**(about or {}), "format": FORMAT, "architecture": architecture, "names": list(names)}
    write_bytes(path, save(stored, metadata={_CARD: json.dumps(card, sort_keys=True)}))


def read_checkpoint(path: Path, architecture: str) -> Checkpoint:
    """Read what ``write_checkpoint`` wrote.

    Raises:
        UserError: unreadable, another format, or the weights of another network.
    """
    from safetensors import SafetensorError, safe_open

    try:
        demand_regular(path)
        with safe_open(path, framework="pt") as file:
            card = json.loads((file.metadata() or {}).get(_CARD, "{}"))
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as problem:
        raise UserError(f"cannot read weights {path}: {problem}") from problem
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise UserError(f"weights {path}: not a detector checkpoint of ivif-bench")
    if card.get("architecture") != architecture:
        raise UserError(
            f"weights {path}: made for {card.get('architecture')}, not for {architecture}"
        )
    names = card.get("names")
    if not isinstance(names, list):
        raise UserError(f"weights {path}: its header has no list of class names")
    floats = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    about = {k: v for k, v in card.items() if k not in ("format", "architecture", "names")}
    return Checkpoint(floats, tuple(str(name) for name in names), about)
