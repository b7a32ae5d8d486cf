"""Agreement with what the authors' own programs return for twelve triples of images.

The tolerances are those that the recorded set states for an implementation in double precision.
"""

from __future__ import annotations

import json
import math

import pytest

from ivif_bench.data.images import read_gray
from ivif_bench.tasks.quality.engine import measure
from ivif_bench.tasks.quality.registry import TEN

pytestmark = pytest.mark.golden

TRIPLES = (
    "tno10_avg",
    "tno05_max_odd",
    "road04269_lap_odd",
    "ddfm03952_avg",
    "ddfm04598_lap",
    "edge_const128",
    "edge_black",
    "edge_white",
    "edge_identical",
    "edge_shift1",
    "edge_all_const",
    "edge_noise_small",
)
BITS = 1 / math.log(2)

# By convention, metric: (evaluator, its key, factor, absolute tolerance).
SINGLE_PRECISION = {"SF": 5e-6, "AG": 5e-6, "SD": 5e-6, "CC": 5e-7, "SCD": 5e-7, "Qabf": 1e-7}


def of(evaluator, tolerances):
    return {
        name: (evaluator, name.replace("-SSIM", "_SSIM"), 1, tolerance)
        for name, tolerance in tolerances.items()
    }


TABLES = {
    "reference": {
        **of("Tang_m", dict.fromkeys(("EN", "SF", "AG", "SD", "CC", "Qabf"), 1e-12)),
        **of("Tang_m", {"SCD": 1e-11, "VIF": 1e-10}),
        "MI": ("CDDFuse", "MI", BITS, 1e-11),
        "MS-SSIM": ("pytorch_msssim_f64", "MS_SSIM", 1, 3e-5),
        "SSIM": ("VIFB_m", "SSIM", 1, 1e-12),
        "VIFF": ("thfylsty_m", "VIFF", 1, 1e-10),
        "MEF-SSIM": ("Tang_m", "MEF_SSIM", 1, 1e-10),
        **of("Liu_m", dict.fromkeys(("Q_S", "Q_W", "Q_G"), 1e-10)),
    },
    "cddfuse": {
        **of("CDDFuse", {"EN": 1e-12, **SINGLE_PRECISION, "MI": 1e-12, "VIF": 1e-9, "SSIM": 5e-5}),
        "MS-SSIM": ("pytorch_msssim_f64", "MS_SSIM", 1, 1e-12),
    },
    "tang-matlab": {
        **of("Tang_m", {name: 1e-10 for name in TEN if name != "MS-SSIM"}),
        "MS-SSIM": ("Tang_m", "MEF_SSIM", 1, 1e-10),
    },
    "tang-python": of(
        "Tang_py",
        {"EN": 1e-12, **SINGLE_PRECISION, "SF": 1e-5, "MI": 1e-10, "VIF": 1e-9,
         "SSIM": 3e-3, "MS-SSIM": 5e-3},
    ),
    "zoo": of(
        "IVIF_ZOO",
        {"EN": 1e-6, **SINGLE_PRECISION, "SF": 1e-5, "SD": 1e-5, "MI": 1e-10, "VIF": 1e-4,
         "SSIM": 3e-3, "MS-SSIM": 5e-3},
    ),
    "vifb": of("VIFB_m", dict.fromkeys(("EN", "SF", "AG", "SD", "MI", "SSIM", "Qabf"), 1e-9)),
}  # fmt: skip
REASONS = {
    ("edge_const128", "CC"): "constant_fused",
    ("edge_black", "CC"): "constant_fused",
    ("edge_white", "CC"): "constant_fused",
    ("edge_identical", "SCD"): "fused_equals_source",
    ("edge_all_const", "CC"): "constant_fused",
    ("edge_all_const", "SCD"): "constant_source",
    ("edge_all_const", "VIF"): "constant_source",
    ("edge_noise_small", "MS-SSIM"): "too_small",
}
# Where ours is undefined on purpose and the program prints a number all the same.
REFUSED = {
    ("edge_noise_small", "MEF_SSIM"): "negative_scale",  # theirs: real part of a complex number
    ("edge_all_const", "VIFF"): "constant_source",  # theirs: 0/0, saved by an epsilon
}


@pytest.fixture(scope="module")
def golden(shared):
    return json.loads((shared / "golden" / "metrics" / "golden_metrics.json").read_text())["values"]


@pytest.fixture(scope="module")
def triple(shared):
    def read(name):
        folder = shared / "golden" / "metrics"
        return tuple(read_gray(folder / f"{name}_{side}.png") for side in ("ir", "vi", "fu"))

    return read


@pytest.mark.parametrize("name", TRIPLES)
@pytest.mark.parametrize("convention", TABLES)
def test_every_value_agrees_with_the_authors_program(name, convention, golden, triple):
    table = TABLES[convention]
    values = measure(*triple(name), tuple(table), convention)
    wrong = []
    for metric, (evaluator, key, factor, tolerance) in table.items():
        expected, found = golden[name][evaluator][key], values[metric]
        if isinstance(expected, dict) or (name, key) in REFUSED:  # NaN, or an error
            reason = REFUSED.get((name, key)) or REASONS.get((name, metric))
            if found.reason != reason or not math.isnan(found.value):
                wrong.append(f"{metric}: {found}, expected NaN, {reason}")
            continue
        difference = abs(found.value - expected * factor)
        if not difference <= tolerance:
            wrong.append(f"{metric}: {found} differs by {difference:.2e} > {tolerance:.0e}")
        if not math.isnan(found.value) and found.reason:
            wrong.append(f"{metric}: a value with reason {found.reason}")
    assert not wrong, f"{name} under {convention}: " + "; ".join(wrong)


def test_the_table_above_covers_every_golden_triple(golden):
    assert sorted(golden) == sorted(TRIPLES)


def test_the_table_above_covers_all_that_each_program_returns(golden):
    """Nothing that a convention's own program computes is left untested."""
    programs = {"cddfuse": "CDDFuse", "tang-matlab": "Tang_m", "tang-python": "Tang_py",
                "zoo": "IVIF_ZOO", "vifb": "VIFB_m"}  # fmt: skip
    elsewhere = {"SSIM_aswritten", "SSIM_aswritten_skimage0.19.3"}  # the same call, other versions
    elsewhere |= {"FMI_none", "FMI_gradient", "FMI_dct"}  # 64x65: test_calibration.py
    for convention, program in programs.items():
        compared = {key for _, key, _, _ in TABLES[convention].values()}
        assert set(golden["tno10_avg"][program]) - elsewhere <= compared


def test_cddfuse_counts_one_per_constant_source_and_reference_refuses(triple):
    constant = triple("edge_all_const")
    assert measure(*constant, ["VIF"], "cddfuse")["VIF"].value == 2.0
    infrared, visible, fused = triple("edge_shift1")
    infrared = infrared * 0 + 40
    one = measure(infrared, visible, fused, ["VIF"], "cddfuse")["VIF"].value
    assert one == pytest.approx(1 + measure(visible, visible, fused, ["VIF"])["VIF"].value / 2)
    assert measure(infrared, visible, fused, ["VIF"])["VIF"].reason == "constant_source"
