"""Every registry, by the name under which ``ivif-bench list`` shows it."""

from __future__ import annotations

from typing import Any

from ivif_bench.errors import UserError
from ivif_bench.registry import Registry, load_entry, suggest
from ivif_bench.task import TASKS

_OWN = {
    "methods": "ivif_bench.fusion:METHODS",
    "datasets": "ivif_bench.data.base:LAYOUTS",
    "tasks": "ivif_bench.task:TASKS",
    "formats": "ivif_bench.reports.formats:FORMATS",
    "tables": "ivif_bench.reports.tables:BUILDERS",
    "trainings": "ivif_bench.training:TRAININGS",
    "executors": "ivif_bench.pipeline.executors.base:EXECUTORS",
    "ablations": "ivif_bench.ablation:ABLATIONS",
}


def kinds() -> dict[str, str]:
    """The import path of each registry, as ``"module:attribute"``: those of this package, then the tasks'."""
    found = dict(_OWN)
    for spec in TASKS.specs().values():
        found |= spec.lists
    return found


def registry_of(kind: str) -> Registry[Any]:
    """The registry of a kind, such as ``methods`` or ``metrics``.

    Raises:
        UserError: nothing is listed under that name, or its module cannot be imported.
    """
    found = kinds()
    if kind not in found:
        hint = suggest(kind, sorted(found))
        raise UserError(f"no kind {kind!r} of component; {hint}{TASKS.unread()}")
    registry: Registry[Any] = load_entry(found[kind], f"list {kind}", Registry, instance=True)
    return registry
