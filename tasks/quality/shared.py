"""One image triple, with intermediate results that several metrics share."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from ivif_bench.errors import UserError

P = ParamSpec("P")
T = TypeVar("T")

REASONS = {
    "constant_fused": "all pixels of the fused image are equal",
    "constant_source": "all pixels of a source are equal",
    "fused_equals_source": "the fused image is a source, up to a constant",
    "too_small": "a side is shorter than the metric's windows",
    "identical": "fused image and sources are equal, so the value would be infinite",
    "no_features": "no pixel passes the metric's own threshold",
    "negative_scale": "the similarity of a scale is negative, so its power is not real",
    "no_common_levels": "fused image and source have no level in common",
    "infinite": "the value is infinite",
    "not_a_number": "the metric's formula gives 0/0",
}
"""Why a metric can be undefined; a third party's metric may raise its own reasons."""


class Undefined(Exception):
    """Raised by a metric that has no value for a triple; ``reason`` is a key of ``REASONS``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Shared:
    """The argument of every metric function.

    Args:
        infrared, visible, fused: uint8 [H, W], values 0..255, all of one size.
        fast: kernels may use single precision and tables, within their stated errors.

    Raises:
        UserError: another dtype or number of dimensions, an empty image, or sizes that differ.
    """

    def __init__(
        self,
        infrared: np.ndarray,
        visible: np.ndarray,
        fused: np.ndarray,
        fast: bool = False,
    ) -> None:
        self.fast = fast
        self.infrared = _checked("infrared", infrared)
        self.visible = _checked("visible", visible)
        self.fused = _checked("fused", fused)
        check_sizes(self)
        self._parts: dict[Hashable, Any] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.fused.shape
        return height, width

    def need_side(self, smallest: int) -> None:
        """Raise ``Undefined("too_small")`` if a side is shorter than that many pixels."""
        if min(self.shape) < smallest:
            raise Undefined("too_small")

    def need_contrast(self) -> None:
        """Raise ``Undefined`` if all pixels of the fused image, or of a source, are equal."""
        for image, reason in (
            (self.fused, "constant_fused"),
            (self.infrared, "constant_source"),
            (self.visible, "constant_source"),
        ):
            if image.min() == image.max():
                raise Undefined(reason)

    def part(
        self, make: Callable[Concatenate[Shared, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """``make(self, ...)``, computed once per triple and set of arguments.

        A part is any function of a ``Shared`` with hashable arguments, defined in any module;
        metrics that ask for the same part share its result.
        """
        key = (make, args, tuple(sorted(kwargs.items())))
        if key not in self._parts:
            self._parts[key] = make(self, *args, **kwargs)
        found: T = self._parts[key]
        return found


def check_sizes(shared: Shared) -> None:
    """Refuse images of several sizes."""
    images = {"infrared": shared.infrared, "visible": shared.visible, "fused": shared.fused}
    if len({image.shape for image in images.values()}) > 1:
        sizes = ", ".join(
            f"{name} {image.shape[1]}x{image.shape[0]}" for name, image in images.items()
        )
        raise UserError(f"sizes differ: {sizes}; metrics need one size, nothing is resized")


def planes(shared: Shared) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Part: infrared, visible and fused as float64 [H, W], 0..255."""
    return (
        shared.infrared.astype(np.float64),
        shared.visible.astype(np.float64),
        shared.fused.astype(np.float64),
    )


def _checked(name: str, image: np.ndarray) -> np.ndarray:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise UserError(f"{name} image: {kind}; metrics need uint8, round to 0..255 first")
    if image.ndim != 2 or image.size == 0:
        raise UserError(
            f"{name} image: shape {image.shape}; metrics need one channel [H, W] or RGB [H, W, 3]"
        )
    # Kernels are compiled for one array type: contiguous and writable.
    return np.require(image, requirements=["C", "W"])
