"""A run's configuration as checked values; ``config_reading`` makes them from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ivif_bench.data.demo_limits import LONGEST_SIDE, MOST_SCENES, SHORTEST_SIDE
from ivif_bench.pipeline.executors.base import ExecutorConfig
from ivif_bench.reports.comparison import Spread
from ivif_bench.reports.formats import BY_DEFAULT
from ivif_bench.reports.presets import TableOptions
from ivif_bench.reports.published import shipped
from ivif_bench.task import Section
from ivif_bench.validation import checked

Side = Annotated[int, Field(ge=SHORTEST_SIDE, le=LONGEST_SIDE)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


MOST_CROPS = 4  # of a panel: as many frames can be told apart


class DemoConfig(_Strict):
    """Write demo scenes into ``root`` before the run, if they are not there yet."""

    task: Literal["detection", "segmentation"]
    train: int = Field(ge=0, le=MOST_SCENES)
    test: int = Field(ge=1, le=MOST_SCENES)
    seed: int = Field(default=0, ge=0)
    size: tuple[Side, Side] = (192, 256)


class DatasetConfig(_Strict):
    """One dataset: its layout, root folder, title in captions, and the layout's options."""

    layout: str
    root: str
    title: str = ""
    options: dict[str, Any] = {}
    demo: DemoConfig | None = None


class MethodConfig(_Strict):
    """One method (a row of the tables); a bare name means ``{name: NAME}``.

    ``type`` is the registered name of the method that the row runs; by default the row's name.
    """

    name: str
    type: str = ""
    title: str = ""
    options: dict[str, Any] = {}
    datasets: tuple[str, ...] | None = None
    missing: Literal["refuse", "allow"] = "refuse"

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _type_is_name(self) -> MethodConfig:
        if not self.type:
            object.__setattr__(self, "type", self.name)
        return self


Pixel = Annotated[int, Field(ge=0)]


class PanelConfig(_Strict):
    """Images of a dataset for the qualitative figure: one by its stem, or those that differ most.

    ``crops`` are the parts that are enlarged, as x1, y1, x2, y2 in pixels; by default one part is, where
    the images differ most.
    """

    dataset: str
    stem: str = ""
    differing: int = Field(default=0, ge=0, le=20)
    crops: Annotated[
        tuple[tuple[Pixel, Pixel, Pixel, Pixel], ...], Field(max_length=MOST_CROPS)
    ] = ()

    @model_validator(mode="after")
    def _one_way(self) -> PanelConfig:
        if bool(self.stem) == bool(self.differing):
            raise ValueError("give either 'stem' or 'differing', the number of images")
        if self.crops and not self.stem:
            raise ValueError("'crops' go with 'stem'; of other images the part is found")
        for x1, y1, x2, y2 in self.crops:
            if x1 >= x2 or y1 >= y2:
                raise ValueError(f"crop {[x1, y1, x2, y2]}: expected x1 < x2 and y1 < y2")
        return self


class ReportConfig(_Strict):
    """Formats and figures of the report, and what its tables print beside a number.

    The qualitative figures show ``panels`` images of each dataset, evenly chosen, or those that ``images``
    lists.
    """

    formats: tuple[str, ...] = BY_DEFAULT
    panels: int = Field(default=3, ge=0)
    images: tuple[PanelConfig, ...] = ()
    spread: Spread = ""
    detail: bool = False


class RunConfig(_Strict):
    """The configuration of a run.

    ``published`` lists sources of published numbers that are set beside ours: shipped ones by name, a
    user's own as the path of a CSV file. ``table`` lists tables for print: presets by name, or with
    what is to be another.

    ``stretch`` treats all rows alike where some programs stretch their results from minimum to maximum
    (docs/methods/compared.md): ``all`` measures every image stretched, ``none`` takes the plain output
    of methods that have one.

    ``executor`` says where the work is done (docs/clusters.md); no key and no result depends on it.
    """

    @field_validator("table", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str | Mapping) else value

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")
    runs: str = "runs"
    seed: int = Field(default=0, ge=-(2**63), lt=2**63)  # as result files hold it
    datasets: dict[str, DatasetConfig]
    methods: tuple[MethodConfig, ...]
    report: ReportConfig = ReportConfig()
    published: tuple[str, ...] = ()
    table: tuple[TableOptions, ...] = ()
    stretch: Literal["as-published", "all", "none"] = "as-published"
    executor: ExecutorConfig = ExecutorConfig()
    sections: dict[str, tuple[Section, ...]] = {}

    @property
    def folder(self) -> Path:
        """The run directory."""
        return Path(self.runs) / self.name

    def with_published(self) -> RunConfig:
        """The same run with all shipped published numbers."""
        names = dict.fromkeys((*shipped(), *self.published))
        return self.model_copy(update={"published": tuple(names)})

    @property
    def rows(self) -> tuple[str, ...]:
        """Rows that sections bring beside the methods, each once."""
        found = [
            row for sections in self.sections.values() for each in sections for row in each.rows
        ]
        return tuple(dict.fromkeys(found))

    def run_by(self, executor: str, options: Mapping[str, Any] = {}) -> RunConfig:
        """The same run by another executor, or by the same one with other options."""
        return self.model_copy(update={"executor": self.executor.changed(executor, options)})

    def overridden(self, **values: Any) -> RunConfig:
        """The same run with other values in every task section that has such a key.

        ``seeds`` are training seeds; ``split`` is what ``ivif_bench.data.splits.resolve_split`` takes.
        """
        sections = {
            task: tuple(
                _override(section, f"{task}.{index}", values) for index, section in enumerate(found)
            )
            for task, found in self.sections.items()
        }
        return self.model_copy(update={"sections": sections})


def _override(section: Section, where: str, values: Mapping[str, Any]) -> Section:
    known = {key: value for key, value in values.items() if key in type(section).model_fields}
    return checked(type(section), {**section.model_dump(), **known}, where)
