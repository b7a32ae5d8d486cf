"""Runs from Python: do what ``ivif-bench run`` does, and read a run directory as pandas frames."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivif_bench.config import RunConfig, config_of, plain_values
from ivif_bench.errors import UserError
from ivif_bench.pipeline.jobs import Job
from ivif_bench.pipeline.run import Listener, Summary, describe_failures
from ivif_bench.pipeline.run import run as run_pipeline
from ivif_bench.reports import frame
from ivif_bench.reports.formats.markdown import table_text
from ivif_bench.reports.write import build_report
from ivif_bench.types import Progress

if TYPE_CHECKING:
    import pandas as pd

_LOG = logging.getLogger("ivif_bench")
_PROVENANCE = (
    *("key", "task", "dataset", "method", "protocol", "seed"),
    *("protocol_sha256", "split", "split_sha256", "images"),
    *("commit", "device", "seconds", "finished", "versions", "earlier"),
)


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A run directory, as it was when it was read.

    Attributes:
        results: what the reports are made of.
        summary: what was fused, computed and reused by ``run`` or ``judge``; None if it was only
            read.
    """

    results: frame.RunResults
    summary: Summary | None = None

    @property
    def folder(self) -> Path:
        """The run directory."""
        return self.results.run

    @property
    def missing(self) -> tuple[str, ...]:
        """Results that belong to the run and are not there (yet)."""
        return tuple(unit.label for unit in self.results.missing)

    @cached_property
    def records(self) -> pd.DataFrame:
        """One number a row: dataset, method, task, protocol, seed, stem, class_name, metric, value,
        reason (why a value is NaN), key (of the result, as in ``provenance``)."""
        return self.results.frame

    @cached_property
    def provenance(self) -> pd.DataFrame:
        """One result a row: key, task, dataset, method, protocol, seed; hash of the protocol, name
        and hash of the split, number of judged images; commit, device, seconds, UTC time and
        versions (a mapping) of the process that wrote it; in ``earlier`` the same five of the
        processes whose work it went on from."""
        import pandas as pd

        rows = [_origin_of(found) for found in self.results.results.values()]
        return pd.DataFrame(rows, columns=list(_PROVENANCE))

    @cached_property
    def tables(self) -> Mapping[str, str]:
        """The tables of the report as Markdown, by name, with captions and footers."""
        return {table.name: table_text(table) for table in build_report(self.results).tables}

    def __repr__(self) -> str:
        done, planned = len(self.results.results), len(self.results.planned)
        return f"<Run {str(self.folder)!r}: {done} of {planned} results>"


def run(
    config: Path | str | Mapping[str, Any] | RunConfig,
    *,
    tasks: Sequence[str] | None = None,
    workers: int | None = None,
    seeds: Sequence[int] | None = None,
    split: Path | str | Mapping[str, Path | str] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Do what ``ivif-bench run`` does: fuse, judge, write tables; what is done is not done again.

    Args:
        config: a YAML file, or its content as a mapping.
        tasks: names of the only tasks to do; an empty list only fuses; None is all that the
            configuration has.
        workers: jobs at once; default is the number of processors.
        seeds: training seeds instead of the protocols'.
        split: instead of the configuration's: a name, a file, or a list file by part.
        progress: called as ``(done, total, what)`` as work goes on; ``what`` names fusing or
            the task, the row and the image or step.

    Returns:
        The run directory, read.

    Raises:
        UserError: something in the input must be put right first; or some results could not be
            computed, which is said when everything else is done and written.
    """
    check_workers(workers)
    if isinstance(tasks, str):
        raise UserError(f"tasks: a list of names is expected, such as [{tasks!r}]")
    parsed = config_of(config)
    if seeds is not None:
        parsed = parsed.overridden(seeds=tuple(seeds))
    if split is not None:
        parsed = parsed.overridden(split=plain_values(split))
    for task in tasks or ():
        if task not in parsed.sections:
            raise UserError(f"run {parsed.name!r} has no section {task!r}; add one")
    summary = run_pipeline(
        parsed,
        tasks=None if tasks is None else tuple(tasks),
        workers=workers,
        listener=Teller(progress),
    )
    if summary.failures:
        raise UserError(describe_failures(summary.failures))
    return Run(frame.load_run(parsed.folder), summary)


def load_run(run: Path | str | Mapping[str, Any] | RunConfig) -> Run:
    """Read a run directory, finished or not; nothing is computed.

    Args:
        run: the run directory, or its configuration as ``run`` takes it.

    Raises:
        UserError: no run directory, or a broken file in it.
    """
    if isinstance(run, str | Path) and not Path(run).is_file():
        return Run(frame.load_run(Path(run)))
    return Run(frame.load_run(config_of(run).folder))


def check_workers(workers: int | None) -> None:
    """Refuse a number of jobs that no job could run under."""
    if workers is not None and workers < 1:
        raise UserError(f"workers: must be at least 1, not {workers}")


class Teller(Listener):
    """Passes progress on; what is worth a line goes to the logger ``ivif_bench``."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    def progress(self, job: Job, done: int, total: int, what: str) -> None:
        if self._progress is not None:
            self._progress(done, total, f"{job.stage}, {job.label}: {what}")

    def note(self, text: str) -> None:
        _LOG.info(text)


def _origin_of(found: frame.UnitResult) -> dict[str, Any]:
    about, said = found.about, found.provenance
    last, *earlier = (asdict(origin) for origin in said.origins)
    named = {name: getattr(found.unit, name) for name in _PROVENANCE[:6]}
    of_input = {name: getattr(about, name) for name in _PROVENANCE[6:10]}
    return {**named, **of_input, **last, "earlier": tuple(earlier)}
