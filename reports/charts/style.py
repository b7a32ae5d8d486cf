"""What all figures share: widths of journals, colours, letters, and files.

Colours are those of Okabe and Ito, which people with any colour vision can tell apart; beyond eight
methods, markers tell them apart as well. Text of users is never read as mathematics or TeX.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ivif_bench.curves import COLOURS as COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN = {"ieee": 3.5, "cvpr": 3.25}  # inches
PAGE = {"ieee": 7.16, "cvpr": 6.875}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
_HEADS = (0.5, 0.75, 0.25, 0.9, 0.1)
GRAY = "0.6"
SIZE = 7.0  # points, of all text but panel titles
_HANDLE = 0.42  # inches of a legend's column beside its label
_FINE = 720  # dpi at which letters are measured
KINDS = ("pdf", "png")
_SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that figures are alike everywhere
    "font.size": SIZE,
    "axes.labelsize": SIZE,
    "axes.titlesize": SIZE,
    "xtick.labelsize": SIZE - 1,
    "ytick.labelsize": SIZE,
    "legend.fontsize": SIZE,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.unicode_minus": False,
    "text.parse_math": False,
    "text.usetex": False,
    "pdf.fonttype": 42,  # TrueType, embedded; IEEE refuses Type 3
    "svg.hashsalt": "ivif-bench",
}


@contextmanager
def styled() -> Iterator[None]:
    """Figures must be drawn and saved within."""
    import matplotlib

    with matplotlib.rc_context(_SETTINGS):
        yield


def new(width: float, height: float, placed: bool = False) -> Figure:
    """A figure of that many inches, which it keeps: nothing is cropped to its content.

    Args:
        placed: its axes are given their places; else they are found.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=None if placed else "constrained")


def files(name: str, figure: Figure, kinds: Sequence[str] = KINDS) -> dict[str, bytes]:
    """A figure as files, without time or version inside: equal figures, equal files."""
    found = {}
    for kind in kinds:
        sink = io.BytesIO()
        undated: dict[str, Any] = (
            {"CreationDate": None, "Creator": None, "Producer": None}
            if kind == "pdf"
            else {"Software": None}
        )
        figure.savefig(sink, format=kind, dpi=300, metadata=undated)
        found[f"{name}.{kind}"] = sink.getvalue()
    return found


def looks(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each method, by its place in the run: 80 different ones.

    Args:
        names: all methods of the run in its order, sources included, so that a method looks the same in
            all figures.
    """
    return {
        name: (COLOURS[at % len(COLOURS)], MARKERS[at // len(COLOURS) % len(MARKERS)])
        for at, name in enumerate(names)
    }


def text_width(text: str, size: float = SIZE) -> float:
    """Inches that a line of text takes."""
    font = _font()
    font.set_size(
        size, _FINE
    )  # at 72 dpi letters would have whole pixels, up to a fifth too narrow
    font.set_text(text, 0.0)
    return float(font.get_width_height()[0]) / 64 / _FINE


def fitted(names: Sequence[str], inches: float, size: float = SIZE, lines: int = 1) -> list[str]:
    """Names as labels: whole where they fit, else on two lines, else without a part in the middle.

    Different names stay different: of those that would look alike, another part is left out.
    """
    texts = [plain(name) for name in names]
    shown = [_broken(text, inches, size, lines, _HEADS[0]) for text in texts]
    for label in {label for label in shown if shown.count(label) > 1}:
        alike = [at for at, one in enumerate(shown) if one == label]
        if len({texts[at] for at in alike}) == 1:
            continue
        for head in (*_HEADS[1:], None):
            mine = [texts[at] for at in alike]
            other = (
                _from_difference(mine, inches, size)
                if head is None
                else [_broken(text, inches, size, lines, head) for text in mine]
            )
            if len(set(other)) == len(other) and not set(other) & set(shown):
                break
        else:
            other = [
                _broken(texts[at], inches - text_width(f"({n})", size), size, lines, 0.5) + f"({n})"
                for n, at in enumerate(alike, start=1)
            ]
        for at, text in zip(alike, other, strict=True):
            shown[at] = text
    return shown


def _broken(text: str, inches: float, size: float, lines: int, head: float) -> str:
    if lines < 2 or text_width(text, size) <= inches:
        return _short(text, inches, size, head)
    words = text.split(" ")
    count = 0
    while count < len(words) and text_width(" ".join(words[: count + 1]), size) <= inches:
        count += 1
    if not count or count == len(words):
        return _short(text, inches, size, head)
    rest = _short(" ".join(words[count:]), inches, size, head)
    return f"{' '.join(words[:count])}\n{rest}"


def _from_difference(texts: Sequence[str], inches: float, size: float) -> list[str]:
    """Texts without what all have in common at the beginning, but for some of it, and the middle."""
    letters = enumerate(zip(*texts, strict=False))
    shared = next((at for at, each in letters if len(set(each)) > 1), min(map(len, texts)))
    start = texts[0].rfind(" ", 0, shared) + 1
    head = _short(texts[0][:start], 0.35 * inches, size, 1.0)[: max(1, start)].rstrip(" …")
    room = inches - text_width(f"{head}…", size)
    return [f"{head}…{_short(text[start:], room, size, 0.6)}" for text in texts]


def _short(text: str, inches: float, size: float, head: float) -> str:
    """A text without its middle; ``head`` is the share of what is kept that its beginning has."""
    if text_width(text, size) <= inches:
        return text
    for kept in range(len(text) - 1, 2, -1):
        first = max(1, round(kept * head))
        candidate = f"{text[:first].rstrip()}…{text[len(text) - (kept - first) :].lstrip()}"
        if text_width(candidate, size) <= inches:
            return candidate
    return text[:2]


def wrapped(text: str, inches: float, size: float = SIZE) -> list[str]:
    """A text on lines of that length; a longer word loses its middle."""
    lines: list[str] = []
    for word in plain(text).split(" "):
        if lines and text_width(f"{lines[-1]} {word}", size) < inches:
            lines[-1] += f" {word}"
        else:
            lines.append(_short(word, inches, size, _HEADS[0]))
    return lines


def plain(text: str) -> str:
    """One line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@lru_cache(maxsize=1)
def _font() -> Any:
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    return FT2Font(findfont("DejaVu Sans"))


def widest(labels: Sequence[str], size: float = SIZE) -> float:
    """Inches of the longest label."""
    return max(
        (text_width(line, size) for label in labels for line in label.split("\n")), default=0.0
    )


def legend_room(width: float) -> float:
    """Inches that a label of ``legend`` may take: two columns, or three on a page's width."""
    return (width - 0.2) / (2 if width < 5 else 3) - _HANDLE - 0.01


def legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str], width: float) -> None:
    """A legend below the figure, in as many columns as its labels leave room for."""
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=_columns(labels, width),
        frameon=False,
        handlelength=1.2,
        columnspacing=1.0,
        handletextpad=0.5,
    )


def legend_height(labels: Sequence[str], width: float) -> float:
    """Inches that ``legend`` takes."""
    return 0.16 * -(-len(labels) // _columns(labels, width)) + 0.15


def _columns(labels: Sequence[str], width: float) -> int:
    return max(1, min(len(labels), int((width - 0.2) / (widest(labels) + _HANDLE))))


def few_ticks(axis: Any, most: int, whole: bool = False) -> None:
    """At most that many ticks, with plain numbers: no exponents or offsets, which need mathematics.

    Args:
        whole: at whole numbers only.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(most, min_n_ticks=1 if whole else 2, integer=whole))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _plain_number(value)))


def _plain_number(value: float) -> str:
    """As short as it can be: neighbouring ticks must not touch."""
    return f"{value:.4g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def decades(axis: Any, low: float, high: float) -> None:
    """Ticks of a logarithmic axis as plain numbers, at 1, or at 1, 2 and 5 if it is short."""

    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    steps = (1,) if high / low > 100 else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    inside = [tick for tick in ticks if low <= tick <= high]
    axis.set_major_locator(FixedLocator(inside[:: max(1, -(-len(inside) // 7))]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def warned(figure: Figure, warnings: Sequence[str]) -> Figure:
    """The figure with sentences above it that must not be missing, such as ``PSEUDO LABELS``."""
    if not warnings:
        return figure
    width, height = (float(side) for side in figure.get_size_inches())
    lines = wrapped(" ".join(warnings), width - 0.2, SIZE - 1)
    extra = 0.12 * len(lines) + 0.06
    figure.set_size_inches(width, height + extra)
    where: dict[str, float] = {}  # a layout finds a place itself, unless it is given one
    if figure.get_layout_engine() is None:  # places are given: they keep their inches
        where = {"y": 1 - 0.03 / (height + extra)}
        for axes in figure.axes:
            left, bottom, across, up = axes.get_position().bounds
            share = height / (height + extra)
            axes.set_position((left, bottom * share, across, up * share))
        for text in figure.texts:
            across, up = text.get_position()
            text.set_position((across, up * share))
    figure.suptitle("\n".join(lines), fontsize=SIZE - 1, color="#B00000", va="top", **where)
    return figure
