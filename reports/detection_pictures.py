"""Pictures of detections: objects that were found and missed, and wrong boxes, all methods side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ivif_bench.curves import file_of
from ivif_bench.data.images import read_rgb
from ivif_bench.detections.curves import best_common_confidence, curve
from ivif_bench.detections.matches import FALSE, HIT, match
from ivif_bench.errors import UserError, first_few
from ivif_bench.naming import safe_name
from ivif_bench.reports.charts import style
from ivif_bench.reports.comparison import comparisons
from ivif_bench.reports.detection_counts import IOU, counts_per_image
from ivif_bench.reports.detections import stored_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ivif_bench.detections.boxes import Judged
    from ivif_bench.reports.comparison import Comparison
    from ivif_bench.reports.frame import RunResults

MOST_STEMS = 20
_COLUMNS = 4  # of methods: a page of 20 has five rows
_WIDTH = 7.16  # inches: two columns of an IEEE page
_SMALL = 5.6  # points
# Okabe and Ito's colours, told apart with any colour vision; lines differ as well.
_Line = tuple[str, Literal["-", "--"]]
_FOUND: _Line = ("#009E73", "-")
_MISSED: _Line = ("#F0E442", "--")
_WRONG: _Line = ("#D55E00", "-")
_LEGEND = (
    (_FOUND, "object found"),
    (_MISSED, "object missed, with its class"),
    (_WRONG, "wrong detection, with its class and confidence"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What one method's detector did on one image, at one confidence.

    Attributes:
        confidence: detections below it are not shown.
        found, missed: xyxy of required objects, float64 [N, 4] in pixels.
        wrong: xyxy of false detections.
        missed_labels, wrong_labels: what is written beside each box.
    """

    confidence: float
    found: np.ndarray
    missed: np.ndarray
    wrong: np.ndarray
    missed_labels: tuple[str, ...]
    wrong_labels: tuple[str, ...]

    @property
    def counts(self) -> str:
        """Text on the numbers of boxes."""
        return f"{len(self.found)} found, {len(self.missed)} missed, {len(self.wrong)} wrong"


def files_of(
    run: RunResults, stems: Sequence[str] = (), count: int = 1, confidence: float | None = None
) -> dict[str, bytes]:
    """PNG and PDF of every picture, by file name.

    Args:
        stems: images to draw, by name; without any, the ``count`` images on which the methods
            differ most.
        confidence: of all methods; None takes for each method the one with its largest mean F1 over
            classes, on all test images.

    Raises:
        UserError: a stem that no detection table has.
    """
    files: dict[str, bytes] = {}
    known: set[str] = set()
    for comparison in comparisons(run):
        if comparison.task != "detection":
            continue
        stored = {name: seeds[0].boxes for name, seeds in stored_of(comparison).items()}
        if not stored:
            continue
        shared = set.intersection(*(set(boxes.stems) for boxes in stored.values()))
        known |= shared
        levels = {
            name: best_confidence(boxes) if confidence is None else confidence
            for name, boxes in stored.items()
        }
        chosen = [stem for stem in stems if stem in shared]
        for stem in chosen or ([] if stems else most_different(stored, levels, count)):
            how = "of the largest mean F1" if confidence is None else "asked for"
            figure = picture(run, comparison, stored, levels, stem, how)
            for kind in ("png", "pdf"):
                name = f"{comparison.name}-boxes-{safe_name(stem)}.{kind}"
                files[name] = file_of(figure, kind)
    if unknown := [stem for stem in stems if stem not in known]:
        raise UserError(
            f"no detection table of {run.run} has image {first_few(unknown)}; "
            f"it has {first_few(sorted(known)) or 'none'}"
        )
    return files


def known_stems(run: RunResults) -> set[str]:
    """Images that can be drawn."""
    tables = [stored_of(each) for each in comparisons(run) if each.task == "detection"]
    shared = [
        set.intersection(*(set(seeds[0].boxes.stems) for seeds in stored.values()))
        for stored in tables
        if stored
    ]
    return set().union(*shared)


def best_confidence(boxes: Judged) -> float:
    """Where the mean F1 over classes is largest; infinite if nothing is hit."""
    matches = match(boxes, np.array([IOU]))
    return best_common_confidence(
        [curve(boxes, matches, index) for index in range(len(boxes.classes))]
    )


def most_different(
    stored: Mapping[str, Judged], levels: Mapping[str, float], count: int
) -> list[str]:
    """Images whose number of errors (missed and wrong) has the largest variance over methods.

    Of equal ones, those with more errors in all, then the first by name.
    """
    errors: dict[str, list[int]] = {}
    for name, boxes in stored.items():
        counts = counts_per_image(boxes, levels[name])
        wrong = (counts.missed + counts.wrong).tolist()
        for stem, found in zip(boxes.stems, wrong, strict=True):
            errors.setdefault(stem, []).append(found)
    whole = {stem: each for stem, each in errors.items() if len(each) == len(stored)}
    order = sorted(whole, key=lambda stem: (-np.var(whole[stem]), -sum(whole[stem]), stem))
    return order[:count]


def shown_on(boxes: Judged, stem: str, confidence: float) -> Shown:
    """What is drawn of one image.

    Detections below the confidence are left out after matching, which changes no other detection's
    partner: an object goes to the most confident detections first.
    """
    at = np.array([boxes.stems.index(stem)])
    one = boxes.only(at)
    matches = match(one, np.array([IOU]))
    outcome, partner = matches.outcome[0], matches.partner[0]
    kept = one.found.score >= confidence
    hit, wrong = kept & (outcome == HIT), kept & (outcome == FALSE)
    required = ~one.truth.ignored
    found = np.zeros(len(one.truth), bool)
    found[partner[hit]] = True
    names = np.array(one.classes, dtype=object)

    def labels(
        mask: np.ndarray, category: np.ndarray, scores: np.ndarray | None
    ) -> tuple[str, ...]:
        return tuple(
            str(names[category[index]]) + ("" if scores is None else f" {scores[index]:.2f}")
            for index in np.flatnonzero(mask)
        )

    missed = required & ~found
    return Shown(
        confidence,
        _corners(one.truth.xywh[required & found]),
        _corners(one.truth.xywh[missed]),
        _corners(one.found.xywh[wrong]),
        labels(missed, one.truth.category, None),
        labels(wrong, one.found.category, one.found.score),
    )


def picture(
    run: RunResults,
    comparison: Comparison,
    stored: Mapping[str, Judged],
    levels: Mapping[str, float],
    stem: str,
    how: str,
) -> Figure:
    """One image of all methods with their boxes.

    Args:
        levels: confidence of each method.
        how: where these come from, for the title.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    methods = [name for name in comparison.methods if name in stored]
    images = {name: _image(run, comparison.dataset, name, stem) for name in methods}
    shape = next((image.shape for image in images.values() if image is not None), (3, 4))
    rows = math.ceil(len(methods) / _COLUMNS)
    columns = math.ceil(len(methods) / rows)
    height = rows * (_WIDTH / columns * shape[0] / shape[1] + 0.24) + 0.5
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.axis("off")
    titles = style.fitted([comparison.methods[n] for n in methods], _WIDTH / columns - 0.15, _SMALL)
    for axes, name, title in zip(panels, methods, titles, strict=False):
        seen = shown_on(stored[name], stem, levels[name])
        _draw(axes, images[name], seen, shape)
        level = "nothing is right" if math.isinf(seen.confidence) else f"≥ {seen.confidence:.2f}"
        axes.set_title(
            f"{title}\n{seen.counts}; {level}",
            fontsize=_SMALL,
            parse_math=False,
            pad=2,
        )
    lines = [
        Line2D([], [], color=colour, linestyle=dash, linewidth=1.5, label=text)
        for (colour, dash), text in _LEGEND
    ]
    figure.legend(handles=lines, loc="outside lower center", ncols=3, fontsize=6, frameon=False)
    text = f"{comparison.dataset_title}, image {stem}: boxes at IoU {IOU}, first seed; ≥: confidence {how}"
    above = style.wrapped(text, 0.93 * _WIDTH, 6.5)
    figure.suptitle("\n".join(above), fontsize=6.5, parse_math=False)
    return figure


def _image(run: RunResults, dataset: str, method: str, stem: str) -> np.ndarray | None:
    """The image that a method's detector saw; that of the visible source for a user's boxes."""
    for name in (method, "visible"):
        path: Path | None = run.image_of(dataset, name, stem)
        if path is not None:
            return read_rgb(path)
    return None


def _corners(xywh: np.ndarray) -> np.ndarray:
    corners: np.ndarray = np.hstack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]])
    return corners


def _draw(axes: Axes, image: np.ndarray | None, seen: Shown, shape: tuple[int, ...]) -> None:
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import AbstractPathEffect, withStroke

    if image is None:
        image = np.full((*shape[:2], 3), 128, np.uint8)
    axes.imshow(image, interpolation="antialiased")
    dark: list[AbstractPathEffect] = [withStroke(linewidth=2.0, foreground="black", alpha=0.6)]
    for corners, labels, (colour, dash) in (
        (seen.found, ("",) * len(seen.found), _FOUND),
        (seen.missed, seen.missed_labels, _MISSED),
        (seen.wrong, seen.wrong_labels, _WRONG),
    ):
        for (x1, y1, x2, y2), label in zip(corners.tolist(), labels, strict=True):
            box = Rectangle(
                (x1 - 0.5, y1 - 0.5),
                x2 - x1,
                y2 - y1,
                fill=False,
                edgecolor=colour,
                linestyle=dash,
                linewidth=0.8,
            )
            axes.add_patch(box).set_path_effects(dark)
            below = colour == _WRONG[0]  # else it would cover the label of a missed object
            at_right = x1 > 0.8 * image.shape[1]  # it would leave the image
            axes.text(
                x2 if at_right else x1,
                y2 + 1 if below else y1 - 1,
                label,
                fontsize=3.6,
                color=colour,
                parse_math=False,
                ha="right" if at_right else "left",
                va="top" if below else "bottom",
                clip_on=True,
                bbox={"facecolor": "black", "alpha": 0.55, "pad": 0.3, "linewidth": 0},
            )
    axes.set_xlim(-0.5, image.shape[1] - 0.5)
    axes.set_ylim(image.shape[0] - 0.5, -0.5)
