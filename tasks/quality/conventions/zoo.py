"""The torch metrics of RollingPlain/IVIF_ZOO, a version of Tang's Python port.

Published bugs, reproduced here:

* VIF samples its Gaussian window off-centre and pads with zeros: 3 to 29 % too high. Use it
  only to check a table made with it.
* EN, PSNR, SSIM and MS-SSIM as in ``tang-python``.

Several of its metrics do not match the definition of their name; those are errors here.
"""

from __future__ import annotations

from ivif_bench.tasks.quality.registry import Convention, ConventionSpec, Variant

SPECS = (
    ConventionSpec(
        name="zoo",
        entry="CONVENTION",
        title="torch metrics of IVIF_ZOO: as tang-python, AG over MN, VIF off-centre and padded",
        source="RollingPlain/IVIF_ZOO, Metric/Metric_torch.py",
    ),
)

CONVENTION = Convention(
    variants={
        "EN": Variant({"log_epsilon": 1e-7}, range=(-1.5e-7, 8.0)),
        "SF": Variant(),
        "AG": Variant({"divisor": "pixels"}),
        "SD": Variant(),
        "CC": Variant(),
        "SCD": Variant(),
        "MI": Variant(),
        "VIF": Variant({"window": "zoo", "flat_source": 1.0}, label="vif[off-centre, padded]"),
        "Qabf": Variant(),
        "MS-SSIM": Variant(
            {"window": "float32", "data_range": 1.0}, label="ms_ssim[images times 255]"
        ),
        "SSIM": Variant({"window": "float32", "data_range": 1.0}, label="ssim[images times 255]"),
        "MSE": Variant({"white": 1.0}, label="mse[on 0..1]", unit="", range=(0.0, 1.0)),
        "PSNR": Variant({"white": 1.0}, label="psnr[peak 255, error on 0..1]"),
        "NMI": Variant(),
    },
    lacks={
        "CE": "its CE is a binary cross-entropy of sigmoids",
        "NCIE": "its NCIE is made of plain correlations",
        "Q_Y": "its Q_Y has a window that sums to 7 and zeros around the image",
        "Q_CB": "its Q_CB has half the frequency scale and 1e-10 in the contrast",
    },
    others="IVIF_ZOO does not compute it",
    reading="pillow",
)
