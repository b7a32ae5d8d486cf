"""The trainings of a run: what they cost and whether they converged, as a table and as figures.

Times and memory are of the machine and the day, so two equal runs differ in them. Nothing else of a
report is made of this.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ivif_bench.curves import COSTS, EPOCH, figure_of, file_of, read_curves
from ivif_bench.files import read_json
from ivif_bench.reports.charts import style
from ivif_bench.reports.comparison import Comparison, comparisons
from ivif_bench.reports.frame import RunResults

TABLE = "trainings.csv"
_TRAINED, _CURVES = "trained.json", "curves.csv"
_LABEL = 1.7  # inches that a name may take beside the panels


@dataclass(frozen=True)
class Training:
    """A training that results of a run are based on.

    Attributes:
        folder: its name in ``checkpoints``.
        comparison: the first table that has results of it.
        methods: methods that it judges: the one whose images it was trained on, or all of them.
        seconds: of all its epochs.
        memory_mb: the most memory that its process had in use (10^6 bytes), of the GPU if it had one.
        rows: its curves; empty if it kept none.
    """

    folder: str
    comparison: Comparison
    methods: tuple[str, ...]
    seed: int
    seconds: float
    memory_mb: float
    rows: Sequence[Mapping[str, float]]


def trainings_of(run: RunResults) -> list[Training]:
    """The trainings whose folders are still there, in the order of the plan."""
    found: dict[str, Training] = {}
    for comparison in comparisons(run):
        judged: dict[str, list[tuple[str, int]]] = {}
        for unit, result in comparison.results.items():
            if result.about.training:
                judged.setdefault(result.about.training, []).append((unit.method, unit.seed))
        for name, units in judged.items():
            folder = run.run / "checkpoints" / name
            try:
                about = read_json(folder / _TRAINED)
                costs = float(about["seconds"]), float(about["memory_mb"])
            except (OSError, ValueError, TypeError, KeyError):
                continue  # removed, or of a version that did not measure
            methods = tuple(method for method, _ in units)
            rows = read_curves(folder / _CURVES)
            training = Training(name, comparison, methods, units[0][1], *costs, rows)
            found.setdefault(name, training)
    return list(found.values())


def files_of(run: RunResults) -> dict[str, bytes]:
    """``trainings.csv``, and for each table of trained networks its curves as PNG and PDF."""
    trainings = trainings_of(run)
    if not trainings:
        return {}
    files = {TABLE: _table(trainings)}
    for comparison in {each.comparison.name: each.comparison for each in trainings}.values():
        series: dict[str, list[Sequence[Mapping[str, float]]]] = {}
        for each in trainings:
            if each.comparison is comparison and each.rows:
                series.setdefault(_title(each), []).append(each.rows)
        labels = style.fitted(list(series), _LABEL, 7)
        figure = figure_of(dict(zip(labels, series.values(), strict=True)), EPOCH)
        if figure is not None:
            name = f"training-{comparison.name}"
            files |= {f"{name}.{kind}": file_of(figure, kind) for kind in ("png", "pdf")}
    return files


def _title(training: Training) -> str:
    """Whose images it was trained on; a network that judges several methods is one for all."""
    titles = training.comparison.methods
    return titles[training.methods[0]] if len(training.methods) == 1 else "all methods"


def _table(trainings: Sequence[Training]) -> bytes:
    """One row per training: what it is, its costs, and the values of its last epoch."""
    values = dict.fromkeys(name for each in trainings for row in each.rows[-1:] for name in row)
    names = [name for name in values if name not in (EPOCH, *COSTS)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ("task", "dataset", "protocol", "methods", "seed", "epochs", *COSTS)
    writer.writerow([*head, *(f"last {name}" for name in names), "curves"])
    for each in trainings:
        table, last = each.comparison, dict(each.rows[-1]) if each.rows else {}
        about = (table.task, table.dataset, table.protocol, " ".join(each.methods), each.seed)
        epochs = f"{last[EPOCH]:.0f}" if last else ""
        curves = str(Path("checkpoints", each.folder, _CURVES)) if last else ""
        writer.writerow(
            [*about, epochs, each.seconds, each.memory_mb]
            + [repr(last[name]) if name in last else "" for name in names]
            + [curves]
        )
    return text.getvalue().encode()
