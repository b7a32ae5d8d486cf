"""Feature images of FMI: the image itself, its gradient, its edges, its DCT, its wavelet bands."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ivif_bench.tasks.quality.shared import Shared, planes

HALF_MEYER = 50  # MATLAB's table of Meyer's filter reaches as far to either side

# Flat areas have features of 1e-13 and less from rounding, which the windows would scale to 0..1.
_DECIMALS = 8

Features = tuple[np.ndarray, np.ndarray, np.ndarray]


def gradients(shared: Shared) -> Features:
    """Part: central differences along rows, one-sided at both ends, of all three images."""
    a, b, f = shared.part(planes)
    return np.gradient(a, axis=1), np.gradient(b, axis=1), np.gradient(f, axis=1)


def edge_maps(shared: Shared) -> Features:
    """Part: ``edge_map`` of all three images."""
    return edge_map(shared.infrared), edge_map(shared.visible), edge_map(shared.fused)


def cosine_transforms(shared: Shared) -> Features:
    """Part: orthonormal DCT-II of each whole image."""
    from scipy.fft import dctn

    a, b, f = (dctn(plane, norm="ortho").round(_DECIMALS) for plane in shared.part(planes))
    return a, b, f


def wavelet_bands(shared: Shared) -> Features:
    """Part: one level of Meyer's wavelet transform of each image, the four bands as tiles."""
    rows, columns = (meyer_matrix(side) for side in shared.shape)
    a, b, f = ((rows @ plane @ columns.T).round(_DECIMALS) for plane in shared.part(planes))
    return a, b, f


def edge_map(image: np.ndarray) -> np.ndarray:
    """1.0 on thinned Sobel edges and 0.0 elsewhere, float64 [H, W], for uint8 [H, W].

    An edge is stronger than twice the root mean square strength of the image and, across its
    direction, stronger than its neighbour on one side and not weaker than that on the other. The
    border is repeated. All comparisons are between whole numbers, so none hangs on rounding.
    """
    x = np.pad(image.astype(np.int64), 1, mode="edge")
    vertical = x[:-2] + 2 * x[1:-1] + x[2:]
    horizontal = x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]
    across = np.abs(vertical[:, 2:] - vertical[:, :-2])
    down = np.abs(horizontal[2:] - horizontal[:-2])
    strength = across**2 + down**2
    around = np.pad(strength, 1, constant_values=-1)  # nothing outside is stronger
    left, right = around[1:-1, :-2], around[1:-1, 2:]
    above, below = around[:-2, 1:-1], around[2:, 1:-1]
    ridge = ((across >= down) & (left <= strength) & (strength > right)) | (
        (down >= across) & (above <= strength) & (strength > below)
    )
    strong = strength * strength.size > 4 * strength.sum()
    return np.asarray(ridge & strong, dtype=np.float64)


@lru_cache(maxsize=8)
def meyer_matrix(length: int) -> np.ndarray:
    """Analysis matrix [2·bands, length] of one level: the low band's rows, then the high one's.

    Row m of the low band is centred on sample 2m − 50, of the high one on 2m − 49; beyond its ends
    the signal is mirrored with its last sample repeated. A band has ⌊(length + 101) / 2⌋ rows, as
    MATLAB's ``dwt`` gives with its filter of 102 taps.
    """
    low = meyer_filter()
    high = low * (-1.0) ** np.arange(low.size)
    count = (length + 2 * HALF_MEYER + 1) // 2
    reach = 2 * HALF_MEYER + 2
    inside = np.pad(np.arange(length), reach, mode="symmetric")
    matrix = np.zeros((2 * count, length))
    offsets = np.arange(-HALF_MEYER, HALF_MEYER + 1)
    for band, (taps, first) in enumerate(((low, -HALF_MEYER), (high, 1 - HALF_MEYER))):
        for m in range(count):
            samples = inside[first + 2 * m + offsets + reach]
            np.add.at(matrix[band * count + m], samples, taps)
    matrix.setflags(write=False)
    return matrix


@lru_cache(maxsize=1)
def meyer_filter() -> np.ndarray:
    """Meyer's low-pass filter cut to 101 taps and scaled to sum √2: MATLAB's ``dmey`` to 3e-10.

    The Fourier coefficients of m(ω): 1 up to π/3, cos(π/2 ν(3ω/π − 1)) up to 2π/3, 0 above, with
    ν(x) = x⁴ (35 − 84x + 70x² − 20x³): Daubechies, Ten lectures on wavelets, 1992.
    """
    points = 4096  # m is smooth, so the mean over a period is exact to rounding
    omega = np.abs(np.fft.fftfreq(points)) * 2 * np.pi
    x = np.clip(3 * omega / np.pi - 1, 0, 1)
    response = np.cos(np.pi / 2 * x**4 * (35 - 84 * x + 70 * x**2 - 20 * x**3))
    half = np.fft.ifft(response).real[: HALF_MEYER + 1]
    taps = np.concatenate([half[:0:-1], half])
    return np.asarray(taps * (np.sqrt(2) / taps.sum()))
