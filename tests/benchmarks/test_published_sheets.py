"""Published sheets of values, and a table of means, are reproduced from the published images."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from scipy import signal

from benchmarks.calibration.means import COLUMNS, measure_means, unexplained_means
from benchmarks.calibration.published import (
    FILE,
    SHEETS,
    Sheet,
    measure_sheet,
    unexplained,
)
from benchmarks.calibration.rounding import qabf, vif_saturated
from ivif_bench.data.images import encode_png
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.tasks.quality.engine import measure
from ivif_bench.tasks.quality.shared import Shared

TNO42, VIFB = SHEETS


@pytest.fixture(scope="module")
def data(shared):
    return shared / "data"


def rows_of(sheet, folder):
    with (folder / sheet.name / FILE).open() as file:
        return list(csv.DictReader(file))


def check_tno42(entries):
    """Each value is where rounding can have put it; nowhere is that a wide range but in Qabf."""
    assert unexplained(TNO42, entries) == []
    widest = {"VIF": 2e-7, "Qabf": 0.04}
    assert set(TNO42.rounding) == set(widest)
    for entry in entries:
        assert entry.allowed <= widest.get(entry.column, 1e-9), entry


@pytest.mark.slow
@pytest.mark.golden
def test_tno42_is_reproduced_within_its_own_rounding_on_two_pairs(data):
    """The first has white areas that are almost flat, where VIF hangs on rounding; 23 has none."""
    check_tno42(measure_sheet(TNO42, data / "TNO42", ["01", "23"], ["DenseFuse", "SeAFusion"]))


@pytest.mark.golden
@pytest.mark.slow
def test_tno42_is_reproduced_within_its_own_rounding(data):
    entries = measure_sheet(TNO42, data / "TNO42")
    assert len(entries) == 64 * 11 == len(rows_of(TNO42, data))
    check_tno42(entries)


@pytest.mark.golden
def test_every_column_of_both_sheets_is_measured(data):
    for sheet in SHEETS:
        assert {row["metric"] for row in rows_of(sheet, data)} == set(sheet.columns)


def check_vifb(entries):
    assert unexplained(VIFB, entries) == []
    assert not VIFB.rounding
    assert VIFB.digits == 5
    apart = {entry.method for entry in entries if not entry.agrees}
    assert apart == {"SwinFusion", "YDTR"} == set(VIFB.apart)


@pytest.mark.slow
@pytest.mark.golden
def test_vifb_agrees_to_half_the_fifth_digit_on_one_pair(data):
    methods = ("ADF", "CNN", "LP_SR", "SwinFusion", "YDTR")
    entries = measure_sheet(VIFB, data / "VIFB", ["carLight"], methods)
    assert len(entries) == 5 * 13
    check_vifb(entries)


@pytest.mark.golden
@pytest.mark.slow
def test_vifb_agrees_to_half_the_fifth_digit(data):
    entries = measure_sheet(VIFB, data / "VIFB")
    assert len(entries) == 275 * 13
    check_vifb(entries)
    # The metrics of tests/tasks/quality/test_metrics_vifb_family.py alone tell the same methods.
    family = {"Rmse", "Psnr", "Edge_intensity", "Cross_entropy", "Qcb", "Qcv"}
    wrong = {entry.method for entry in entries if entry.column in family and not entry.agrees}
    assert wrong == set(VIFB.apart)


@pytest.mark.parametrize(
    ("printed", "allowed"),
    [("19.123", 5e-4), ("5.5", 5e-5), ("61", 5e-4), ("0.0499", 5e-7), ("1749.7", 5e-2)],
)
def test_half_a_unit_of_the_fifth_digit_is_allowed_whatever_digits_are_printed(
    tmp_path, printed, allowed
):
    """The sheet of VIFB has five significant digits; zeros at the end are not printed."""
    image = encode_png(np.arange(64, dtype=np.uint8).reshape(8, 8))
    for name in ("ir/one.png", "vi/one.png", "fused/a_one.png"):
        write_bytes(tmp_path / name, image)
    (tmp_path / FILE).write_text(
        f"image,method,metric,value\none,a,Entropy,6\none,b,Entropy,7.0\none,a,SD,{printed}\n"
    )
    sheet = Sheet("own", "vifb", {"Entropy": "EN", "SD": "SD"}, ("ir", "vi"),
                  "fused/{method}_{image}", None, digits=VIFB.digits)  # fmt: skip
    entries = measure_sheet(sheet, tmp_path)
    assert [(entry.column, entry.allowed, entry.agrees) for entry in entries] == [
        ("Entropy", pytest.approx(5e-5), True),
        ("SD", pytest.approx(allowed), False),
    ]
    assert entries[1].ours == pytest.approx(np.arange(64).std())


def almost_flat(seed, size=(90, 110)):
    """Sources with white areas of few levels under a fused image with texture."""
    generator = np.random.default_rng(seed)
    visible, infrared = generator.integers(0, 256, (2, *size)).astype(np.uint8)
    infrared[30:] = 255 - (generator.random((size[0] - 30, size[1])) < 0.002)
    return infrared, visible, ((infrared.astype(int) + visible) // 2).astype(np.uint8)


def textbook_vif(x, y, filtered):
    """The TNO sheet's VIF with means of squares less squared means, all in float64."""
    found = present = 0.0
    for scale, side in enumerate((17, 9, 5, 3)):
        if scale:
            x, y = (filtered(plane, side)[::2, ::2] for plane in (x, y))
        top = np.inf if scale else 255.0
        mx, my = filtered(x, side), filtered(y, side)
        vx, vy, c = (
            filtered(np.minimum(one * other, top), side) - m
            for one, other, m in ((x, x, mx * mx), (y, y, my * my), (x, y, mx * my))
        )
        vx, vy = np.maximum(vx, 0), np.maximum(vy, 0)
        g = np.where((vx < 1e-10) | (vy < 1e-10), 0, c / (vx + 1e-10))
        rest = np.where(g < 0, vy, np.maximum(vy - g * c, 1e-10))
        vx = np.where(vx < 1e-10, 0, vx)
        found += np.log1p(np.maximum(g, 0) ** 2 * vx / (rest + 2)).sum()
        present += np.log1p(vx / 2).sum()
    return found / present


def whole_window(plane, side):
    t = np.arange(side) - side // 2
    window = np.exp(-(t[:, None] ** 2 + t**2) / (2 * (side / 5) ** 2))
    return signal.convolve2d(plane, window / window.sum(), "valid")


def rows_then_columns(plane, side):
    taps = np.exp(-((np.arange(side) - side // 2) ** 2) / (2 * (side / 5) ** 2))
    for _ in range(2):
        windows = np.lib.stride_tricks.sliding_window_view(plane, side, axis=0)
        plane = (windows @ (taps / taps.sum())).T
    return plane


@pytest.mark.parametrize("seed", range(3))
def test_limits_of_the_tno_sheets_vif_hold_for_programs_that_add_in_other_orders(seed):
    a, b, f = almost_flat(seed)
    ours = measure(a, b, f, ["VIF"], "tno42-sheet")["VIF"].value
    low, high = vif_saturated(Shared(a, b, f))
    assert low <= ours <= high
    theirs = [
        sum(textbook_vif(x.astype(float), f.astype(float), filtered) for x in (a, b))
        for filtered in (whole_window, rows_then_columns)
    ]
    assert max(abs(value - ours) for value in theirs) > 1e-9  # so these images do hang on rounding
    assert all(low <= value <= high for value in theirs)


def test_limits_of_the_tno_sheets_vif_are_rounding_where_nothing_is_flat():
    triple = np.random.default_rng(4).integers(0, 256, (3, 80, 90)).astype(np.uint8)
    low, high = vif_saturated(Shared(*triple))
    assert 0 < high - low < 1e-9


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("white", [1.0, 255.0])
def test_limits_of_the_tno_sheets_qabf_hold_for_images_of_either_range(seed, white):
    """Upright edges and equal strengths, on which the two tests for equality hang."""
    generator = np.random.default_rng(seed)
    a, b = (np.kron(generator.integers(0, 4, (9, 11)), np.ones((6, 6))).astype(np.uint8) * 60
            for _ in range(2))  # fmt: skip
    f = np.where(generator.random(a.shape) < 0.5, a, b)
    edges = []
    for image in (a, b, f):
        padded = np.pad(image / 255 * white, 1)
        sx = signal.correlate2d(padded, np.outer([1, 2, 1], [-1, 0, 1]), "valid")
        sy = signal.correlate2d(padded, np.outer([1, 0, -1], [1, 2, 1]), "valid")
        with np.errstate(all="ignore"):
            edges.append((np.hypot(sx, sy), np.where(sx == 0, np.pi / 2, np.arctan(sy / sx))))
    kept = present = 0.0
    for g, direction in edges[:2]:
        with np.errstate(all="ignore"):
            ratio = np.minimum(g, edges[2][0]) / np.maximum(g, edges[2][0])
        ratio = np.where(g == edges[2][0], edges[2][0], ratio)
        angle = 1 - np.abs(direction - edges[2][1]) / (np.pi / 2)
        q = 0.9994 / (1 + np.exp(-15 * (ratio - 0.5))) * 0.9879 / (1 + np.exp(-22 * (angle - 0.8)))
        kept, present = kept + (q * g).sum(), present + g.sum()
    low, high = qabf(Shared(a, b, f))
    ours = measure(a, b, f, ["Qabf"], "tno42-sheet")["Qabf"].value
    assert low - 1e-12 <= kept / present <= high + 1e-12
    assert low - 1e-12 <= ours <= high + 1e-12
    if white == 1.0:
        assert abs(kept / present - ours) > 1e-3  # so these images do hang on rounding


def test_a_sheet_without_its_images_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        measure_sheet(TNO42, tmp_path)
    (tmp_path / FILE).write_text("image,method,metric,value\n01,IFCNN,EN,6.5\n")
    with pytest.raises(UserError, match="no image '01'"):
        measure_sheet(TNO42, tmp_path)


@pytest.mark.slow
def test_a_table_of_means_by_another_program_is_met_where_definitions_are_the_same(data):
    entries = measure_means(data, methods=("MMIF-DDFM",))
    assert unexplained_means(entries) == []
    assert [entry.column for entry in entries] == list(COLUMNS)
