"""Q_SF, relative error of the fused image's spatial frequency."""

from __future__ import annotations

import math

import numpy as np

from ivif_bench.tasks.quality.plain import floats
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="Q_SF",
        entry="spatial_frequency_error",
        plain="plain",
        title="Ratio of spatial frequency error",
        direction="down",
        range=(0.0, math.inf),
        unit="",
        reference="Zheng et al., A new metric based on extended spatial frequency and its "
        "application to DWT based fusion algorithms, Information Fusion 2007",
    ),
)


def plain(infrared: np.ndarray, visible: np.ndarray, fused: np.ndarray) -> float:
    """Q_SF in plain numpy.

    >>> steps = np.array([[0, 9], [0, 9]], np.uint8)
    >>> plain(steps, steps, steps // 3)  # a third of every difference
    0.6666666666666667
    """
    a, b, f = (_differences(image) for image in floats(infrared, visible, fused))
    wanted = _frequency([np.maximum(np.abs(x), np.abs(y)) for x, y in zip(a, b, strict=True)])
    return float(np.abs(_frequency(f) - wanted) / wanted)


def _differences(x: np.ndarray) -> list[np.ndarray]:
    """Along rows, along columns, and along the two diagonals."""
    return [x[:, 1:] - x[:, :-1], x[1:] - x[:-1], x[1:, 1:] - x[:-1, :-1], x[1:, :-1] - x[:-1, 1:]]


def _frequency(differences: list[np.ndarray]) -> np.float64:
    row, column, main, other = ((part**2).sum() for part in differences)
    return np.float64(np.sqrt(row + column + (main + other) / np.sqrt(2)))  # H·W cancels out


def spatial_frequency_error(shared: Shared, signed: bool = False) -> float:
    """Q_SF = |SF_F − SF_R| / SF_R, 0 for F = A = B, 1 for a constant fused image.

    SF = √(rows² + columns² + diagonals²), each the sum of squared differences of neighbours over
    H·W, on the two diagonals times 1/√2. SF_R takes, pixel by pixel, the larger absolute difference
    of the two sources. Undefined where both sources are constant. Defined in papers only: tested
    on a transcription and properties.

    Args:
        signed: keep the sign as published programs do: negative where detail was lost, positive
            where detail or noise was added. Nearest to 0 is best, so signed values cannot be
            ranked, and they cancel in a mean.

    >>> import numpy as np
    >>> steps = np.array([[0, 9], [0, 9]], np.uint8)
    >>> spatial_frequency_error(Shared(steps, steps, 0 * steps), signed=True)
    -1.0
    """
    from ivif_bench.tasks.quality.kernels.four_directions import four_direction_frequencies

    found, wanted = shared.part(four_direction_frequencies)
    if wanted == 0.0:
        raise Undefined("constant_source")
    error = (found - wanted) / wanted
    return error if signed else abs(error)
