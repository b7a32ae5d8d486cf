"""Records of a run directory, with what every unit says about itself.

Builders read the scores of single units; ``RunResults.frame`` has everything as one tidy pandas
frame. Only that frame imports pandas, which costs more time than all the tables together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ivif_bench.errors import UserError, first_few
from ivif_bench.files import read_json
from ivif_bench.reports.beside import DatasetIdentity
from ivif_bench.reports.scores import Scores, used
from ivif_bench.store import RECORD_SCHEMA
from ivif_bench.types import About, Origin, Provenance

if TYPE_CHECKING:
    import pandas as pd

_RUN = "'ivif-bench run CONFIG'"
_IDENTITY = ("dataset", "method", "task", "protocol", "seed")
_TEXTS = [each.name for each in RECORD_SCHEMA if each.type == pa.string()]
_CODED = pa.schema(
    [
        (each.name, pa.dictionary(pa.int32(), pa.string()) if each.name in _TEXTS else each.type)
        for each in RECORD_SCHEMA
    ]
)


@dataclass(frozen=True, slots=True)
class ListedUnit:
    """A unit of work that ``plan.json`` counts to the run.

    Attributes:
        result: its Parquet file, relative to the run directory.
    """

    task: str
    dataset: str
    method: str
    protocol: str
    seed: int
    key: str
    result: str

    @property
    def label(self) -> str:
        """How footers name it."""
        return f"{self.task} {self.dataset}/{self.method} ({self.protocol}, seed {self.seed})"


@dataclass(frozen=True, eq=False)
class UnitResult:
    """The finished result of one unit.

    Attributes:
        scores: its records.
        provenance: who made them, and with which versions.
        about: what the task tells tables.
    """

    unit: ListedUnit
    scores: Scores
    provenance: Provenance
    about: About


@dataclass(frozen=True, eq=False)
class RunResults:
    """Everything a report is made of.

    Attributes:
        methods: method name to title, in the run's order.
        datasets: dataset name to title.
        planned: all units of the plan, finished or not.
        abouts: what the plan says of its units, as far as it says anything.
        results: the finished ones.
        panels: images for the qualitative figure, as ``plan.json`` lists them.
        sources: names of the methods that are a source image themselves.
        identities: dataset name to what it is; without an entry, nothing is known.
        bibtex: method name to the entry of its paper, as far as there is one.
        images: by dataset and method, where its images are: a path with ``{stem}``, or a path for
            each stem; relative to the run directory.
    """

    name: str
    run: Path
    methods: Mapping[str, str]
    planned: tuple[ListedUnit, ...]
    abouts: Mapping[ListedUnit, About]
    results: Mapping[ListedUnit, UnitResult]
    panels: tuple[Mapping[str, Any], ...] = ()
    sources: frozenset[str] = frozenset()
    datasets: Mapping[str, str] = field(default_factory=dict)
    identities: Mapping[str, DatasetIdentity] = field(default_factory=dict)
    bibtex: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, Mapping[str, str | Mapping[str, str]]] = field(default_factory=dict)

    def image_of(self, dataset: str, method: str, stem: str) -> Path | None:
        """The image of a method that tasks judged; None if it is not known or no longer there."""
        place = self.images.get(dataset, {}).get(method, {})
        name = place.replace("{stem}", stem) if isinstance(place, str) else place.get(stem)
        path = self.run / name if name else None
        return path if path is not None and path.is_file() else None

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All records of all finished units, with the unit's ``key`` as an extra column."""
        import pandas as pd

        columns = [*RECORD_SCHEMA.names, "key"]
        parts = [
            result.scores.to_table()
            .to_pandas()
            .assign(**{name: getattr(unit, name) for name in (*_IDENTITY, "key")})[columns]
            for unit, result in self.results.items()
        ]
        if not parts:
            return pd.DataFrame(columns=columns)
        return pd.concat(parts, ignore_index=True)

    @property
    def missing(self) -> tuple[ListedUnit, ...]:
        """Planned units without a finished result."""
        return tuple(unit for unit in self.planned if unit not in self.results)


def load_run(run: Path) -> RunResults:
    """Read what belongs to a run: the units of its ``plan.json`` and nothing else.

    Args:
        run: the run directory, laid out as ``ivif_bench.store`` says.

    Raises:
        UserError: no plan, a broken plan, or a result file that is broken or about another unit.
    """
    plan_path = run / "plan.json"
    plan = _read_json(plan_path, f"not a run directory yet; create it with {_RUN}")
    try:
        methods = {
            str(item["name"]): str(item.get("title") or item["name"]) for item in plan["methods"]
        }
        sources = frozenset(str(item["name"]) for item in plan["methods"] if item.get("source"))
        planned = tuple(_planned(item) for item in plan["units"])
        abouts = {
            unit: About.from_json(item["about"])
            for unit, item in zip(planned, plan["units"], strict=True)
            if item.get("about")
        }
        datasets = {str(key): str(value) for key, value in plan.get("datasets", {}).items()}
        identities = {
            str(key): DatasetIdentity(tuple(map(str, value["names"])), bool(value["drawn"]))
            for key, value in plan.get("identities", {}).items()
        }
        bibtex = {str(i["name"]): str(i["bibtex"]) for i in plan["methods"] if i.get("bibtex")}
        panels = tuple(dict(item) for item in plan.get("panels", ()))
        images = {
            str(dataset): {str(name): _place(place) for name, place in places.items()}
            for dataset, places in plan.get("images", {}).items()
        }
        name = str(plan.get("name") or run.resolve().name)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
        raise UserError(
            f"{plan_path}: broken plan ({type(problem).__name__}: {problem}); write it again with {_RUN}"
        ) from problem
    strangers = sorted({unit.method for unit in planned} - set(methods))
    if strangers:
        raise UserError(
            f"{plan_path}: units of methods that 'methods' does not list: {first_few(strangers)}; "
            f"write it again with {_RUN}"
        )
    if len(set(planned)) < len(planned):
        raise UserError(f"{plan_path}: a unit is listed twice; write it again with {_RUN}")
    results = {
        unit: found for unit in planned if (found := _load_unit(run, unit, abouts.get(unit)))
    }
    return RunResults(
        name=name,
        run=run,
        methods=methods,
        planned=planned,
        abouts=abouts,
        results=results,
        panels=panels,
        sources=sources,
        datasets=datasets,
        identities=identities,
        bibtex=bibtex,
        images=images,
    )


def _place(value: Any) -> str | dict[str, str]:
    if isinstance(value, str):
        return value
    return {str(stem): str(path) for stem, path in value.items()}


def _planned(item: Mapping[str, Any]) -> ListedUnit:
    texts = {
        name: str(item[name]) for name in ("task", "dataset", "method", "protocol", "key", "result")
    }
    return ListedUnit(seed=int(item["seed"]), **texts)


def _load_unit(run: Path, unit: ListedUnit, about: About | None) -> UnitResult | None:
    """The result of a unit, or None.

    The JSON is written last, so a unit that has both files is finished.

    Args:
        about: what the plan says of the unit. It goes before what was said when the result was
            computed: with more seeds or another split of the same test images, a result is reused.
    """
    path = run / unit.result
    beside = path.with_suffix(".json")
    if not (path.is_file() and beside.is_file()):
        return None
    again = f"delete it and its neighbour, then repeat {_RUN}"
    stored = _read_json(beside, again)
    names = [item.name for item in fields(Provenance) if item.name != "earlier"]
    if not set(names) <= set(stored) or not isinstance(stored["what"], dict):
        raise UserError(f"{beside}: not the provenance of a unit; {again}")
    try:
        records = _read_records(path)
    except (OSError, pa.ArrowException, KeyError, ValueError) as problem:
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise UserError(f"{path}: cannot read the records ({reason}); {again}") from problem
    for name in _IDENTITY:
        for other in used(records[name]):
            if other != getattr(unit, name):
                raise UserError(
                    f"{path}: holds records of {name} {other!r}, the plan says "
                    f"{getattr(unit, name)!r}; {again}"
                )
    try:
        scores = Scores.from_table(records)
    except ValueError as problem:
        raise UserError(f"{path}: {problem}; {again}") from problem
    try:
        earlier = tuple(Origin(**each) for each in stored.get("earlier", ()))
        said = About.from_json(stored["what"].get("about") or {})
    except (TypeError, ValueError, AttributeError) as problem:
        raise UserError(f"{beside}: not the provenance of a unit ({problem}); {again}") from problem
    provenance = Provenance(**{name: stored[name] for name in names}, earlier=earlier)
    return UnitResult(unit, scores, provenance, about or said)


def _read_records(path: Path) -> pa.Table:
    """A table with the columns of ``RECORD_SCHEMA``, text as positions in a dictionary."""
    with pq.ParquetFile(path, read_dictionary=_TEXTS) as file:  # pq.read_table would import pandas
        records = file.read(use_threads=False).select(RECORD_SCHEMA.names)
    if records.schema != _CODED:  # a cast imports pyarrow.compute, even one to itself
        records = records.cast(RECORD_SCHEMA).cast(_CODED)
    return records


def _read_json(path: Path, advice: str) -> dict[str, Any]:
    try:
        found = read_json(path)
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror}; {advice}") from problem
    except ValueError as problem:
        raise UserError(f"{path}: broken JSON ({problem}); {advice}") from problem
    if not isinstance(found, dict):
        raise UserError(f"{path}: expected a JSON object; {advice}")
    return found
