"""Reads a run's configuration; errors name the file, the key and the allowed values.

Paths are relative to the working directory. ``${NAME}`` and ``${NAME:-default}`` in any string
are replaced by environment variables.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ivif_bench.config import RunConfig
from ivif_bench.config_checks import check_names, check_rows
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS, MethodOptions
from ivif_bench.registry import suggest
from ivif_bench.task import TASKS, Section, task_names
from ivif_bench.validation import checked
from ivif_bench.yaml_text import read_yaml

_SURROGATE = re.compile("[\ud800-\udfff]")  # bytes of the environment that are no UTF-8
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")

_OF_REPORT = ("report", "published", "table")


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
    check_names(config)
    config = config.model_copy(update={"sections": sections})
    check_rows(config)
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
