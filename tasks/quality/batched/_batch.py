"""A batch of image triples on a device, and one of its images as metric functions see it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.tasks.quality.batched import FORMS
from ivif_bench.tasks.quality.reading import Triple
from ivif_bench.tasks.quality.shared import Shared, Undefined

if TYPE_CHECKING:
    from torch import Tensor


class Batch:
    """What torch forms receive.

    Args:
        triples: (A, B, F), uint8 [H, W] each, all of one size.
        device: a torch device.

    Attributes:
        infrared, visible, fused: uint8 [N, H, W] on the device.
    """

    def __init__(self, triples: Sequence[Triple], device: str) -> None:
        import torch

        self.triples = triples
        self.infrared, self.visible, self.fused = (
            torch.from_numpy(np.stack(planes)).to(device) for planes in zip(*triples, strict=True)
        )
        self._parts: dict[Hashable, Any] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.fused.shape[1:]
        return height, width

    def need_side(self, smallest: int) -> None:
        """Raise ``Undefined("too_small")`` if a side is shorter than that many pixels."""
        if min(self.shape) < smallest:
            raise Undefined("too_small")

    def part(self, make: Callable[..., Any], *args: Hashable, **kwargs: Hashable) -> Any:
        """``make(self, ...)``, computed once per batch and set of arguments."""
        key = (make, args, tuple(sorted(kwargs.items())))
        if key not in self._parts:
            self._parts[key] = make(self, *args, **kwargs)
        return self._parts[key]


class Member(Shared):
    """One image of a batch: parts come from torch forms where there are any, else from the CPU.

    Attributes:
        touched: pixels were read on the CPU since this was last set to False.
    """

    def __init__(self, batch: Batch, index: int) -> None:
        self.fast = False
        self.touched = False
        self._batch = batch
        self._index = index
        self._parts = {}
        self._touching: dict[Hashable, bool] = {}

    @property
    def shape(self) -> tuple[int, int]:
        return self._batch.shape

    def part(self, make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        form = _form(f"{make.__module__}:{make.__qualname__}")
        if form is not None:
            return self._batch.part(form, *args, **kwargs)[self._index]
        key = (make, args, tuple(sorted(kwargs.items())))
        before, self.touched = self.touched, self._touching.get(key, False)
        try:
            return super().part(make, *args, **kwargs)
        finally:  # a part that is kept has read pixels, for whoever asks for it again
            self._touching[key] = self.touched
            self.touched = before or self.touched

    def _pixels(self, side: int) -> np.ndarray:
        self.touched = True
        return np.require(self._batch.triples[self._index][side], requirements=["C", "W"])

    @property
    def infrared(self) -> np.ndarray:  # type: ignore[override]
        return self._pixels(0)

    @property
    def visible(self) -> np.ndarray:  # type: ignore[override]
        return self._pixels(1)

    @property
    def fused(self) -> np.ndarray:  # type: ignore[override]
        return self._pixels(2)


def planes(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Infrared, visible and fused as float64 [N, H, W], 0..255."""
    return batch.infrared.double(), batch.visible.double(), batch.fused.double()


@cache
def _form(part: str) -> Callable[..., Any] | None:
    return FORMS.load(part) if FORMS.find(part) else None
