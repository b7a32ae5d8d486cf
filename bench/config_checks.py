"""Names in a run's configuration: known, different, and fit to be folders."""

from __future__ import annotations

from ivif_bench.config import RunConfig
from ivif_bench.data.base import LAYOUTS
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS
from ivif_bench.naming import safe_name
from ivif_bench.registry import Registry, S, suggest
from ivif_bench.validation import checked


def check_names(config: RunConfig) -> None:
    """Datasets, methods, tables, the executor and the images of figures.

    Raises:
        UserError: the key, the name, and what is known.
    """
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


def check_rows(config: RunConfig) -> None:
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
