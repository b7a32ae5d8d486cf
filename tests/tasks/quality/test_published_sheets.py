"""Two published sheets of values are reproduced from the published images."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from bench.data.images import write_bytes
from bench.errors import UserError
from tasks.quality.calibration.published import FILE, SHEETS, columns_of, measure_sheet, unexplained

TNO42, VIFB = SHEETS


@pytest.fixture(scope="module")
def data(shared):
    return shared / "data"


def rows_of(sheet, folder):
    with (folder / sheet.name / FILE).open() as file:
        return list(csv.DictReader(file))


def check_tno42(entries):
    assert unexplained(TNO42, entries) == []
    assert set(TNO42.residual) == {"Qabf"}
    assert all(entry.allowed == 1e-9 for entry in entries)
    qabf = next(column for column in columns_of(entries) if column.column == "Qabf")
    assert qabf.largest < 1.2e-2
    return qabf


@pytest.mark.golden
def test_tno42_agrees_to_1e_9_in_all_columns_but_qabf_on_one_pair(data):
    check_tno42(measure_sheet(TNO42, data / "TNO42", ["23"]))


@pytest.mark.golden
@pytest.mark.slow
def test_tno42_agrees_to_1e_9_in_all_columns_but_qabf(data):
    entries = measure_sheet(TNO42, data / "TNO42")
    assert len(entries) == 64 * 11 == len(rows_of(TNO42, data))
    assert check_tno42(entries).median < 3e-4


@pytest.mark.golden
def test_every_column_of_both_sheets_is_measured(data):
    for sheet in SHEETS:
        assert {row["metric"] for row in rows_of(sheet, data)} == set(sheet.columns)


def check_vifb(entries):
    assert unexplained(VIFB, entries) == []
    assert not VIFB.residual
    apart = {entry.method for entry in entries if not entry.agrees}
    assert apart == {"SwinFusion", "YDTR"} == set(VIFB.apart)


@pytest.mark.golden
def test_vifb_agrees_to_half_the_last_digit_on_one_pair(data):
    methods = ("ADF", "CNN", "LP_SR", "SwinFusion", "YDTR")
    entries = measure_sheet(VIFB, data / "VIFB", ["carLight"], methods)
    assert len(entries) == 5 * 13
    check_vifb(entries)


@pytest.mark.golden
@pytest.mark.slow
def test_vifb_agrees_to_half_the_last_digit(data):
    entries = measure_sheet(VIFB, data / "VIFB")
    assert len(entries) == 275 * 13
    check_vifb(entries)


def test_half_a_unit_of_the_last_printed_digit_is_allowed(tmp_path):
    """0.5 is printed to one digit, 0.51 to two: 0.05 and 0.005."""
    from bench.data.images import encode_png
    from tasks.quality.calibration.published import Sheet

    image = encode_png(np.arange(64, dtype=np.uint8).reshape(8, 8))
    for name in ("ir/one.png", "vi/one.png", "fused/a_one.png"):
        write_bytes(tmp_path / name, image)
    text = "image,method,metric,value\none,a,Entropy,6\none,b,Entropy,7.0\none,a,SD,18.5\n"
    (tmp_path / FILE).write_text(text)
    sheet = Sheet("own", "vifb", {"Entropy": "EN", "SD": "SD"}, ("ir", "vi"),
                  "fused/{method}_{image}", None)  # fmt: skip
    entries = measure_sheet(sheet, tmp_path)
    assert [(entry.column, entry.allowed, entry.agrees) for entry in entries] == [
        ("Entropy", 0.5, True),
        ("SD", pytest.approx(0.05), True),
    ]
    assert entries[1].ours == pytest.approx(np.arange(64).std())


def test_a_sheet_without_its_images_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        measure_sheet(TNO42, tmp_path)
    (tmp_path / FILE).write_text("image,method,metric,value\n01,IFCNN,EN,6.5\n")
    with pytest.raises(UserError, match="no image '01'"):
        measure_sheet(TNO42, tmp_path)
