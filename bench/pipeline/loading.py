"""Loads everything that a run uses, without computing, to find errors that only loading shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ivif_bench.config import RunConfig
from ivif_bench.data.base import LAYOUTS
from ivif_bench.errors import UserError
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.pipeline.absent import demand_weights
from ivif_bench.pipeline.fuse import load_method, method_key
from ivif_bench.task import TASKS, Task


def load_all(config: RunConfig, fingerprint: Fingerprints, note: Callable[[str], None]) -> None:
    """Create every method row and load what every section names, with their weights files.

    Args:
        note: called with a line about each that could be loaded.

    Raises:
        UserError: the first one that cannot be loaded, with its place in the configuration, or all
            rows that lack their weights.
    """
    for name, dataset in config.datasets.items():
        with _at(f"datasets.{name}"):
            LAYOUTS.load(dataset.layout)
    demand_weights(config)
    for index, method in enumerate(config.methods):
        with _at(f"methods.{index}"):
            method_key(method, config.seed, fingerprint)  # finds its weights files
            load_method(method)
        note(f"methods.{index} {method.name}: ok")
    for name, sections in config.sections.items():
        task: Task = TASKS.load(name)()
        for index, section in enumerate(sections):
            where = f"{name}.{index}" if len(sections) > 1 else name
            with _at(where):
                task.load(section)
            note(f"{where}: ok")


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Add the place in the configuration to errors; code of third parties may raise anything."""
    try:
        yield
    except UserError as problem:
        raise UserError(f"{where}: {problem}") from problem
    except Exception as problem:
        said = " ".join(str(problem).split())
        raise UserError(f"{where}: cannot be loaded: {type(problem).__name__}: {said}") from problem
