"""Kovesi's phase congruency of an image, and its largest and smallest moment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ivif_bench.compiled.jit import kernel

SCALES, ORIENTATIONS = 4, 6
SHORTEST_WAVE, SCALE_STEP = 3.0, 2.1  # pixels; factor between wavelengths
RADIAL_SPREAD = 0.55  # σ of the log-Gabor filter over its centre frequency
ANGULAR_SPREAD = math.pi / ORIENTATIONS / 1.2
LOW_PASS, LOW_PASS_ORDER = 0.45, 15  # Butterworth, cycles per pixel
NOISE_DEVIATIONS, NOISE_DIVISOR = 2.0, 1.7
SPREAD_CUT, SPREAD_GAIN = 0.5, 10.0
EPSILON = 1e-4


class PhaseMaps(NamedTuple):
    """Phase congruency and its largest and smallest moment, float64 [H, W] each."""

    congruency: np.ndarray
    largest: np.ndarray
    smallest: np.ndarray


@dataclass(frozen=True, slots=True)
class _FilterBank:
    """Radial [4, H, W] and angular [6, H, W] factors of the filters, zero frequency first.

    ``noise`` [6] turns the median power at the smallest scale into the square of Rayleigh's
    parameter of the energy that noise alone would have.
    """

    radial: np.ndarray
    angular: np.ndarray
    noise: np.ndarray


def phase_maps(image: np.ndarray, exact: bool) -> PhaseMaps:
    """Phase congruency over four scales and six orientations of an image [H, W], not constant.

    Args:
        exact: frequencies and moments as Kovesi defines them, else as the public program of Q_P
            has them: on odd sides frequencies are stretched by n/(n−1) and the low-pass is one
            line off, and the mixed moment is a quarter of what it should be.
    """
    from scipy import fft

    bank = _filter_bank(*image.shape, exact)
    spectrum = fft.fft2(image)
    bands = spectrum * bank.radial
    energy, amplitude = np.zeros(image.shape), np.zeros(image.shape)
    moments = np.zeros((3, *image.shape))
    for orientation in range(ORIENTATIONS):
        angle = orientation * math.pi / ORIENTATIONS
        responses = fft.ifft2(bands * bank.angular[orientation], overwrite_x=True)
        finest = responses[0]
        median = float(np.median(finest.real**2 + finest.imag**2))
        threshold = _noise_threshold(median * float(bank.noise[orientation]))
        _add_orientation(
            responses, threshold, math.cos(angle), math.sin(angle), energy, amplitude, moments
        )
    xx, yy = moments[0] / (ORIENTATIONS / 2), moments[1] / (ORIENTATIONS / 2)
    xy = moments[2] * ((4.0 if exact else 1.0) / ORIENTATIONS)
    spread = np.sqrt(xy**2 + (xx - yy) ** 2) + EPSILON
    return PhaseMaps(energy / (amplitude + EPSILON), (xx + yy + spread) / 2, (xx + yy - spread) / 2)


def _noise_threshold(rayleigh_squared: float) -> float:
    """Mean and some deviations of a Rayleigh distribution, by Kovesi's empirical divisor."""
    tau = math.sqrt(rayleigh_squared)
    mean, deviation = tau * math.sqrt(math.pi / 2), tau * math.sqrt(2 - math.pi / 2)
    return (mean + NOISE_DEVIATIONS * deviation) / NOISE_DIVISOR


@kernel
def _add_orientation(  # type: ignore[no-untyped-def]
    responses, threshold, cosine, sine, energy, amplitude, moments
):
    scales, rows, columns = responses.shape
    for i in range(rows):
        for j in range(columns):
            even = odd = total = largest = 0.0
            for s in range(scales):
                z = responses[s, i, j]
                size = math.sqrt(z.real * z.real + z.imag * z.imag)
                even, odd = even + z.real, odd + z.imag
                total, largest = total + size, max(largest, size)
            norm = math.sqrt(even * even + odd * odd) + EPSILON
            even, odd = even / norm, odd / norm
            local = 0.0
            for s in range(scales):
                z = responses[s, i, j]
                local += z.real * even + z.imag * odd - abs(z.real * odd - z.imag * even)
            local = max(local - threshold, 0.0)
            # Energy counts where the response spreads over scales.
            width = total / (largest + EPSILON) / scales
            local /= 1.0 + math.exp((SPREAD_CUT - width) * SPREAD_GAIN)
            energy[i, j] += local
            amplitude[i, j] += total
            congruency = local / total if total > 0.0 else 0.0
            x, y = congruency * cosine, congruency * sine
            moments[0, i, j] += x * x
            moments[1, i, j] += y * y
            moments[2, i, j] += x * y


@lru_cache(maxsize=2)  # ten planes of the image's size each
def _filter_bank(rows: int, columns: int, exact: bool) -> _FilterBank:
    y, x = np.meshgrid(
        _frequencies(rows, exact), _frequencies(columns, exact), indexing="ij", sparse=True
    )
    radius, angle = np.hypot(x, y), np.arctan2(-y, x)
    radius[0, 0] = 1.0  # any but 0: a logarithm follows, and the mean is removed at the end
    low_pass = _low_pass(rows, columns, exact)
    radial = np.empty((SCALES, rows, columns))
    for scale in range(SCALES):
        octaves = np.log(radius * (SHORTEST_WAVE * SCALE_STEP**scale))
        radial[scale] = np.exp(-(octaves**2) / (2 * math.log(RADIAL_SPREAD) ** 2)) * low_pass
        radial[scale, 0, 0] = 0.0
    angular = np.empty((ORIENTATIONS, rows, columns))
    for orientation in range(ORIENTATIONS):
        turned = angle - orientation * math.pi / ORIENTATIONS
        away = np.abs(np.arctan2(np.sin(turned), np.cos(turned)))
        angular[orientation] = np.exp(-(away**2) / (2 * ANGULAR_SPREAD**2))
    noise = np.array([_noise_factor(radial * one) for one in angular])
    return _FilterBank(radial, angular, noise)


def _noise_factor(filters: np.ndarray) -> float:
    """τ² of the noise's energy, per median power at the smallest scale, of one orientation.

    Parseval: sums over pixels of products of the filters' even parts in space are sums over
    frequencies of the products of the even parts of their spectra.
    """
    opposite = np.roll(filters[:, ::-1, ::-1], (1, 1), axis=(1, 2))
    products = np.tensordot(filters, (filters + opposite) / 2, axes=([1, 2], [1, 2]))
    # Noise energy 2 Σ a_i² + 4 Σ_{i<j} a_i a_j = 2 Σ_ij a_i a_j; τ² is half of it. The median of
    # an exponential distribution is its mean times ln 2.
    return float(products.sum() / (np.sum(filters[0] ** 2) * math.log(2)))


def _frequencies(length: int, exact: bool) -> np.ndarray:
    frequencies = np.fft.fftfreq(length)
    stretched = length % 2 == 1 and not exact
    return frequencies * (length / (length - 1)) if stretched else frequencies


def _low_pass(rows: int, columns: int, exact: bool) -> np.ndarray:
    y, x = (np.fft.fftfreq(length) for length in (rows, columns))
    if not exact:  # no difference on even sides
        y, x = (np.fft.fftshift(np.fft.fftshift(axis)) for axis in (y, x))
    return np.asarray(1 / (1 + (np.hypot(x, y[:, None]) / LOW_PASS) ** (2 * LOW_PASS_ORDER)))
