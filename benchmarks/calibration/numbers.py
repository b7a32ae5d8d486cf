"""Numbers as the sheet prints them: the same on every machine, though last digits are not."""

from __future__ import annotations

import math
from decimal import Decimal

FLOOR = 1e-12  # differences below it are rounding and belong to the machine


def at_most(difference: float) -> str:
    """A difference as the power of ten above it: ``1e-07``; ``<1e-12`` for rounding; ``–`` if none."""
    if math.isnan(difference):
        return "–"
    if difference <= FLOOR:
        return f"<{FLOOR:.0e}"
    exponent = math.ceil(math.log10(difference) - 1e-9)
    return f"{10.0**exponent:.0e}" if exponent < 0 else f"{10**exponent:d}"


def about(difference: float) -> str:
    """One significant digit: ``0.03``; ``0`` for rounding; ``–`` where there is none."""
    if math.isnan(difference):
        return "–"
    return "0" if difference <= FLOOR else f"{difference:.1g}"


def value(number: float) -> str:
    """A value of ours, twelve digits; empty where it is undefined."""
    return "" if math.isnan(number) else f"{number:.12g}"


def changes(low: float, high: float) -> str:
    """Ratios as changes: ``−5 % .. +3 %``; from a halving or doubling on, factors: ``×0.9 .. ×2.1``.

    One number where both are printed alike.
    """
    if 0.5 <= low <= high <= 2:
        texts = [f"{100 * (ratio - 1):+.2g} %" for ratio in (low, high)]
    else:
        texts = [f"×{ratio:.3g}" for ratio in (low, high)]
    return " .. ".join(dict.fromkeys(texts)).replace("-", "−")


def half_a_unit(printed: str, digits: int) -> float:
    """Half a unit of the last significant digit, also where zeros at the end are not printed.

    ``1.52`` with five digits stands for 1.5200: 0.00005.
    """
    return 0.5 * 10.0 ** (Decimal(printed).adjusted() - digits + 1)
