"""What float32 means inside a network, seen from its layers while they compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

# How convolutions and matrix products take the factors of float32, and whether cuDNN repeats itself.
STRICT = {("ieee", "ieee", True)}


def precisions() -> tuple[str, str, bool]:
    """How torch computes at this moment, in the order of ``STRICT``."""
    backends = torch.backends
    return (
        backends.cudnn.conv.fp32_precision,
        backends.cuda.matmul.fp32_precision,
        backends.cudnn.deterministic,
    )


@contextmanager
def recorded_precisions(layer: type[nn.Module] = nn.Conv2d) -> Iterator[set[Any]]:
    """Collect ``precisions()`` of every call of such a layer, while torch may shorten all factors.

    At the end, what was set for the code inside must be set again.
    """
    seen: set[Any] = set()
    forward = layer.forward

    def recording(self: nn.Module, *arguments: Any, **named: Any) -> Any:
        seen.add(precisions())
        return forward(self, *arguments, **named)

    torch.set_float32_matmul_precision("high")
    before = precisions()
    assert before[:2] == ("tf32", "tf32")
    layer.forward = recording  # type: ignore[method-assign]
    try:
        yield seen
        assert precisions()[:2] == before[:2]
    finally:
        layer.forward = forward  # type: ignore[method-assign]
        torch.set_float32_matmul_precision("highest")
