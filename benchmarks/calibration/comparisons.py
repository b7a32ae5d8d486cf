"""Which of our definitions stands beside which value of which program, and how close it must be.

Every value that was recorded of a program has a comparison. Where a toolkit has a convention of
its own, that convention is compared; else the setting of ours that is the same definition, or the
nearest one. Where the definitions differ, no agreement is claimed: there is no tolerance, and the
note says what differs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """A program's metric beside one of ours.

    Attributes:
        evaluator, key: the program, and its name of the metric.
        metric: ours; empty if there is nothing to put beside it.
        convention: whose definition of ours.
        tolerance: largest absolute difference that counts as agreement; None: another definition.
        settings: in place of the convention's settings of the metric, if not empty.
        factor: what their value is multiplied with before it is compared.
        note: what differs, or why the tolerance is not that of double precision.
    """

    evaluator: str
    key: str
    metric: str
    convention: str = "reference"
    tolerance: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    factor: float = 1.0
    note: str = ""

    @property
    def ours(self) -> str:
        """What is computed here, in words."""
        if not self.metric:
            return ""
        shown = ", ".join(f"{name}={value}" for name, value in self.settings.items())
        return f"{self.metric} ({shown})" if shown else f"{self.metric} under {self.convention}"


_UNIFORM = {"window": "uniform", "sample": True}
_FLAT_IS_ONE = {"flat_source": 1.0}
_FLOAT32 = "theirs in single precision"
_CANCELS = "theirs loses digits in single precision (images times 255)"


def _own(
    evaluator: str, convention: str, tolerances: Mapping[str, float], note: str = ""
) -> list[Comparison]:
    """Metrics of a program that has a convention of its own; note for tolerances above 1e-8."""
    return [
        Comparison(
            evaluator,
            key,
            key.replace("_SSIM", "-SSIM"),
            convention,
            tolerance,
            note=note if tolerance > 1e-8 else "",
        )
        for key, tolerance in tolerances.items()
    ]


def _alike(evaluator: str, tolerances: Mapping[str, float], note: str = "") -> list[Comparison]:
    """Metrics of a program that computes the recommended definitions."""
    return _own(evaluator, "reference", tolerances, note)


def _other(
    evaluator: str, key: str, metric: str, note: str, convention: str = "reference", **more: Any
) -> Comparison:
    """A program's metric that is defined in another way than any of ours."""
    return Comparison(evaluator, key, metric, convention, note=note, **more)


CDDFUSE = [
    *_own(
        "CDDFuse",
        "cddfuse",
        {
            "EN": 1e-12, "SF": 5e-6, "AG": 5e-6, "SD": 5e-6, "CC": 5e-7, "SCD": 5e-7, "MI": 1e-12,
            "VIF": 1e-9, "Qabf": 1e-7, "SSIM": 5e-5,
        },
        _FLOAT32,
    ),
    Comparison(
        "CDDFuse", "SSIM_aswritten_skimage0.19.3", "SSIM", "cddfuse", 5e-5, note=_FLOAT32
    ),
    _other("CDDFuse", "SSIM_aswritten", "", "the call raises on scikit-image 0.20 and later"),
]  # fmt: skip

TANG_MATLAB = [
    *_own(
        "Tang_m",
        "tang-matlab",
        dict.fromkeys(("EN", "SF", "AG", "SD", "CC", "SCD", "MI", "VIF", "Qabf"), 1e-10),
    ),
    Comparison("Tang_m", "MEF_SSIM", "MS-SSIM", "tang-matlab", 1e-10),
    Comparison("Tang_m", "FMI_none", "FMI-pixel", tolerance=1e-10),
    Comparison("Tang_m", "FMI_gradient", "FMI-gradient", tolerance=1e-10),
    _other("Tang_m", "FMI_dct", "FMI-dct", "not recorded: GNU Octave lacks a function it calls"),
]

TANG_PYTHON = _own(
    "Tang_py",
    "tang-python",
    {
        "EN": 1e-12, "MI": 1e-10, "SF": 1e-5, "AG": 5e-6, "SD": 5e-6, "CC": 5e-7, "SCD": 5e-7,
        "VIF": 1e-9, "Qabf": 1e-7,
    },
    _FLOAT32,
) + _own("Tang_py", "tang-python", {"SSIM": 3e-3, "MS_SSIM": 5e-3}, _CANCELS)  # fmt: skip

ZOO = _own(
    "IVIF_ZOO",
    "zoo",
    {
        "EN": 1e-6, "MI": 1e-10, "SF": 1e-5, "AG": 5e-6, "SD": 1e-5, "CC": 5e-7, "SCD": 5e-7,
        "VIF": 1e-4, "Qabf": 1e-7,
    },
    _FLOAT32,
) + _own("IVIF_ZOO", "zoo", {"SSIM": 3e-3, "MS_SSIM": 5e-3}, _CANCELS)  # fmt: skip

VIFB = _own("VIFB_m", "vifb", dict.fromkeys(("EN", "SF", "AG", "SD", "MI", "SSIM", "Qabf"), 1e-9))

# The recommended definitions beside the programs that compute the same.
REFERENCE = [
    *_own("Tang_m", "reference", dict.fromkeys(("EN", "SF", "AG", "SD", "CC", "Qabf"), 1e-12)),
    *_own("Tang_m", "reference", {"SCD": 1e-11, "VIF": 1e-10}),
    Comparison(
        "CDDFuse", "MI", "MI", "reference", 1e-11, factor=1 / math.log(2), note="theirs / ln 2"
    ),
    Comparison("VIFB_m", "SSIM", "SSIM", "reference", 1e-12),
    Comparison("skimage", "SSIM_gauss", "SSIM", "reference", 1e-12),
    Comparison("skimage", "EN", "EN", "reference", 1e-12),
    Comparison(
        "pytorch_msssim_f64", "MS_SSIM", "MS-SSIM", "reference", 3e-5,
        note="their window is normalised in single precision",
    ),
    Comparison("thfylsty_m", "VIFF", "VIFF", tolerance=1e-10, settings=_FLAT_IS_ONE),
    Comparison("Tang_m", "MEF_SSIM", "MEF-SSIM", "reference", 1e-10),
    *(Comparison("Liu_m", key, key, "reference", 1e-10) for key in ("Q_S", "Q_W", "Q_G", "Q_P")),
]  # fmt: skip

OTHERS = [
    # A faster fork of Tang's Python port: SSIM and MS-SSIM are means.
    *_own(
        "Tang_py_warren",
        "tang-python",
        {
            "EN": 1e-12, "MI": 1e-10, "SF": 1e-5, "AG": 5e-6, "SD": 5e-6, "CC": 5e-7, "SCD": 5e-7,
            "Qabf": 1e-7,
        },
        _FLOAT32,
    ),
    Comparison("Tang_py_warren", "VIF", "VIF", "cddfuse", 1e-4, note=_FLOAT32),
    Comparison(
        "Tang_py_warren", "SSIM", "SSIM", "tang-python", 3e-3, factor=2.0,
        note=f"theirs is the mean over the sources, times 2; {_CANCELS}",
    ),
    Comparison(
        "Tang_py_warren", "MS_SSIM", "MS-SSIM", "tang-python", 5e-3, factor=2.0,
        note=f"theirs is the mean over the sources, times 2; {_CANCELS}",
    ),
    # Topanxal
    _other("Topanxal", "EN", "EN", "theirs merges levels 0 and 1"),
    Comparison("Topanxal", "SF", "SF", "vifb", 5e-6, note=_FLOAT32),
    *_alike("Topanxal", {"AG": 5e-6, "CC": 5e-7, "SCD": 5e-7}, _FLOAT32),
    _other("Topanxal", "SD", "SD", "theirs divides by N-1"),
    _other("Topanxal", "Qabf", "Qabf", "theirs takes atan2 without wrapping"),
    _other("Topanxal", "SSIM", "SSIM", "theirs is an 11x11 mean filter with zero padding"),
    _other("Topanxal", "MS_SSIM", "", "a stub that returns 0"),
    _other("Topanxal", "VIFF", "VIFF", "theirs in single precision, which decides between sources"),
    # bfliu7
    *_alike("bfliu7", {"EN": 1e-12, "AG": 1e-12}),
    _other("bfliu7", "MI", "", "the sum of p log2(p/q) of the two marginals, not mutual information"),
    _other("bfliu7", "Qabf", "Qabf", "theirs stretches each image, reflects the border, takes atan2"),
    # HuXiangyu, zhanzhi
    *_alike("HuXiangyu", {"EN": 1e-12}),
    _other("HuXiangyu", "MI", "MI", "theirs has 1e-10 in the denominator"),
    Comparison("HuXiangyu", "SSIM", "SSIM", tolerance=1e-12, settings=_UNIFORM),
    *_alike("zhanzhi", {"EN": 1e-12, "SD": 1e-12, "CC": 1e-12}),
    _other("zhanzhi", "SF", "SF", "theirs squares in int16, which overflows for steps above 181"),
    _other("zhanzhi", "SSIM", "SSIM", "theirs has one window, the whole image"),
    # IVIF_bench_apple
    _other("IVIF_bench_apple", "SSIM", "SSIM", "theirs is a mean; its window was not looked up", factor=2.0),
    _other("IVIF_bench_apple", "MI", "MI", "theirs bins from minimum to maximum; 12.69 if constant"),
    _other("IVIF_bench_apple", "Qabf", "Qabf", "theirs has Sobel/8, a reflected border, wrapped atan2"),
    _other("IVIF_bench_apple", "FMI_w", "FMI-wavelet", "theirs has the Haar wavelet"),
    # MetricsLab: soft histograms, an epsilon everywhere
    _other("MetricsLab", "EN", "EN", "theirs has soft histograms"),
    _other("MetricsLab", "SF", "SF", "theirs has an epsilon: 0.00255 for a constant image"),
    _other("MetricsLab", "AG", "AG", "theirs has an epsilon"),
    *_alike("MetricsLab", {"SD": 1e-12, "Q_W": 1e-12}),
    _other("MetricsLab", "CC", "CC", "theirs is 0 where it is undefined"),
    _other("MetricsLab", "SCD", "SCD", "theirs is 0 where it is undefined"),
    Comparison("MetricsLab", "MI", "MI", "cddfuse", 1e-12),
    _other("MetricsLab", "VIFF", "VIFF", "theirs has other epsilons"),
    _other("MetricsLab", "Qabf", "Qabf", "theirs has G = 1 where gradients are equal"),
    Comparison(
        "MetricsLab", "MS_SSIM", "MS-SSIM", "cddfuse", 1e-12, factor=2.0,
        note="theirs is the mean over the sources, times 2",
    ),
    _other("MetricsLab", "SSIM", "SSIM", "theirs is a mean, of a padded map", factor=2.0),
    # Jilei-Hou: MATLAB arithmetic in uint8
    *_alike("Jilei_m", {"AG": 1e-12}),
    _other("Jilei_m", "MI", "MI", "theirs merges levels 254 and 255 in all histograms"),
    _other("Jilei_m", "SD", "SD", "theirs divides by N-1"),
    _other("Jilei_m", "SF", "SF", "theirs subtracts in uint8"),
    _other("Jilei_m", "CC", "CC", "theirs subtracts in uint8"),
    _other("Jilei_m", "SCD", "SCD", "theirs subtracts in uint8"),
    # thfylsty
    *_alike("thfylsty_m", {"EN": 1e-12, "SD": 1e-10, "CC": 1e-12, "SCD": 1e-11}),
    Comparison("thfylsty_m", "SF", "SF", "vifb", 1e-12),
    _other("thfylsty_m", "AG", "AG", "theirs takes forward differences", "cddfuse"),
    _other("thfylsty_m", "AG_definition", "AG", "theirs takes forward differences"),
    _other("thfylsty_m", "MI", "MI", "theirs merges levels 254 and 255 in all histograms"),
    _other("thfylsty_m", "MI_evaluation", "", "takes whole rows as symbols, not pixels"),
    _other("thfylsty_m", "Qabf", "Qabf", "theirs on [0, 1], where rounding decides its tests"),
    # Libraries
    Comparison("piq", "SSIM", "SSIM", tolerance=5e-5, note=_FLOAT32),
    _other("piq", "SSIM_default", "SSIM", "theirs shrinks the images first"),
    _other("piq", "MS_SSIM", "MS-SSIM", "theirs repeats edge pixels at odd sides"),
    Comparison("piq", "VIF", "VIF", tolerance=1e-4, settings=_FLAT_IS_ONE, note=_FLOAT32),
    _other("torchmetrics", "SSIM", "SSIM", "theirs is the mean of a padded map"),
    _other("torchmetrics", "MS_SSIM", "MS-SSIM", "theirs drops the odd line, averages a padded map"),
    Comparison("torchmetrics", "VIF", "VIF", tolerance=1e-4, settings=_FLAT_IS_ONE, note=_FLOAT32),
    Comparison("pytorch_msssim", "SSIM", "SSIM", tolerance=5e-5, note=_FLOAT32),
    Comparison("pytorch_msssim", "MS_SSIM", "MS-SSIM", "cddfuse", 5e-5, note=_FLOAT32),
    Comparison(
        "pytorch_msssim_f64", "SSIM", "SSIM", tolerance=1e-12, settings={"window": "float32"}
    ),
    Comparison("pytorch_msssim_f64", "MS_SSIM", "MS-SSIM", "cddfuse", 1e-12),
    _other("pyiqa", "SSIM", "SSIM", "its defaults, on three channels in [0, 1], were not looked up"),
    _other("pyiqa", "MS_SSIM", "MS-SSIM", "theirs clips the contrast map per pixel"),
    _other("pyiqa", "VIF", "VIF", "its defaults were not looked up; 0 if all is constant"),
    Comparison("skimage", "SSIM", "SSIM", tolerance=1e-12, settings=_UNIFORM),
]  # fmt: skip

COMPARISONS: tuple[Comparison, ...] = (
    *CDDFUSE, *TANG_MATLAB, *TANG_PYTHON, *ZOO, *VIFB, *REFERENCE, *OTHERS,
)  # fmt: skip

EXCEPTIONS: Mapping[tuple[str, str, str], str] = {
    ("Tang_m", "MEF_SSIM", "edge_noise_small"): (
        "a scale is negative, so the value is a complex number: theirs prints its real part, "
        "ours is undefined"
    ),
}
"""Triples on which a comparison with a tolerance fails, with the reason; all of them."""
