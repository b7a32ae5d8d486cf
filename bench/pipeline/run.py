"""The whole run: demo data, fusing, tasks, report. Finished work is skipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from ivif_bench.config import RunConfig
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import read_json, remove_leftovers, temporary_folder, write_bytes, write_json
from ivif_bench.origins import commit, own_version
from ivif_bench.owner import occupying
from ivif_bench.pipeline.absent import demand_weights
from ivif_bench.pipeline.costs import Costs
from ivif_bench.pipeline.executors.base import Place, check_executor, open_executor
from ivif_bench.pipeline.executors.slurm_queue import settle_earlier
from ivif_bench.pipeline.forecast import Countdown, Item, forecast
from ivif_bench.pipeline.graph import Graph
from ivif_bench.pipeline.jobs import Ended, Job
from ivif_bench.pipeline.plan import RunPlan, plan_document
from ivif_bench.pipeline.work import Work
from ivif_bench.store import Store, key_of, locked
from ivif_bench.types import Unit


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of a run.

    Attributes:
        fused: images fused now.
        computed, reused: units of work done now, and found finished.
        failures: errors of units that did not finish.
        report: report files written.
    """

    fused: int
    computed: int
    reused: int
    failures: tuple[str, ...]
    report: tuple[Path, ...]


class Listener:
    """Receives the progress of a run; the command line shows it."""

    def checking(self, done: int, total: int, what: str) -> None:
        """Files are hashed or decoded before anything is computed."""

    def begin(self, items: Sequence[Item], costs: Costs, workers: int, gpus: int) -> None:
        """The work to be done, and the number of processors and GPUs."""

    def expect(self, jobs: int, seconds: float | None) -> None:
        """Number of known jobs that are not done, and seconds for all remaining work."""

    def progress(self, job: Job, done: int, total: int, what: str) -> None:
        """Progress of a job; images of all jobs of its row are counted together."""

    def finished(self, job: Job) -> None:
        """A job ended, successfully or not."""

    def note(self, text: str) -> None:
        """A message of one line."""


def run(
    config: RunConfig,
    *,
    tasks: tuple[str, ...] | None = None,
    workers: int | None = None,
    listener: Listener | None = None,
) -> Summary:
    """Do the missing work of a run.

    Args:
        tasks: only these tasks (and the fusing they need); an empty tuple only fuses; None means all.
        workers: number of parallel jobs; default is the number of processors of the executor.

    Raises:
        UserError: the input has an error; finished work is kept.
        KeyboardInterrupt: the user stopped it; finished work is kept, and nothing half-written is left.
    """
    check_report(config)
    demand_weights(config)
    check_executor(config.executor)
    listener = listener or Listener()
    with occupying(config.folder, listener.note):
        try:
            return _run(config, tasks, workers, listener)
        except KeyboardInterrupt:
            remove_leftovers(config.folder)
            raise


def _run(
    config: RunConfig, tasks: tuple[str, ...] | None, workers: int | None, listener: Listener
) -> Summary:
    store = Store(config.folder)
    alone = settle_earlier(store.root, listener.note)
    write_demo_data(config, listener)
    remove_leftovers(store.root, elsewhere=alone)
    plan = RunPlan(config, store, tasks, listener.checking)
    plan.check_precomputed_methods(listener.note, listener.checking)
    _write_config(config, store)
    try:
        work, units = _do(plan, workers, listener)
    finally:
        store.fingerprint.save()
    written = _report(config, store, listener) if units else ()
    failures = work.failures
    computed, reused = len(work.missing) - len(failures), len(units) - len(work.missing)
    return Summary(work.fused, computed, reused, failures, written)


def _do(plan: RunPlan, workers: int | None, listener: Listener) -> tuple[Work, list[Unit]]:
    """Do all work of a plan; a failed unit leaves empty cells and does not affect others.

    Raises:
        UserError: the executor cannot be used, or images could not be fused; everything that does
            not need them is done.
    """
    store, units = plan.store, list[Unit]()
    items = forecast(plan, listener.note)

    def write_plan(found: list[Unit]) -> None:
        units.extend(found)
        with locked(store.root / "plan.json"):
            earlier = _read_plan(store)
            document = plan_document(plan, found, plan.fused(), earlier)
            write_json(store.root / "plan.json", document)

    def ended(event: Ended) -> None:
        work.workers = countdown.workers = executor.workers
        costs.gpus = countdown.gpus = executor.gpus
        work.ended(event)
        costs.learn(event)
        countdown.ended(event)
        listener.finished(event.job)
        listener.expect(graph.open, countdown.seconds(costs))

    with temporary_folder() as temporary:
        place = Place(store.root, temporary, workers, listener.note)
        executor = open_executor(plan.config.executor, place)
        costs = Costs(store.root / "cache" / "costs.json", executor.gpus)
        try:
            countdown = Countdown(items, executor.workers, executor.gpus)
            listener.begin(items, costs, executor.workers, executor.gpus)
            graph = Graph(executor, listener.progress, ended)
            work = Work(plan, graph, costs, executor.workers, write_plan)
            work.begin()
            listener.expect(graph.open, countdown.seconds(costs))
            graph.run()
        finally:
            executor.close()
            costs.save()
    problems = [*work.fusing_problems, *graph.problems]
    if problems:
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise UserError(
            f"{'; '.join(problems[:3])}{more}; finished work is kept, the same command resumes it"
        )
    return work, units


def check_report(config: RunConfig) -> None:
    """Load what the report needs, before anything is computed.

    Raises:
        UserError: an unknown format, a format or table builder that cannot be loaded, or published
            numbers that cannot be read.
    """
    from ivif_bench.reports.formats import FORMATS
    from ivif_bench.reports.published import load_source
    from ivif_bench.reports.tables import BUILDERS

    for name in config.report.formats:
        FORMATS.load(name)
    for task in config.sections:
        if BUILDERS.find(task):
            BUILDERS.load(task)
    for source in config.published:
        load_source(source)


def write_demo_data(config: RunConfig, listener: Listener) -> None:
    """Write the demo scenes that the configuration asks for, unless they exist."""
    for name, dataset in config.datasets.items():
        if dataset.demo is None:
            continue
        from ivif_bench.data import demo

        root = Path(dataset.root)
        if not root.is_dir():
            listener.note(f"writing demo scenes for {name} into {root}")
        write = (
            demo.write_detection if dataset.demo.task == "detection" else demo.write_segmentation
        )
        settings = dataset.demo
        try:
            with locked(root):
                write(
                    root,
                    train=settings.train,
                    test=settings.test,
                    seed=settings.seed,
                    size=settings.size,
                )
        except ValueError as problem:
            raise UserError(f"datasets.{name}: {problem}") from problem


def _report(config: RunConfig, store: Store, listener: Listener) -> tuple[Path, ...]:
    """Write the report, unless the existing one was made from the same plan and results."""
    from ivif_bench.reports.published import load_source
    from ivif_bench.reports.write import write_report

    sources = [load_source(name) for name in config.published]
    results = store.root / "results"
    inputs = {
        "plan": store.fingerprint(store.root / "plan.json"),
        "results": [  # by content: a result that was made again keeps its name
            [str(path.relative_to(results)), store.fingerprint(path)]
            for path in sorted(results.rglob("*"))
            if path.suffix in (".json", ".parquet")
        ],
        "formats": config.report.formats,
        "table": [options.model_dump() for options in config.table],
        "published": [asdict(source) for source in sources],
        "spread": config.report.spread,
        "detail": config.report.detail,
        "code": [own_version(), commit()],
    }
    store.fingerprint.save()
    memory = store.root / "report" / "inputs.json"
    try:
        known = read_json(memory)
        if known["key"] == key_of(inputs) and all(
            (memory.parent / name).is_file() for name in known["files"]
        ):
            return ()
    except (OSError, ValueError, KeyError, TypeError):
        pass
    memory.unlink(missing_ok=True)
    listener.note("writing tables")
    written = tuple(
        write_report(
            store.root,
            config.report.formats,
            config.report.spread,
            config.report.detail,
            sources=sources,
            papers=config.table,
        )
    )
    write_json(memory, {"key": key_of(inputs), "files": [path.name for path in written]})
    return written


def _write_config(config: RunConfig, store: Store) -> None:
    content: dict[str, Any] = config.model_dump(mode="json", exclude={"sections"})
    for task, sections in config.sections.items():
        content[task] = [section.model_dump(mode="json") for section in sections]
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_bytes(store.root / "config.yaml", text.encode())


def _read_plan(store: Store) -> dict[str, Any]:
    try:
        found = read_json(store.root / "plan.json")
    except (OSError, ValueError):
        return {}
    units = found.get("units") if isinstance(found, dict) else None
    return found if isinstance(units, list) and all(map(_is_listed, units)) else {}


def _is_listed(unit: Any) -> bool:
    """Whether a JSON value describes a unit as ``plan_document`` does."""
    texts = ("task", "dataset", "method", "protocol", "key", "fused", "result")
    return (
        isinstance(unit, dict)
        and all(isinstance(unit.get(name), str) for name in texts)
        and isinstance(unit.get("seed"), int)
    )


def describe_failures(failures: Sequence[str]) -> str:
    """One line for all failed units."""
    return f"{len(failures)} units failed; their cells are empty: {first_few(list(failures), 3)}"
