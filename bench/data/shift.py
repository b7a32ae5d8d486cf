"""How far the two sides of a pair are apart, estimated from their edges.

Infrared and visible images differ in gray but share outlines, so the correlation of their gradient
magnitudes has its peak at the shift between them. Two lenses side by side see near objects shifted
(parallax): 3 to 10 pixels are normal in MSRS, M3FD and LLVIP. A larger shift means that the pair is not
registered, or that the sides belong to different scenes.
"""

from __future__ import annotations

import cv2
import numpy as np

from ivif_bench.data.images import luma

_LONG_SIDE = 512  # larger images are reduced by a whole factor
_SMALLEST = 32
_REACH = 0.08  # largest shift that is looked for, as a share of the long side
# Correlations, chosen on 289 real pairs of MSRS, LLVIP and RoadScene: below the first, edges agree
# nowhere; a shift beyond parallax needs the second, and to be clearly better than the best one within it.
_LEAST, _LEAST_FAR, _CLEARLY = 0.15, 0.3, 0.85
PARALLAX = 10  # pixels


def estimated_shift(infrared: np.ndarray, visible: np.ndarray) -> tuple[int, int] | None:
    """Where the visible image has what the infrared one has at the same place.

    Args:
        infrared, visible: uint8 [H, W] or RGB [H, W, 3] of one size.

    Returns:
        (right, down) in pixels, to a pixel for images up to 768 pixels long; None if the edges of
        the two do not agree at any shift that is looked for.
    """
    factor = max(1, round(max(infrared.shape[:2]) / _LONG_SIDE))
    one, other = (_edges(image, factor) for image in (infrared, visible))
    scale = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    reach = round(_REACH * max(one.shape))
    if not scale or min(one.shape) < max(_SMALLEST, 2 * reach + 1):
        return None
    spectrum = np.conj(np.fft.rfft2(one)) * np.fft.rfft2(other)
    correlation = np.fft.fftshift(np.fft.irfft2(spectrum, s=one.shape)) / scale
    within = min(reach, PARALLAX // factor)
    near, near_peak = _peak(correlation, within)
    far, far_peak = _peak(correlation, reach)
    # At night few edges are in both images, and chance finds a peak somewhere far.
    if near_peak >= _CLEARLY * far_peak and (near == far or max(map(abs, near)) < within):
        found = near if near_peak >= _LEAST else None
    else:
        found = far if far_peak >= _LEAST_FAR and max(map(abs, far)) < reach else None
    return None if found is None else (factor * found[0], factor * found[1])


def _peak(correlation: np.ndarray, reach: int) -> tuple[tuple[int, int], float]:
    """(right, down) of the largest value at most ``reach`` from the centre, and that value."""
    row, column = correlation.shape[0] // 2, correlation.shape[1] // 2
    part = correlation[row - reach : row + reach + 1, column - reach : column + reach + 1]
    down, right = np.unravel_index(int(part.argmax()), part.shape)
    return (int(right) - reach, int(down) - reach), float(part[down, right])


def _edges(image: np.ndarray, factor: int) -> np.ndarray:
    """Root of the gradient magnitude, without its mean, faded out at the border: float32 [h, w]."""
    gray = image if image.ndim == 2 else luma(image)
    if factor > 1:
        size = (gray.shape[1] // factor, gray.shape[0] // factor)
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(gray.astype(np.float32), (0, 0), 1.5)
    slopes = (cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    magnitude = np.sqrt(cv2.magnitude(*slopes))
    window = cv2.createHanningWindow(magnitude.shape[::-1], cv2.CV_32F)
    edges: np.ndarray = (magnitude - magnitude.mean()) * window
    return edges
