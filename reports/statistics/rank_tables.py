"""Tables of a study: mean ranks with the overall order, differences to the best, every pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ivif_bench.ranking import FEWEST
from ivif_bench.reports.statistics.study import Study, Verdict
from ivif_bench.reports.table import Cell, Column, Notes, Row, Table, cell, printed, with_marks
from ivif_bench.statistics import Estimate

RULE = (
    "Overall place: by the mean over metrics of the mean ranks over images, one vote for each "
    "metric; it depends on the choice of metrics and is not tested. Borda: methods beaten by the mean "
    "over images, half for a tie, summed over metrics."
)
CLAIM = (
    "Said to differ: Friedman's test says that the metric's methods differ (5 % over all metrics, "
    "Holm; with two methods Wilcoxon's test), and Wilcoxon's signed rank test that these two do (5 % "
    "over all pairs of the metric, Holm)."
)
BOTH = "images and seeds resampled together"


def tables_of(
    study: Study,
    name: str,
    what: str,
    titles: Mapping[str, str],
    warnings: Sequence[str] = (),
) -> list[Table]:
    """The three tables; names begin with ``statistics-``.

    Args:
        name: of the table that the study is of.
        what: what it shows, such as ``Fusion quality on M3FD``.
        titles: of methods.
        warnings: of that table; all three carry them.
    """
    tables = [
        _ranks(study, f"statistics-{name}-ranks", what, titles),
        _differences(study, f"statistics-{name}-differences", what, titles),
        _pairs(study, f"statistics-{name}-pairs", what, titles),
    ]
    lacking = _lacking(study, titles)
    return [replace(table, warnings=(*warnings, *lacking, *table.warnings)) for table in tables]


def _lacking(study: Study, titles: Mapping[str, str]) -> tuple[str, ...]:
    """Which methods take no part, and why."""
    if not study.lacking:
        return ()
    parts = [f"{titles[each]} ({', '.join(gaps)})" for each, gaps in study.lacking.items()]
    return (f"Methods left out, which have no value of a metric: {', '.join(parts)}.",)


def _ranks(study: Study, name: str, what: str, titles: Mapping[str, str]) -> Table:
    metrics = [Column(each.blocks.metric, each.blocks.metric, "down", 2) for each in study.verdicts]
    columns = (
        *metrics,
        Column("mean_rank", "Mean rank", "down", 2),
        Column("borda", "Borda", "up", 1),
        Column("place", "Place", "", 0),
    )
    rows = []
    for at, method in enumerate(study.methods):
        values = [
            Estimate(float(each.mean_ranks[at]), n=len(each.blocks.stems), seeds=_seeds(each))
            for each in study.verdicts
        ]
        values += [
            Estimate(float(number[at])) for number in (study.mean_ranks, study.borda, study.places)
        ]
        cells = tuple(map(cell, values, columns))
        rows.append(Row(method, titles[method], cells))
    alike = {each.blocks.metric for each in study.verdicts if not each.any_difference}
    return Table(
        name=name,
        title=f"{what}: ranks",
        caption=(
            f"{what}, mean rank over images of each of {len(study.methods)} methods (1 = best). Best "
            "value bold, second best underlined, where the methods of a metric differ."
        ),
        columns=columns,
        rows=with_marks(rows, columns, {*alike, "mean_rank", "borda"}),
        footer=(*_tests(study), RULE),
        warnings=_warnings(study, alike),
    )


def _tests(study: Study) -> list[str]:
    """Friedman and the critical difference of each metric, in words."""
    lines = []
    if tested := [each for each in study.verdicts if each.friedman]:
        values = [
            f"{each.blocks.metric} χ² {each.friedman[0]:.1f}, {_p(each.omnibus)}"
            for each in tested
            if each.friedman
        ]
        lines.append(f"Friedman, p after Holm over metrics: {'; '.join(values)}.")
    found: dict[str, list[str]] = {}
    for each in study.verdicts:
        text = f"{each.critical_difference:.2f} (n = {len(each.blocks.stems)})"
        found.setdefault(text, []).append(each.blocks.metric)
    parts = [
        text if len(found) == 1 else f"{', '.join(metrics)} {text}"
        for text, metrics in found.items()
    ]
    lines.append(f"Critical difference of mean ranks (Nemenyi, 5 %): {'; '.join(parts)}.")
    lines.append(
        f"{study.claims} of {study.pairs} pairs of methods (all metrics together) differ by Wilcoxon's "
        f"test, {study.apart} by the critical difference. {CLAIM}"
    )
    return lines


def _differences(study: Study, name: str, what: str, titles: Mapping[str, str]) -> Table:
    notes = Notes()
    columns = tuple(
        Column(each.blocks.metric, each.blocks.metric, "", _decimals(each))
        for each in study.verdicts
    )
    rows = []
    for at, method in enumerate(study.methods):
        cells = []
        for each, column in zip(study.verdicts, columns, strict=True):
            if at == each.best:
                cells.append(replace(cell(_difference(each, at, at), column), text="best"))
                continue
            letter = notes.letter("differs from the best") if each.differs[at, each.best] else ""
            cells.append(_with_interval(_difference(each, at, each.best), column, letter))
        rows.append(Row(method, titles[method], tuple(cells)))
    return Table(
        name=name,
        title=f"{what}: differences to the best",
        caption=(
            f"{what}, mean difference to the method with the best mean rank of each metric, with its "
            f"95 % interval ({BOTH}; not adjusted for the number of differences)."
        ),
        columns=columns,
        rows=tuple(rows),
        notes=notes.all(),
        footer=(CLAIM,),
        warnings=_warnings(study, set()),
    )


def _pairs(study: Study, name: str, what: str, titles: Mapping[str, str]) -> Table:
    columns: list[Column] = []
    for each in study.verdicts:
        metric = each.blocks.metric
        columns += [
            Column(metric, f"{metric} difference", "", _decimals(each)),
            Column(f"{metric}:wilcoxon_p", f"{metric} p", "", 4),
            Column(f"{metric}:wilcoxon_holm_p", f"{metric} p, Holm", "", 4),
            Column(f"{metric}:nemenyi_p", f"{metric} p, Nemenyi", "", 4),
            Column(f"{metric}:differs", f"{metric} differs", "", 0),
        ]
    rows = []
    for first in range(len(study.methods)):
        for second in range(first + 1, len(study.methods)):
            pair = study.methods[first], study.methods[second]
            cells: list[Cell] = []
            for each in study.verdicts:
                at = len(cells)
                cells.append(_with_interval(_difference(each, first, second), columns[at]))
                n = len(each.blocks.stems)
                for p in (each.wilcoxon, each.holm, each.nemenyi):
                    estimate = Estimate(float(p[first, second]), n=n)
                    cells.append(Cell(estimate, _p_value(p[first, second])))
                differs = Estimate(float(each.differs[first, second]), n=n)
                cells.append(Cell(differs, "yes" if each.differs[first, second] else "no"))
            title = " − ".join(titles[method] for method in pair)
            rows.append(Row(" - ".join(pair), title, tuple(cells)))
    return Table(
        name=name,
        title=f"{what}: every pair of methods",
        caption=f"{what}, mean difference of each pair, with its 95 % interval ({BOTH}).",
        columns=tuple(columns),
        rows=tuple(rows),
        footer=(CLAIM,),
        head="Pair",
    )


def _difference(verdict: Verdict, first: int, second: int) -> Estimate:
    means = verdict.blocks.averages
    return Estimate(
        value=float(means[first] - means[second]),
        n=len(verdict.blocks.stems),
        seeds=_seeds(verdict),
        low=float(verdict.low[first, second]),
        high=float(verdict.high[first, second]),
        interval=f"bootstrap, {'images and seeds' if _seeds(verdict) > 1 else 'over images'}",
    )


def _with_interval(estimate: Estimate, column: Column, letter: str = "") -> Cell:
    made = cell(estimate, column, letter)
    if estimate.low is None or estimate.high is None:
        return made
    ends = f"{printed(estimate.low, column)}, {printed(estimate.high, column)}"
    return replace(made, text=f"{made.text} [{ends}]")


def _warnings(study: Study, alike: set[str]) -> tuple[str, ...]:
    found = []
    if alike and len(alike) == len(study.verdicts):
        found.append("No metric shows a difference between the methods.")
    elif alike:
        found.append(f"No difference between the methods: {', '.join(sorted(alike))}.")
    if study.too_few_images:
        n, p = study.too_few_images
        found.append(
            f"{n} images are too few for Wilcoxon's test of {len(study.methods)} methods: its smallest "
            f"p is {p:.2f} after Holm, so it separates no pair."
        )
    if study.left_out:
        few = ", ".join(f"{metric} (n = {n})" for metric, n in study.left_out)
        found.append(f"Left out, fewer than {FEWEST} images on which all are defined: {few}.")
    if study.single:
        found.append(f"Left out, fewer than two methods have it: {', '.join(study.single)}.")
    lacking = [
        f"{each.blocks.metric} {each.blocks.left_out}"
        for each in study.verdicts
        if each.blocks.left_out
    ]
    if lacking:
        found.append(f"Images left out that not all methods have a value on: {', '.join(lacking)}.")
    return tuple(found)


def _seeds(verdict: Verdict) -> int:
    return max(1, verdict.blocks.seeds)


def _decimals(verdict: Verdict) -> int:
    """Four significant digits of the largest mean: VIF in 0.0001, a variance of 2000 in ones."""
    largest = float(np.abs(verdict.blocks.averages).max())
    return int(np.clip(3 - np.floor(np.log10(largest)), 0, 4)) if largest > 0 else 4


def _p(value: float) -> str:
    text = _p_value(value)
    return f"p {text}" if value < 1e-4 else f"p = {text}"


def _p_value(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"
