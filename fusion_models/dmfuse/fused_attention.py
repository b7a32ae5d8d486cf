"""Attention within lines as one compiled CUDA kernel, which never stores a score map."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention.flex_attention import AuxRequest, flex_attention

_LEAST_CHANNELS = 16  # of queries and keys, that the kernel takes


@functools.cache
def compiled() -> Callable[..., Any]:
    """The kernel for lines of any length; compiled at its first use."""
    return torch.compile(flex_attention, dynamic=True)


def attend_fused(
    query: Tensor, key: Tensor, value: Tensor, skip_self: bool, kernel: Callable[..., Any]
) -> tuple[Tensor, Tensor]:
    """Attention within lines.

    Args:
        query: [lines, length, D].
        key: [lines, length, D].
        value: [lines, length, C].
        skip_self: leave out each position's own score.
        kernel: ``compiled()``, or ``flex_attention`` itself, which is slow but runs anywhere.

    Returns:
        The weighted mean of the values [lines, length, C], and the logarithm of the sum of e^score
        [lines, length].
    """
    missing = max(0, _LEAST_CHANNELS - query.shape[2])
    query, key = (functional.pad(x, (0, missing)) for x in (query, key))
    found, extra = kernel(
        query[:, None],
        key[:, None],
        value[:, None],
        score_mod=_without_self if skip_self else None,
        scale=1.0,
        return_aux=AuxRequest(lse=True),
    )
    return found[:, 0], extra.lse[:, 0]


def _without_self(
    score: Tensor, batch: Tensor, head: Tensor, row: Tensor, column: Tensor
) -> Tensor:
    return torch.where(row == column, -torch.inf, score)
