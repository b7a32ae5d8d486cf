"""Noise schedules of SR3: the share of signal after each of T steps.

The network's input is the noise level itself, c = sqrt(alpha-bar), not the step. L[n] is that level
after n steps: L[0] = 1 (clean) down to L[T] (noise). "The level at step t" is drawn uniformly
between L[t-1] and L[t] (Chen et al., WaveGrad, 2020; used by SR3).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 2000
Kind = Literal["linear", "cosine"]


def betas(kind: Kind, steps: int = STEPS, first: float = 1e-6, last: float = 1e-2) -> np.ndarray:
    """Share of noise added by each step, float64 [steps].

    ``linear``: from ``first`` to ``last``. ``cosine`` (Nichol and Dhariwal 2021): alpha-bar(n) is
    proportional to cos((n / steps + 0.008) / 1.008 * pi / 2) squared, each beta at most 0.999.
    """
    if kind == "linear":
        return np.linspace(first, last, steps, dtype=np.float64)
    if kind == "cosine":
        n = np.arange(steps + 1, dtype=np.float64)
        kept = np.cos((n / steps + 0.008) / 1.008 * math.pi / 2) ** 2
        share: np.ndarray = np.minimum(1 - kept[1:] / kept[:-1], 0.999)
        return share
    raise ValueError(f"schedule must be linear or cosine, not {kind!r}")


def levels(kind: Kind, steps: int = STEPS) -> np.ndarray:
    """L[0..steps], float64 [steps + 1]: L[0] = 1, L[n] = sqrt(product of the first n 1 - beta)."""
    return np.sqrt(np.concatenate(([1.0], np.cumprod(1 - betas(kind, steps)))))


def draw_level(
    levels: np.ndarray, step: int, generator: np.random.Generator | np.random.RandomState
) -> float:
    """A level between L[step-1] and L[step], uniform; step counts from 1.

    It takes one draw from the generator, and is rounded to float32, the precision in which the
    network gets it. NumPy's old global ``uniform`` computes the same from the same draw.
    """
    before, after = levels[step - 1], levels[step]
    return float(np.float32(before + (after - before) * generator.random()))


def add_noise(clean: Tensor, level: Tensor, noise: Tensor) -> Tensor:
    """c * clean + sqrt(1 - c^2) * noise; clean and noise [N, C, H, W], level c [N, 1]."""
    c = level[:, :, None, None]
    return c * clean + (1 - c**2).sqrt() * noise


def checkpoint_buffers(kind: Kind, steps: int = STEPS) -> dict[str, np.ndarray]:
    """The twelve float32 [steps] tables that SR3 checkpoints have besides the network.

    This code never reads them; a published program loads files strictly and requires them.
    """
    beta = betas(kind, steps)
    alpha_bar = np.cumprod(1 - beta)
    before = np.concatenate(([1.0], alpha_bar[:-1]))
    variance = beta * (1 - before) / (1 - alpha_bar)
    tables = {
        "betas": beta,
        "alphas_cumprod": alpha_bar,
        "alphas_cumprod_prev": before,
        "sqrt_alphas_cumprod": np.sqrt(alpha_bar),
        "sqrt_one_minus_alphas_cumprod": np.sqrt(1 - alpha_bar),
        "log_one_minus_alphas_cumprod": np.log(1 - alpha_bar),
        "sqrt_recip_alphas_cumprod": np.sqrt(1 / alpha_bar),
        "sqrt_recipm1_alphas_cumprod": np.sqrt(1 / alpha_bar - 1),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": np.log(np.maximum(variance, 1e-20)),
        "posterior_mean_coef1": beta * np.sqrt(before) / (1 - alpha_bar),
        "posterior_mean_coef2": (1 - before) * np.sqrt(1 - beta) / (1 - alpha_bar),
    }
    return {name: table.astype(np.float32) for name, table in tables.items()}
