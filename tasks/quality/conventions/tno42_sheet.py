"""The values of a published sheet of 42 TNO pairs (Linfeng-Tang/Image-Fusion).

Published bugs, reproduced here:

* SD and the first scale of VIF were computed in uint8, where squares and products saturate at 255.
* MI counts levels in uint8 with ``+1``: 254 and 255 share a bin of the joint histogram.
* PSNR has the peak 255 over an error on [0, 1]: 48.13 dB too high.

SF and MSE are on [0, 1], AG and SD on 0..255. Two columns follow from the definitions only as far as
the rounding of the sheet's own program, whose order of operations is not known:

* VIF sets the information of a window to 0 where a variance is below 1e-10. In bright and almost flat
  windows that program's variances are rounding of that size. Ours are exact.
* Qabf was most likely computed on [0, 1], where rounding decides its tests for equality. Ours is on
  0..255, where they are exact.

`make calibrate` computes bounds of that rounding for each image and checks that the sheet's value is
within them (``benchmarks/calibration/rounding.py``). No single tolerance applies to all images.
"""

from __future__ import annotations

from ivif_bench.tasks.quality.registry import Convention, ConventionSpec, Variant

SPECS = (
    ConventionSpec(
        name="tno42-sheet",
        entry="CONVENTION",
        title="a published sheet of TNO pairs, with its artefacts of 8-bit arithmetic",
        source="Linfeng-Tang/Image-Fusion, sheet of 42 TNO pairs",
    ),
)

CONVENTION = Convention(
    variants={
        "EN": Variant(),
        "SF": Variant({"scale": 1 / 255}, unit="", range=(0.0, 2.0**0.5)),
        "AG": Variant(),
        "SD": Variant(
            {"arithmetic": "uint8"}, label="sd[uint8 arithmetic]", range=(0.0, 255.0**0.5)
        ),
        "CC": Variant(),
        "SCD": Variant(),
        "MI": Variant({"joint_top_merged": True}, label="mi[254 = 255 in joint histograms]"),
        "VIF": Variant({"saturate": True}, label="vif[uint8 products at scale 1]"),
        "Qabf": Variant(),
        "MSE": Variant({"white": 1.0}, label="mse[on 0..1]", unit="", range=(0.0, 1.0)),
        "PSNR": Variant({"white": 1.0}, label="psnr[peak 255, error on 0..1]"),
    },
    others="the sheet has no such column",
    prints=("EN", "SF", "AG", "SD", "CC", "SCD", "MI", "VIF", "Qabf", "MSE", "PSNR"),
)
