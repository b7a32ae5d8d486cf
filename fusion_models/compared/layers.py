"""Layers as functions of a picture and named tensors, with the paddings that the authors use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Padding = Literal["zeros", "reflect", "replicate"]


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    padding: Padding = "zeros",
    stride: int = 1,
    dilation: int = 1,
) -> Tensor:
    """Convolution that keeps the size (at stride 1).

    Args:
        x: [N, C, H, W]; for ``reflect``, H and W above half the kernel.
        weight: [D, C, k, k] with an odd k.
        padding: zeros, reflection without repeating the edge, or the edge repeated.
    """
    from torch.nn.functional import conv2d

    border = dilation * (weight.shape[-1] // 2)
    if padding == "zeros" or not border:
        return conv2d(x, weight, bias, stride, border, dilation)
    return conv2d(bordered(x, border, padding), weight, bias, stride, 0, dilation)


def bordered(x: Tensor, border: int, padding: Padding) -> Tensor:
    """[N, C, H, W] with ``border`` more pixels on each side."""
    from torch.nn.functional import pad

    return pad(x, [border] * 4, mode="constant" if padding == "zeros" else padding)


def tf_conv(x: Tensor, kernel: Tensor, bias: Tensor, padding: Padding = "zeros") -> Tensor:
    """``conv`` with a kernel as TensorFlow keeps it, [k, k, C, D]."""
    return conv(x, kernel.permute(3, 2, 0, 1), bias, padding)


def batch_norm(
    x: Tensor, tensors: Mapping[str, Tensor], name: str, batch: bool = False, eps: float = 1e-5
) -> Tensor:
    """Batch normalisation by the running statistics of ``NAME.*``; [N, C, H, W].

    Args:
        batch: by mean and biased variance of ``x`` itself instead, as PyTorch does in training mode.
    """
    from torch.nn.functional import batch_norm as normalised

    scale = {key: tensors.get(f"{name}.{key}") for key in ("weight", "bias")}
    mean, variance = (
        (None, None) if batch else (tensors[f"{name}.running_mean"], tensors[f"{name}.running_var"])
    )
    return normalised(x, mean, variance, scale["weight"], scale["bias"], batch, 0.0, eps)


def norm_shapes(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a batch normalisation as PyTorch saves it."""
    fields = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{key}": (channels,) for key in fields} | {f"{name}.num_batches_tracked": ()}


def conv_shapes(
    name: str, inputs: int, outputs: int, kernel: int, bias: bool = True
) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a convolution as PyTorch saves it."""
    weight = {f"{name}.weight": (outputs, inputs, kernel, kernel)}
    return weight | ({f"{name}.bias": (outputs,)} if bias else {})
