"""Write a run's report: tables in every format, figures, and what they were made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ivif_bench.errors import UserError, first_few
from ivif_bench.files import write_bytes
from ivif_bench.registry import suggest
from ivif_bench.reports import trainings
from ivif_bench.reports.beside import DatasetIdentity, with_published
from ivif_bench.reports.comparison import Spread, comparisons
from ivif_bench.reports.formats import BY_DEFAULT, FORMATS
from ivif_bench.reports.frame import RunResults, load_run
from ivif_bench.reports.paper_files import paper_files
from ivif_bench.reports.papers import Made, paper_tables
from ivif_bench.reports.provenance import write_provenance
from ivif_bench.reports.tables import BUILDERS

if TYPE_CHECKING:
    from ivif_bench.reports.presets import TableOptions
    from ivif_bench.reports.published import PublishedSource
    from ivif_bench.reports.table import Table


@dataclass(frozen=True, slots=True)
class Report:
    """All tables of a run.

    Attributes:
        remarks: sentences about the whole report, such as results without a table.
        asked: name of each table to that of the comparison it is of; tables for print have none.
    """

    title: str
    tables: tuple[Table, ...]
    remarks: tuple[str, ...] = ()
    asked: Mapping[str, str] = field(default_factory=dict)


def build_report(
    run: RunResults,
    spread: Spread = "",
    sources: Sequence[PublishedSource] = (),
    papers: Sequence[TableOptions] = (),
) -> Report:
    """Make the tables of a run, in the order of its plan, and then those for print.

    Args:
        spread: see ``ivif_bench.reports.comparison.Comparison``.
        sources: published numbers to be set beside ours.
        papers: tables for print.
    """
    tables: list[Table] = []
    unknown: dict[str, None] = {}
    refusals: dict[str, None] = {}
    made: list[Made] = []
    asked: dict[str, str] = {}
    for_all = [source for source in sources if not source.preset]
    for comparison in comparisons(run):
        if BUILDERS.find(comparison.task) is None:
            unknown[comparison.task] = None
            continue
        first, *rest = BUILDERS.load(comparison.task)(replace(comparison, spread=spread))
        identity = run.identities.get(comparison.dataset, DatasetIdentity())
        first, refusal = with_published(first, comparison.dataset_title, identity, for_all)
        refusals |= {refusal: None} if refusal else {}
        tables += [first, *rest]
        asked |= dict.fromkeys((table.name for table in (first, *rest)), comparison.name)
        made.append(Made(comparison, first, identity))
    left_out = []
    for options in papers:
        own = [source for source in sources if source.preset == options.preset]
        entries = "".join(source.bibtex for source in sources)
        found, why = paper_tables(
            options, [_beside(each, own) for each in made], run.bibtex, entries
        )
        tables += found
        left_out += [why] if why else []
    _refuse_same_names(tables)
    remarks = [f"There is no table for results of task {task!r}." for task in unknown]
    remarks += [*refusals, *left_out]
    if sources and not run.identities:
        remarks.append(
            "No published numbers: the plan of this run does not say which datasets its images are "
            "of; repeat 'ivif-bench run CONFIG'."
        )
    if run.missing:
        names = [unit.label for unit in run.missing]
        remarks.append(f"{len(names)} planned results are missing: {first_few(names, 12)}.")
    return Report(f"Results of run {run.name}", tuple(tables), tuple(remarks), asked)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Which pictures of detections and segmentations a report has.

    Attributes:
        count: images on which methods differ most, for each such table.
        stems: images by name, in place of these.
        confidence: of the detections shown; None for each method's own, where F1 is largest.
    """

    count: int = 1
    stems: tuple[str, ...] = ()
    confidence: float | None = None


def write_report(
    run: Path,
    formats: Sequence[str] = BY_DEFAULT,
    spread: Spread = "",
    detail: bool = False,
    pictures: Pictures = Pictures(),
    sources: Sequence[PublishedSource] = (),
    papers: Sequence[TableOptions] = (),
) -> list[Path]:
    """Write ``runs/<name>/report/`` and return the files written.

    Files appear whole or not at all. Equal results give equal bytes: nothing in a table depends on
    when or how often it was made.

    Args:
        run: the run directory.
        formats: names of registered formats.
        spread, sources, papers: see ``build_report``.
        detail: write what explains detection tables as well, see
            ``ivif_bench.reports.detection_files``.
        pictures: of detections and segmentations, see ``ivif_bench.reports.detection_pictures`` and
            ``ivif_bench.reports.segmentation_pictures``.

    Raises:
        UserError: no plan, broken results, nothing planned, an unknown format, or an image to draw
            that no detection table has.
    """
    from ivif_bench.reports.statistics import write as statistics

    for name in formats:
        FORMATS.get(name)
    results = load_run(run)
    report = build_report(results, spread, sources, papers)
    folder = run / "report"
    texts: dict[str, str] = {}
    for name in formats:
        texts |= FORMATS.load(name)(report.title, report.tables, report.remarks)
    if "latex" in formats:
        texts |= paper_files(report.tables)
    written: dict[str, bytes] = {name: text.encode() for name, text in texts.items()}
    written |= _figures(results, report)
    written |= trainings.files_of(results)
    written |= statistics.files_of(results)
    drawn = bool({unit.task for unit in results.planned} & {"detection", "segmentation"})
    if pictures.stems or (pictures.count and drawn):
        written |= _drawn(results, pictures)
    if detail:
        from ivif_bench.reports import detection_files

        written |= detection_files.files_of(results)
    for name, data in written.items():
        write_bytes(folder / name, data)
    names = [table.name for table in report.tables]
    about = write_provenance(results, names, report.remarks, written)
    return [*(folder / name for name in written), about]


def _drawn(results: RunResults, pictures: Pictures) -> dict[str, bytes]:
    """Pictures of detections and segmentations.

    Raises:
        UserError: an image by name that no table has.
    """
    # They load numba, which a report without them does not need.
    from ivif_bench.reports import detection_pictures, segmentation_pictures

    written = segmentation_pictures.files_of(results, pictures.stems, pictures.count)
    labelled = segmentation_pictures.known_stems(results) if pictures.stems else set()
    boxed = detection_pictures.known_stems(results) if pictures.stems else set()
    segmentation_pictures.refuse_unknown(pictures.stems, labelled | boxed)
    mine = tuple(stem for stem in pictures.stems if stem in boxed)
    if mine or not pictures.stems:
        written |= detection_pictures.files_of(results, mine, pictures.count, pictures.confidence)
    return written


def _beside(made: Made, sources: Sequence[PublishedSource]) -> Made:
    """With published rows that are for one table alone."""
    title = made.comparison.dataset_title
    return replace(made, table=with_published(made.table, title, made.identity, sources)[0])


def select(report: Report, name: str) -> Table:
    """One table of a report by its name.

    Raises:
        UserError: no such table; the message suggests the nearest.
    """
    for table in report.tables:
        if table.name == name:
            return table
    known = [table.name for table in report.tables]
    raise UserError(f"the report has no table {name!r}; {suggest(name, known)}")


def _figures(results: RunResults, report: Report) -> dict[str, bytes]:
    """Qualitative panels if the plan names images, and the main number of tables."""
    from ivif_bench.reports import qualitative
    from ivif_bench.reports.charts import dots, style
    from ivif_bench.reports.figures import main_column

    files = qualitative.files_of(results)
    for table in report.tables:
        if table.paper is not None:
            continue
        column = main_column(table)
        if column is not None:
            with style.styled():
                figure = dots.draw(table, column, style.COLUMN["ieee"])
                files |= style.files(table.name, figure)
    return files


def _refuse_same_names(tables: Sequence[Table]) -> None:
    names = [table.name for table in tables]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(
            f"two tables would be written to one file: {first_few(twice)}; rename a dataset or a "
            "protocol of the run so that they differ in letters, digits, '.', '_' or '-'"
        )
