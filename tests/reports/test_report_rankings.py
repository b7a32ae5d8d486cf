"""Whether a ranking holds: ranks of the same methods under two protocols and both scorers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivif_bench.errors import UserError
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.rankings import ranking_tables

SCENES = {"visible": (0.5, 0.6), "ddfm": (0.7, 0.55), "max": (0.6, 0.5)}
RANDOM = {"visible": (0.8, 0.8), "ddfm": (0.9, 0.9), "max": (0.7, 0.7)}


def write(builder: Any, protocol: str, values: dict[str, tuple[float, float]]) -> None:
    for method, (coco, yolov5) in values.items():
        means = {"mAP50": coco, "mAP50_95": coco / 2, "mAP50[yolov5]": yolov5}
        builder.detection(method, {"Car": coco}, means, protocol=protocol)


def test_ranks_their_changes_and_tau(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    write(builder, "scenes.v1", SCENES)
    write(builder, "random.v1", RANDOM)
    (table,) = ranking_tables(load_run(builder.write()))
    assert [column.title for column in table.columns] == [
        "A [COCO]", "A [yolov5]", "B [COCO]", "B [yolov5]"
    ]  # fmt: skip
    assert {row.name: [cell.text for cell in row.cells] for row in table.rows} == {
        "visible": ["3", "1 (+2)", "2 (+1)", "2 (+1)"],
        "ddfm": ["1", "2 (-1)", "1", "1"],
        "max": ["2", "3 (-1)", "3 (-1)", "3 (-1)"],
    }
    tau, moved, first, second = table.footer
    # of three pairs, one (visible and max) is in another order in B than in A by COCO
    assert "A [COCO] and B [COCO] 0.33" in tau
    assert "B [COCO] and B [yolov5] 1.00" in tau
    assert moved == "Rank changes: visible, ddfm, max."
    assert first.startswith("A: scenes.v1 (sha256 ")
    assert second.startswith("B: random.v1 (sha256 ")


def test_a_method_that_one_protocol_lacks_has_no_rank_in_any(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    write(builder, "scenes.v1", SCENES)
    write(builder, "random.v1", {name: RANDOM[name] for name in ("visible", "max")})
    (table,) = ranking_tables(load_run(builder.write()))
    ranked = {row.name: row.cells[0].estimate.value for row in table.rows}
    assert ranked == {"visible": 2, "ddfm": None, "max": 1}
    assert "of 2 methods" in table.caption


def test_numbers_that_print_alike_share_a_rank(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    values = {"visible": (0.5001, 0.6), "ddfm": (0.5002, 0.5), "max": (0.3, 0.4)}
    write(builder, "scenes.v1", values)
    (table,) = ranking_tables(load_run(builder.write()))
    assert [row.cells[0].text for row in table.rows] == ["1.5", "1.5", "3"]


def test_one_method_cannot_be_ranked(tmp_path: Path, new_run: Any) -> None:
    builder = new_run(tmp_path)
    write(builder, "scenes.v1", {"visible": (0.5, 0.5)})
    with pytest.raises(UserError, match="1 methods have a number in all of 2 orders"):
        ranking_tables(load_run(builder.write()))
