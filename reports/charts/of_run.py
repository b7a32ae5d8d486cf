"""The charts of a run, or of a published sheet: which there are, and what each shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ivif_bench.naming import safe_name
from ivif_bench.reports.charts import (
    association,
    boxes,
    cost,
    critical,
    image_curves,
    places,
    radar,
    seeds,
    style,
)
from ivif_bench.reports.comparison import Comparison
from ivif_bench.reports.scores import Subject
from ivif_bench.reports.statistics.against_task import Against, Outcome
from ivif_bench.reports.statistics.write import Studied

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SECONDS, _BYTES = "seconds[", "peak_bytes["


def files_of(
    items: Sequence[Studied], every: Sequence[Comparison], venue: str
) -> Iterator[tuple[str, bytes]]:
    """PDF and PNG of every chart: name and content, one after the other.

    Args:
        items: the statistics.
        every: all comparisons of the run.
        venue: ``ieee`` or ``cvpr``, for the widths.
    """
    with style.styled():
        for name, figure, warnings in _charts(items, every, venue):
            yield from style.files(f"statistics-{name}", style.warned(figure, warnings)).items()


def _charts(
    items: Sequence[Studied], every: Sequence[Comparison], venue: str
) -> Iterator[tuple[str, Figure, Sequence[str]]]:
    """Name, figure, and what it must not be shown without."""
    column, page = style.COLUMN[venue], style.PAGE[venue]
    for item in items:
        name, titles = item.comparison.name, item.comparison.methods
        said = item.comparison.warnings
        if item.study is not None:
            for key, figure in _of_study(item, column):
                yield key, figure, said
        for number, figure in enumerate(boxes.draw(item.blocks, titles, page), start=1):
            yield f"{name}-boxes-{number}", figure, said
        pages = image_curves.draw(item.blocks, titles, page)
        for number, figure in enumerate(pages, start=1):
            yield f"{name}-images-{number}", figure, said
        for pair in item.against:
            for outcome in pair.headlines:
                key = safe_name(outcome.key)
                found = association.draw(pair, outcome, titles, page)
                if found is not None:
                    few = [pair.too_few] if pair.too_few else []
                    yield f"{pair.name}-{key}", found, [*pair.warnings, *few]
                costs = _costs(item.comparison.dataset, outcome, every)
                for size, mine in costs.items():
                    time = f"seconds for an image of {size.replace('x', '×')}"
                    order = list(titles.values())
                    if chart := cost.draw(mine, time, outcome.title, order, column):
                        yield f"{pair.name}-{key}-cost-{size}", chart, pair.warnings
    for comparison, outcome in _headlines(items, every):
        values = _over_seeds(comparison, outcome)
        if any(len(scores) > 1 for scores in values.values()):
            key = safe_name(outcome.key)
            chart = seeds.draw(values, outcome.title, column)
            yield f"{comparison.name}-{key}-seeds", chart, comparison.warnings
    for dataset, orders in _orders(items).items():
        if len(orders) > 1:
            pairs = [p for i in items if i.comparison.dataset == dataset for p in i.against]
            warnings = dict.fromkeys(text for pair in pairs for text in pair.warnings)
            known = [i.comparison.methods for i in items if i.comparison.dataset == dataset]
            order = list(dict.fromkeys(title for each in known for title in each.values()))
            yield f"{safe_name(dataset)}-places", places.draw(orders, order, page), tuple(warnings)


def _of_study(item: Studied, width: float) -> Iterator[tuple[str, Figure]]:
    """Critical differences of each metric, and the radar of all."""
    study, titles = item.study, item.comparison.methods
    assert study is not None
    name = item.comparison.name
    for each in study.verdicts:
        ranks = {
            titles[method]: float(rank)
            for method, rank in zip(study.methods, each.mean_ranks, strict=True)
        }
        what = f"{each.blocks.metric}, mean rank over {len(each.blocks.stems)} images"
        figure = critical.draw(ranks, each.critical_difference, each.any_difference, width, what)
        yield f"{name}-critical-{safe_name(each.blocks.metric)}", figure
    order = sorted(range(len(study.methods)), key=lambda at: study.mean_ranks[at])
    values = {
        titles[study.methods[at]]: {
            each.blocks.metric: float(each.blocks.averages[at] * each.blocks.sign)
            for each in study.verdicts
        }
        for at in order
    }
    axes = [each.blocks.metric for each in study.verdicts]
    around = radar.draw(values, axes, list(titles.values()), width)
    if around is not None:
        yield f"{name}-radar", around


def _headlines(
    items: Sequence[Studied], every: Sequence[Comparison]
) -> Iterator[tuple[Comparison, Outcome]]:
    """Each headline score with the comparison that it is of, once."""
    seen = set()
    for pair in (pair for item in items for pair in item.against):
        for outcome in pair.headlines:
            for comparison in every:
                key = (comparison.name, outcome.key)
                if pair.table == comparison.name and key not in seen:
                    seen.add(key)
                    yield comparison, outcome


def _over_seeds(comparison: Comparison, outcome: Outcome) -> dict[str, list[float]]:
    metric, _, class_name = outcome.key.partition(":")
    subject = Subject("", class_name, metric)
    return {
        title: [r.scores[subject].value for r in comparison.of(method) if subject in r.scores]
        if method in outcome.scores
        else []
        for method, title in comparison.methods.items()
    }


def _orders(items: Sequence[Studied]) -> dict[str, dict[str, dict[str, int]]]:
    """Dataset to question to the places of methods: overall by metrics, and each headline score."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for item in items:
        mine = found.setdefault(item.comparison.dataset, {})
        titles = item.comparison.methods
        if item.study is not None:
            study = item.study
            what = f"mean rank of metrics, {item.comparison.about('convention')}".rstrip(", ")
            mine[what] = {
                titles[method]: int(place)
                for method, place in zip(study.methods, study.places, strict=True)
            }
        for pair in item.against:
            for outcome in pair.headlines:
                many = sum(len(each.headlines) for each in item.against) > 2
                what = f"{outcome.title} {pair.protocol}" if many else outcome.title
                mine.setdefault(what, _places(pair, outcome, titles))
    return found


def _places(pair: Against, outcome: Outcome, titles: Mapping[str, str]) -> dict[str, int]:
    gains = {titles[name]: gain for name, gain in outcome.gains.items() if name in titles}
    return {
        title: 1 + sum(other > gain for other in gains.values()) for title, gain in gains.items()
    }


def _costs(
    dataset: str, outcome: Outcome, every: Sequence[Comparison]
) -> dict[str, dict[str, cost.Cost]]:
    """Size of image to the costs of the methods with this outcome, as the complexity task found them.

    They are of a size, not of a dataset: those measured on pairs of another one serve as well.
    """
    found: dict[str, dict[str, cost.Cost]] = {}
    measured = [each for each in every if each.task == "complexity"]
    for comparison in sorted(measured, key=lambda each: each.dataset == dataset):
        for method, title in comparison.methods.items():
            if method not in outcome.scores:
                continue
            for result in comparison.of(method)[:1]:
                values = {s.metric: score.value for s, score in result.scores.items()}
                for metric, seconds in values.items():
                    if not metric.startswith(_SECONDS) or not seconds > 0:
                        continue
                    size = metric[len(_SECONDS) : -1]
                    memory = values.get(f"{_BYTES}{size}]", 0.0)
                    found.setdefault(size, {})[title] = cost.Cost(
                        seconds, outcome.scores[method], memory / 1e6 if memory > 0 else None
                    )
    return found
