"""What there is to measure, and which answers exist to "which MI, which VIF, which SSIM"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.registry import Registry

Direction = Literal["up", "down"]

TEN = ("EN", "SF", "AG", "SD", "CC", "SCD", "MI", "VIF", "Qabf", "MS-SSIM")
"""The ten metrics in the order in which papers print them."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """What is known of a metric before it is loaded.

    Attributes:
        name: column heading and key, such as ``SCD``.
        entry: ``"module:function"``; called with a ``tasks.quality.shared.Shared`` and the
            settings of the convention. Returns a float or raises ``Undefined``.
        title: full name.
        direction: ``up`` if larger is better, else ``down``.
        range: smallest and largest possible value under the function's default settings.
        unit: of those values, empty for none.
        reference: who defined it.
        version: raised whenever the same settings give other values, so old results are redone.
    """

    name: str
    entry: str
    title: str
    direction: Direction
    range: tuple[float, float]
    unit: str
    reference: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class ConventionSpec:
    """What is known of a convention before it is loaded.

    Attributes:
        name: used in configurations and printed under every table.
        entry: ``"module:attribute"`` of its ``Convention``.
        title: one line for people.
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
    """How a convention computes one metric.

    Attributes:
        settings: keyword arguments for the metric's function.
        entry: another function in place of the metric's own, empty for none.
        label: unambiguous name for footers, such as ``ms_ssim[pytorch-msssim]``.
        unit: in place of the metric's own unit.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    entry: str = ""
    label: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Convention:
    """A complete answer; a metric without a variant is computed with its function's defaults.

    Attributes:
        variants: by metric name.
        lacks: metrics that must not be printed under this convention, with the reason.
    """

    variants: Mapping[str, Variant] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)


METRICS: Registry[MetricSpec] = Registry("metric", "tasks.quality.metrics", "ivif_bench.metrics")
CONVENTIONS: Registry[ConventionSpec] = Registry(
    "metric convention", "tasks.quality.conventions", "ivif_bench.conventions"
)
