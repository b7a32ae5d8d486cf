"""What the eye makes of the images: contrast sensitivity in the Fourier domain.

Frequencies are whole numbers of waves per image side, divided by a constant: a side of N pixels
counts as N/30 (Chen and Blum) or N/8 (Chen and Varshney) at the Nyquist frequency.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import fft

from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.kernels.sobel import sobel
from ivif_bench.tasks.quality.kernels.window_means import filter_inside, row_bands
from ivif_bench.tasks.quality.shared import Shared, Undefined

_BLOCK = 16
_REACH = 15  # of the windows of 31x31 pixels
_BLACK = 1e-9  # levels: far inside a black area only the Fourier transforms' rounding is left


def stretched(shared: Shared) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Part: the three images stretched to 0..255 and rounded, halves away from zero; uint8 [H, W].

    Raises:
        Undefined: an image is constant, so it cannot be stretched.
    """
    a, b = (_stretch(image, "constant_source") for image in (shared.infrared, shared.visible))
    return a, b, _stretch(shared.fused, "constant_fused")


def contrast_kept(shared: Shared) -> float:
    """Part: mean over all pixels of Chen and Blum's quality."""
    sensitivity = _chen_blum_sensitivity(shared.shape)
    seen = [
        np.pad(_filtered(image, sensitivity), _REACH)  # zeros outside the image
        for image in shared.part(stretched)
    ]
    near, far = _window(2.0), _window(4.0)
    total = 0.0
    for band in row_bands(shared.shape[0]):
        rows = slice(band.start, band.stop + 2 * _REACH)
        means = (filter_inside(plane[rows], taps) for plane in seen for taps in (near, far))
        total += _contrast_kept(*means)
    return float(total / shared.fused.size)


def weighted_differences(shared: Shared) -> tuple[float, float]:
    """Part: Σ (λ_A D_A + λ_B D_B) and Σ (λ_A + λ_B) over blocks, by Chen and Varshney."""
    images = shared.part(stretched)
    fused = images[2].astype(np.float64)
    sensitivity = _chen_varshney_sensitivity(shared.shape)
    different = present = 0.0
    for source in images[:2]:
        across, down = sobel(source)
        squares = np.square(across, dtype=np.float64) + np.square(down, dtype=np.float64)
        importance = _block_sums(squares * squares * np.sqrt(squares))
        difference = _filtered(source - fused, sensitivity)
        # Blocks that reach beyond the image count as full: there is no difference outside.
        means = _block_sums(difference * difference) / _BLOCK**2
        different += float((importance * means).sum())
        present += float(importance.sum())
    return different, present


def _stretch(image: np.ndarray, reason: str) -> np.ndarray:
    low, high = int(image.min()), int(image.max())
    if low == high:
        raise Undefined(reason)
    span = high - low
    levels = np.arange(256).clip(low, high) - low
    table = ((2 * 255 * levels + span) // (2 * span)).astype(np.uint8)  # exact, halves upward
    return table[image]


def _chen_blum_sensitivity(shape: tuple[int, int]) -> np.ndarray:
    squared = _squared_frequency(shape, 30.0)
    return np.asarray(np.exp(-squared / 15.3870**2) - 0.7622 * np.exp(-squared / 1.3456**2))


def _chen_varshney_sensitivity(shape: tuple[int, int]) -> np.ndarray:
    r = 0.144 * np.sqrt(_squared_frequency(shape, 8.0))
    return np.asarray(2.6 * (0.0192 + r) * np.exp(-(r**1.1)))


def _squared_frequency(shape: tuple[int, int], divisor: float) -> np.ndarray:
    """u² + v² of the half spectrum [H, W // 2 + 1]; u = N/divisor at the Nyquist frequency."""
    rows, columns = shape
    v = fft.fftfreq(rows, 0.5 * divisor / rows)
    u = fft.rfftfreq(columns, 0.5 * divisor / columns)
    return np.asarray(v[:, None] ** 2 + u[None, :] ** 2)


def _filtered(plane: np.ndarray, sensitivity: np.ndarray) -> np.ndarray:
    spectrum = fft.rfft2(plane.astype(np.float64, copy=False))
    spectrum *= sensitivity
    return np.asarray(fft.irfft2(spectrum, plane.shape, overwrite_x=True))


def _window(sigma: float) -> np.ndarray:
    """Gaussian of 31 taps with factor 1/(√(2π) σ): it sums to 1 only nearly."""
    t = np.arange(-_REACH, _REACH + 1)
    return np.asarray(np.exp(-(t * t) / (2 * sigma * sigma)) / (math.sqrt(2 * math.pi) * sigma))


def _block_sums(plane: np.ndarray) -> np.ndarray:
    """Sums over blocks of 16x16 pixels from the upper left corner; the last ones may be smaller."""
    starts = [np.arange(0, side, _BLOCK) for side in plane.shape]
    rows = np.add.reduceat(plane, starts[0], axis=0)
    return np.asarray(np.add.reduceat(rows, starts[1], axis=1))


@kernel
def _contrast_kept(a_near, a_far, b_near, b_far, f_near, f_far):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(f_near.shape[0]):
        row = 0.0
        for j in range(f_near.shape[1]):
            ca = _masked_contrast(a_near[i, j], a_far[i, j])
            cb = _masked_contrast(b_near[i, j], b_far[i, j])
            cf = _masked_contrast(f_near[i, j], f_far[i, j])
            wa, wb = ca * ca, cb * cb
            if wa + wb == 0.0:
                wa = wb = 0.5
            row += (wa * _ratio(ca, cf) + wb * _ratio(cb, cf)) / (wa + wb)
        total += row
    return total


@kernel
def _masked_contrast(near, far):  # type: ignore[no-untyped-def]
    if abs(far) < _BLACK:
        return 0.0
    c = abs(near / far - 1.0)
    return c * c * c / (c * c + 1e-4)


@kernel
def _ratio(x, y):  # type: ignore[no-untyped-def]
    return min(x, y) / max(x, y) if max(x, y) > 0.0 else 1.0
