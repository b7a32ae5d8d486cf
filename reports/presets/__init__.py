"""Tables as papers print them: named presets, one YAML file each, and what a run changes of them.

A preset chooses columns, order, names, digits and width of one table. It decides no number: those are of
the ordinary tables of the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ivif_bench.errors import UserError
from ivif_bench.registry import suggest
from ivif_bench.validation import checked
from ivif_bench.yaml_text import read_yaml

# Points of a column and of a page of both styles: IEEEtran's two columns; CVPR's 6.875 inches in two
# columns 0.3125 inches apart, rounded down.
WIDTHS = {"ieee-column": 252, "ieee-page": 516, "cvpr-column": 237, "cvpr-page": 496}
_MERGED = ("titles", "names", "cite", "undefined", "remarks")


class TableOptions(BaseModel):
    """One table for print: the preset it starts from, and every part that may be another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str = Field("", description="name of the preset that it starts from")
    name: str = Field(
        "", pattern=r"^([A-Za-z0-9][A-Za-z0-9._+-]*)?$", description="name of its files"
    )
    kind: Literal["results", "ranks"] = Field(
        "results", description="numbers of one task, or ranks over all tasks"
    )
    task: str = Field("quality", description="whose numbers")
    datasets: tuple[str, ...] = Field((), description="which, in this order; all if empty")
    side_by_side: int = Field(
        1, ge=1, le=8, description="datasets beside each other; more become further tables"
    )
    metrics: tuple[str, ...] = Field((), description="columns, in this order; all if empty")
    also: dict[str, tuple[str, ...]] = Field(
        {}, description="columns of another task on the same dataset, by task, behind these"
    )
    titles: dict[str, str] = Field({}, description="heading of a column")
    methods: tuple[str, ...] = Field((), description="rows, in this order; all if empty")
    names: dict[str, str] = Field({}, description="printed name of a row")
    cite: dict[str, str] = Field({}, description="citation key of a row, in place of its own")
    groups: dict[str, tuple[str, ...]] = Field(
        {}, description="heading of several rows, which stand together"
    )
    decimals: int | dict[str, int] | None = Field(
        None, description="printed digits behind the point, of all columns or by column"
    )
    percent: bool | None = Field(None, description="print shares in percent, or as shares")
    spread: Literal["", "none", "sd", "interval"] = Field(
        "",
        description="behind a mean: the deviation over several seeds (empty), nothing, the deviation "
        "over seeds or else images, or the 95 % interval",
    )
    marks: Literal["both", "best", "none"] = Field("both", description="bold, underlined")
    published: bool = Field(True, description="with published rows, if the run has them")
    width: Literal["ieee-column", "ieee-page", "cvpr-column", "cvpr-page"] = Field(
        "ieee-page", description="a table that is wider is scaled down to it"
    )
    footer: Literal["short", "long"] = Field(
        "short", description="below the printed table; the appendix always has all of it"
    )
    caption: str = Field("", description="in place of the one made from the run")
    undefined: dict[str, str] = Field(
        {}, description="rows without numbers, and the footnote that says why; they stand as named"
    )
    remarks: dict[str, str] = Field({}, description="footnote of a row")

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, value: Any) -> Any:
        """A bare name is a preset; what is given goes before what the preset says."""
        if isinstance(value, str):
            value = {"preset": value}
        if not isinstance(value, Mapping) or not value.get("preset"):
            return value
        given: Mapping[str, Any] = value
        base = _read_preset(str(given["preset"]))
        whole = {**base, "name": str(given["preset"]), **given}
        for key in _MERGED:
            if isinstance(base.get(key), Mapping) and isinstance(given.get(key), Mapping):
                whole[key] = {**base[key], **given[key]}
        return whole

    @model_validator(mode="after")
    def _has_a_name(self) -> TableOptions:
        if not self.name:
            raise ValueError("give a preset or a name for its files")
        digits = self.decimals
        values = digits.values() if isinstance(digits, dict) else [digits or 0]
        if not all(0 <= one <= 12 for one in values):
            raise ValueError("decimals: expected 0 to 12")
        return self


def preset_names() -> tuple[str, ...]:
    """All presets."""
    names = [each.name for each in files(__name__).iterdir() if each.name.endswith(".yaml")]
    return tuple(sorted(name.removesuffix(".yaml") for name in names))


def table_options(given: Sequence[str]) -> tuple[TableOptions, ...]:
    """The presets of these names.

    Raises:
        UserError: no such preset; the message suggests the nearest.
    """
    return tuple(checked(TableOptions, {"preset": name}, "table") for name in given)


def _read_preset(name: str) -> dict[str, Any]:
    if name not in preset_names():
        # pydantic turns a ValueError into a problem of the key that it was given for
        raise ValueError(f"no table preset {name!r}; {suggest(name, list(preset_names()))}")
    path = Path(str(files(__name__) / f"{name}.yaml"))
    content = read_yaml(path, "table preset")
    if not isinstance(content, dict) or "preset" in content or "name" in content:
        raise UserError(f"{path}: expected keys such as task, metrics; 'name' is that of the file")
    return content
