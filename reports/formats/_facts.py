"""What machine-readable formats say of a cell, under one set of names."""

from __future__ import annotations

from typing import Any

from ivif_bench.reports.table import MISSING, Cell


def facts(cell: Cell) -> dict[str, Any]:
    """Plain values, nothing rounded; None where there is none.

    ``value``, ``sd`` (over seeds), ``sd_images`` and the interval are in the unit of the records (AP
    and IoU in 0..1).
    ``verdict`` compares with the best source image: ``better`` and ``worse`` only where the interval of
    the difference excludes 0. ``status`` tells a gap (``missing``) from an ``undefined`` value.
    """
    estimate = cell.estimate
    state = "ok" if estimate.value is not None else "undefined"
    return {
        "value": estimate.value,
        "sd": estimate.sd,
        "sd_images": estimate.sd_images,
        "n": estimate.n or None,
        "seeds": estimate.seeds if state == "ok" else None,
        "ci_low": estimate.low,
        "ci_high": estimate.high,
        "interval": estimate.interval or None,
        "rank": cell.mark or None,
        "verdict": cell.verdict or None,
        "status": "missing" if cell.text == MISSING else state,
    }
