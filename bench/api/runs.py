"""Runs from Python: the same as ``ivif-bench run``, and a run directory as pandas frames."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivif_bench.config import RunConfig
from ivif_bench.config_reading import config_of, plain_values
from ivif_bench.errors import UserError
from ivif_bench.pipeline.absent import without_absent
from ivif_bench.pipeline.executors.base import ExecutorConfig
from ivif_bench.pipeline.jobs import Job
from ivif_bench.pipeline.run import Listener, Summary, describe_failures
from ivif_bench.pipeline.run import run as run_pipeline
from ivif_bench.reports import frame
from ivif_bench.reports.formats.markdown import table_text
from ivif_bench.reports.write import build_report
from ivif_bench.types import Progress
from ivif_bench.validation import checked

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
    """The content of a run directory when it was read.

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
        """Results that belong to the run and do not exist (yet)."""
        return tuple(unit.label for unit in self.results.missing)

    @cached_property
    def records(self) -> pd.DataFrame:
        """One row per number: dataset, method, task, protocol, seed, stem, class_name, metric, value,
        reason (why a value is NaN), key (of the result, as in ``provenance``)."""
        return self.results.frame

    @cached_property
    def provenance(self) -> pd.DataFrame:
        """One row per result: key, task, dataset, method, protocol, seed; hash of the protocol, name
        and hash of the split, number of judged images; commit, device, seconds, UTC time and
        versions (a mapping) of the process that wrote it; in ``earlier`` the same five of the
        processes whose work it continued."""
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
    executor: str | Mapping[str, Any] | None = None,
    seeds: Sequence[int] | None = None,
    split: Path | str | Mapping[str, Path | str] | None = None,
    skip_missing: bool = False,
    progress: Progress | None = None,
) -> Run:
    """The same as ``ivif-bench run``: fuse, judge, write tables; finished work is skipped.

    Args:
        config: a YAML file, or its content as a mapping.
        tasks: names of the tasks to do; an empty list only fuses; None means all in the
            configuration.
        workers: number of parallel jobs; default is the number of processors.
        executor: where jobs run: a name such as ``"ray"``, or ``{"name": ..., "options": {...}}`` as
            in a configuration, which has the default.
        seeds: training seeds; default is the protocols'.
        split: a name, a file, or a list file by part; default is the configuration's.
        skip_missing: leave out methods whose weights are not here; the log names them.
        progress: called as ``(done, total, what)`` during the run; ``what`` names fusing or
            the task, the row and the image or step.

    Returns:
        The run directory, as read after the run.

    Raises:
        UserError: the input has an error, raised before anything is computed; or some results
            could not be computed, raised when everything else is finished and written.
    """
    check_workers(workers)
    if isinstance(tasks, str):
        raise UserError(f"tasks: a list of names is expected, such as [{tasks!r}]")
    parsed = config_of(config)
    if seeds is not None:
        parsed = parsed.overridden(seeds=tuple(seeds))
    if split is not None:
        parsed = parsed.overridden(split=plain_values(split))
    if executor is not None:
        chosen = checked(ExecutorConfig, executor, "executor")
        parsed = parsed.run_by(chosen.name, chosen.options)
    if skip_missing:
        parsed = without_absent(parsed, _LOG.info)
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
    """Check the number of parallel jobs."""
    if workers is not None and workers < 1:
        raise UserError(f"workers: must be at least 1, not {workers}")


class Teller(Listener):
    """Passes progress on; other messages go to the logger ``ivif_bench``."""

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
