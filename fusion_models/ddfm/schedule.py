"""The noise schedule of the prior and its respacing to fewer steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TRAINED_STEPS = 1000


def base_betas() -> np.ndarray:
    """The 1000 betas that the prior was trained with: linear from 1e-4 to 0.02, float64."""
    return np.linspace(1e-4, 0.02, TRAINED_STEPS, dtype=np.float64)


def base_alphas_cumprod() -> np.ndarray:
    """Cumulative product of 1 - beta over the trained steps, float64 [1000]."""
    return np.cumprod(1.0 - base_betas())


@dataclass(frozen=True)
class Schedule:
    """A respaced chain of N steps, from clean (index 0) to noise (index N-1).

    Attributes:
        index: trained step t_k of each position, int64 [N]; the network is given this.
        betas: betas of the respaced chain, float64 [N].
        alphas_cumprod: cumulative product of 1 - beta, float64 [N].
        alphas_cumprod_prev: the same one position earlier, 1 at position 0.
    """

    index: np.ndarray
    betas: np.ndarray
    alphas_cumprod: np.ndarray
    alphas_cumprod_prev: np.ndarray


def respaced(steps: int) -> Schedule:
    """The chain that the released script runs for a number of steps.

    Kept steps are t_k = round(k 999 / (N - 1)), 0 for N = 1, so both ends are always kept. New
    betas come from ratios of the kept products: 1 - a(t_k) / a(t_{k-1}).

    Raises:
        ValueError: not 1 to 1000 steps.
    """
    if not 1 <= steps <= TRAINED_STEPS:
        raise ValueError(f"ddfm: steps must be from 1 to {TRAINED_STEPS}, not {steps}")
    stride = (TRAINED_STEPS - 1) / max(1, steps - 1)
    index, position = [], 0.0
    for _ in range(steps):
        index.append(round(position))
        position += stride  # summed, as the released code does: rounding errors included
    kept = base_alphas_cumprod()[index]
    betas = 1.0 - kept / np.concatenate([[1.0], kept[:-1]])
    products = np.cumprod(1.0 - betas)
    previous = np.concatenate([[1.0], products[:-1]])
    return Schedule(np.array(index, np.int64), betas, products, previous)
