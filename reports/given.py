"""The report of results that are in no run directory, such as those of ``ivif-bench score``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from ivif_bench.naming import safe_name
from ivif_bench.origins import this_process
from ivif_bench.reports.comparison import Comparison, Spread
from ivif_bench.reports.frame import ListedUnit, UnitResult
from ivif_bench.reports.scores import Scores, StoredValue, Subject
from ivif_bench.reports.tables import BUILDERS
from ivif_bench.reports.write import Report
from ivif_bench.types import About, Provenance, Record


def report_of(
    records: Iterable[Record],
    about: About | Mapping[str, About],
    remarks: Sequence[str] = (),
    title: str = "",
    spread: Spread = "",
    counted: bool = False,
) -> Report:
    """The report of one comparison, by the builder that makes the tables of runs.

    Args:
        records: what this process computed for one task, dataset and protocol, at least one;
            methods in the order of the rows.
        about: what the task says of them, or of those of each method.
        remarks: sentences that the footer of every table ends with.
        title: the dataset's name in captions and in the names of tables.
        spread, counted: see ``ivif_bench.reports.comparison.Comparison``.
    """
    scores: dict[ListedUnit, dict[Subject, StoredValue]] = {}
    for one in records:
        dataset = title or one.dataset
        unit = ListedUnit(one.task, dataset, one.method, one.protocol, one.seed, key="", result="")
        subject = Subject(one.stem, one.class_name, one.metric)
        scores.setdefault(unit, {})[subject] = StoredValue(one.value, one.reason)

    def of(method: str) -> About:
        return about if isinstance(about, About) else about[method]

    provenance = Provenance(key="", what={}, **asdict(this_process()))
    first, methods = next(iter(scores)), dict.fromkeys(unit.method for unit in scores)
    comparison = Comparison(
        name=safe_name(f"{first.task}-{first.dataset}"),
        task=first.task,
        dataset=first.dataset,
        protocol=first.protocol,
        methods={name: name for name in methods},
        planned={name: tuple(unit for unit in scores if unit.method == name) for name in methods},
        results={
            unit: UnitResult(unit, Scores.of(mine.items()), provenance, of(unit.method))
            for unit, mine in scores.items()
        },
        dataset_title=title or "the given folders",
        counted=counted,
        spread=spread,
    )
    tables = BUILDERS.load(first.task)(comparison)
    return Report("", tuple(replace(one, footer=(*one.footer, *remarks)) for one in tables))
