"""The contract of an ablation: the rows of a paper's table, and what each changes of the method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ivif_bench.registry import Registry


@dataclass(frozen=True, slots=True)
class AblationRow:
    """One row.

    Attributes:
        name: of the row in the run, part of file names.
        title: name in tables.
        options: what it sets of the method.
        settings: what it sets of the training.
        lite_settings: the same for the small form, where that needs other values.
        undefined: why the paper's text does not define it; such a row has no numbers.
        remark: footnote of the row, such as a choice that the paper leaves open.
        group: heading of several rows, which stand together.
    """

    name: str
    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    lite_settings: Mapping[str, Any] = field(default_factory=dict)
    undefined: str = ""
    remark: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class AblationSpec:
    """Metadata of an ablation, available without loading its rows.

    Attributes:
        name: used on the command line, ``ivif-bench ablate NAME CONFIG``; also the table preset.
        entry: ``"module:NAME"`` of its rows, a tuple of ``AblationRow``.
        title: one line of text, the caption of its table.
        method, lite: the method of its rows, and its small form.
        training: name of the training that makes the weights of each row; empty if rows only
            differ in options of the method.
        preset, lite_preset: recipe of that training which the rows change.
        published: source of published numbers beside it; empty for none.
    """

    name: str
    entry: str
    title: str
    method: str
    lite: str
    training: str = ""
    preset: str = ""
    lite_preset: str = ""
    published: str = ""


ABLATIONS: Registry[AblationSpec] = Registry(
    "ablation",
    "ivif_bench.fusion_models",
    "ivif_bench.methods",
    attribute="ABLATIONS",
    base=tuple,
    instance=True,
)
