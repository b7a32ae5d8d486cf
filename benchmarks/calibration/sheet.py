"""The calibration sheet as Markdown and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.calibration.blocks import table
from benchmarks.calibration.compare import Row
from benchmarks.calibration.golden import Golden
from benchmarks.calibration.numbers import about, at_most, value
from benchmarks.calibration.published import Column, Entry, Sheet, columns_of
from benchmarks.calibration.versions import versions
from ivif_bench.tasks.quality.registry import TEN

_COLUMNS = (*TEN, "SSIM")
CSV_COLUMNS = (
    "evaluator", "key", "triple", "theirs", "definition of ours", "ours", "difference",
    "tolerance", "verdict", "reason",
)  # fmt: skip


def to_csv(rows: Iterable[Row]) -> str:
    """Every recorded value beside ours: theirs in full, ours to twelve digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        tolerance = row.comparison.tolerance
        writer.writerow(
            [
                row.comparison.evaluator,
                row.comparison.key,
                row.triple,
                row.theirs.said or repr(row.theirs.value),
                row.comparison.ours,
                "" if row.ours is None else value(row.ours.value) or row.ours.reason,
                "" if math.isnan(row.difference) else at_most(row.difference),
                "" if tolerance is None else f"{tolerance:.0e}",
                row.verdict,
                row.exception or row.comparison.note,
            ]
        )
    return text.getvalue()


def to_markdown(golden: Golden, rows: Sequence[Row], sheets: Mapping[str, str]) -> str:
    """The sheet.

    Args:
        sheets: text on each published sheet, by name; empty if none was measured.
    """
    by_comparison: dict[str, list[Row]] = {}
    for row in rows:
        one = row.comparison
        by_comparison.setdefault(f"{one.evaluator} {one.key} {one.ours}", []).append(row)
    groups = list(by_comparison.values())
    agreed = [group for group in groups if group[0].comparison.tolerance is not None]
    other = [group for group in groups if group[0].comparison.tolerance is None]
    parts = [
        "# Calibration sheet",
        _introduction(golden, rows),
        "## Summary",
        _summary(groups),
        "## Where the definitions are the same",
        _LEGEND,
        _agreement(agreed),
        "## Exceptions",
        _exceptions(rows),
        "## Where theirs is another definition",
        "The nearest of ours stands beside it; no agreement is claimed.",
        _others(other),
        "## Published sheets",
        *(f"### {name}\n\n{text}" for name, text in sheets.items()),
        *([] if sheets else ["Not measured: `--published` was not given."]),
        "## Programs",
        _programs(golden),
        "## Versions of ours",
        versions(),
    ]
    return "\n\n".join(parts) + "\n"


_LEGEND = """\
Largest absolute difference over the triples where both values are defined, as the power of ten
above it; what is below 1e-12 is rounding and belongs to the machine. "Undefined": triples where both
programs give no value."""


def _introduction(golden: Golden, rows: Sequence[Row]) -> str:
    verdicts = [row.verdict for row in rows]
    claimed = (
        len(verdicts) - verdicts.count("another definition") - verdicts.count("nothing to compare")
    )
    differing = verdicts.count("differs")
    shown = [f"`{name}` ({what})" for name, what in golden.triples.items()]
    return (
        "Made by `make calibrate`; do not edit. It puts what public programs return for "
        f"{len(golden.triples)} triples of images beside what is computed here; every value is in "
        "[calibration.csv](calibration.csv).\n\n"
        f"{len(rows)} comparisons. Where the definitions are the same, {claimed}: "
        f"{claimed - differing} agree within their tolerance or are undefined on both sides, "
        f"{differing} do not and are listed under Exceptions.\n\n"
        f"Triples: {'; '.join(shown)}."
    )


def _summary(groups: Iterable[list[Row]]) -> str:
    """Programs by metric; of several comparisons the one with the tightest tolerance counts."""
    found: dict[str, dict[str, list[Row]]] = {}
    for group in groups:
        one = group[0].comparison
        column = one.key.replace("_SSIM", "-SSIM")
        if column not in _COLUMNS or not one.metric:
            continue
        line = found.setdefault(one.evaluator, {})
        if column not in line or _tolerance(group) < _tolerance(line[column]):
            line[column] = group
    rows = (
        [name, *(_summary_cell(line.get(column)) for column in _COLUMNS)]
        for name, line in found.items()
    )
    return (
        "Largest difference to each program, under the convention or setting that is nearest to it; "
        '"other": another definition; empty: it has none, or none was recorded.\n\n'
        + table(["program", *_COLUMNS], rows)
    )


def _tolerance(group: Sequence[Row]) -> float:
    tolerance = group[0].comparison.tolerance
    return math.inf if tolerance is None else tolerance


def _summary_cell(group: Sequence[Row] | None) -> str:
    if group is None:
        return ""
    return "other" if group[0].comparison.tolerance is None else at_most(_largest(group))


def _largest(group: Iterable[Row]) -> float:
    found = [row.difference for row in group if not row.exception]
    return max((one for one in found if not math.isnan(one)), default=math.nan)


def _agreement(groups: Iterable[list[Row]]) -> str:
    rows = []
    for group in groups:
        one = group[0].comparison
        undefined = sum(row.verdict == "both undefined" for row in group)
        exceptions = sum(row.verdict == "differs" for row in group)
        rows.append(
            [
                one.evaluator,
                one.key,
                one.ours,
                str(len(group)),
                at_most(_largest(group)),
                f"{one.tolerance:.0e}",
                str(undefined or ""),
                str(exceptions or ""),
                one.note,
            ]
        )
    heads = ["program", "theirs", "ours", "triples", "difference", "tolerance", "undefined",
             "exceptions", "note"]  # fmt: skip
    return table(heads, rows)


def _exceptions(rows: Iterable[Row]) -> str:
    found = [
        [
            row.comparison.evaluator,
            row.comparison.key,
            row.triple,
            row.theirs.said or f"{row.theirs.value:.6g}",
            row.comparison.ours,
            "" if row.ours is None else value(row.ours.value) or row.ours.reason,
            row.exception or "**not explained**",
        ]
        for row in rows
        if row.verdict == "differs"
    ]
    heads = ["program", "theirs", "triple", "their value", "ours", "our value", "why"]
    return table(heads, found) if found else "None."


def _others(groups: Iterable[list[Row]]) -> str:
    rows = []
    for group in groups:
        one = group[0].comparison
        real = [row.difference for row in group if not row.triple.startswith("edge_")]
        defined = [difference for difference in real if not math.isnan(difference)]
        spread = [about(min(defined, default=math.nan)), about(max(defined, default=math.nan))]
        shown = spread[0] if spread[0] == spread[1] else "..".join(spread)
        rows.append([one.evaluator, one.key, one.ours or "–", shown, one.note])
    heads = ["program", "theirs", "nearest of ours", "difference on pictures", "what differs"]
    return table(heads, rows)


def sheet_text(sheet: Sheet, entries: Sequence[Entry]) -> str:
    """How well a published sheet is reproduced."""
    kept = [entry for entry in entries if entry.method not in sheet.apart]
    methods = sorted({entry.method for entry in kept})
    images = sorted({entry.image for entry in entries})
    rule = (
        f"half a unit of the last of {sheet.digits} significant digits"
        if sheet.tolerance is None
        else f"{sheet.tolerance:.0e}"
    )
    if sheet.rounding:
        rule += f"; in {' and '.join(sheet.rounding)} what rounding can do, found for each image"
    lines = [
        f"Under `{sheet.convention}`: {len(images)} pairs, {len(methods)} methods "
        f"({', '.join(methods)}). Allowed: {rule}.",
        _columns(sheet, columns_of(kept), {name: one.why for name, one in sheet.rounding.items()}),
    ]
    for method, why in sheet.apart.items():
        found = [entry for entry in entries if entry.method == method]
        if found:
            lines += [f"{method}, reported apart: {why}.", _columns(sheet, columns_of(found), {})]
    return "\n\n".join(lines)


def _columns(sheet: Sheet, columns: Iterable[Column], notes: Mapping[str, str]) -> str:
    rows = (
        [
            column.column,
            sheet.columns[column.column],
            f"{column.agreeing} of {column.values}",
            about(column.largest) if column.largest > 1e-9 else at_most(column.largest),
            about(column.median) if column.median > 1e-9 else at_most(column.median),
            notes.get(column.column, ""),
        ]
        for column in columns
    )
    return table(["column", "ours", "agree", "largest difference", "median", "note"], rows)


def _programs(golden: Golden) -> str:
    rows = (
        [
            name,
            f"{about_it['repository']} @ {about_it['commit'][:10]}" if "commit" in about_it else "",
            about_it.get("file", ""),
            about_it["what"].replace("|", "\\|"),
        ]
        for name, about_it in golden.evaluators.items()
    )
    return table(["program", "repository", "file", "what was run"], rows)
