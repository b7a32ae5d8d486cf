"""Generated tables that documentation pages hold between markers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from benchmarks.calibration.degenerate import smallest_sides, undefined
from benchmarks.calibration.distances import (
    REFERENCE,
    Distance,
    distances,
    fast_errors,
    only_reference,
)
from benchmarks.calibration.golden import Golden
from benchmarks.calibration.numbers import at_most, changes
from ivif_bench.errors import UserError
from ivif_bench.tasks.quality.engine import metrics_of
from ivif_bench.tasks.quality.registry import CONVENTIONS, METRICS, MetricSpec

_ARROWS = {"up": "↑", "down": "↓"}

# Stated errors of the fast mode are those found here times a margin for other processors. One that
# rounds a product before it is added has 13 times the error in VIF, whose variances are differences
# of single-precision sums; in the others 1.4 times.
_MARGIN, _MARGIN_OF = 4.0, {"VIF": 20.0}


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(heads), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def metrics_block() -> str:
    """Every registered metric: direction, range, unit, definition and source."""
    rows = (
        [
            f"{spec.name} {_ARROWS[spec.direction]}",
            _range(spec),
            spec.unit,
            definition(spec),
            spec.reference,
        ]
        for spec in (METRICS.get(name) for name in metrics_of(REFERENCE))
    )
    return table(["metric", "range", "unit", "definition", "source"], rows)


def definition(spec: MetricSpec) -> str:
    """The first sentence of a metric function's docstring: its formula."""
    text = METRICS.load(spec.name).__doc__ or ""
    first = text.strip().split("\n\n")[0]
    return " ".join(first.split()).replace("|", "\\|").replace("``", "`")


def distances_block(golden: Golden) -> str:
    """How far each convention's metrics are from those of ``reference``."""
    found = distances(golden)
    names = [name for name in CONVENTIONS.specs() if name != REFERENCE]
    rows = (
        [metric, *(_distance_cell(by_convention[name]) for name in names)]
        for metric, by_convention in found.items()
    )
    only = only_reference()
    said = f"\n\nOnly `{REFERENCE}` has {', '.join(only)}." if only else ""
    return table(["metric", *(f"`{name}`" for name in names)], rows) + said


def undefined_block() -> str:
    """The smallest images of each metric under ``reference``, and the degenerate ones it refuses."""
    sides = smallest_sides(REFERENCE)
    rows = []
    for metric, reasons in undefined(REFERENCE).items():
        refused: dict[str, list[str]] = {}
        for case, reason in reasons.items():
            if reason:
                refused.setdefault(reason, []).append(case)
        said = "; ".join(f"`{reason}`: {', '.join(cases)}" for reason, cases in refused.items())
        if said or sides[metric] > 1:
            rows.append([metric, str(sides[metric]), said])
    return table(["metric", "smallest side", "undefined"], rows)


def fast_block(golden: Golden) -> str:
    """Largest error of the fast mode, by metric; those without any are named below the table."""
    errors = fast_errors(golden)
    exact = [metric for metric, error in errors.items() if error == 0 or math.isnan(error)]
    rows = (
        [metric, at_most(_MARGIN_OF.get(metric, _MARGIN) * error)]
        for metric, error in errors.items()
        if metric not in exact
    )
    return (
        table(["metric", "largest difference, at most"], rows)
        + f"\n\nThe same in both modes: {', '.join(exact)}."
    )


def page_blocks(golden: Golden | None) -> dict[str, Callable[[], str]]:
    """The generated blocks of docs/metrics.md, by name; without recorded images those without them."""
    blocks = {"metrics": metrics_block, "undefined": undefined_block}
    if golden is None:
        return blocks
    return blocks | {
        "distances": lambda: distances_block(golden),
        "fast": lambda: fast_block(golden),
    }


def insert(text: str, blocks: Mapping[str, Callable[[], str]], page: str) -> str:
    """A page with its generated blocks made anew.

    A block stands between ``<!-- NAME: generated -->`` and ``<!-- /NAME -->``.

    Args:
        blocks: what makes each block, by name.
        page: name of the page, for messages.

    Raises:
        UserError: a marker is missing.
    """
    for name, make in blocks.items():
        begin, end = f"<!-- {name}: generated -->", f"<!-- /{name} -->"
        head, found, rest = text.partition(begin)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise UserError(f"{page}: no place for {name}; it needs the lines {begin} and {end}")
        text = f"{head}{begin}\n{make()}\n{end}{tail}"
    return text


def _distance_cell(distance: Distance | None) -> str:
    if distance is None:
        return "–"
    if distance.same:
        return "same"
    if distance.offset and not distance.factor:
        return f"{distance.most:+.4g}".replace("-", "−")
    if distance.unrelated:
        return "another quantity"
    return changes(distance.low, distance.high)


def _range(spec: MetricSpec) -> str:
    low, high = (_bound(bound) for bound in spec.range)
    return f"{low}..{high}"


def _bound(bound: float) -> str:
    if math.isinf(bound):
        return "∞" if bound > 0 else "−∞"
    return f"{bound:.5g}".replace("-", "−")
