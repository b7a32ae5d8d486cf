"""Output formats, one file each: finished tables in, text out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ivif_bench.registry import Registry, load_entry

BY_DEFAULT = ("markdown", "latex", "csv", "json")  # what a run writes


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """A format of tables.

    Attributes:
        name: what users ask for.
        entry: ``"module:function"``, or ``"function"`` if it is in the same file; it takes the
            report's title, its tables and its remarks (sentences) and returns file name to text.
            Equal tables must give equal texts.
        title: name in messages.
        text: a function beside that of ``entry``, with the same arguments; it returns everything as
            one text, which ``ivif-bench score --format`` prints. An empty title is left out.
    """

    name: str
    entry: str
    title: str
    text: str = "text"


FORMATS: Registry[FormatSpec] = Registry(
    "report format", "ivif_bench.reports.formats", "ivif_bench.formats"
)


def load_text(name: str) -> Callable[..., str]:
    """The function of a format that makes one text of a report: see ``FormatSpec.text``.

    Raises:
        UserError: unknown format, or it has no such function.
    """
    spec = FORMATS.get(name)
    module = spec.entry.partition(":")[0]
    text: Callable[..., str] = load_entry(f"{module}:{spec.text}", f"report format {name!r}")
    return text
