"""Records of a run directory as one tidy pandas frame, with what every unit says about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import UserError, first_few
from bench.store import RECORD_SCHEMA
from bench.types import Provenance

_RUN = "'ivif-bench run CONFIG'"
_IDENTITY = ("dataset", "method", "task", "protocol", "seed")


@dataclass(frozen=True, slots=True)
class PlannedUnit:
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
        rows: its records, with the columns of ``bench.store.RECORD_SCHEMA``.
        provenance: the JSON beside them.
    """

    unit: PlannedUnit
    rows: pd.DataFrame
    provenance: Provenance

    @property
    def about(self) -> Mapping[str, Any]:
        """What the task tells tables (``bench.task.ABOUT_KEYS``)."""
        found = self.provenance.what.get("about")
        return found if isinstance(found, Mapping) else {}


@dataclass(frozen=True, eq=False)
class RunResults:
    """Everything a report is made of.

    Attributes:
        methods: method name to title, in the run's order.
        planned: all units of the plan, finished or not.
        results: the finished ones.
        missing_ok: whether the run was told to go on without some images.
        panels: images for the qualitative figure, as ``plan.json`` lists them.
    """

    name: str
    run: Path
    methods: Mapping[str, str]
    planned: tuple[PlannedUnit, ...]
    results: Mapping[PlannedUnit, UnitResult]
    missing_ok: bool = False
    panels: tuple[Mapping[str, Any], ...] = field(default=())

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All records of all finished units, with the unit's ``key`` as an extra column."""
        parts = [found.rows.assign(key=unit.key) for unit, found in self.results.items()]
        if not parts:
            return pd.DataFrame(columns=[*RECORD_SCHEMA.names, "key"])
        return pd.concat(parts, ignore_index=True)

    @property
    def missing(self) -> tuple[PlannedUnit, ...]:
        """Planned units without a finished result."""
        return tuple(unit for unit in self.planned if unit not in self.results)


def load_run(run: Path) -> RunResults:
    """Read what belongs to a run: the units of its ``plan.json`` and nothing else.

    Args:
        run: the run directory, laid out as ``bench.store`` says.

    Raises:
        UserError: no plan, a broken plan, or a result file that is broken or about another unit.
    """
    plan_path = run / "plan.json"
    plan = _read_json(plan_path, f"not a run directory yet; make it with {_RUN}")
    try:
        methods = {
            str(item["name"]): str(item.get("title") or item["name"]) for item in plan["methods"]
        }
        planned = tuple(_planned(item) for item in plan["units"])
        panels = tuple(dict(item) for item in plan.get("panels", ()))
        name = str(plan.get("name") or run.resolve().name)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
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
    loaded = {unit: _load_unit(run, unit) for unit in planned}
    return RunResults(
        name=name,
        run=run,
        methods=methods,
        planned=planned,
        results={unit: found for unit, found in loaded.items() if found is not None},
        missing_ok=bool(plan.get("missing_ok", False)),
        panels=panels,
    )


def _planned(item: Mapping[str, Any]) -> PlannedUnit:
    texts = {
        name: str(item[name]) for name in ("task", "dataset", "method", "protocol", "key", "result")
    }
    return PlannedUnit(seed=int(item["seed"]), **texts)


def _load_unit(run: Path, unit: PlannedUnit) -> UnitResult | None:
    """The result of a unit, or None: the JSON is written last, so both files make it finished."""
    path = run / unit.result
    beside = path.with_suffix(".json")
    if not (path.is_file() and beside.is_file()):
        return None
    again = f"delete it and its neighbour, then repeat {_RUN}"
    stored = _read_json(beside, again)
    names = [item.name for item in fields(Provenance)]
    if not set(names) <= set(stored) or not isinstance(stored["what"], dict):
        raise UserError(f"{beside}: not the provenance of a unit; {again}")
    try:
        table = (
            pq.read_table(path, partitioning=None).select(RECORD_SCHEMA.names).cast(RECORD_SCHEMA)
        )
    except (OSError, pa.ArrowException, KeyError, ValueError) as problem:
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise UserError(f"{path}: cannot read the records ({reason}); {again}") from problem
    rows: pd.DataFrame = table.to_pandas()
    for name in _IDENTITY:
        others = rows.loc[rows[name] != getattr(unit, name), name]
        if len(others):
            raise UserError(
                f"{path}: holds records of {name} {others.iloc[0]!r}, the plan says "
                f"{getattr(unit, name)!r}; {again}"
            )
    twice = rows.duplicated(["stem", "class_name", "metric"])
    if twice.any():
        first = rows[twice].iloc[0]
        raise UserError(
            f"{path}: two values of {first['metric']} for stem {first['stem']!r}, "
            f"class {first['class_name']!r}; {again}"
        )
    return UnitResult(unit, rows, Provenance(**{name: stored[name] for name in names}))


def _read_json(path: Path, advice: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror}; {advice}") from problem
    except ValueError as problem:
        raise UserError(f"{path}: broken JSON ({problem}); {advice}") from problem
    if not isinstance(found, dict):
        raise UserError(f"{path}: expected a JSON object; {advice}")
    return found
