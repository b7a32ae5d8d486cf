"""Values per image from a CSV file, such as those that authors publish, as a table over images."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection
from pathlib import Path

from ivif_bench.errors import UserError, first_few
from ivif_bench.files import read_text
from ivif_bench.naming import safe_name
from ivif_bench.reports.comparison import Comparison
from ivif_bench.reports.frame import ListedUnit, UnitResult
from ivif_bench.reports.scores import Scores, StoredValue, Subject
from ivif_bench.types import About, Provenance

COLUMNS = ("image", "method", "metric", "value")
_MOST = 1 << 26  # bytes: a million values


def read_sheet(path: Path, down: Collection[str] = (), title: str = "") -> Comparison:
    """A CSV with the columns image, method, metric and value as a table over images.

    An empty value, or one that is not a number (``nan``), is undefined on that image.

    Args:
        down: metrics of which less is better; of all others, more is.
        title: what the images are called; the name of the file by default.

    Raises:
        UserError: not such a file, a value given twice, or a metric in ``down`` that it lacks.
    """
    try:
        reader = csv.DictReader(io.StringIO(read_text(path, most=_MOST)), strict=True)
        lines = list(reader)
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror or problem}") from problem
    except (ValueError, csv.Error) as problem:
        raise UserError(f"{path}: not a CSV file ({problem})") from problem
    gone = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if gone or not lines:
        what = f"no column {first_few(gone)}" if gone else "no values"
        raise UserError(f"{path}: {what}; expected CSV with the columns {', '.join(COLUMNS)}")
    scores: dict[str, dict[Subject, StoredValue]] = {}
    metrics: dict[str, str] = {}
    for number, line in enumerate(lines, start=2):
        image, method, metric, text = (str(line[name] or "").strip() for name in COLUMNS)
        where = f"{path}, line {number}"
        if not (image and method and metric):
            raise UserError(f"{where}: image, method or metric is empty")
        subject = Subject(image, "", metric)
        if subject in scores.setdefault(method, {}):
            raise UserError(f"{where}: a second value of {metric} for {method}, image {image}")
        value = _number(text, where)
        scores[method][subject] = StoredValue(value, "undefined" if math.isnan(value) else "")
        metrics[metric] = "down" if metric in down else "up"
    if strangers := sorted(set(down) - set(metrics)):
        raise UserError(
            f"{path}: has no metric {first_few(strangers)} (--down); it has {first_few([*metrics], 20)}"
        )
    nobody = Provenance(
        key="", what={}, versions={}, commit="unknown", device="", seconds=0.0, finished=""
    )
    about = About(metrics=metrics, images=len({s.stem for each in scores.values() for s in each}))
    name = title or path.stem
    units = {m: ListedUnit("quality", name, m, "sheet", 0, "", "") for m in scores}
    return Comparison(
        name=safe_name(name),
        task="quality",
        dataset=name,
        protocol="sheet",
        methods={method: method for method in scores},
        planned={method: (unit,) for method, unit in units.items()},
        results={
            unit: UnitResult(unit, Scores.of(scores[method].items()), nobody, about)
            for method, unit in units.items()
        },
        dataset_title=name,
    )


def _number(text: str, where: str) -> float:
    try:
        value = float(text) if text else math.nan
    except ValueError as problem:
        raise UserError(f"{where}: value {text[:40]!r} is not a number") from problem
    if math.isinf(value):
        raise UserError(f"{where}: value is infinite")
    return value
