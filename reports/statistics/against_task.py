"""Metric against task: do methods with a better fusion metric also detect or segment better?

The unit is a method, never an image: each has one mean of a metric and one AP or IoU. What is compared
are orders, so it is the same whether a score or its gain over a source image is looked at. Source images
take no part: metrics that measure agreement with the sources say nothing of a source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ivif_bench.reports.statistics.association import FEWEST_METHODS, Association, associate
from ivif_bench.reports.statistics.blocks import Blocks
from ivif_bench.reports.statistics.ranks import ALPHA, holm
from ivif_bench.reports.table import Cell, Column, Row, Table, cell, missing_cell, printed
from ivif_bench.statistics import Estimate

_INTERVAL = "bootstrap over methods"
_FEWEST = 3  # methods below which there is no number either


@dataclass(frozen=True, eq=False)
class Outcome:
    """One column of a task's table.

    Attributes:
        key, title: of the column.
        headline: a mean over classes and all images; only for these is something claimed.
        scores: method to its score, in 0..1; sources included.
        gains: method to its score less that of the better source, without the sources; the scores
            themselves if no source was judged.
        baseline: the name of that source, empty without one.
    """

    key: str
    title: str
    headline: bool
    scores: Mapping[str, float]
    gains: Mapping[str, float]
    baseline: str = ""


@dataclass(frozen=True, eq=False)
class Against:
    """Fusion metrics against one table of a task.

    Attributes:
        name: file name of its tables, without what they print.
        metrics: means over images by metric, then method; more is better (sign turned).
        outcomes: columns of the task's table.
        found: the association of metric and outcome, by both keys; None below three methods.
        down: metrics of which less is better.
        table, protocol: of the task.
        warnings: of that table, such as ``PSEUDO LABELS``; tables and figures carry them.
        claimed: those keys whose p is below 5 % after Holm over all headline columns and metrics.
    """

    name: str
    what: str
    metrics: Mapping[str, Mapping[str, float]]
    outcomes: tuple[Outcome, ...]
    found: Mapping[tuple[str, str], Association | None]
    claimed: frozenset[tuple[str, str]]
    down: frozenset[str] = frozenset()
    table: str = ""
    protocol: str = ""
    warnings: tuple[str, ...] = ()

    def downward(self, metric: str) -> bool:
        """Whether less of a metric is better, so that its sign is turned."""
        return metric in self.down

    @property
    def headlines(self) -> tuple[Outcome, ...]:
        return tuple(each for each in self.outcomes if each.headline)

    @property
    def methods(self) -> int:
        """Methods that columns stand on, the fewest of them; of headline columns if there are any."""
        counts = [
            len([method for method in values if method in each.gains])
            for each in self.headlines or self.outcomes
            for values in self.metrics.values()
        ]
        return min(counts, default=0)

    @property
    def too_few(self) -> str:
        """That there are too few methods to say anything; empty if there are enough."""
        return self.sentence if self.methods < FEWEST_METHODS else ""

    @property
    def sentence(self) -> str:
        """What the data say, and what they do not."""
        n, titles = self.methods, _and([each.title for each in self.headlines or self.outcomes])
        if n < FEWEST_METHODS:
            return (
                f"Too few methods ({n}, fewer than {FEWEST_METHODS}) to say whether a better metric "
                f"means better {titles}."
            )
        if not self.headlines:
            return "Nothing is claimed from columns of a class or a condition."
        tests = len(self.metrics) * len(self.headlines)
        alike = _and([self._name(key) for key in self._signed(1.0)])
        contrary = _and([self._name(key) for key in self._signed(-1.0)])
        start = f"Over {n} methods, of {tests} pairs of metric and score (Holm, 5 %)"
        if not self.claimed:
            return (
                f"{start}, none is associated: a better value of these metrics is no evidence of "
                f"better {titles} here, and the intervals say how much could be missed."
            )
        parts = []
        if alike:
            parts.append(f"better goes with better for {alike}")
        if contrary:
            parts.append(f"better goes with worse for {contrary}")
        rest = tests - len(self.claimed)
        more = f"; for the other {rest} the data do not show it either way" if rest else ""
        return f"{start}, {', and '.join(parts)}{more}."

    def _signed(self, sign: float) -> list[tuple[str, str]]:
        keys = [(metric, each.key) for each in self.headlines for metric in self.metrics]
        return [
            key
            for key in keys
            if key in self.claimed and (one := self.found[key]) and (one.tau or 0.0) * sign > 0
        ]

    def _name(self, key: tuple[str, str]) -> str:
        title = next(each.title for each in self.outcomes if each.key == key[1])
        one = self.found[key]
        tau = f" (τ {one.tau:.2f})" if one and one.tau is not None else ""
        return f"{key[0]} and {title}{tau}"


def outcomes_of(table: Table, sources: frozenset[str]) -> list[Outcome]:
    """The scores in a task's table: its columns in percent of which more is better."""
    found = []
    for at, column in enumerate(table.columns):
        if column.direction != "up" or column.scale != 100:
            continue
        scores = {
            row.name: value
            for row in table.rows
            if not row.published
            and row.cells[at].comparable
            and (value := row.cells[at].estimate.value) is not None
        }
        judged = {name: scores[name] for name in sources if name in scores}
        baseline = max(sorted(judged), key=lambda name: judged[name], default="")
        less = judged.get(baseline, 0.0)
        gains = {name: value - less for name, value in scores.items() if name not in sources}
        headline = column.key.startswith(("mAP", "mIoU")) and "[" not in column.key
        found.append(Outcome(column.key, column.title, headline, scores, gains, baseline))
    return found


def against(
    name: str,
    what: str,
    blocks: Sequence[Blocks],
    outcomes: Sequence[Outcome],
    table: str = "",
    protocol: str = "",
    warnings: Sequence[str] = (),
) -> Against:
    """Compare every metric with every outcome, over the methods that have both."""
    metrics = {
        each.metric: dict(zip(each.methods, (each.averages * each.sign).tolist(), strict=True))
        for each in blocks
        if each.stems
    }
    found: dict[tuple[str, str], Association | None] = {}
    for metric, values in metrics.items():
        for outcome in outcomes:
            methods = [method for method in values if method in outcome.gains]
            pair = [
                np.array([each[method] for method in methods]) for each in (values, outcome.gains)
            ]
            found[metric, outcome.key] = associate(*pair) if len(methods) >= _FEWEST else None
    family = [(metric, each.key) for metric in metrics for each in outcomes if each.headline]
    adjusted = holm(np.array([one.p if (one := found[key]) else 1.0 for key in family]))
    claimed = frozenset(
        key
        for key, p in zip(family, adjusted, strict=True)
        if p < ALPHA and (one := found[key]) and one.n >= FEWEST_METHODS
    )
    down = frozenset(each.metric for each in blocks if each.sign < 0)
    return Against(
        name=name,
        what=what,
        metrics=metrics,
        outcomes=tuple(outcomes),
        found=found,
        claimed=claimed,
        down=down,
        table=table,
        protocol=protocol,
        warnings=tuple(warnings),
    )


def tables_of(item: Against) -> list[Table]:
    """Kendall's tau and Spearman's rho, metrics x scores."""
    return [
        _table(item, "kendall", "Kendall's τ-b", "tau"),
        _table(item, "spearman", "Spearman's ρ", "rho"),
    ]


def _table(item: Against, name: str, title: str, field: str) -> Table:
    columns = tuple(Column(each.key, each.title, "", 2) for each in item.outcomes)
    rows = []
    for metric in item.metrics:
        cells = [_cell(item, metric, column, field) for column in columns]
        rows.append(Row(metric, metric, tuple(cells)))
    baselines = list(dict.fromkeys(each.baseline for each in item.outcomes if each.baseline))
    against_what = (
        f"the gain over the better source image ({', '.join(baselines)})"
        if baselines
        else "the score"
    )
    return Table(
        name=f"statistics-{item.name}-{name}",
        title=f"{item.what}: metric against task, {title}",
        caption=(
            f"{item.what}: {title} between the mean of a fusion metric (sign turned so that more is "
            f"better) and {against_what} over the methods without the sources, with its 95 % interval "
            f"({_INTERVAL})."
        ),
        columns=columns,
        rows=tuple(rows),
        footer=(
            *(() if item.too_few else (item.sentence,)),
            "Columns of a class or a condition, and intervals, make no claim; metrics are means over "
            "all images in each column. A perfect order has no interval: no resample can break it.",
        ),
        warnings=(*item.warnings, *((item.too_few,) if item.too_few else ())),
        head="Metric",
    )


def _cell(item: Against, metric: str, column: Column, field: str) -> Cell:
    one = item.found[metric, column.key]
    if one is None:
        return missing_cell()
    value: float | None = getattr(one, field)
    ends: tuple[float, float] | None = getattr(one, f"{field}_interval")
    if ends is None:
        return cell(Estimate(value, n=one.n), column)
    low, high = ends
    made = cell(Estimate(value, n=one.n, low=low, high=high, interval=_INTERVAL), column)
    star = "*" if (metric, column.key) in item.claimed else ""
    text = f"{made.text}{star} [{printed(low, column)}, {printed(high, column)}]"
    return replace(made, text=text)


def _and(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 2 else parts)
