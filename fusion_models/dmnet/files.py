"""Weights files of DMNet: safetensors with the architecture and the origin beside the tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ivif_bench.errors import UserError, first_few
from ivif_bench.files import write_bytes
from ivif_bench.fusion_models.dmnet.architecture import Architecture
from ivif_bench.fusion_models.dmnet.network import DMNet
from ivif_bench.validation import checked

WEIGHTS = "dmnet.safetensors"
_KEY = "dmnet"


class Header(BaseModel):
    """The metadata of a file: the network, and the origin of the weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: Architecture
    about: dict[str, Any]


def write_weights(
    path: Path, tensors: Mapping[str, Tensor], architecture: Architecture, about: Mapping[str, Any]
) -> None:
    """Write the file in half precision, atomically.

    Args:
        about: where the weights come from: recipe, data, seed, commit.
    """
    described = {"architecture": architecture.model_dump(mode="json"), "about": dict(about)}
    half = {key: value.detach().cpu().half().contiguous() for key, value in tensors.items()}
    write_bytes(path, save(half, {_KEY: json.dumps(described)}))


def read_weights(path: Path) -> tuple[DMNet, dict[str, Any]]:
    """The network that a file describes, in evaluation mode, and what the file says of its origin.

    Raises:
        UserError: no such file, not such a file, or its tensors do not fit what it describes.
    """
    if not path.is_file():
        raise UserError(f"dmnet: no such weights file: {path}")
    try:
        with safe_open(path, "pt") as file:
            described = (file.metadata() or {}).get(_KEY)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no dict
    except SafetensorError as problem:
        raise UserError(f"dmnet: {path} is not a safetensors file: {problem}") from problem
    if described is None:
        raise UserError(
            f"dmnet: {path} does not describe its network; use a file of 'ivif-bench train dmnet'"
        )
    try:
        content = json.loads(described)
    except ValueError as problem:
        raise UserError(f"dmnet: {path}: its description is not JSON") from problem
    header = checked(Header, content, f"{path}")
    network = DMNet(header.architecture)
    expected = network.state_dict()
    wrong = sorted(
        {*tensors} ^ {*expected}
        | {k for k in {*tensors} & {*expected} if tensors[k].shape != expected[k].shape}
    )
    if wrong:
        raise UserError(
            f"dmnet: the tensors of {path} do not fit the network it describes: {first_few(wrong, 3)}"
        )
    network.load_state_dict({key: value.float() for key, value in tensors.items()})
    return network.eval(), header.about
