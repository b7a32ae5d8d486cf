"""What scoring folders found, as JSON, CSV and a Markdown table; nothing left out unsaid."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ivif_bench.errors import first_few
from ivif_bench.ranking import FEWEST, too_few_columns, too_few_images
from ivif_bench.tasks.quality.engine import Value
from ivif_bench.tasks.quality.registry import Direction, Mode
from ivif_bench.tasks.quality.shared import REASONS

_SHOWN = 4  # stems that a printed line names; the JSON has all


@dataclass(frozen=True, slots=True)
class ImageScores:
    """One fused image against its sources.

    Attributes:
        values: by metric, in the order asked for.
        notes: what is peculiar about the three images: how a file had to be read, a constant or a
            repeated image. Each starts with the side: ``fused: 16-bit, read as round(v/257)``.
        kinds: ``gray`` or ``RGB`` by side.
        on_cpu: metrics that a device had no form for.
    """

    values: Mapping[str, Value]
    notes: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    on_cpu: frozenset[str] = frozenset()


Scored = tuple[str, dict[str, ImageScores]]
"""A stem, and its scores by method."""


@dataclass(frozen=True, slots=True)
class MethodScores:
    """Scores of one folder of fused images.

    Attributes:
        images: by stem, sorted.
        unmatched: stems that are not on all three sides, under each side that has them.
    """

    images: Mapping[str, ImageScores]
    unmatched: Mapping[str, tuple[str, ...]]

    def mean(self, metric: str) -> float | None:
        """Mean over the images where the metric is defined; None if there is none."""
        values = (scores.values[metric].value for scores in self.images.values())
        defined = [value for value in values if not math.isnan(value)]
        return math.fsum(defined) / len(defined) if defined else None

    def left_out(self, metric: str) -> dict[str, str]:
        """Stems that the mean leaves out because the metric is undefined, with the reason."""
        found = {stem: scores.values[metric] for stem, scores in self.images.items()}
        return {stem: value.reason for stem, value in found.items() if math.isnan(value.value)}

    def averaged(self, metric: str) -> frozenset[str]:
        """Stems that the mean stands on."""
        return frozenset(self.images) - frozenset(self.left_out(metric))

    def remarks(self, metrics: Iterable[str]) -> list[str]:
        """Sentences that must stand under the means: what is left out of which, and what is odd."""
        gone: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for metric in metrics:
            by_reason: dict[str, list[str]] = {}
            for stem, reason in self.left_out(metric).items():
                by_reason.setdefault(reason, []).append(stem)
            for reason, stems in by_reason.items():
                gone.setdefault((reason, tuple(stems)), []).append(metric)
        lines = [
            f"{len(stems)} of {len(self.images)} images left out of {', '.join(names)} "
            f"({reason}: {REASONS.get(reason, 'undefined')}): {first_few(stems, _SHOWN)}"
            for (reason, stems), names in gone.items()
        ]
        odd: dict[str, list[str]] = {}
        for stem, scores in self.images.items():
            for note in scores.notes:
                odd.setdefault(note, []).append(stem)
        lines += [
            f"{len(stems)} of {len(self.images)} images, {note}: {first_few(stems, _SHOWN)}"
            for note, stems in odd.items()
        ]
        lines += [
            f"{len(stems)} {side} without partners: {first_few(stems, _SHOWN)}"
            for side, stems in self.unmatched.items()
            if stems
        ]
        return lines

    def to_json(self, metrics: Iterable[str]) -> dict[str, Any]:
        """Plain JSON values; undefined is null."""
        metrics = list(metrics)
        left_out = {metric: self.left_out(metric) for metric in metrics}
        kinds: dict[str, Counter[str]] = {}
        for scores in self.images.values():
            for side, kind in scores.kinds.items():
                kinds.setdefault(side, Counter())[kind] += 1
        return {
            "images": {
                stem: {metric: _number(scores.values[metric]) for metric in metrics}
                for stem, scores in self.images.items()
            },
            "mean": {metric: self.mean(metric) for metric in metrics},
            "left_out": {metric: stems for metric, stems in left_out.items() if stems},
            "unmatched": {side: list(stems) for side, stems in self.unmatched.items()},
            "notes": {s: list(scores.notes) for s, scores in self.images.items() if scores.notes},
            "kinds": {side: dict(counts) for side, counts in kinds.items()},
        }


@dataclass(frozen=True, slots=True)
class QualityScores:
    """Everything that ``score_folder`` found.

    Attributes:
        convention: its name.
        described: the convention as it stands under tables, with the variants it takes.
        mode: ``exact`` or ``fast``.
        device: what computed, such as ``cpu`` or ``cuda``.
        metrics: direction by metric under the convention, in the order asked for.
        methods: scores by method name, in the order given.
    """

    convention: str
    described: str
    mode: Mode
    device: str
    metrics: Mapping[str, Direction]
    methods: Mapping[str, MethodScores]

    @property
    def on_cpu(self) -> tuple[str, ...]:
        """Metrics that were computed on the CPU although a device was asked for."""
        used = {
            metric
            for method in self.methods.values()
            for scores in method.images.values()
            for metric in scores.on_cpu
        }
        return tuple(metric for metric in self.metrics if metric in used)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; a single method's scores are at the top, several under ``methods``."""
        from ivif_bench.origins import versions

        parts = {name: scores.to_json(self.metrics) for name, scores in self.methods.items()}
        body = next(iter(parts.values())) if len(parts) == 1 else {"methods": parts}
        reasons = {
            reason
            for scores in self.methods.values()
            for metric in self.metrics
            for reason in scores.left_out(metric).values()
        }
        return {
            "convention": self.convention,
            "described": self.described,
            "mode": self.mode,
            "device": self.device,
            "metrics_on_cpu": list(self.on_cpu),
            "metrics": dict(self.metrics),
            **body,
            "reasons": {reason: REASONS.get(reason, "") for reason in sorted(reasons)},
            "versions": versions(),
        }

    def to_markdown(self) -> str:
        """A table of means, a line per method, and below it whatever the means leave out.

        The best mean of a column is bold, unless all are equal, the means stand on different
        images, or on fewer than ``ivif_bench.ranking.FEWEST``.
        """
        arrows = {"up": "↑", "down": "↓"}
        heads = [f"{name} {arrows[direction]}" for name, direction in self.metrics.items()]
        lines = [
            "| " + " | ".join(["method", "images", *heads]) + " |",
            "|---|" + "---:|" * (len(heads) + 1),
        ]
        best = {metric: self._best(metric) for metric in self.metrics}
        for name, scores in self.methods.items():
            cells = [_cell(scores.mean(metric), best[metric]) for metric in self.metrics]
            lines.append("| " + " | ".join([name, str(len(scores.images)), *cells]) + " |")
        return "\n".join([*lines, "", *self._remarks()])

    def _remarks(self) -> list[str]:
        lines = [f"Means under convention {self.described}."]
        if self.device != "cpu":
            said = f"Computed by torch on {self.device}, in float64"
            if self.on_cpu:
                said += f"; on the CPU, for want of a torch form: {', '.join(self.on_cpu)}"
            lines.append(f"{said}.")
        uneven = [metric for metric in self.metrics if not self._comparable(metric)]
        if uneven:
            lines.append(
                f"No best is marked where means stand on different images: {', '.join(uneven)}."
            )
        lines += self._too_few()
        for name, scores in self.methods.items():
            lines += [f"{name}: {remark}." for remark in scores.remarks(self.metrics)]
        return lines

    def _too_few(self) -> list[str]:
        """Why nothing or not every metric is ranked; a single method is never."""
        if len(self.methods) < 2:
            return []
        images = max(len(scores.images) for scores in self.methods.values())
        counts = {metric: self._stands_on(metric) for metric in self.metrics}
        defined = {metric: count for metric, count in counts.items() if count}
        return list(filter(None, [too_few_images(images) or too_few_columns(defined, "images")]))

    def _stands_on(self, metric: str) -> int:
        """Images that the means of a metric stand on, at least."""
        return min(len(scores.averaged(metric)) for scores in self.methods.values())

    def _comparable(self, metric: str) -> bool:
        return len({scores.averaged(metric) for scores in self.methods.values()}) == 1

    def _best(self, metric: str) -> float | None:
        means = [mean for one in self.methods.values() if (mean := one.mean(metric)) is not None]
        if len({f"{mean:.4f}" for mean in means}) < 2 or not self._comparable(metric):
            return None
        if self._stands_on(metric) < FEWEST:
            return None
        return max(means) if self.metrics[metric] == "up" else min(means)

    def to_csv(self) -> str:
        """One line per method and image, floats in full, undefined empty; no mean line."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["method", "stem", *self.metrics])
        for method, scores in self.methods.items():
            for stem, image in scores.images.items():
                numbers = (_number(image.values[metric]) for metric in self.metrics)
                cells = ("" if number is None else repr(number) for number in numbers)
                writer.writerow([method, stem, *cells])
        return text.getvalue()


def _number(value: Value) -> float | None:
    return None if math.isnan(value.value) else value.value


def _cell(mean: float | None, best: float | None) -> str:
    if mean is None:
        return "–"
    printed = f"{mean:.4f}"  # equal print is equal rank: nobody can see a difference beyond it
    return f"**{printed}**" if best is not None and printed == f"{best:.4f}" else printed
