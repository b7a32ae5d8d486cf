"""The metrics of VIFB's MATLAB toolbox.

A coloured fused image is measured channel by channel against the same channel of each source (an
infrared image of one channel is used for all three), and the three values are averaged. SF is that
of the three channels side by side, including differences across the seams.

Published bug, reproduced here: what it calls RMSE is the root of the summed squared differences,
divided by the number of pixels, and PSNR is computed from it.
"""

from __future__ import annotations

from ivif_bench.tasks.quality.registry import Convention, ConventionSpec, Variant

SPECS = (
    ConventionSpec(
        name="vifb",
        entry="CONVENTION",
        title="VIFB's 13 metrics: colour per channel, MI in nats, SF over MN",
        source="xingchenzhang/VIFB, metrics/*.m",
    ),
)

CONVENTION = Convention(
    variants={
        "AG": Variant(),
        "CE": Variant(),
        "EI": Variant(),
        "EN": Variant(),
        "MI": Variant({"unit": "nats"}, unit="nats"),
        "PSNR": Variant({"form": "vifb"}, label="psnr[of that rmse]"),
        "Qabf": Variant(),
        "Q_CB": Variant(),
        "Q_CV": Variant(),
        "RMSE": Variant({"form": "vifb"}, label="rmse[root of the sum / MN]"),
        "SF": Variant({"divisor": "pixels"}, colour="side"),
        "SSIM": Variant(),
        "SD": Variant(),
    },
    others="VIFB does not compute it",
    prints=(
        "AG", "CE", "EI", "EN", "MI", "PSNR", "Qabf", "Q_CB", "Q_CV", "RMSE", "SF", "SSIM", "SD",
    ),
    reading="channels",
    visible_first=True,
)  # fmt: skip
