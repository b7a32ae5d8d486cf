"""Several runs read as one: methods or seeds that were judged apart, on the same question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ivif_bench.errors import UserError
from ivif_bench.reports.frame import ListedUnit, RunResults, UnitResult


def as_one(runs: Sequence[RunResults]) -> RunResults:
    """The results of several runs together, in the order given.

    Results belong together where tables of one run would hold them: same protocol, split, network and
    convention. A result that two runs share counts once. Images and stored boxes stay with their
    runs, so nothing is drawn of them.

    Raises:
        UserError: two runs call different methods by one name, or one is a source in one run only.
    """
    methods: dict[str, str] = {}
    sources: set[str] = set()
    planned: dict[ListedUnit, None] = {}
    results: dict[ListedUnit, UnitResult] = {}
    datasets: dict[str, str] = {}
    for run in runs:
        for name, title in run.methods.items():
            if methods.setdefault(name, title) != title or (
                name in sources and name not in run.sources
            ):
                raise UserError(
                    f"{run.run}: method {name!r} is another one than in the runs before "
                    f"({methods[name]!r}, {title!r}); give one of them another name"
                )
        sources |= run.sources
        planned |= dict.fromkeys(run.planned)
        results |= run.results
        datasets = {**run.datasets, **datasets}
    return RunResults(
        name=", ".join(run.name for run in runs),
        run=Path(),
        methods=methods,
        planned=tuple(planned),
        abouts={unit: about for run in runs for unit, about in run.abouts.items()},
        results=results,
        sources=frozenset(sources),
        datasets=datasets,
        identities={name: each for run in runs for name, each in run.identities.items()},
        bibtex={name: each for run in runs for name, each in run.bibtex.items()},
    )
