"""The exact definitions: every metric function's own defaults, in float64, without an epsilon.

An undefined value is NaN with a reason, never 0.
"""

from __future__ import annotations

from ivif_bench.tasks.quality.registry import Convention, ConventionSpec

SPECS = (
    ConventionSpec(
        name="reference",
        entry="CONVENTION",
        title="exact definitions: MI in bits, AG over (M-1)(N-1), undefined is NaN with a reason",
        source="recommended; agrees with the MATLAB metrics of Linfeng-Tang/Evaluation-for-Image-Fusion",
    ),
)

CONVENTION = Convention()
