"""One fixed table with every kind of cell, and names that try to break out of theirs."""

from __future__ import annotations

from ivif_bench.reports.table import Cell, Column, Note, Row, Table, cell, missing_cell, with_marks
from ivif_bench.statistics import Estimate

HOSTILE = [
    r"a_b%&#{}~^\ $x$",
    "[2pt] \\\\ *x* --- `` ''",
    "<b>bold</b> | pipe \\| | &amp;",
    "naïve Ångström 融合 \u202e\x1b[31m\nnew line",
    "\\end{tabular}\\input{/etc/passwd}",
]
WARNING = "PSEUDO LABELS: masks of a network, 100 % not ground truth."


def fixed_table(names: list[str] | None = None) -> Table:
    """One fixed table with every kind of cell."""
    columns = (
        Column("EN", "EN", "up", 3),
        Column("BRISQUE", "BRISQUE", "down", 1),
        Column("IoU:traffic_light", "traffic_light", "up", 1, 100),
    )
    names = names or ["visible", "infrared", "average", "dm_fuse"]
    seeds = Estimate(0.412345, 3, 3, 0.0123, 0.38, 0.44, "t over seeds")
    cells: list[tuple[Cell, ...]] = [
        (
            cell(
                Estimate(6.1234567, 3, low=6.0, high=6.25, interval="bootstrap over images"),
                columns[0],
            ),
            cell(Estimate(30.04, 3), columns[1]),
            cell(seeds, columns[2]),
        ),
        (
            cell(
                Estimate(7.5, 2, left_out={"constant_fused": 1}), columns[0], "a", comparable=False
            ),
            cell(Estimate(29.96, 3), columns[1]),
            cell(Estimate(None, left_out={"no_truth": 1}), columns[2], "b"),
        ),
        (
            cell(Estimate(-6.5, 3), columns[0]),
            cell(Estimate(45.25, 3), columns[1]),
            cell(Estimate(0.5, 3), columns[2]),
        ),
        (missing_cell(), missing_cell(), missing_cell("c")),
    ]
    rows = [Row(n, n, line) for n, line in zip(names, cells, strict=False)]
    return Table(
        name="quality-msrs",
        title="Fusion quality on MSRS",
        caption="Fusion quality on MSRS, mean over 3 images.",
        columns=columns,
        rows=with_marks(rows, columns),
        notes=(
            Note("a", "mean over n = 2 of 3 images"),
            Note("b", "undefined"),
            Note("c", "other images"),
        ),
        footer=(
            "Convention: reference.",
            "Protocol: msrs-seg.v1 (sha256 01234567).",
            "Seeds: 0 ± 1.",
        ),
        warnings=(WARNING,),
    )
