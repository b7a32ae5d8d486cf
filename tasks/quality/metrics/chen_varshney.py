"""Q_CV, visible differences from the sources, where the sources have edges."""

from __future__ import annotations

import math

import numpy as np

from ivif_bench.tasks.quality.plain import seen, sobel, stretched
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared

SPECS = (
    MetricSpec(
        name="Q_CV",
        entry="perceived_difference",
        plain="plain",
        title="Chen and Varshney's perceived difference",
        direction="down",
        range=(0.0, math.inf),
        unit="levels²",
        reference="Chen and Varshney, A human perception inspired quality metric for image fusion "
        "based on regional information, Information Fusion 2007",
    ),
)

_BLOCK = 16


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """Q_CV in plain numpy.

    >>> image = np.array([[0, 255], [80, 90]], np.uint8)
    >>> plain(image, image, image)
    0.0
    """
    different = present = 0.0
    for source in (infrared, visible):
        strength = np.hypot(*sobel(stretched(source), "constant"))
        importance = _block_sums(strength**5)
        difference = seen(stretched(source) - stretched(fused), _sensitivity, 8)
        different += (importance * _block_sums(difference**2) / _BLOCK**2).sum()
        present += importance.sum()
    return float(different / present)


def _sensitivity(r: np.ndarray) -> np.ndarray:
    return 2.6 * (0.0192 + 0.144 * r) * np.exp(-((0.144 * r) ** 1.1))


def _block_sums(plane: np.ndarray) -> np.ndarray:
    """Sums over blocks from the upper left corner; beyond the image there are zeros."""
    whole = np.pad(plane, [(0, -side % _BLOCK) for side in plane.shape])
    rows, columns = (side // _BLOCK for side in whole.shape)
    return whole.reshape(rows, _BLOCK, columns, _BLOCK).sum(axis=(1, 3))


def perceived_difference(shared: Shared) -> float:
    """Q_CV = Σ(λ_A D_A + λ_B D_B)/Σ(λ_A + λ_B) over blocks of 16x16 pixels; 0 for F = A = B.

    All images are stretched to 0..255 (halves away from zero). λ_X = Σ g⁵, g the Sobel strength
    with zeros outside the image. D_X = mean square of X−F after the filter
    2.6 (0.0192 + 0.144 r) exp(−(0.144 r)^1.1), r the frequency, N/8 at Nyquist for N pixels.

    VIFB's published values agree to half a unit of their fifth digit. Undefined where an image is
    constant.
    """
    from ivif_bench.tasks.quality.kernels.perception import weighted_differences

    different, present = shared.part(weighted_differences)
    return different / present
