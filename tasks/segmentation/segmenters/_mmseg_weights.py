"""Weights of mmsegmentation's networks: into a model by name and shape, out of it as safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ivif_bench.errors import UserError, first_few
from ivif_bench.files import write_bytes

if TYPE_CHECKING:
    from torch import Tensor, nn

# Of segmentation checkpoints, and the classifiers of ImageNet checkpoints (timm, torchvision, mmpretrain).
_HEADS = (
    "decode_head.", "auxiliary_head.", "head.",
    *(f"backbone.{name}." for name in ("head", "fc", "classifier")),
)  # fmt: skip


def apply_weights(
    model: nn.Module, state: Mapping[str, Tensor], where: str, backbone: bool = False
) -> list[str]:
    """Put weights into a model; every name and shape must fit. Half precision becomes float32.

    Args:
        backbone: take the backbone only (names with or without ``backbone.``) and keep the
            model's own heads. Heads and classifiers of the file are left out.

    Returns:
        Names that were left out.

    Raises:
        UserError: names that are missing, left over or of another shape.
    """
    wanted = model.state_dict()
    given = dict(state)
    if backbone:
        wanted = {name: value for name, value in wanted.items() if name.startswith("backbone.")}
        if not any(name.startswith("backbone.") for name in given):
            given = {f"backbone.{name}": value for name, value in given.items()}
    left_out = sorted(name for name in given if backbone and name.startswith(_HEADS))
    for name in left_out:
        del given[name]
    wrong = {
        "lacks": sorted(set(wanted) - set(given)),
        "has unknown": sorted(set(given) - set(wanted)),
        "has other shapes for": sorted(
            f"{name} {tuple(given[name].shape)} instead of {tuple(value.shape)}"
            for name, value in wanted.items()
            if name in given and given[name].shape != value.shape
        ),
    }
    problems = [f"{what} {first_few(names, 3)}" for what, names in wrong.items() if names]
    if problems and not backbone:
        problems.append("for a backbone alone set transfer: backbone (format 1: reinit_head: true)")
    if problems:
        raise UserError(f"weights {where} do not fit the network: it {'; '.join(problems)}")
    model.load_state_dict(
        {name: given[name].to(value.dtype) for name, value in wanted.items()},
        strict=not backbone,
    )
    return left_out


def write_weights(state: Mapping[str, Tensor], path: Path) -> None:
    """Write weights as safetensors; equal weights are equal bytes."""
    from safetensors.torch import save

    plain = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    write_bytes(path, save(plain))
