"""Weights whose authors publish one network as several files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ivif_bench.errors import UserError
from ivif_bench.fusion_models.compared.weights import Shapes, load, write

if TYPE_CHECKING:
    from torch import Tensor

Parts = Mapping[str, Shapes]
"""Word in the name of a part's file to the part's tensors; no tensor is in two parts."""


def load_parts(path: Path, parts: Parts, where: str) -> dict[str, Tensor]:
    """The tensors of all parts.

    Args:
        path: a converted file, which has all of them, or the authors' file of the first part. The other
            files lie beside it, under its name with the first word replaced by theirs.
        parts: what each file must have.
        where: name of the method, in front of messages.

    Raises:
        UserError: as ``load``, or the name lacks the first part's word.
    """
    if path.suffix == ".safetensors":
        return load(path, {key: one for part in parts.values() for key, one in part.items()}, where)
    first = next(iter(parts))
    if first not in path.name:
        raise UserError(
            f"{where}: weights {path}: give the file with {first!r} in its name; the others "
            f"({', '.join(word for word in parts if word != first)}) lie beside it"
        )
    tensors: dict[str, Tensor] = {}
    for word, shapes in parts.items():
        tensors |= load(path.with_name(path.name.replace(first, word)), shapes, where)
    return tensors


def convert_parts(source: Path, target: Path, parts: Parts, where: str) -> None:
    """Write the tensors that ``load_parts`` accepts as one safetensors file; errors as there."""
    write(target, load_parts(source, parts, where), source)
