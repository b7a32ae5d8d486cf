"""Complexity: parameters, and operations, time and memory per image size."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ivif_bench.reports.footer import footer
from ivif_bench.reports.table import Cell, Column, Notes, Row, Table, cell, missing_cell, with_marks
from ivif_bench.reports.tables import BuilderSpec
from ivif_bench.statistics import Estimate

if TYPE_CHECKING:
    from ivif_bench.reports.comparison import Comparison
    from ivif_bench.reports.frame import UnitResult

SPECS = (BuilderSpec("complexity", "build"),)

_SIZE = re.compile(r"flops\[(?P<size>\d+x\d+)\]")
_COUNTED = (
    "Operations: of convolutions, matrix products and attention, a multiplication and an addition being "
    "two, over all sampler steps."
)
_MEMORY = (
    "Memory: the largest, libraries included: resident memory of the process on a CPU, allocated device "
    "memory on CUDA."
)


def build(comparison: Comparison) -> list[Table]:
    """Parameters, then four columns per size; less is better, and nothing is marked, since a method
    that does little is not better."""
    sizes = [
        match["size"] for name in comparison.about("metrics") if (match := _SIZE.fullmatch(name))
    ]
    columns = [Column("parameters", "Parameters (M)", "", decimals=3, scale=1e-6)]
    for size in sizes:
        said = f" at {size.replace('x', '×')}" if len(sizes) > 1 else ""
        columns += [
            Column(f"flops[{size}]", f"TFLOP{said}", "", decimals=4, scale=1e-12),
            Column(f"seconds[{size}]", f"Time (s){said}", "", decimals=3),
            Column(f"spread[{size}]", f"Spread (s){said}", "", decimals=3),
            Column(f"peak_bytes[{size}]", f"Memory (MB){said}", "", decimals=0, scale=1e-6),
        ]
    notes = Notes()
    rows = [
        Row(name, title, tuple(_cell(comparison.of(name), column, notes) for column in columns))
        for name, title in comparison.methods.items()
    ]
    where = f"on one pair of {comparison.dataset_title}"
    if len(sizes) == 1:
        where += f" at {sizes[0].replace('x', '×')} pixels"
    return [
        Table(
            name=comparison.name,
            title=f"Complexity {where}",
            caption=f"Parameters, operations, time and memory of fusing {where}.",
            columns=tuple(columns),
            rows=with_marks(rows, columns),
            notes=notes.all(),
            footer=footer(comparison, [_COUNTED, _MEMORY], trained=False),
            warnings=comparison.warnings,
        )
    ]


def _cell(results: tuple[UnitResult, ...], column: Column, notes: Notes) -> Cell:
    found = [
        value
        for result in results
        for subject, value in result.scores.items()
        if subject.metric == column.key
    ]
    if not found:
        return missing_cell()
    value, reason = found[0]
    if reason:
        note = notes.letter(f"undefined: {reason.replace('_', ' ')}")
        return cell(Estimate(None, left_out={reason: 1}), column, note)
    return cell(Estimate(value, n=1), column)
