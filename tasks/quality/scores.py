"""What scoring folders found: every value as JSON, CSV and records; nothing left out unsaid."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ivif_bench.errors import first_few
from ivif_bench.statistics import over_images
from ivif_bench.tasks.quality.engine import Value
from ivif_bench.tasks.quality.registry import Mode
from ivif_bench.tasks.quality.shared import REASONS
from ivif_bench.types import About, Record

_SHOWN = 4  # stems that a printed line names; the JSON has all
_DATASET = "folders"  # in records: folders have no other name


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
        return over_images([image.values[metric].value for image in self.images.values()]).value

    def left_out(self, metric: str) -> dict[str, str]:
        """Stems that the mean leaves out because the metric is undefined, with the reason."""
        found = {stem: scores.values[metric] for stem, scores in self.images.items()}
        return {stem: value.reason for stem, value in found.items() if math.isnan(value.value)}

    def remarks(self, metrics: Iterable[str]) -> list[str]:
        """What a reader of the means must know: what is left out of which, and what is peculiar."""
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
        mode: ``exact`` or ``fast``.
        device: what computed, such as ``cpu`` or ``cuda``.
        protocol: what a run calls the same measurement.
        about: what tables say of it: the convention with the variants it takes, and direction by
            metric in the order asked for.
        methods: scores by method name, in the order given.
    """

    convention: str
    mode: Mode
    device: str
    protocol: str
    about: About
    methods: Mapping[str, MethodScores]

    @property
    def metrics(self) -> Mapping[str, str]:
        """Direction by metric under the convention, in the order asked for."""
        return self.about.metrics

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
            "described": self.about.convention,
            "mode": self.mode,
            "device": self.device,
            "metrics_on_cpu": list(self.on_cpu),
            "metrics": dict(self.metrics),
            **body,
            "reasons": {reason: REASONS.get(reason, "") for reason in sorted(reasons)},
            "versions": versions(),
        }

    def records(self) -> Iterator[Record]:
        """One record per method, image and metric, as a run stores them."""
        for method, scores in self.methods.items():
            for stem, image in scores.images.items():
                for metric, value in image.values.items():
                    yield Record(
                        dataset=_DATASET,
                        method=method,
                        task="quality",
                        protocol=self.protocol,
                        seed=0,
                        metric=metric,
                        value=value.value,
                        stem=stem,
                        reason=value.reason,
                    )

    def remarks(self) -> list[str]:
        """What a reader of the means must know, one sentence each."""
        lines = []
        if self.on_cpu:
            lines.append(
                f"Computed on the CPU, not implemented in torch: {', '.join(self.on_cpu)}."
            )
        for name, scores in self.methods.items():
            lines += [f"{name}: {remark}." for remark in scores.remarks(self.metrics)]
        return lines

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
