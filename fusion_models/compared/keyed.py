"""Layers by the names in the authors' PyTorch files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ivif_bench.fusion_models.compared.layers import Padding, conv

if TYPE_CHECKING:
    from torch import Tensor

Tensors = Mapping[str, "Tensor"]
Seen = Callable[[str, "Tensor"], object]
"""Called with the name and the value of each step that the goldens record."""


def unseen(name: str, value: Tensor) -> None:
    """The ``Seen`` that keeps nothing."""


def conv_of(
    tensors: Tensors,
    name: str,
    x: Tensor,
    padding: Padding = "zeros",
    *,
    stride: int = 1,
    dilation: int = 1,
) -> Tensor:
    """``conv`` with ``NAME.weight`` and, where the file has it, ``NAME.bias``."""
    bias = tensors.get(f"{name}.bias")
    return conv(x, tensors[f"{name}.weight"], bias, padding, stride, dilation)


def leaky(x: Tensor, slope: float) -> Tensor:
    """x where it is positive, else ``slope`` times x."""
    from torch.nn.functional import leaky_relu

    return leaky_relu(x, slope)
