"""Numbers printed in the DDFM paper, copied without changes.

Source: Zhao et al., ICCV 2023, Table 2 (ablation on RoadScene). The number of test pairs and the
metric code are not in its text; SSIM, MI and VIF fit sums over the two sources.
"""

from __future__ import annotations

TABLE_2_METRICS = ("EN", "SD", "MI", "VIF", "Qabf", "SSIM")

TABLE_2: dict[str, tuple[float, ...]] = {
    "I": (7.19, 41.82, 2.11, 0.60, 0.42, 0.92),
    "II": (7.33, 44.12, 2.29, 0.69, 0.52, 0.93),
    "III": (7.25, 43.16, 2.26, 0.66, 0.49, 0.90),
    "IV": (7.26, 42.37, 2.24, 0.66, 0.47, 0.91),
    "Ours": (7.41, 52.61, 2.35, 0.75, 0.65, 0.98),
}
