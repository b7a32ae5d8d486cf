"""Initial weights: where they are."""

from __future__ import annotations

from pathlib import Path

from ivif_bench.errors import UserError
from ivif_bench.registry import suggest

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
