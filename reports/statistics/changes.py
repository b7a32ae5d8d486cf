"""What changed from one run to another: every number that both have, with an interval.

A number **changed** if its 95 % interval of the difference leaves out zero, or if it differs and there
is nothing to compute an interval from. Differences within rounding are none. Intervals:

* a metric over images: images and seeds resampled together, both runs on the same draws;
* AP with stored detections: the same, from the matches (``ivif_bench.detections``);
* IoU with stored pixel counts: the same, from the confusions of the drawn images;
* other numbers of networks: Student's t over the seeds that both have; none with one seed.

Each interval is for one difference. Where results differ from run to run by chance, as of networks
trained again, about one number in twenty leaves its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ivif_bench.reports.comparison import Comparison, comparisons
from ivif_bench.reports.frame import RunResults, UnitResult
from ivif_bench.reports.scores import ImageScores
from ivif_bench.reports.statistics import stored_boxes, stored_pixels
from ivif_bench.resampling import image_counts, interval, over_seeds
from ivif_bench.statistics import Estimate
from ivif_bench.statistics import over_seeds as estimate_over_seeds

FAILING = ("worse", "better", "changed", "missing")  # states of what changed
ROUNDING = 1e-9  # relative; sums in another order differ by less
_QUESTION = ("protocol_sha256", "split_sha256", "network")
_OF_THE_DAY = ("seconds", "spread", "peak_bytes")  # of the machine and its load: not compared
_BETTER_UP = ("mAP", "AP", "mIoU", "IoU", "FWIoU", "mAcc", "accuracy", "class_accuracy", "F1")
_BETTER_DOWN = ("miss_rate", "LAMR", "MR")

Samples = Mapping[tuple[str, str], np.ndarray]
_RESAMPLED = {"detection": stored_boxes.samples_of, "segmentation": stored_pixels.samples_of}


@dataclass(frozen=True, slots=True)
class Change:
    """One number in both runs, or what only one of them has.

    Attributes:
        where: task, dataset and protocol.
        quantity: metric, with the class behind a colon if it has one.
        first, second: mean over images and seeds; None where there is none.
        difference: second minus first.
        state: ``same``, ``within`` (its interval), ``worse``, ``better``, ``changed`` (no direction, or
            another question), ``missing`` (in the second run), ``new``.
        remark: why there is no number.
    """

    where: str
    method: str
    title: str
    quantity: str
    first: float | None
    second: float | None
    difference: Estimate
    state: str
    remark: str = ""


def changes(first: RunResults, second: RunResults) -> list[Change]:
    """Compare all numbers of two runs, in the order of the first, and name what only one has."""
    theirs = {_place(each): each for each in comparisons(second)}
    found: list[Change] = []
    for mine in comparisons(first):
        other = theirs.pop(_place(mine), None)
        if other is None:
            found.append(_alone(mine, "missing"))
        elif said := _other_question(mine, other):
            text = f"not comparable: {', '.join(said)} differs"
            found.append(
                Change(_where(mine), "", "", "", None, None, Estimate(None), "changed", text)
            )
        else:
            for method in dict.fromkeys((*mine.methods, *other.methods)):
                found += _method(mine, other, method, (first, second))
    found += [_alone(each, "new") for each in theirs.values()]
    return found


def _place(comparison: Comparison) -> tuple[str, ...]:
    about = [str(comparison.about(name)) for name in ("mode", "convention")]
    return comparison.task, comparison.dataset, comparison.protocol, *about


def _where(comparison: Comparison) -> str:
    return f"{comparison.task} {comparison.dataset} ({comparison.protocol})"


def _alone(comparison: Comparison, state: str) -> Change:
    text = "only in the first run" if state == "missing" else "only in the second run"
    return Change(_where(comparison), "", "", "", None, None, Estimate(None), state, text)


def _other_question(first: Comparison, second: Comparison) -> list[str]:
    return [
        name.replace("_sha256", "") for name in _QUESTION if first.about(name) != second.about(name)
    ]


def _method(
    first: Comparison, second: Comparison, method: str, runs: tuple[RunResults, RunResults]
) -> Iterator[Change]:
    title = first.methods.get(method) or second.methods[method]
    results = [
        {
            unit.seed: each.results[unit]
            for unit in each.planned.get(method, ())
            if unit in each.results
        }
        for each in (first, second)
    ]
    seeds = sorted(results[0].keys() & results[1].keys())

    def hole(state: str, remark: str) -> Change:
        nothing = Estimate(None)
        return Change(_where(first), method, title, "", None, None, nothing, state, remark)

    if not results[0] and not results[1]:
        return
    if not seeds:
        only = "missing" if not results[1] else "new" if not results[0] else "changed"
        yield hole(only, "" if only != "changed" else "no seed in common")
        return
    if gone := sorted(results[0].keys() - results[1].keys()):
        yield hole("missing", f"seeds {', '.join(map(str, gone))}")
    one, two = ([each[seed] for seed in seeds] for each in results)
    yield from _over_images(first, method, title, one, two)
    yield from _over_all(first, method, title, one, two, runs)


def _over_images(
    where: Comparison, method: str, title: str, one: Sequence[UnitResult], two: Sequence[UnitResult]
) -> Iterator[Change]:
    directions = {
        str(name): str(way)
        for name, way in where.about("metrics").items()
        if not _of_the_day(str(name))
    }
    sides = [[result.scores.images(tuple(directions)) for result in side] for side in (one, two)]
    for at, (metric, direction) in enumerate(directions.items()):
        values = [[_defined(scores, at) for scores in side] for side in sides]
        stems = sorted(set.intersection(*(set(each) for side in values for each in side)))
        if lost := {stem for each in values[0] for stem in each} - set(stems):
            text = f"{len(lost)} images lack a value in one of the runs"
            yield Change(
                _where(where), method, title, metric, None, None, Estimate(None), "missing", text
            )
        if not stems:
            continue
        first, second = (np.array([[each[s] for s in stems] for each in side]) for side in values)
        n = len(stems)
        apart = second - first

        def samples(apart: np.ndarray = apart, n: int = n) -> np.ndarray:
            counts = image_counts(n).astype(np.float64)
            return over_seeds(apart @ counts.T / n, method)

        means = float(first.mean()), float(second.mean())
        found = _judged(means, apart.mean(axis=1), np.abs(apart).max(), n, samples)
        state = _state(found, direction)
        yield Change(_where(where), method, title, metric, *means, found, state)


def _over_all(
    where: Comparison,
    method: str,
    title: str,
    one: Sequence[UnitResult],
    two: Sequence[UnitResult],
    runs: tuple[RunResults, RunResults],
) -> Iterator[Change]:
    """Numbers that are about all images: AP, IoU, counts."""
    stored: list[Samples] | None = None
    for key in one[0].scores.overall:
        if _of_the_day(key[0]):
            continue
        name = ":".join(filter(None, key))
        values = [[each.scores.overall.get(key) for each in side] for side in (one, two)]
        first, second = (
            np.array([np.nan if each is None else each.value for each in side]) for side in values
        )
        undefined = [bool(np.isnan(each).any()) for each in (first, second)]
        if any(undefined):
            if undefined != [True, True]:
                state = "missing" if undefined[1] else "new"
                nothing = Estimate(None)
                yield Change(_where(where), method, title, name, None, None, nothing, state)
            continue
        apart = second - first
        means = float(first.mean()), float(second.mean())
        n = min(result.about.images for result in (*one, *two))
        draw: Callable[[], np.ndarray] | None = None
        if np.abs(apart).max() > ROUNDING and where.task in _RESAMPLED:
            if stored is None:
                stored = [
                    _RESAMPLED[where.task](run, side, method)
                    for run, side in zip(runs, (one, two), strict=True)
                ]
            if all(key in each for each in stored):
                draw = _difference(stored, key)
        found = _judged(means, apart, np.abs(apart).max(), n, draw)
        yield Change(_where(where), method, title, name, *means, found, _state(found, _way(key[0])))


def _difference(stored: Sequence[Samples], key: tuple[str, str]) -> Callable[[], np.ndarray]:
    def draw() -> np.ndarray:
        apart: np.ndarray = stored[1][key] - stored[0][key]
        return apart

    return draw


def _judged(
    means: tuple[float, float],
    apart: np.ndarray,
    most: float,
    n: int,
    samples: Callable[[], np.ndarray] | None,
) -> Estimate:
    """The difference with its interval: resampled, or over seeds; none for equal numbers.

    Args:
        apart: float64 [seeds].
        most: largest difference that the mean stands on.
    """
    value = float(apart.mean())
    if most <= ROUNDING * max(abs(means[0]), abs(means[1]), ROUNDING):
        return Estimate(0.0, n=n, seeds=len(apart))
    if samples is not None:
        ends = interval(samples(), n)
        if ends is not None:
            kind = "bootstrap over images" + (" and seeds" if len(apart) > 1 else "")
            return Estimate(value, n=n, seeds=len(apart), low=ends[0], high=ends[1], interval=kind)
    return estimate_over_seeds([Estimate(float(each), n=n) for each in apart])


def _state(difference: Estimate, direction: str) -> str:
    value = difference.value or 0.0
    if value == 0 and difference.low is None:
        return "same"
    ends = difference.low, difference.high
    if ends[0] is not None and ends[1] is not None and ends[0] <= 0 <= ends[1]:
        return "within"
    if not direction:
        return "changed"
    return "better" if (value > 0) == (direction == "up") else "worse"


def _defined(scores: ImageScores, at: int) -> dict[str, float]:
    """Stem to value of the ``at``-th metric, where it is defined."""
    column = scores.values[:, at]
    rows = np.flatnonzero(~np.isnan(column)).tolist()
    return {scores.stems[row]: float(column[row]) for row in rows}


def _way(metric: str) -> str:
    """Whether more or less of a number over all images is better; empty for counts."""
    name = metric.partition("[")[0].rstrip("0123456789_")
    return "up" if name in _BETTER_UP else "down" if name in _BETTER_DOWN else ""


def _of_the_day(metric: str) -> bool:
    return metric.partition("[")[0] in _OF_THE_DAY
