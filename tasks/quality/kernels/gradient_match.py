"""How well the fused image keeps the strength and direction of the sources' gradients, per pixel."""

from __future__ import annotations

import numpy as np

from ivif_bench.tasks.quality.kernels.sobel import sobel
from ivif_bench.tasks.quality.kernels.window_means import row_bands
from ivif_bench.tasks.quality.shared import Shared

# Slope and centre of the sigmoids for strength and direction.
_K_STRENGTH, _CENTRE_STRENGTH = -10.0, 0.5
_K_DIRECTION, _CENTRE_DIRECTION = -20.0, 0.75
_SMALL = 1e-5  # in place of a strength of 0, and of a horizontal gradient of 0


def gradient_match(shared: Shared, symmetric: bool) -> tuple[float, bool]:
    """Part: mean over all pixels of (Q_A gA + Q_B gB)/(gA+gB); False if no source has a gradient."""
    gradients = [sobel(image) for image in (shared.infrared, shared.visible, shared.fused)]
    total, any_gradient = 0.0, False
    for band in row_bands(shared.shape[0]):
        a, b, f = (_Gradient(across[band], down[band]) for across, down in gradients)
        any_gradient |= bool(a.strength.any() or b.strength.any())
        # The published code fills in F's zeros only after it has compared F with A.
        qa = _kept(a, f, f.filled if symmetric else f.strength)
        qb = _kept(b, f, f.filled)
        total += float(((qa * a.filled + qb * b.filled) / (a.filled + b.filled)).sum())
    return total / shared.fused.size, any_gradient


class _Gradient:
    """Sobel gradient of a band, float64 [h, W]; no ``across`` and no ``filled`` strength is 0."""

    def __init__(self, across: np.ndarray, down: np.ndarray) -> None:
        self.across, self.down = across.astype(np.float64), down.astype(np.float64)
        self.strength = np.sqrt(self.across * self.across + self.down * self.down)
        self.filled = np.where(self.strength == 0.0, _SMALL, self.strength)
        self.across[self.across == 0.0] = _SMALL


def _kept(x: _Gradient, f: _Gradient, strength: np.ndarray) -> np.ndarray:
    ratio = np.minimum(x.filled, f.filled) / np.maximum(x.filled, f.filled)
    ratio[(strength == 0.0) & (x.strength > 0.0)] = 0.0
    # Angle between two lines, 0..π/2: that of their directions' cross and dot products.
    cross = np.abs(x.down * f.across - f.down * x.across)
    dot = np.abs(x.across * f.across + x.down * f.down)
    direction = 1.0 - np.arctan2(cross, dot) / (0.5 * np.pi)
    sigmoids = 1.0 + np.exp(_K_STRENGTH * (ratio - _CENTRE_STRENGTH))
    sigmoids *= 1.0 + np.exp(_K_DIRECTION * (direction - _CENTRE_DIRECTION))
    return np.asarray(1.0 / sigmoids)
