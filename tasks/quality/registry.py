"""Registries of metrics and of conventions, which define the variant of each metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ivif_bench.registry import Registry, load_entry
from ivif_bench.tasks.quality.plain import PlainMetric

Direction = Literal["up", "down"]

Reading = Literal["luma", "opencv_float", "pillow", "channels"]
"""How a convention reads colour; ``ivif_bench.tasks.quality.reading`` describes each."""

Mode = Literal["exact", "fast"]
MODES: tuple[Mode, ...] = ("exact", "fast")
"""``fast`` lets kernels use single precision and tables, within the errors docs/metrics.md states."""

TEN = ("EN", "SF", "AG", "SD", "CC", "SCD", "MI", "VIF", "Qabf", "MS-SSIM")
"""The ten metrics in the order in which papers print them."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """Metadata of a metric, available without loading it.

    Attributes:
        name: column heading and key, such as ``SCD``.
        entry: ``"module:function"``, or ``"function"`` if it is in the same file; called with a
            ``ivif_bench.tasks.quality.shared.Shared`` and the settings of the convention. Returns
            a float or raises ``Undefined``.
        title: full name.
        direction: ``up`` if larger is better, else ``down``.
        range: smallest and largest possible value under the function's default settings.
        unit: of those values, empty for none.
        reference: who defined it.
        needs_sources: False if it looks at the fused image only.
        version: raised whenever the same settings give other values; old results are then recomputed.
        plain: name of the function in the module of ``entry`` that is the plain formula, a
            ``ivif_bench.tasks.quality.plain.PlainMetric``; empty if there is none.
        unrounded: True if it has a value on levels that are not whole numbers, as
            ``ivif_bench.tasks.quality.unrounded`` computes it; False where it counts levels.
    """

    name: str
    entry: str
    title: str
    direction: Direction
    range: tuple[float, float]
    unit: str
    reference: str
    version: int = 1
    plain: str = ""
    needs_sources: bool = True
    unrounded: bool = False


@dataclass(frozen=True, slots=True)
class ConventionSpec:
    """Metadata of a convention, available without loading it.

    Attributes:
        name: used in configurations and printed under every table.
        entry: ``"module:attribute"`` of its ``Convention``; ``"attribute"`` if it is in the same
            file.
        title: one line of text.
        source: whose numbers it reproduces, or why it was chosen.
        version: raised whenever a value under it changes.
    """

    name: str
    entry: str
    title: str
    source: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class Variant:
    """How a convention computes one metric; empty fields are those of the metric itself.

    Attributes:
        settings: keyword arguments for the metric's function.
        entry: another function in place of the metric's own, as ``"module:function"``.
        label: unambiguous name for footers, such as ``ms_ssim[pytorch-msssim]``.
        title, direction, range, unit: in place of the metric's own, where the toolkit prints
            another quantity under the same name.
        colour: of a coloured fused image under the reading ``channels``: the ``mean`` of the
            metric over R, G and B, or its value on the three planes side by ``side``.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    entry: str = ""
    label: str = ""
    title: str = ""
    direction: Direction | None = None
    range: tuple[float, float] | None = None
    unit: str | None = None
    colour: Literal["mean", "side"] = "mean"


@dataclass(frozen=True, slots=True)
class Convention:
    """A convention: how images are read, which metrics it has, and the variant of each.

    Attributes:
        variants: the metrics it defines, by name.
        lacks: metrics that must not be printed under this convention, with the reason.
        others: why any other metric, neither in ``variants`` nor in ``lacks``, is refused. If empty,
            other metrics are computed with their functions' defaults.
        prints: metrics that are computed if none are requested, in the order of the columns. If
            empty, those of the ten that it has.
        reading: how colour images become the one channel that metrics read.
        visible_first: source A is the visible image and B the infrared one.
    """

    variants: Mapping[str, Variant] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)
    others: str = ""
    prints: tuple[str, ...] = ()
    reading: Reading = "luma"
    visible_first: bool = False

    def refuses(self, metric: str) -> str:
        """Why that metric has no value under this convention; empty if it has."""
        if metric in self.variants:
            return ""
        return self.lacks.get(metric, self.others)


METRICS: Registry[MetricSpec] = Registry(
    "metric", "ivif_bench.tasks.quality.metrics", "ivif_bench.metrics"
)
CONVENTIONS: Registry[ConventionSpec] = Registry(
    "metric convention",
    "ivif_bench.tasks.quality.conventions",
    "ivif_bench.conventions",
    base=Convention,
    instance=True,
)


def plain_metric(name: str) -> PlainMetric | None:
    """The plain formula of a registered metric; None if it declares none."""
    spec = METRICS.get(name)
    if not spec.plain:
        return None
    module = spec.entry.partition(":")[0]
    found: PlainMetric = load_entry(f"{module}:{spec.plain}", f"plain formula of metric {name!r}")
    return found
