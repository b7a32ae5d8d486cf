"""Detection tables with intervals: what is called better, in every format, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_boxes import drawn_boxes
from kept_detections import kept_unit, perfect, without_some
from stored_detections import stored_set

from ivif_bench.errors import UserError
from ivif_bench.reports.formats._latex import escaped
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.table import Table
from ivif_bench.reports.terminal import plain
from ivif_bench.reports.write import build_report, write_report
from ivif_bench.resampling import image_counts, interval
from ivif_bench.types import Boxes

CLASSES = ("Car", "People", "Bus")
Found = dict[str, Boxes]


@pytest.fixture(scope="module")
def drawn() -> tuple[Found, Found]:
    truth, _ = drawn_boxes(2, images=40, flags=False)
    return truth, perfect(truth)


@pytest.fixture
def builder(tmp_path: Path, new_run: Any, drawn: tuple[Found, Found]) -> Any:
    """Half is found in one source, less in the other; one method finds more, two as much or less."""
    truth, found = drawn
    made = new_run(tmp_path)
    made.sources = ("visible", "infrared")
    for name, gone in (("visible", 0.5), ("infrared", 0.7), ("good", 0.1), ("bad", 0.9)):
        kept_unit(made, name, truth, without_some(found, gone), CLASSES)
    kept_unit(made, "same", truth, without_some(found, 0.5, seed=9), CLASSES)
    return made


def _tables(run: Path) -> dict[str, Table]:
    return {table.name: table for table in build_report(load_run(run), "interval").tables}


def _verdicts(table: Table, column: str) -> dict[str, str]:
    at = [each.key for each in table.columns].index(column)
    return {row.name: row.cells[at].verdict for row in table.rows}


def test_only_what_the_interval_of_the_difference_tells_apart_is_called_better(
    builder: Any,
) -> None:
    tables = _tables(builder.write())
    expected = {"visible": "", "infrared": "", "good": "better", "bad": "worse", "same": ""}
    assert _verdicts(tables["detection-m3fd"], "mAP50") == expected
    del expected["visible"], expected["infrared"]
    assert _verdicts(tables["detection-m3fd-differences"], "mAP50") == expected


def test_differences_are_to_the_best_source_and_in_the_middle_of_their_interval(
    builder: Any,
) -> None:
    tables = _tables(builder.write())
    main, apart = tables["detection-m3fd"], tables["detection-m3fd-differences"]
    assert "Best source image: visible: Car, People, Bus, mAP@0.5" in apart.footer[0]
    at = [each.key for each in main.columns].index("mAP50")
    values = {row.name: row.cells[at].estimate for row in main.rows}
    for row in apart.rows:
        estimate = row.cells[at].estimate
        assert estimate.value == pytest.approx(values[row.name].value - values["visible"].value)
        assert estimate.low < estimate.value < estimate.high
    assert values["good"].low < values["good"].value < values["good"].high


@pytest.mark.slow
def test_the_verdict_and_its_meaning_are_in_every_format(builder: Any) -> None:
    run = builder.write()
    write_report(run, ["markdown", "latex", "csv", "json"], "interval")
    texts = [path for path in (run / "report").iterdir() if path.suffix not in (".png", ".pdf")]
    read = {path.name: path.read_text() for path in texts}
    means = "the interval of the paired difference excludes 0"
    assert "] ▲" in read["tables.md"]
    assert "] ▼" in read["tables.md"]
    assert r"{]} $\bigtriangleup$" in read["detection-m3fd.tex"].replace("]", "{]}")
    for text in (read["tables.md"], read["detection-m3fd.tex"], read["tables.json"]):
        assert escaped(means) in text
    rows = [line.split(",") for line in read["detection-m3fd.csv"].splitlines()]
    at = rows[0].index("verdict")
    assert {row[1]: row[at] for row in rows if "mAP50" in row}["good"] == "better"
    content = json.loads(read["tables.json"])["tables"][0]
    good = next(row for row in content["rows"] if row["method"] == "good")["cells"]["mAP50"]
    assert (good["verdict"], good["printed"][-1]) == ("better", "▲")
    assert means in plain(_tables(run)["detection-m3fd"])


def test_without_a_request_tables_are_as_before(builder: Any) -> None:
    run = builder.write()
    (table,) = build_report(load_run(run)).tables
    assert not any(cell.verdict or "[" in cell.text for row in table.rows for cell in row.cells)
    assert not any("Intervals" in line for line in table.footer)


def test_seeds_widen_the_interval_and_are_named(
    tmp_path: Path, new_run: Any, drawn: tuple[Found, Found]
) -> None:
    truth, found = drawn
    widths = {}
    for gone in ((0.5, 0.5), (0.2, 0.8)):
        made = new_run(tmp_path / str(gone[0]))
        for seed, share in enumerate(gone):
            kept_unit(made, "ddfm", truth, without_some(found, share, seed=1), CLASSES, seed)
        table = _tables(made.write())["detection-m3fd"]
        estimate = table.rows[0].cells[3].estimate
        assert estimate.interval == "bootstrap over images and seeds"
        assert any("seeds drawn as well" in line for line in table.footer)
        widths[gone] = estimate.high - estimate.low
    assert widths[0.2, 0.8] > 2 * widths[0.5, 0.5]


def test_a_run_that_lost_its_detections_says_so(builder: Any) -> None:
    for path in builder.folder.glob("checkpoints/detections-*2.json"):
        path.unlink()  # those of "good"
    table = _tables(builder.write())["detection-m3fd"]
    assert _verdicts(table, "mAP50")["good"] == ""
    assert any(line.startswith("No intervals for good:") for line in table.footer)


def test_a_run_without_any_detections_has_no_table_of_differences(builder: Any) -> None:
    for path in builder.folder.glob("checkpoints/*"):
        path.unlink()
    (table,) = _tables(builder.write()).values()
    assert table.footer[0].startswith("No intervals for visible, infrared, good")
    assert not any("resamples" in line for line in table.footer)


def test_detections_that_do_not_give_the_tables_numbers_are_not_used(
    builder: Any, drawn: tuple[Found, Found]
) -> None:
    folder = builder.folder / "checkpoints"
    (folder / f"detections-{2:016x}.json").write_bytes(
        (folder / f"detections-{3:016x}.json").read_bytes()
    )
    table = _tables(builder.write())["detection-m3fd"]
    assert any(line.startswith("No intervals for good:") for line in table.footer)


def test_a_damaged_file_of_detections_is_named(builder: Any) -> None:
    path = builder.folder / "checkpoints" / f"detections-{2:016x}.json"
    path.write_text('{"truth": {"images": [{"id": 1}]}}')
    with pytest.raises(UserError, match=r"detections-0+2\.json: not the detections of a unit"):
        _tables(builder.write())


@pytest.mark.golden
def test_fifteen_images_of_msrs_tell_no_method_from_the_sources_and_the_note_says_so(
    shared: Path, tmp_path: Path, new_run: Any
) -> None:
    made = new_run(tmp_path)
    made.sources = ("vi", "ir")
    for name in ("vi", "ir", "seafusion"):
        stored = stored_set(shared, "msrs_dev15", name)
        kept_unit(made, name, stored.truth, stored.found, stored.classes)
    table = _tables(made.write())["detection-m3fd"]
    assert set(_verdicts(table, "mAP50").values()) == {""}
    (line,) = [line for line in table.footer if line.startswith("15 images")]
    assert "show large differences only" in line
    assert "no sign does not mean no difference" in line
    estimate = table.rows[2].cells[-4].estimate
    assert estimate.high - estimate.low > 0.2


def test_segmentation_is_resampled_by_pixels_of_images(tmp_path: Path, new_run: Any) -> None:
    """IoU of a resample is that of its images' pixels together, not a mean over images."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, (30, 400))
    made = new_run(tmp_path)
    made.sources = ("visible",)
    for key, (name, wrong) in enumerate((("visible", 0.3), ("good", 0.2), ("same", 0.3))):
        guess = np.where(rng.random(truth.shape) < wrong, rng.integers(0, 3, truth.shape), truth)
        masks = np.stack(
            [(truth == c, guess == c) for c in range(3)]
        )  # [class, which, image, pixel]
        right, union = (masks.all(axis=1).sum(axis=2).T, masks.any(axis=1).sum(axis=2).T)
        iou = right.sum(axis=0) / union.sum(axis=0)
        means = {"mIoU3": iou.mean(), "mIoU2": iou[1:].mean()}
        made.segmentation(name, dict(zip("abc", iou, strict=True)), means, images=30)
        folder = tmp_path / "checkpoints" / f"segmentation-{key:016x}"
        folder.mkdir(parents=True)
        content = {
            "stems": [f"{at:02d}" for at in range(30)],
            "classes": ["a", "b", "c"],
            "iou": {"right": right.tolist(), "union": union.tolist()},
            "means": {
                name: {"right": right[:, kept].tolist(), "union": union[:, kept].tolist()}
                for name, kept in (("mIoU3", slice(3)), ("mIoU2", slice(1, 3)))
            },
        }
        (folder / "per_image.json").write_text(json.dumps(content))
    table = _tables(made.write())["segmentation-msrs"]
    for column in ("IoU:b", "mIoU3", "mIoU2"):
        assert _verdicts(table, column) == {"visible": "", "good": "better", "same": ""}
    estimate = table.rows[-1].cells[3].estimate  # mIoU3 of the last, whose arrays are at hand
    drawn = image_counts(30)
    values = [((w @ right) / (w @ union)).mean() for w in drawn]
    assert (estimate.low, estimate.high) == pytest.approx(interval(np.array(values), 30))
