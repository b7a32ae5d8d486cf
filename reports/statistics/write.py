"""Statistics of a run as files: CSV of every table, one Markdown file, and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ivif_bench.reports.comparison import Comparison, comparisons
from ivif_bench.reports.formats import FORMATS, load_text
from ivif_bench.reports.frame import RunResults
from ivif_bench.reports.statistics import against_task, rank_tables
from ivif_bench.reports.statistics.against_task import Against
from ivif_bench.reports.statistics.blocks import Blocks, blocks_of, complete_blocks
from ivif_bench.reports.statistics.study import Study, study
from ivif_bench.reports.table import Table
from ivif_bench.reports.tables import BUILDERS

_TASK = "quality"  # whose records are one value per image


@dataclass(frozen=True, eq=False)
class Studied:
    """A table over images and what statistics say of it.

    Attributes:
        blocks: of all methods.
        study: over those that have all metrics; None if there are too few images or methods.
        against: its metrics against each table of the tasks on the same dataset.
    """

    comparison: Comparison
    blocks: Sequence[Blocks]
    study: Study | None
    against: Sequence[Against] = field(default_factory=tuple)

    @property
    def what(self) -> str:
        return f"Fusion quality on {self.comparison.dataset_title}"


def studied(every: Sequence[Comparison]) -> list[Studied]:
    """The statistics of each table over images among some comparisons."""
    judged = _judged(every)
    found = []
    for comparison in every:
        if comparison.task == _TASK:
            blocks = blocks_of(comparison)
            pairs = _against(comparison, blocks, judged)
            found.append(
                Studied(comparison, blocks, study(*complete_blocks(comparison, blocks)), pairs)
            )
    return found


_Judged = Mapping[str, Sequence[tuple[Comparison, Table]]]


def _judged(every: Sequence[Comparison]) -> _Judged:
    """By dataset, the tables of the tasks."""
    judged: dict[str, list[tuple[Comparison, Table]]] = {}
    for comparison in every:
        if comparison.task != _TASK and BUILDERS.find(comparison.task) is not None:
            for table in BUILDERS.load(comparison.task)(comparison):
                if not table.name.endswith("-own-images"):
                    judged.setdefault(comparison.dataset, []).append((comparison, table))
    return judged


def _against(comparison: Comparison, blocks: Sequence[Blocks], judged: _Judged) -> list[Against]:
    pairs = [
        against_task.against(
            f"{comparison.name}-{table.name}",
            table.title,
            blocks,
            against_task.outcomes_of(table, other.sources),
            table=table.name,
            protocol=other.protocol,
            warnings=[*dict.fromkeys((*comparison.warnings, *other.warnings))],
        )
        for other, table in judged.get(comparison.dataset, ())
    ]
    return [each for each in pairs if each.outcomes and each.metrics]


def tables_of(items: Sequence[Studied]) -> list[Table]:
    """All tables of statistics, those of each table over images together."""
    tables: list[Table] = []
    for item in items:
        if item.study is not None:
            tables += rank_tables.tables_of(
                item.study,
                item.comparison.name,
                item.what,
                item.comparison.methods,
                item.comparison.warnings,
            )
        for pair in item.against:
            tables += against_task.tables_of(pair)
    return tables


def texts_of(title: str, tables: Sequence[Table]) -> dict[str, str]:
    """File name to text: ``statistics.md`` and one CSV per table; nothing without tables.

    Pairs of methods are in the CSV only: five columns for each metric are no table to read.
    """
    if not tables:
        return {}
    shown = [table for table in tables if not table.name.endswith("-pairs")]
    texts: dict[str, str] = FORMATS.load("csv")(title, tables)
    return {"statistics.md": load_text("markdown")(title, shown), **texts}


def files_of(run: RunResults) -> dict[str, bytes]:
    """What a report of a run adds."""
    tables = tables_of(studied(comparisons(run)))
    texts = texts_of(f"Statistics of run {run.name}", tables)
    return {name: text.encode() for name, text in texts.items()}
