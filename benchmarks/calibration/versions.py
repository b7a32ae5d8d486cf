"""Which metrics and conventions have recorded values of a program, and the versions of all."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.calibration.comparisons import COMPARISONS
from benchmarks.calibration.published import SHEETS
from ivif_bench.tasks.quality.registry import CONVENTIONS, METRICS, ConventionSpec, MetricSpec


def recorded_metrics() -> set[str]:
    """Metrics with a recorded value or a published column that must be met within a tolerance."""
    compared = {one.metric for one in COMPARISONS if one.tolerance is not None}
    return compared.union(*(sheet.columns.values() for sheet in SHEETS))


def recorded_conventions() -> set[str]:
    """Conventions under which such a value must be met."""
    compared = {one.convention for one in COMPARISONS if one.tolerance is not None}
    return compared | {sheet.convention for sheet in SHEETS}


def not_recorded() -> list[str]:
    """Registered metrics without such a value: a new one, for instance."""
    return [name for name in METRICS.specs() if name not in recorded_metrics()]


def versions() -> str:
    """The registered metrics and conventions with their versions: what a sheet was made with."""
    lines: list[str] = []
    for kind, specs, recorded in (
        ("Metrics", METRICS.specs().values(), recorded_metrics()),
        ("Conventions", CONVENTIONS.specs().values(), recorded_conventions()),
    ):
        for title, wanted in ((f"{kind} with recorded values", True), (f"{kind} without", False)):
            found = _listed(spec for spec in specs if (spec.name in recorded) == wanted)
            if found:
                lines.append(f"{title}: {found}.")
    return "\n\n".join(lines)


def _listed(specs: Iterable[MetricSpec | ConventionSpec]) -> str:
    return ", ".join(f"{spec.name} {spec.version}" for spec in specs)
