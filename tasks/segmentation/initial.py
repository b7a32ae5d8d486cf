"""Initial weights: where they are, and reading them without ever running code from a file."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UserError
from bench.registry import suggest

if TYPE_CHECKING:
    from torch import Tensor

_SHIPPED = Path(__file__).parent / "weights"
_PREFIX = "shipped:"


def initial_weights(initial: str) -> Path | None:
    """The file that a protocol's ``initial`` names; None for ``scratch``.

    Raises:
        UserError: no such shipped weights, no such file, or a format that is not read.
    """
    if initial == "scratch":
        return None
    if initial.startswith(_PREFIX):
        name = initial.removeprefix(_PREFIX)
        known = sorted(path.stem for path in _SHIPPED.glob("*.safetensors"))
        if name not in known:
            hint = suggest(name, known) if known else "none are installed"
            raise UserError(f"unknown shipped segmentation weights {name!r}; {hint}")
        return _SHIPPED / f"{name}.safetensors"
    path = Path(initial)
    if path.suffix not in {".safetensors", ".pth", ".pt"}:
        raise UserError(
            f"initial weights {initial!r}: expected 'scratch', 'shipped:NAME' or the path of a "
            ".safetensors, .pth or .pt file"
        )
    if not path.is_file():
        raise UserError(f"initial weights: no such file: {path}")
    return path


def read_state(path: Path) -> dict[str, Tensor]:
    """Tensors by name. Pickled files are opened with torch's weights-only loader, never otherwise.

    A checkpoint of mmengine is taken apart (``state_dict``).

    Raises:
        UserError: unreadable, or the file holds more than plain tensors and containers.
    """
    import torch

    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return dict(load_file(path))
        except (OSError, SafetensorError) as problem:
            raise UserError(f"cannot read weights {path}: {problem}") from problem
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as problem:
        first = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise UserError(
            f"refused to load weights {path}: not a plain state dict ({first[:120]}); "
            "convert it to .safetensors where it comes from"
        ) from problem
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    ):
        raise UserError(f"weights {path}: expected a mapping from names to tensors")
    return dict(content)
