"""Scores folders of fused images against folders of sources, paired by stem."""

from __future__ import annotations

import csv
import io
import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bench.data.images import images_in, read_gray
from bench.errors import UserError, first_few
from tasks.quality.engine import Measurement, Value, apply, resolve
from tasks.quality.registry import METRICS, Direction

Values = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class MethodScores:
    """Scores of one folder of fused images.

    Attributes:
        images: metric values by stem, sorted by stem.
        unmatched: stems that are not on all three sides, under each side that has them.
    """

    images: Mapping[str, Values]
    unmatched: Mapping[str, tuple[str, ...]]

    def mean(self, metric: str) -> float | None:
        """Mean over the images where the metric is defined; None if there is none."""
        defined = [
            values[metric].value
            for values in self.images.values()
            if not math.isnan(values[metric].value)
        ]
        return math.fsum(defined) / len(defined) if defined else None

    def left_out(self, metric: str) -> dict[str, str]:
        """Stems that the mean leaves out because the metric is undefined, with the reason."""
        return {
            stem: values[metric].reason
            for stem, values in self.images.items()
            if math.isnan(values[metric].value)
        }

    def notes(self, name: str, metrics: Sequence[str]) -> list[str]:
        """Sentences that must stand under a table of means."""
        lines = []
        for metric in metrics:
            left_out = [f"{stem} ({reason})" for stem, reason in self.left_out(metric).items()]
            if left_out:
                shown = first_few(left_out, 4)
                lines.append(f"{name}: {metric} leaves out {len(left_out)} undefined: {shown}")
        for side, stems in self.unmatched.items():
            if stems:
                lines.append(f"{name}: {len(stems)} {side} unmatched: {first_few(stems, 4)}")
        return lines

    def to_json(self, metrics: Sequence[str]) -> dict[str, Any]:
        """Plain JSON values; undefined is null."""
        left_out = {metric: self.left_out(metric) for metric in metrics}
        return {
            "images": {
                stem: {metric: _number(values[metric]) for metric in metrics}
                for stem, values in self.images.items()
            },
            "mean": {metric: self.mean(metric) for metric in metrics},
            "left_out": {metric: stems for metric, stems in left_out.items() if stems},
            "unmatched": {side: list(stems) for side, stems in self.unmatched.items()},
        }


@dataclass(frozen=True, slots=True)
class Scores:
    """Everything that ``score_folder`` found.

    Attributes:
        convention: name of the convention.
        metrics: direction by metric, in the order asked for.
        methods: scores by method name, in the order given.
    """

    convention: str
    metrics: Mapping[str, Direction]
    methods: Mapping[str, MethodScores]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; a single method's scores are at the top, several under ``methods``."""
        from bench.store import versions

        metrics = list(self.metrics)
        parts = {name: scores.to_json(metrics) for name, scores in self.methods.items()}
        body = next(iter(parts.values())) if len(parts) == 1 else {"methods": parts}
        head = {"convention": self.convention, "metrics": dict(self.metrics)}
        return {**head, **body, "versions": versions()}

    def to_markdown(self) -> str:
        """A table of means, one line per method, and below it whatever the means leave out."""
        arrows = {"up": "↑", "down": "↓"}
        heads = [f"{name} {arrows[direction]}" for name, direction in self.metrics.items()]
        lines = [
            "| " + " | ".join(["method", "images", *heads]) + " |",
            "|---|" + "---:|" * (len(heads) + 1),
        ]
        notes = [f"Means under convention {self.convention}."]
        for name, scores in self.methods.items():
            means = (scores.mean(metric) for metric in self.metrics)
            cells = ["–" if mean is None else f"{mean:.4f}" for mean in means]
            lines.append("| " + " | ".join([name, str(len(scores.images)), *cells]) + " |")
            notes += scores.notes(name, list(self.metrics))
        return "\n".join([*lines, "", *notes])

    def to_csv(self) -> str:
        """One line per method and image, floats in full, undefined empty; no mean line."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["method", "stem", *self.metrics])
        for method, scores in self.methods.items():
            for stem, values in scores.images.items():
                numbers = (_number(values[metric]) for metric in self.metrics)
                cells = ("" if number is None else repr(number) for number in numbers)
                writer.writerow([method, stem, *cells])
        return text.getvalue()


def score_folder(
    infrared: Path,
    visible: Path,
    fused: Mapping[str, Path],
    metrics: Sequence[str] | None = None,
    convention: str = "reference",
    workers: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Scores:
    """Score every image that is on all three sides, paired by stem whatever the extension.

    Args:
        fused: folders of fused images by method name; colour is read as rounded luma.
        metrics: names in the wanted order; None means the ten.
        convention: registered name.
        workers: threads over images (reading and kernels run without the interpreter's lock);
            0 means as many as this process has cores. The values do not depend on it.
        progress: called with (done, total, stem) after each image.

    Raises:
        UserError: a folder is missing or shares no stem with the others, an image is unreadable,
            or sizes differ (the message names the stem).
    """
    measurements = resolve(metrics, convention)
    if not fused:
        raise UserError("no folder of fused images given")
    sources = {"infrared": images_in(infrared), "visible": images_in(visible)}
    folders = {name: images_in(folder) for name, folder in fused.items()}
    common = {name: _common(name, sources, found) for name, found in folders.items()}
    stems = sorted(set().union(*common.values()))

    def score(stem: str) -> dict[str, Values]:
        wanted = {name: folders[name][stem] for name in folders if stem in common[name]}
        return score_files(
            stem, sources["infrared"][stem], sources["visible"][stem], wanted, measurements
        )

    images: dict[str, dict[str, Values]] = {name: {} for name in folders}
    for done, (stem, values) in enumerate(_in_order(score, stems, workers), start=1):
        for name, found in values.items():
            images[name][stem] = found
        if progress is not None:
            progress(done, len(stems), stem)
    return Scores(
        convention,
        {one.name: METRICS.get(one.name).direction for one in measurements},
        {
            name: MethodScores(images[name], _unmatched({**sources, "fused": folders[name]}))
            for name in folders
        },
    )


def score_files(
    stem: str,
    infrared: Path,
    visible: Path,
    fused: Mapping[str, Path],
    measurements: Sequence[Measurement],
) -> dict[str, Values]:
    """Read the sources of one stem once and measure each fused image against them."""
    sources = read_gray(infrared), read_gray(visible)
    values: dict[str, Values] = {}
    for name, path in fused.items():
        try:
            values[name] = apply(measurements, *sources, read_gray(path))
        except UserError as problem:
            where = "" if str(path) in str(problem) else f"{stem!r} ({path}): "
            raise UserError(f"{where}{problem}") from problem
    return values


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _in_order(
    score: Callable[[str], dict[str, Values]], stems: Sequence[str], workers: int
) -> Iterator[tuple[str, dict[str, Values]]]:
    """Results in the order of the stems, computed in threads with a bounded look-ahead."""
    threads = workers if workers > 0 else available_cores()
    rest = iter(stems)
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[str, Future[dict[str, Values]]]] = deque()
        try:
            for stem in islice(rest, 2 * threads):
                waiting.append((stem, pool.submit(score, stem)))
            while waiting:
                stem, future = waiting.popleft()
                yield stem, future.result()
                for following in islice(rest, 1):
                    waiting.append((following, pool.submit(score, following)))
        finally:
            for _, future in waiting:
                future.cancel()


def _common(
    name: str, sources: Mapping[str, Mapping[str, Path]], fused: Mapping[str, Path]
) -> set[str]:
    stems = set(fused).intersection(*sources.values())
    if not stems:
        sides = ", ".join(
            f"{side}: {first_few(list(found), 3) or 'no images'}"
            for side, found in {**sources, "fused": fused}.items()
        )
        raise UserError(f"method {name!r}: no stem is on all three sides ({sides})")
    return stems


def _unmatched(sides: Mapping[str, Mapping[str, Path]]) -> dict[str, tuple[str, ...]]:
    common = set.intersection(*(set(found) for found in sides.values()))
    return {side: tuple(sorted(set(found) - common)) for side, found in sides.items()}


def _number(value: Value) -> float | None:
    return None if math.isnan(value.value) else value.value
