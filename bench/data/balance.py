"""Chooses whole runs for a part of a split so that its share of everything is near the wanted one."""

from __future__ import annotations

import numpy as np

_TRIES = 12  # starts of the search; the best end counts
_STEPS = 2000  # moves of a search
_IMAGES = 4.0  # weight of the share of images against that of each class


def choose(amounts: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Runs whose amounts sum up to about a share of all; bool [runs].

    Minimises the squared differences between the share of each amount and the wanted one, from several
    starts in random order: runs are taken as long as that helps, then single runs are moved or
    exchanged until nothing helps. The same arguments give the same runs. At least one run is chosen
    and one is left.

    Args:
        amounts: float64 [runs, kinds], the first the number of images, then objects of each class.
        share: above 0 and below 1.
        seed: of the starts.
    """
    totals = amounts.sum(axis=0)
    used = totals > 0
    parts = amounts[:, used] / totals[used]
    weights = np.ones(parts.shape[1])
    weights[0] = _IMAGES
    rng = np.random.Generator(np.random.PCG64(seed))
    best, lowest = np.zeros(len(parts), bool), np.inf
    for _ in range(_TRIES):
        chosen = _search(parts, weights, share, rng.permutation(len(parts)))
        missing = parts[chosen].sum(axis=0) - share
        value = float((weights * missing**2).sum())
        if 0 < chosen.sum() < len(parts) and value < lowest - 1e-15:
            best, lowest = chosen, value
    if not best.any():  # every start ended with all or nothing: the smallest run is a part
        best[int(parts[:, 0].argmin())] = True
    return best


def _search(parts: np.ndarray, weights: np.ndarray, share: float, order: np.ndarray) -> np.ndarray:
    chosen = np.zeros(len(parts), bool)
    missing = np.full(parts.shape[1], -share)  # of each kind: what is chosen less what is wanted
    for run in order:
        after = missing + parts[run]
        if (weights * after**2).sum() < (weights * missing**2).sum():
            chosen[run], missing = True, after
    for step in range(_STEPS):
        signed = np.where(chosen[:, None], -parts, parts)
        single = (weights * (missing + signed) ** 2).sum(axis=1)
        move = int(single.argmin())
        moves, value = [move], float(single[move])
        # An exchange begins with one run after the other, so that no step looks at all pairs of runs.
        first = int(order[step % len(order)])
        double = (weights * (missing + signed[first] + signed) ** 2).sum(axis=1)
        double[first] = np.inf
        second = int(double.argmin())
        if double[second] < value:
            moves, value = [first, second], float(double[second])
        if value >= (weights * missing**2).sum() - 1e-15:
            if step >= len(order):
                break
            continue
        for run in moves:
            missing = missing + (-parts[run] if chosen[run] else parts[run])
            chosen[run] = not chosen[run]
    return chosen
