"""A run's configuration: pydantic models whose errors name the file, the key and the allowed values.

Paths are relative to the working directory. ``${NAME}`` and ``${NAME:-default}`` in any string
are replaced by environment variables.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ivif_bench.data.base import LAYOUTS
from ivif_bench.data.demo_limits import LONGEST_SIDE, MOST_SCENES, SHORTEST_SIDE
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS, MethodOptions
from ivif_bench.naming import safe_name
from ivif_bench.pipeline.executors.base import ExecutorConfig
from ivif_bench.registry import Registry, S, suggest
from ivif_bench.reports.comparison import Spread
from ivif_bench.reports.formats import BY_DEFAULT
from ivif_bench.reports.presets import TableOptions
from ivif_bench.reports.published import shipped
from ivif_bench.task import TASKS, Section, task_names
from ivif_bench.validation import checked
from ivif_bench.yaml_text import read_yaml

_SURROGATE = re.compile("[\ud800-\udfff]")  # bytes of the environment that are no UTF-8
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")

_OF_REPORT = ("report", "published", "table")

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


def load_config(path: Path) -> RunConfig:
    """Read a run configuration.

    Raises:
        UserError: one line with the file, the key and the allowed values.
    """
    content = read_yaml(path, "configuration")
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected keys such as name, datasets, methods")
    try:
        return parse_config(_expand(content))
    except UserError as problem:
        raise UserError(f"{path}: {problem}") from problem


def load_report_config(run: Path) -> RunConfig:
    """What a run directory's own configuration says of its report; the rest is left out.

    A report needs neither the datasets nor the methods, which may be gone.

    Raises:
        UserError: as ``load_config``; a directory without a configuration has the defaults.
    """
    path = run / "config.yaml"
    content = read_yaml(path, "configuration") if path.is_file() else {}
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected keys such as name, datasets, methods")
    said = {key: content[key] for key in _OF_REPORT if key in content}
    try:
        return checked(RunConfig, {"name": "report", "datasets": {}, "methods": (), **said}, "")
    except UserError as problem:
        raise UserError(f"{path}: {problem}") from problem


def config_of(given: RunConfig | Mapping[str, Any] | Path | str) -> RunConfig:
    """A run configuration from a YAML file, or from the content of one.

    Raises:
        UserError: as ``load_config``.
    """
    if isinstance(given, RunConfig):
        return given
    if isinstance(given, Mapping):
        return parse_config(_expand(plain_values(given)))
    return load_config(Path(given))


def plain_values(value: Any) -> Any:
    """The value in the types that YAML has: mappings, lists, and paths as strings."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(item) for item in value]
    return value


def parse_config(content: Mapping[str, Any]) -> RunConfig:
    """Check a configuration given as plain values; keys that are not the run's are tasks."""
    own = set(RunConfig.model_fields) - {"sections"}
    known = sorted(own | set(TASKS.specs()))
    for key in content:
        if key not in own and TASKS.find(str(key)) is None:
            raise UserError(f"unknown key {key!r}; {suggest(str(key), known)}")
    plain = {key: value for key, value in content.items() if key in own}
    config = checked(RunConfig, plain, "")
    sections = {
        task: _sections(task, content[task], config)
        for task in task_names()
        if content.get(task) is not None
    }
    _check_names(config)
    config = config.model_copy(update={"sections": sections})
    _check_rows(config)
    if config.stretch == "all":
        return config.overridden(stretch="all")
    return _plain_rows(config) if config.stretch == "none" else config


def _plain_rows(config: RunConfig) -> RunConfig:
    """The run with the plain output of every method that would stretch its results.

    Raises:
        UserError: a method always stretches.
    """
    rows = []
    for index, row in enumerate(config.methods):
        model = METHODS.get(row.type).options
        if (
            issubclass(model, MethodOptions)
            and model.model_validate(row.options).recipe().stretched
        ):
            if "output" not in model.model_fields:
                raise UserError(
                    f"methods.{index}: {row.name!r} is always stretched; leave it out, or use another "
                    "'stretch' than none"
                )
            row = row.model_copy(update={"options": {**row.options, "output": "plain"}})
        rows.append(row)
    return config.model_copy(update={"methods": tuple(rows)})


def _sections(task: str, value: Any, config: RunConfig) -> tuple[Section, ...]:
    model: type[Section] = TASKS.load(task).section
    items = value if isinstance(value, list) else [value]
    found = []
    for index, item in enumerate(items):
        where = f"{task}.{index}" if isinstance(value, list) else task
        section = checked(model, item, where)
        if section.dataset not in config.datasets:
            hint = suggest(section.dataset, sorted(config.datasets))
            raise UserError(f"{where}.dataset: no dataset {section.dataset!r} in this run; {hint}")
        found.append(section)
    return tuple(found)


def _check_names(config: RunConfig) -> None:
    _check_folders("datasets", list(config.datasets))
    _check_folders("methods", [method.name for method in config.methods])
    for name, dataset in config.datasets.items():
        layout = _registered(LAYOUTS, dataset.layout, f"datasets.{name}.layout")
        checked(layout.options, dataset.options, f"datasets.{name}.options")
    _check_tables(config)
    config.executor.check("executor")
    _check_panels(config)
    seen: set[str] = set()
    for index, method in enumerate(config.methods):
        where = f"methods.{index}"
        if method.name in seen:
            raise UserError(
                f"{where}.name: {method.name!r} occurs twice; rows need different names"
            )
        seen.add(method.name)
        options = _registered(METHODS, method.type, where).options
        checked(options, method.options, f"{where}.options")
        for dataset_name in method.datasets or ():
            if dataset_name not in config.datasets:
                hint = suggest(dataset_name, sorted(config.datasets))
                raise UserError(
                    f"{where}.datasets: no dataset {dataset_name!r} in this run; {hint}"
                )


def _check_panels(config: RunConfig) -> None:
    """Images for figures must be of datasets of the run."""
    for index, panel in enumerate(config.report.images):
        if panel.dataset not in config.datasets:
            hint = suggest(panel.dataset, sorted(config.datasets))
            raise UserError(
                f"report.images.{index}.dataset: no dataset {panel.dataset!r} in this run; {hint}"
            )


def _check_tables(config: RunConfig) -> None:
    """Rows that tables for print name must be rows of the run."""
    rows = [*(method.name for method in config.methods), *config.rows]
    for index, table in enumerate(config.table):
        named = (
            *table.methods,
            *table.names,
            *table.cite,
            *(n for g in table.groups.values() for n in g),
        )
        for name in named:
            if name not in rows and not name.endswith("(published)"):
                raise UserError(
                    f"table.{index}: no row {name!r} in this run; {suggest(name, rows)}"
                )


def _check_rows(config: RunConfig) -> None:
    """Rows of sections become parts of file names as those of methods do, and stand beside them."""
    methods = [method.name for method in config.methods]
    for name in config.rows:
        if name in methods:
            raise UserError(
                f"methods: {name!r} is also the name of given boxes or labels; rows need different "
                "names"
            )
    _check_folders("rows", [*methods, *config.rows])


def _registered(registry: Registry[S], name: str, where: str) -> S:
    try:
        return registry.get(name)
    except UserError as problem:
        raise UserError(f"{where}: {problem}") from problem


def _check_folders(key: str, names: list[str]) -> None:
    """Names become folders: they must stay inside the run directory and differ there."""
    folders: dict[str, str] = {}
    for name in names:
        folder = safe_name(name)
        if name.startswith(".") or "/" in name or "\\" in name:
            raise UserError(
                f"{key}: {name!r} is not a valid name; it must not start with '.' or contain '/'"
            )
        if folders.setdefault(folder, name) != name:
            raise UserError(
                f"{key}: {name!r} and {folders[folder]!r} would share the folder {folder!r}; rename one"
            )


def _expand(value: Any) -> Any:
    if isinstance(value, str):
        text = _VARIABLE.sub(_variable, value)
        if _SURROGATE.search(text):
            raise UserError(f"{text!r} is not valid UTF-8; names and paths must be")
        return text
    if isinstance(value, dict):
        return {key: _expand(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item) for item in value]
    return value


def _variable(match: re.Match[str]) -> str:
    found = os.environ.get(match[1], match[2])
    if found is None:
        raise UserError(
            f"environment variable {match[1]} is not set; set it or write ${{{match[1]}:-default}}"
        )
    return found
