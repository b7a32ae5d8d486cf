"""Q_P, agreement of the phase congruency of the fused image and the sources."""

from __future__ import annotations

from typing import Literal

from ivif_bench.tasks.quality.registry import MetricSpec
from ivif_bench.tasks.quality.shared import Shared, Undefined

SPECS = (
    MetricSpec(
        name="Q_P",
        entry="phase_congruency_agreement",
        title="Phase congruency agreement",
        direction="up",
        range=(-1.0, 1.0),
        unit="",
        reference="Zhao, Laganière, Liu, Performance assessment of combinative pixel-level image "
        "fusion based on an absolute feature measurement, IJICIC 2007",
    ),
)

_SMALLEST_SIDE = 11  # of the correlation window


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
