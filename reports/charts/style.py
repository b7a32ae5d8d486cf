"""What all figures share: widths of journals, colours, letters, and files.

Colours are those of Okabe and Ito, which people with any colour vision can tell apart; beyond eight
methods, markers tell them apart as well. Text of users is never read as mathematics or TeX.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN = {"ieee": 3.5, "cvpr": 3.25}  # inches
PAGE = {"ieee": 7.16, "cvpr": 6.875}
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#9C8A00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
GRAY = "0.6"
SIZE = 7.0  # points, of all text but panel titles
KINDS = ("pdf", "png")
_SETTINGS = {
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


def new(width: float, height: float) -> Figure:
    """A figure of that many inches, which it keeps: nothing is cropped to its content."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


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


def look(at: int) -> tuple[str, str]:
    """Colour and marker of a method, by its place in the run: 80 different ones."""
    return COLOURS[at % len(COLOURS)], MARKERS[at // len(COLOURS) % len(MARKERS)]


def text_width(text: str, size: float = SIZE) -> float:
    """Inches that a line of text takes."""
    font = _font()
    font.set_size(size, 72)
    font.set_text(text, 0.0)
    return float(font.get_width_height()[0]) / 64 / 72


def fitted(names: Sequence[str], inches: float, size: float = SIZE, lines: int = 1) -> list[str]:
    """Names as labels: whole where they fit, else on two lines, else shortened; different ones stay so."""
    shown = [_broken(_plain(name), inches, size, lines) for name in names]
    for at, label in enumerate(shown):
        if label in shown[:at] and names[at] not in names[:at]:
            mark = f"({at + 1})"
            room = inches - text_width(mark, size)
            shown[at] = _broken(_plain(names[at]), room, size, lines) + mark
    return shown


def _broken(text: str, inches: float, size: float, lines: int) -> str:
    if lines < 2 or text_width(text, size) <= inches:
        return _short(text, inches, size)
    words = text.split(" ")
    head = 0
    while head < len(words) and text_width(" ".join(words[: head + 1]), size) <= inches:
        head += 1
    if not head or head == len(words):
        return _short(text, inches, size)
    rest = _short(" ".join(words[head:]), inches, size)
    return f"{' '.join(words[:head])}\n{rest}"


def _short(text: str, inches: float, size: float) -> str:
    if text_width(text, size) <= inches:
        return text
    kept = len(text) - 1
    while kept > 2:
        head = (kept + 1) // 2
        candidate = f"{text[:head].rstrip()}…{text[len(text) - (kept - head) :].lstrip()}"
        if text_width(candidate, size) <= inches:
            return candidate
        kept -= 1
    return text[:2]


def _plain(text: str) -> str:
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


def legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str], width: float) -> None:
    """A legend below the figure, in as many columns as its labels leave room for."""
    columns = max(1, min(len(labels), int((width - 0.2) / (widest(labels) + 0.42))))
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        handlelength=1.2,
        columnspacing=1.0,
        handletextpad=0.5,
    )


def legend_height(labels: Sequence[str], width: float) -> float:
    """Inches that ``legend`` takes."""
    columns = max(1, min(len(labels), int((width - 0.2) / (widest(labels) + 0.42))))
    return 0.16 * -(-len(labels) // columns) + 0.15


def few_ticks(axis: Any, most: int) -> None:
    """At most that many ticks, with plain numbers: no exponents or offsets, which need mathematics."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(most, min_n_ticks=2))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))


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
