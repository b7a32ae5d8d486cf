"""Weights of compared methods: read without running code, every name and shape demanded, converted once.

Converted files keep the authors' names, shapes and values, so that one table of shapes checks both the
authors' file and ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ivif_bench.errors import UserError, first_few
from ivif_bench.files import demand_regular, write_bytes
from ivif_bench.tensors import read_tensors
from ivif_bench.weights import published_file, sha256_of

if TYPE_CHECKING:
    from torch import Tensor

Shapes = Mapping[str, tuple[int, ...]]
_MOST_BYTES = 1 << 28  # far above the largest of these methods


def load(path: Path, shapes: Shapes, where: str, ignored: str = "") -> dict[str, Tensor]:
    """The tensors of a file, float32 (counters of batch normalisations stay int64), in C order.

    Args:
        path: safetensors, a ``torch.save`` file, or the index or prefix of a TensorFlow checkpoint.
        shapes: name to shape of every tensor that must be there.
        where: name of the method, in front of messages.
        ignored: pattern of whole names that may be there besides, such as an optimiser's.

    Raises:
        UserError: unreadable, not plain tensors, or a tensor is missing, unknown, of another shape or
            not finite; the message names it.
    """
    return checked_tensors(_read(path, where), shapes, f"{where}: weights {path}", ignored)


def checked_tensors(
    found: Mapping[str, Tensor], shapes: Shapes, where: str, ignored: str = ""
) -> dict[str, Tensor]:
    """The tensors that ``shapes`` names, after comparing all names and shapes; as ``load``."""
    import torch

    missing = sorted(shapes.keys() - found.keys())
    unknown = sorted(
        name for name in found.keys() - shapes.keys() if not re.fullmatch(ignored, name)
    )
    if missing or unknown:
        parts = [
            f"{len(names)} tensors are {what}: {first_few(names, 3)}"
            for what, names in (("missing", missing), ("unknown", unknown))
            if names
        ]
        raise UserError(f"{where}: {'; '.join(parts)}; it must be the authors' file")
    kept = {}
    for name, shape in shapes.items():
        value = found[name]
        if tuple(value.shape) != tuple(shape):
            raise UserError(f"{where}: {name} has shape {tuple(value.shape)}, expected {shape}")
        if value.is_floating_point():
            value = value.to(torch.float32)
            if not bool(value.isfinite().all()):
                raise UserError(f"{where}: {name} holds NaN or infinity")
        kept[name] = value.contiguous()
    return kept


def convert(source: Path, target: Path, shapes: Shapes, where: str, ignored: str = "") -> None:
    """Write the tensors that ``load`` accepts as safetensors, atomically; errors as ``load``."""
    write(target, load(source, shapes, where, ignored), source)


def write(target: Path, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Write tensors as safetensors, atomically, with name and sha256 of the file they came from."""
    from safetensors.torch import save

    file = published_file(source)
    about = {"source": file.name, "source_sha256": sha256_of(file)}
    write_bytes(target, save(dict(tensors), about))


def _read(path: Path, where: str) -> dict[str, Tensor]:
    if published_file(path).suffix == ".index":
        import torch

        from ivif_bench.fusion_models.compared.tf_checkpoint import read_checkpoint

        arrays = read_checkpoint(path)
        return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    try:
        size = demand_regular(path).st_size
    except OSError as problem:
        raise UserError(f"{where}: cannot read weights {path}: {problem.strerror}") from problem
    if size > _MOST_BYTES:
        raise UserError(f"{where}: weights {path} has {size} bytes; at most {_MOST_BYTES} are read")
    return read_tensors(path)
