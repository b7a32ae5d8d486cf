"""What one table compares: the same question about the same images, asked of several methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ivif_bench.errors import UserError
from ivif_bench.naming import safe_name
from ivif_bench.reports.frame import ListedUnit, RunResults, UnitResult
from ivif_bench.store import key_of
from ivif_bench.types import About

# Results that differ in one of these were asked different questions, whatever they are called.
_IDENTITY = ("protocol_sha256", "split_sha256", "network", "mode", "convention", "classes")


Spread = Literal["", "sd", "interval"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """One question with everybody's answers.

    Attributes:
        name: unique in a report, good as a file name.
        methods: name to title of the methods that were asked, in the run's order.
        planned: method to its units, ordered by seed.
        results: the finished ones.
        dataset_title: how captions call the dataset.
        sources: names of the methods that are a source image themselves.
        counted: a table over images has a column with the number of images of each method.
        spread: what tables print beside a number: nothing, in tables over images the standard
            deviation over images (``sd``), or the 95 % interval (``interval``).
        folder: the run directory, if the results are in one.
    """

    name: str
    task: str
    dataset: str
    protocol: str
    methods: Mapping[str, str]
    planned: Mapping[str, tuple[ListedUnit, ...]]
    results: Mapping[ListedUnit, UnitResult]
    dataset_title: str = ""
    sources: frozenset[str] = frozenset()
    counted: bool = False
    spread: Spread = ""
    folder: Path | None = None

    def of(self, method: str) -> tuple[UnitResult, ...]:
        """Results of a method over its seeds; empty as soon as one of them is missing."""
        units = self.planned[method]
        found = tuple(self.results[unit] for unit in units if unit in self.results)
        return found if len(found) == len(units) else ()

    def remark(self, method: str) -> str:
        """The footnote to a method's row; empty if its results say nothing."""
        return next((one.about.remark for one in self.of(method)), "")

    @property
    def missing(self) -> tuple[ListedUnit, ...]:
        """Planned units without a result."""
        return tuple(
            unit for units in self.planned.values() for unit in units if unit not in self.results
        )

    def about(self, name: str) -> Any:
        """A field of ``About``, from the first result that says it; else empty."""
        said = [getattr(result.about, name) for result in self.results.values()]
        return next(filter(None, said), getattr(About(), name))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings of the results as sentences; one that only some methods carry names them."""
        carriers: dict[str, list[str]] = {}
        for unit, result in self.results.items():
            for text in result.about.warnings:
                carriers.setdefault(text.rstrip(" ."), []).append(unit.method)
        asked = {unit.method for unit in self.results}
        return tuple(
            sentence(text if set(who) == asked else f"{text} [{', '.join(self._titles(who))}]")
            for text, who in carriers.items()
        )

    def _titles(self, names: Sequence[str]) -> list[str]:
        return [title for name, title in self.methods.items() if name in set(names)]


def sentence(text: str) -> str:
    """A text with a capital and a stop, so that it does not run into its neighbours."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def comparisons(run: RunResults) -> tuple[Comparison, ...]:
    """Sort a run's units into tables, in the order of the plan.

    Raises:
        UserError: one method has two results for the same question and seed.
    """
    kinds: dict[tuple[str, str, str], list[ListedUnit]] = {}
    for unit in run.planned:
        kinds.setdefault((unit.task, unit.dataset, unit.protocol), []).append(unit)
    found: list[tuple[Comparison, str]] = []
    for (task, dataset, protocol), units in kinds.items():
        for identity, members in _by_question(units, run).items():
            _refuse_doubles(members)
            planned = {
                name: tuple(
                    sorted((u for u in members if u.method == name), key=lambda unit: unit.seed)
                )
                for name in run.methods
            }
            planned = {name: mine for name, mine in planned.items() if mine}
            item = Comparison(
                name="",
                task=task,
                dataset=dataset,
                protocol=protocol,
                methods={name: run.methods[name] for name in planned},
                planned=planned,
                results={unit: run.results[unit] for unit in members if unit in run.results},
                dataset_title=run.datasets.get(dataset, dataset),
                sources=run.sources & planned.keys(),
                folder=run.run,
            )
            found.append((item, identity))
    return _named(found)


def _by_question(units: Sequence[ListedUnit], run: RunResults) -> dict[str, list[ListedUnit]]:
    """Units by what was really asked.

    A missing unit of which the plan says nothing joins where its method and seed are wanted.
    """
    groups: dict[str, list[ListedUnit]] = {}
    homeless = []
    for unit in units:
        about = run.results[unit].about if unit in run.results else run.abouts.get(unit)
        if about is None:
            homeless.append(unit)
        else:
            groups.setdefault(_question(about), []).append(unit)
    for unit in homeless:
        wanted = [
            members
            for members in groups.values()
            if not any((m.method, m.seed) == (unit.method, unit.seed) for m in members)
        ]
        (wanted[0] if wanted else groups.setdefault("missing", [])).append(unit)
    return groups


def _question(about: About) -> str:
    # With classes, metrics are no part of the question: which tags occur depends on the images.
    metrics = None if about.classes else about.metrics
    return key_of([getattr(about, name) for name in _IDENTITY], metrics)


def _refuse_doubles(units: Sequence[ListedUnit]) -> None:
    seen: dict[tuple[str, int], ListedUnit] = {}
    for unit in units:
        other = seen.setdefault((unit.method, unit.seed), unit)
        if other is not unit:
            raise UserError(
                f"two results answer the same question, {unit.label}: {other.result} and "
                f"{unit.result}; take one of the two sections out of the configuration"
            )


def _named(found: Sequence[tuple[Comparison, str]]) -> tuple[Comparison, ...]:
    """The shortest of task-dataset, task-dataset-protocol and one with a hash that is unique."""
    short = [safe_name(f"{item.task}-{item.dataset}") for item, _ in found]
    long = [safe_name(f"{item.task}-{item.dataset}-{item.protocol}") for item, _ in found]
    named = []
    for index, (item, identity) in enumerate(found):
        name = short[index]
        if short.count(name) > 1:
            name = long[index]
            if long.count(name) > 1:
                name = f"{name}-{identity[:8]}"
        named.append(replace(item, name=name))
    return tuple(named)
