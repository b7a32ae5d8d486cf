"""Q_P, agreement of the phase congruency of the fused image and the sources."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ivif_bench.tasks.quality.plain import any_constant, gaussian, ratio, window_moments
from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="Q_P",
        entry="phase_congruency_agreement",
        plain="plain",
        title="Phase congruency agreement",
        direction="up",
        range=(-1.0, 1.0),
        unit="",
        reference="Zhao, Laganière, Liu, Performance assessment of combinative pixel-level image "
        "fusion based on an absolute feature measurement, IJICIC 2007",
    ),
)

_SMALLEST_SIDE = 11  # of the correlation window


def plain(
    infrared: np.ndarray,
    visible: np.ndarray,
    fused: np.ndarray,
    kovesi: Literal["published", "exact"] = "published",
) -> float:
    """Q_P in plain numpy.

    >>> dot = np.zeros((11, 11), np.uint8)
    >>> dot[5, 5] = 255
    >>> 0.9 < plain(dot, dot, dot) < 1
    True
    """
    if any_constant(infrared, visible, fused):
        return math.nan
    a, b, f = (_maps(image, kovesi == "exact") for image in (infrared, visible, fused))
    larger = [np.where(a[0] > b[0], x, y) for x, y in zip(a, b, strict=True)]
    product = 1.0
    for k in range(3):
        best = [_correlation(s[k], f[k], s[0] > 0.1) for s in (a, b, larger)]
        product *= np.max(best, axis=0).sum() / (larger[0] > 0.1).sum()
    return float(product)


def _correlation(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Local correlation of a source's map with that of the fused image, 0 where it does not count."""
    x, y = (np.pad(plane, 5) for plane in (x * counts, y))
    _, _, vx, vy, c = window_moments(x, y, gaussian(11, 1.5))
    return np.where(counts, (c + 1e-4) / (np.sqrt(vx * vy) + 1e-4), 0.0)


def _maps(image: np.ndarray, exact: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Phase congruency, its largest and its smallest moment, by Kovesi."""
    spectrum = np.fft.fft2(image)
    energy = amplitude = xx = yy = xy = np.zeros(image.shape)
    for angle in np.arange(6) * np.pi / 6:
        filters = _filters(image.shape, angle, exact)
        found = np.fft.ifft2(spectrum * filters)
        sizes = np.abs(found)
        unit = found.sum(axis=0) / (np.abs(found.sum(axis=0)) + 1e-4)  # the mean phase
        along = found * unit.conj()
        local = (along.real - np.abs(along.imag)).sum(axis=0) - _noise(filters, sizes[0])
        width = sizes.sum(axis=0) / (sizes.max(axis=0) + 1e-4) / 4
        local = np.maximum(local, 0) / (1 + np.exp((0.5 - width) * 10))
        energy, amplitude = energy + local, amplitude + sizes.sum(axis=0)
        pc = ratio(local, sizes.sum(axis=0), 0.0)
        xx, yy = xx + (pc * np.cos(angle)) ** 2, yy + (pc * np.sin(angle)) ** 2
        xy = xy + pc**2 * np.cos(angle) * np.sin(angle)
    xx, yy, xy = xx / 3, yy / 3, xy * (4 if exact else 1) / 6
    root = np.sqrt(xy**2 + (xx - yy) ** 2) + 1e-4
    return energy / (amplitude + 1e-4), (xx + yy + root) / 2, (xx + yy - root) / 2


def _noise(filters: np.ndarray, finest: np.ndarray) -> float:
    """The energy that noise of the finest scale's median power exceeds by two deviations, /1.7."""
    power = np.median(finest**2) / np.log(2) / (filters[0] ** 2).sum()
    spatial = np.fft.ifft2(filters).real * np.sqrt(finest.size)
    products = np.tensordot(spatial, spatial, axes=([1, 2], [1, 2]))
    tau = np.sqrt(power * products.sum())  # half of 2 Σ a_i² + 4 Σ_{i<j} a_i a_j
    return float(tau * (np.sqrt(np.pi / 2) + 2 * np.sqrt(2 - np.pi / 2)) / 1.7)


def _filters(shape: tuple[int, ...], angle: float, exact: bool) -> np.ndarray:
    """Log-Gabor filters of four scales in one orientation, [4, H, W], frequency 0 first."""
    centred = [(np.arange(n) - n // 2) / n for n in shape]
    stretch = [1 if exact or n % 2 == 0 else n / (n - 1) for n in shape]
    y, x = (np.fft.ifftshift(s * line) for s, line in zip(stretch, centred, strict=True))
    radius, theta = np.hypot(y[:, None], x), np.arctan2(-y[:, None], x)
    radius[0, 0] = 1  # any but 0, for the logarithm; the filters are 0 there
    away = np.angle(np.exp(1j * (theta - angle)))
    spread = np.exp(-(away**2) / (2 * (np.pi / 6 / 1.2) ** 2))
    to_front = np.fft.ifftshift if exact else np.fft.fftshift  # the latter is off on odd sides
    y, x = (to_front(line) for line in centred)
    low_pass = 1 / (1 + (np.hypot(y[:, None], x) / 0.45) ** 30)
    octaves = np.log(radius * (3 * 2.1 ** np.arange(4))[:, None, None])
    filters = np.exp(-(octaves**2) / (2 * np.log(0.55) ** 2)) * low_pass * spread
    filters[:, 0, 0] = 0
    return np.asarray(filters)


def phase_congruency_agreement(
    shared: Shared, kovesi: Literal["published", "exact"] = "published"
) -> float:
    """Q_P = P_p P_M P_m, −1..1: mean local correlation of three maps of F with those of A and B.

    Maps: Kovesi's phase congruency (4 log-Gabor scales from 3 pixels by 2.1, σ 0.55; 6
    orientations, dθ/σ 1.2; noise threshold of 2 deviations over 1.7; spread cut 0.5, gain 10;
    low-pass 0.45 of order 15), its largest and its smallest moment. A source counts where its
    congruency exceeds 0.1 and is 0 elsewhere; the third source is, pixel by pixel, the one of larger
    congruency. Correlation (c + 1e-4)/(s_X s_F + 1e-4) in Gaussian windows of 11, σ 1.5, zeros
    outside; the best of the three per pixel, averaged over the third source's pixels. The fused
    image's maps are not masked, so identical images come close to 1 but do not reach it.

    Agrees with the program of zhengliu6699/imageFusionMetrics to 2e-13 on eight recorded triples.
    Undefined where an image is constant or no pixel of the sources counts.

    Args:
        kovesi: ``published`` as that program, the only public one, computes the maps: the mixed
            moment is a quarter of Kovesi's, and on odd sides frequencies are stretched by n/(n−1)
            and the low-pass filter is one line off centre. ``exact`` has none of these.
    """
    from ivif_bench.tasks.quality.kernels.phase_agreement import phase_agreement

    shared.need_side(_SMALLEST_SIDE)
    shared.need_contrast()
    found = shared.part(phase_agreement, exact=kovesi == "exact")
    if found is None:
        raise Undefined("no_features")
    congruency, largest, smallest = found
    return congruency * largest * smallest
