"""Table builders, one file per task, found by the task's name."""

from __future__ import annotations

from dataclasses import dataclass

from ivif_bench.registry import Registry


@dataclass(frozen=True, slots=True)
class BuilderSpec:
    """A builder of a task's tables.

    Attributes:
        name: the task's name, as in records.
        entry: ``"module:function"``, or ``"function"`` if it is in the same file; it takes a
            ``ivif_bench.reports.comparison.Comparison`` and returns a list of
            ``ivif_bench.reports.table.Table``.
    """

    name: str
    entry: str


BUILDERS: Registry[BuilderSpec] = Registry(
    "report table", "ivif_bench.reports.tables", "ivif_bench.tables"
)
