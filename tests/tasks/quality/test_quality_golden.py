"""Agreement with what the authors' own programs return for twelve triples of images."""

from __future__ import annotations

import csv
import json
import math

import pytest

from bench.data.images import find_image, read_gray
from tasks.quality.engine import measure
from tasks.quality.registry import TEN

pytestmark = pytest.mark.golden

NAMES = (*TEN, "SSIM")
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

# Metric: (evaluator, its key, factor, absolute tolerance).
CDDFUSE = {
    "EN": ("CDDFuse", "EN", 1, 1e-12),
    "SF": ("CDDFuse", "SF", 1, 5e-6),
    "AG": ("CDDFuse", "AG", 1, 5e-6),
    "SD": ("CDDFuse", "SD", 1, 5e-6),
    "CC": ("CDDFuse", "CC", 1, 5e-7),
    "SCD": ("CDDFuse", "SCD", 1, 5e-7),
    "MI": ("CDDFuse", "MI", 1, 1e-12),
    "VIF": ("CDDFuse", "VIF", 1, 1e-9),
    "Qabf": ("CDDFuse", "Qabf", 1, 1e-7),
    "MS-SSIM": ("pytorch_msssim_f64", "MS_SSIM", 1, 1e-12),
    "SSIM": ("CDDFuse", "SSIM", 1, 5e-5),
}
REFERENCE = {
    **{name: ("Tang_m", name, 1, 1e-12) for name in ("EN", "SF", "AG", "SD", "CC", "Qabf")},
    "SCD": ("Tang_m", "SCD", 1, 1e-11),
    "VIF": ("Tang_m", "VIF", 1, 1e-10),
    "MI": ("CDDFuse", "MI", BITS, 1e-11),
    "MS-SSIM": ("pytorch_msssim_f64", "MS_SSIM", 1, 3e-5),
    "SSIM": ("VIFB_m", "SSIM", 1, 1e-12),
}
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
@pytest.mark.parametrize(
    ("convention", "table"),
    [("cddfuse", CDDFUSE), ("reference", REFERENCE)],
    ids=lambda x: str(x)[:9],
)
def test_every_value_agrees_with_the_authors_program(name, convention, table, golden, triple):
    values = measure(*triple(name), NAMES, convention)
    wrong = []
    for metric, (evaluator, key, factor, tolerance) in table.items():
        expected, found = golden[name][evaluator][key], values[metric]
        if isinstance(expected, dict):  # the program returned NaN or raised
            if found.reason != REASONS[name, metric] or not math.isnan(found.value):
                wrong.append(f"{metric}: {found}, expected NaN, {REASONS[name, metric]}")
            continue
        difference = abs(found.value - expected * factor)
        if not difference <= tolerance:
            wrong.append(f"{metric}: {found} differs by {difference:.2e} > {tolerance:.0e}")
        if not math.isnan(found.value) and found.reason:
            wrong.append(f"{metric}: a value with reason {found.reason}")
    assert not wrong, f"{name} under {convention}: " + "; ".join(wrong)


def test_the_table_above_covers_every_golden_triple(golden):
    assert sorted(golden) == sorted(TRIPLES)


def test_cddfuse_counts_one_per_constant_source_and_reference_refuses(triple):
    constant = triple("edge_all_const")
    assert measure(*constant, ["VIF"], "cddfuse")["VIF"].value == 2.0
    infrared, visible, fused = triple("edge_shift1")
    infrared = infrared * 0 + 40
    one = measure(infrared, visible, fused, ["VIF"], "cddfuse")["VIF"].value
    assert one == pytest.approx(1 + measure(visible, visible, fused, ["VIF"])["VIF"].value / 2)
    assert measure(infrared, visible, fused, ["VIF"])["VIF"].reason == "constant_source"


def test_published_sheet_of_tno_pairs_is_reproduced(shared):
    """The columns of a published sheet that carry no artefact of 8-bit arithmetic."""
    root = shared / "data" / "TNO42"
    names = ("EN", "AG", "CC", "SCD")
    with (root / "metrics_matlab.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] in names]
    assert len(rows) == 16 * 4 * len(names)
    measured: dict[tuple[str, str], dict] = {}
    for row in rows:
        stem, method = row["image"], row["method"]
        if (stem, method) not in measured:
            folders = (root / "ir", root / "vi", root / "fused" / method)
            files = [find_image(folder, stem) for folder in folders]
            measured[stem, method] = measure(*(read_gray(path) for path in files), names)
        found = measured[stem, method][row["metric"]].value
        assert found == pytest.approx(float(row["value"]), abs=1e-11), row
