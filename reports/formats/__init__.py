"""Output formats, one file each: finished tables in, texts of files out."""

from __future__ import annotations

from dataclasses import dataclass

from ivif_bench.registry import Registry


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """A format of tables.

    Attributes:
        name: what users ask for.
        entry: ``"module:function"``, or ``"function"`` if it is in the same file; it takes the
            report's title, its tables and its remarks (sentences) and returns file name to text.
            Equal tables must give equal texts.
        title: name in messages.
    """

    name: str
    entry: str
    title: str


FORMATS: Registry[FormatSpec] = Registry(
    "report format", "ivif_bench.reports.formats", "ivif_bench.formats"
)
