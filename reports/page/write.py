"""Write ``report/page`` of a run: a folder that opens from disk and can be copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.data.images import size_in_header
from ivif_bench.detections.stored import read_once
from ivif_bench.reports.comparison import comparisons
from ivif_bench.reports.frame import RunResults, load_run
from ivif_bench.reports.page import overview, plots
from ivif_bench.reports.page.boxes import write_boxes
from ivif_bench.reports.page.chunks import Folder, columns
from ivif_bench.reports.page.previews import Previews, original, previews_of_labels
from ivif_bench.reports.page.shell import write_shell
from ivif_bench.reports.page.subjects import (
    Images,
    Question,
    datasets_of,
    manifest,
    questions_of,
)
from ivif_bench.reports.page.tables import table_content, write_tables
from ivif_bench.reports.provenance import note_page
from ivif_bench.reports.segmentation_pictures import ERRORS
from ivif_bench.reports.statistics.write import studied
from ivif_bench.reports.write import build_report

if TYPE_CHECKING:
    from ivif_bench.reports.presets import TableOptions
    from ivif_bench.reports.published import PublishedSource

IMAGES = 100  # of each dataset whose previews a page has, if nothing else is asked for


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was written.

    Attributes:
        index: the file to open.
        previews: number of small images, and ``made`` of them now.
        preview_bytes, data_bytes: sizes of these and of everything else.
    """

    index: Path
    previews: int
    made: int
    preview_bytes: int
    data_bytes: int

    @property
    def sentence(self) -> str:
        """What was written, in a line."""
        return (
            f"{self.index}: {self.data_bytes / 1e6:.1f} MB of data, {self.previews} previews of "
            f"{self.preview_bytes / 1e6:.1f} MB ({self.made} made now)"
        )


def write_page(
    run: Path,
    images: int = IMAGES,
    confidence: float | None = None,
    sources: Sequence[PublishedSource] = (),
    papers: Sequence[TableOptions] = (),
) -> Page:
    """Write the page of a run; previews of an earlier page are kept where their images are the same.

    Args:
        run: the run directory.
        images: for how many images of each dataset there are previews, those on which methods differ
            most. Others show the original, as long as the page stays in its run.
        confidence: at which boxes of single images are counted; None for each method's own.
        sources, papers: as for the tables, see ``ivif_bench.reports.write.build_report``.

    Raises:
        UserError: no plan, or broken results.
    """
    with read_once():
        return _write_page(run, images, confidence, sources, papers)


def _write_page(
    run: Path,
    images: int,
    confidence: float | None,
    sources: Sequence[PublishedSource],
    papers: Sequence[TableOptions],
) -> Page:
    results = load_run(run)
    report = build_report(results, "interval", sources, papers)
    every = comparisons(results)
    questions = questions_of(every, confidence)
    datasets = datasets_of(questions, results.datasets)
    ids = {name: f"m{at}" for at, name in enumerate(results.methods)}
    folder = Folder(run / "report" / "page")
    previews = Previews(folder, run)
    about = [_write_images(folder, previews, results, each, ids, images) for each in datasets]
    extras = {
        question.id: _write_question(folder, dataset, question, ids)
        for dataset in datasets
        for question in dataset.questions
    }
    items = studied(every)
    places = {each.name: each.id for each in datasets}
    tables = write_tables(folder, report, every, items, ids, places)
    main = {table.name: table for table in report.tables if table.paper is None}
    ranks = overview.ranks_over_tasks(every, main)
    folder.put("plots", {"against": plots.against(items, ids, places)})
    folder.put(
        "run",
        {
            "title": report.title,
            "name": results.name,
            "methods": [
                {"id": ids[name], "name": name, "title": title, "source": name in results.sources}
                for name, title in results.methods.items()
            ],
            "tables": tables,
            "datasets": about,
            "questions": [
                {**manifest(each, places, ids), **extras.get(each.id, {})} for each in questions
            ],
            "ranks": None if ranks is None else table_content(ranks, ids),
            "best": overview.best_of_each(every, main, ids, places),
            "warnings": overview.warnings_of(every, [*main.values()], report.remarks),
            "facts": _facts(results),
        },
    )
    previews.write()
    write_shell(folder, report.title)
    folder.finish()
    small = previews.size()
    whole = sum((folder.root / name).stat().st_size for name in folder.written)
    note_page(run, len(folder.written), whole)
    return Page(
        folder.root / "index.html", len(previews.names), previews.made, small, whole - small
    )


def _write_images(
    folder: Folder,
    previews: Previews,
    results: RunResults,
    images: Images,
    ids: dict[str, str],
    count: int,
) -> dict[str, Any]:
    """Stems of a dataset and what is known of them; where the images of each method are."""
    wanted = frozenset(images.most_different(count))
    sizes: list[tuple[int, int] | None] = [None] * len(images.stems)
    shown: list[str] = []
    for method in images.methods:
        found: dict[int, str] = {}
        for at, stem in enumerate(images.stems):
            if stem not in wanted and sizes[at] is not None:
                continue
            path = results.image_of(images.name, method, stem)
            if path is None:
                continue
            if sizes[at] is None:
                sizes[at] = size_in_header(path)
            if stem in wanted:
                found[at] = previews.image(path)
        where = original(results, images, method)
        folder.put(f"images/{images.id}/{ids[method]}", {"previews": found, "original": where})
        if found or (any(where) if isinstance(where, list) else where):
            shown.append(ids[method])
    for question in images.questions:
        if question.labels:
            layers = previews_of_labels(previews, images, question, wanted, ids)
            folder.put(f"masks/{question.id}", layers)
    positions = images.positions(sorted(wanted)).tolist()
    folder.put(
        f"images/{images.id}/stems",
        {
            "stems": list(images.stems),
            "sizes": _sizes(sizes),
            "tags": {tag: list(at) for tag, at in images.tags.items()},
            "classes": {name: list(at) for name, at in images.classes.items()},
            "previews": positions,
        },
    )
    return {
        "id": images.id,
        "name": images.name,
        "title": images.title,
        "count": len(images.stems),
        "previews": len(positions),
        "methods": [ids[name] for name in images.methods],
        "shown": shown,
    }


def _sizes(sizes: Sequence[tuple[int, int] | None]) -> list[Any]:
    """Height and width of each image; one pair for all where they are equal."""
    different = {each for each in sizes if each is not None}
    if len(different) == 1:
        return list(different.pop())
    return [list(each) if each else None for each in sizes] if different else []


def _write_question(
    folder: Folder, images: Images, question: Question, ids: dict[str, str]
) -> dict[str, Any]:
    """Numbers of single images by method, boxes and curves; returns what the page must know of them."""
    for name, (stems, values) in question.values.items():
        whole = np.full((len(images.stems), len(question.columns)), np.nan)
        whole[images.positions(stems)] = values
        folder.put(f"scores/{question.id}/{ids[name]}", {"columns": columns(whole)})
    more: dict[str, Any] = {}
    if question.boxes:
        more["boxes"] = write_boxes(folder, images, question, ids)
        curves = plots.precision_recall(question, ids)
        if curves is not None:
            folder.put(f"curves/{question.id}", curves)
            more["curves"] = True
    if question.labels:
        first = next(iter(question.labels.values()))
        more["masks"] = {
            "classes": [
                {"name": name, "colour": colour}
                for at, (name, colour) in enumerate(
                    zip(first.classes, first.palette.tolist(), strict=True)
                )
                if at not in first.background
            ],
            "errors": [
                {"name": name, "colour": list(colour)}
                for name, colour in ERRORS.items()
                if not name.startswith("right")
            ],
        }
    return more


def _facts(results: RunResults) -> list[list[str]]:
    """What there is, in numbers."""
    methods, datasets = len(results.methods), len({unit.dataset for unit in results.planned})
    return [
        ["method" if methods == 1 else "methods", str(methods)],
        ["dataset" if datasets == 1 else "datasets", str(datasets)],
        ["results", f"{len(results.results)} of {len(results.planned)}"],
    ]
