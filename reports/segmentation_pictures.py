"""Pictures of segmentations: sources and truth, and of every method image, prediction and errors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.curves import file_of
from ivif_bench.data.images import read_labels, read_rgb
from ivif_bench.errors import UserError, first_few
from ivif_bench.files import read_json
from ivif_bench.naming import safe_name
from ivif_bench.reports.charts import style
from ivif_bench.reports.comparison import comparisons
from ivif_bench.reports.windows import Window, differing_window, draw_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ivif_bench.reports.comparison import Comparison
    from ivif_bench.reports.frame import RunResults

_METHODS_A_ROW = 5
_SMALL = 5.6  # points
_WIDTH = 7.16  # inches: two columns of an IEEE page
# Okabe and Ito's colours, told apart with any colour vision.
ERRORS = {
    "right": (0, 158, 115),
    "right, background": (220, 220, 220),
    "missed: background where a class is": (240, 228, 66),
    "wrong class": (213, 94, 0),
    "false alarm: a class on background": (0, 114, 178),
    "ignored truth": (120, 120, 120),
}
_RIGHT, _BACKGROUND, _MISSED, _WRONG, _ALARM, _IGNORED = range(len(ERRORS))


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What a run keeps of one method's segmentations.

    Attributes:
        folder: of the predictions.
        classes: names.
        background: ids of classes that some mean leaves out.
        ignore_index: value that is no class.
        palette: RGB of each class.
        sources: paths of the infrared and of the visible image by stem.
        wrong: share of wrong pixels by stem.
        tags: conditions, such as ``night``, to the stems that have them.
        shows: by class, the stems whose truth has it.
    """

    folder: Path
    classes: tuple[str, ...]
    background: tuple[int, ...]
    ignore_index: int
    palette: np.ndarray
    sources: Mapping[str, Sequence[str]]
    wrong: Mapping[str, float]
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shows: Mapping[str, Sequence[str]] = field(default_factory=dict)


def files_of(run: RunResults, stems: Sequence[str] = (), count: int = 1) -> dict[str, bytes]:
    """PNG and PDF of every picture, by file name; stems that no segmentation table has are passed over.

    Args:
        stems: images to draw, by name; without any, the ``count`` images on which the methods
            differ most.
    """
    files: dict[str, bytes] = {}
    for comparison, judged in _tables(run):
        shared = _shared(judged)
        chosen = [stem for stem in stems if stem in shared]
        for stem in chosen or ([] if stems else most_different(judged, count)):
            window = differing_window(_wrong(judged, stem))
            figures = {"": picture(run, comparison, judged, stem, window)}
            if window is not None:
                figures["-crop"] = picture(run, comparison, judged, stem, window, crop=True)
            for part, figure in figures.items():
                for kind in ("png", "pdf"):
                    name = f"{comparison.name}-labels-{safe_name(stem)}{part}.{kind}"
                    files[name] = file_of(figure, kind)
    return files


def known_stems(run: RunResults) -> set[str]:
    """Images that can be drawn."""
    return set().union(*(_shared(judged) for _, judged in _tables(run)))


def most_different(judged: Mapping[str, Judged], count: int) -> list[str]:
    """Images whose share of wrong pixels has the largest variance over methods.

    Of equal ones, those with more wrong pixels in all, then the first by name.
    """
    shares = {stem: [each.wrong[stem] for each in judged.values()] for stem in _shared(judged)}
    order = sorted(shares, key=lambda stem: (-np.var(shares[stem]), -sum(shares[stem]), stem))
    return order[:count]


def error_map(
    truth: np.ndarray, prediction: np.ndarray, background: Sequence[int], ignore_index: int
) -> np.ndarray:
    """Positions in ``ERRORS``, uint8 [H, W], of label images of the same size.

    A predicted void counts as background; without a background class, only void is missed.
    """
    empty = np.isin(prediction, [*background, ignore_index])
    nothing = np.isin(truth, list(background))
    kinds = np.where(empty, np.uint8(_MISSED), np.uint8(_WRONG))
    kinds[nothing & ~empty] = _ALARM
    kinds[nothing & empty] = _BACKGROUND
    kinds[(truth == prediction) & ~nothing] = _RIGHT
    kinds[truth == ignore_index] = _IGNORED
    return kinds


def picture(
    run: RunResults,
    comparison: Comparison,
    judged: Mapping[str, Judged],
    stem: str,
    window: Window | None = None,
    crop: bool = False,
) -> Figure:
    """One image: infrared, visible and truth at the left, then each method in a column of its own.

    Args:
        window: framed, or with ``crop`` all that is shown; shares of wrong pixels are then its own.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    methods = [name for name in comparison.methods if name in judged]
    first = judged[methods[0]]
    truth = read_labels(first.folder / "truth" / f"{stem}.png")
    across = min(_METHODS_A_ROW, len(methods))
    blocks = math.ceil(len(methods) / across)
    wide = _WIDTH / (across + 1)
    tall = blocks * 3 * (wide * truth.shape[0] / truth.shape[1] + 0.05) + 0.9 + 0.15 * blocks
    figure = Figure(figsize=(_WIDTH, tall), layout="constrained")
    panels = figure.subplots(3 * blocks, across + 1, squeeze=False)
    for axes in panels.ravel():
        axes.axis("off")
    seen = {*np.unique(truth).tolist()}
    infrared, visible = (_source(path) for path in first.sources[stem])

    def show(axes: Axes, image: np.ndarray | None, title: str = "") -> None:
        fits = image is not None and image.shape[:2] == truth.shape
        if crop and window is not None and image is not None and fits:
            _show(axes, image[window], truth[window].shape, title)
            return
        _show(axes, image, truth.shape, title)
        if window is not None and fits:
            draw_frame(axes, window)

    for at, (image, title) in enumerate(
        (
            (infrared, "source: infrared"),
            (visible, "source: visible"),
            (_coloured(truth, first), "truth"),
        )
    ):
        show(panels[at, 0], image, title)
    titles = style.fitted([comparison.methods[n] for n in methods], wide - 0.1, _SMALL)
    for number, (name, heading) in enumerate(zip(methods, titles, strict=True)):
        top, column = 3 * (number // across), number % across + 1
        mine = judged[name]
        prediction = read_labels(mine.folder / f"{stem}.png")
        seen |= {*np.unique(prediction).tolist()}
        path = run.image_of(comparison.dataset, name, stem)
        shown = None if path is None else read_rgb(path)
        show(panels[top, column], shown, heading)
        show(panels[top + 1, column], _coloured(prediction, mine))
        kinds = error_map(truth, prediction, mine.background, mine.ignore_index)
        colours = np.array([*ERRORS.values()], np.uint8)
        share = mine.wrong[stem]
        if crop and window is not None:
            judged_here = truth[window] != mine.ignore_index
            missed = (prediction[window] != truth[window]) & judged_here
            share = int(missed.sum()) / max(int(judged_here.sum()), 1)
        show(panels[top + 2, column], colours[kinds], f"{share:.1%} wrong")
    names = [
        Patch(facecolor=_hex(first.palette[at]), edgecolor="0.5", linewidth=0.4, label=name)
        for at, name in enumerate(first.classes)
        if at in seen
    ]
    kinds_drawn = [Patch(facecolor=_hex(colour), label=name) for name, colour in ERRORS.items()]
    legend = figure.legend(
        handles=[*names, *kinds_drawn],
        ncols=5,
        loc="outside lower center",
        fontsize=_SMALL,
        frameon=False,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    part = "where methods differ most, " if crop else ""
    title = (
        f"{comparison.dataset_title}, image {stem}: {part}image, prediction and errors, first seed"
    )
    above = [style.wrapped(each, 0.93 * _WIDTH, 6.5) for each in (title, *comparison.warnings)]
    lines = [line for each in above for line in each]
    figure.suptitle("\n".join(lines), fontsize=6.5, parse_math=False)
    return figure


def _tables(run: RunResults) -> list[tuple[Comparison, dict[str, Judged]]]:
    """Segmentation tables with the methods whose predictions are kept; none without any."""
    every = comparisons(run)
    kept = kept_labels(every)
    return [(each, kept[each.name]) for each in every if each.name in kept]


def kept_labels(every: Sequence[Comparison]) -> dict[str, dict[str, Judged]]:
    """By the name of a segmentation table: its methods whose predictions are kept."""
    found = {}
    for comparison in every:
        if comparison.task == "segmentation":
            judged = {name: _judged(comparison, name) for name in comparison.methods}
            there = {name: each for name, each in judged.items() if each is not None}
            if there:
                found[comparison.name] = there
    return found


def _shared(judged: Mapping[str, Judged]) -> set[str]:
    """Images that every method has, with their sources still there."""
    sets = [set(each.wrong) for each in judged.values()]
    return {
        stem
        for stem in set.intersection(*sets)
        if all(Path(path).is_file() for path in next(iter(judged.values())).sources[stem])
    }


def _judged(comparison: Comparison, method: str) -> Judged | None:
    results = comparison.of(method)
    if comparison.folder is None or not results:
        return None
    folder = comparison.folder / "checkpoints" / f"segmentation-{results[0].unit.key}"
    path = folder / "pictures.json"
    if not path.is_file():  # of a version that did not keep it
        return None
    try:
        content = read_json(path)
        images = content["images"]
        classes = tuple(map(str, content["classes"]))
        palette = np.array(content["palette"], np.uint8).reshape(len(classes), 3)
        return Judged(
            folder=folder,
            classes=classes,
            background=tuple(map(int, content["background"])),
            ignore_index=int(content["ignore_index"]),
            palette=palette,
            sources={stem: (each["infrared"], each["visible"]) for stem, each in images.items()},
            wrong={stem: float(each["wrong"]) for stem, each in images.items()},
            tags=_lists(images, "tags"),
            shows={classes[int(at)]: stems for at, stems in _lists(images, "shows").items()},
        )
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror or problem}") from problem
    except (ValueError, LookupError, TypeError, AttributeError) as problem:
        raise UserError(
            f"{path}: does not describe predictions ({type(problem).__name__}: {problem}); delete this "
            "folder and the unit's results, and 'run' writes them again"
        ) from problem


def _wrong(judged: Mapping[str, Judged], stem: str) -> np.ndarray:
    """The pixels that each method has wrong, bool [methods, H, W]."""
    found = []
    for mine in judged.values():
        truth, prediction = (
            read_labels(mine.folder / name) for name in (f"truth/{stem}.png", f"{stem}.png")
        )
        found.append((truth != prediction) & (truth != mine.ignore_index))
    return np.stack(found)


def _lists(images: Mapping[str, Any], key: str) -> dict[str, list[str]]:
    """By condition or class, its images; files of earlier versions name none."""
    found: dict[str, list[str]] = {}
    for stem, each in images.items():
        for one in each.get(key, ()):
            found.setdefault(str(one), []).append(stem)
    return found


def refuse_unknown(stems: Sequence[str], known: set[str]) -> None:
    """Refuse images that no table has.

    Raises:
        UserError: naming them.
    """
    if unknown := [stem for stem in stems if stem not in known]:
        raise UserError(
            f"no table of the run has predictions of image {first_few(unknown)}; "
            f"they have {first_few(sorted(known)) or 'none'}"
        )


def _coloured(labels: np.ndarray, judged: Judged) -> np.ndarray:
    """Labels in the dataset's colours; what is no class is white."""
    table = np.full((256, 3), 255, np.uint8)
    table[: len(judged.palette)] = judged.palette
    picture: np.ndarray = table[labels]
    return picture


def _hex(colour: Sequence[int] | np.ndarray) -> str:
    red, green, blue = (int(each) for each in colour)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _source(path: str) -> np.ndarray | None:
    return read_rgb(Path(path)) if Path(path).is_file() else None


def _show(axes: Axes, image: np.ndarray | None, shape: tuple[int, ...], title: str = "") -> None:
    if image is None:
        image = np.full((*shape[:2], 3), 245, np.uint8)
        axes.text(0.5, 0.5, "no image", ha="center", va="center", transform=axes.transAxes, size=6)
    axes.imshow(image, interpolation="nearest")
    if title:
        axes.set_title(title, fontsize=_SMALL, parse_math=False, pad=2)
