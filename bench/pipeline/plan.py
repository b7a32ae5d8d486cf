"""The plan of a run: open datasets, stems to fuse, fused sets, units of work."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from ivif_bench.config import DatasetConfig, MethodConfig, RunConfig
from ivif_bench.data.base import Dataset, open_ref
from ivif_bench.data.demo_limits import MARKER as DEMO_MARKER
from ivif_bench.data.sides import refuse_equal_files
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS, STRETCHED, PrecomputedImages, Recipe
from ivif_bench.pipeline.fuse import (
    check_device,
    load_method,
    method_key,
    plan_fusing,
    recipe_of,
)
from ivif_bench.pipeline.panels import check_panels, panels_of, seen_from
from ivif_bench.pipeline.precomputed import check_precomputed, find_precomputed
from ivif_bench.store import Store
from ivif_bench.task import TASKS, Section, Task, TaskInputs, task_names
from ivif_bench.types import DatasetRef, FusedSet, Pair, Progress, Unit


@contextmanager
def _many_values() -> Iterator[None]:
    """Disable the search for reference cycles while hundreds of thousands of plain values are made.

    It would take a quarter of the time and find nothing.
    """
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


class RunPlan:
    """The plan of one run: finished and missing work. Reads file names and hashes, no pixels.

    Args:
        config: the run.
        store: its run directory.
        tasks: names of the tasks to plan; None means all in the configuration.
        progress: called with the number of files hashed.

    Raises:
        UserError: a section cannot be carried out, or infrared and visible of a pair are one file.
    """

    def __init__(
        self,
        config: RunConfig,
        store: Store,
        tasks: tuple[str, ...] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.config = config
        self.store = store
        self._keys: dict[str, str] = {}
        self._sets: dict[str, list[FusedSet]] = {}
        self._to_fuse: list[tuple[MethodConfig, list[Mapping[str, Any]]]] | None = None
        self._units: dict[tuple[int, str], list[Unit]] = {}
        self.sections: list[tuple[str, Task, Section]] = [
            (name, TASKS.load(name)(), section)
            for name, sections in config.sections.items()
            if tasks is None or name in tasks
            for section in sections
        ]
        self.refs = {
            name: DatasetRef(name, data.layout, data.root, data.options)
            for name, data in config.datasets.items()
        }
        self.datasets: dict[str, Dataset] = {}
        for name, ref in self.refs.items():
            self.datasets[name] = open_ref(ref)
        for _, task, section in self.sections:
            task.check(section, self.datasets[section.dataset], self.refs[section.dataset])
        self.pairs = self._pairs_to_fuse()
        check_panels(config, self.pairs)
        sources = [pair for pairs in self.pairs.values() for pair in pairs]
        store.fingerprint.hold(
            [path for pair in sources for path in (pair.infrared, pair.visible)], progress
        )
        for name, pairs in self.pairs.items():
            refuse_equal_files(
                f"dataset {name!r}",
                [(pair.stem, pair.infrared, pair.visible) for pair in pairs],
                lambda one, other: store.fingerprint(one) == store.fingerprint(other),
            )

    def _pairs_to_fuse(self) -> dict[str, tuple[Pair, ...]]:
        """Pairs that some section needs, by dataset; every pair where no section says."""
        stems: dict[str, set[str]] = {}
        for _, task, section in self.sections:
            wanted = task.stems(section, self.datasets[section.dataset])
            stems.setdefault(section.dataset, set()).update(wanted)
        if not self.sections:
            stems = {name: set(data.by_stem) for name, data in self.datasets.items()}
        return {
            name: self.datasets[name].select(tuple(sorted(found))) for name, found in stems.items()
        }

    def datasets_of(self, method: MethodConfig) -> dict[str, tuple[Pair, ...]]:
        """Pairs that a method has to fuse, by dataset."""
        return {
            name: pairs
            for name, pairs in self.pairs.items()
            if method.datasets is None or name in method.datasets
        }

    def key_of(self, method: MethodConfig) -> str:
        """Identity of a method's images; see ``ivif_bench.pipeline.fuse.method_key``."""
        if method.name not in self._keys:
            self._keys[method.name] = method_key(method, self.config.seed, self.store.fingerprint)
        return self._keys[method.name]

    @_many_values()
    def images_to_fuse(
        self, note: Callable[[str], None] = lambda text: None
    ) -> list[tuple[MethodConfig, list[Mapping[str, Any]]]]:
        """Images that must be fused, by method, determined once; ``note`` gets those made again."""
        if self._to_fuse is not None:
            return self._to_fuse
        wanted = []
        for index, method in enumerate(self.config.methods):
            if METHODS.get(method.type).precomputed:
                continue
            pairs = self.datasets_of(method)
            images = plan_fusing(method, self.config.seed, pairs, self.store, note)
            if images:
                check_device(method, f"methods.{index}.options")
                wanted.append((method, images))
        self._to_fuse = wanted
        return wanted

    @_many_values()
    def check_precomputed_methods(
        self, note: Callable[[str], None], progress: Progress | None = None
    ) -> None:
        """Check precomputed images before anything is computed; warnings go to ``note``.

        Args:
            progress: called with the number of files hashed, and then decoded.
        """
        sets: dict[str, list[FusedSet]] = {}
        checks = []
        for method in self.config.methods:
            if not METHODS.get(method.type).precomputed:
                continue
            finished = cast(PrecomputedImages, load_method(method))
            sets[method.name] = []
            for dataset, pairs in self.datasets_of(method).items():
                found = find_precomputed(
                    method, finished, dataset, pairs, self.key_of(method), note
                )
                sets[method.name].append(found)
                checks.append((found, pairs))
        check_precomputed(checks, self.store, progress)
        self._sets |= sets

    def _fused_sets(self, method: MethodConfig) -> list[FusedSet]:
        if method.name in self._sets:
            return self._sets[method.name]
        if METHODS.get(method.type).precomputed:
            self.check_precomputed_methods(lambda text: None)
            return self._sets[method.name]
        sets = []
        for dataset, pairs in self.datasets_of(method).items():
            folder = self.store.fused_folder(dataset, method.name, self.key_of(method))
            images = {pair.stem: folder / f"{pair.stem}.png" for pair in pairs}
            sets.append(FusedSet(dataset, method.name, self.key_of(method), images))
        self._sets[method.name] = sets
        return sets

    @_many_values()
    def fused(self) -> dict[tuple[str, str], FusedSet]:
        """All fused sets of the run, whether their images are there or not."""
        return {
            (found.dataset, found.method): found
            for method in self.config.methods
            for found in self._fused_sets(method)
        }

    def methods_of(self, task: Task, section: Section) -> dict[str, tuple[str, ...]]:
        """Rows that a section judges, each with the methods whose images must be there for that.

        Raises:
            UserError: the section needs the images of a method that has none of its dataset.
        """
        having = [
            method.name
            for method in self.config.methods
            if method.datasets is None or section.dataset in method.datasets
        ]
        always = task.methods(section)
        for name in always:
            if name not in having:
                raise UserError(
                    f"a section on dataset {section.dataset!r} needs the images of method {name!r}, "
                    f"which has none of that dataset; methods: {', '.join(having)}"
                )
        return {name: (name, *always) for name in having} | dict.fromkeys(section.rows, ())

    @_many_values()
    def units(self, task: Task, section: Section, method: str) -> list[Unit]:
        """Units of work of one section for one row, whose images are there."""
        known = self._units.get((id(section), method))
        if known is None:
            for wanted in (method, *task.methods(section)):
                found = self.fused().get((section.dataset, wanted))
                if found is not None:
                    self.store.fingerprint.many(found.images.values())  # on all processors
            inputs = TaskInputs(
                datasets=self.datasets,
                refs=self.refs,
                fused=self.fused(),
                methods=[method],
                seed=self.config.seed,
                fingerprint=self.store.fingerprint,
                recipes={row.name: (row.type, row.options) for row in self.config.methods},
            )
            known = [self._described(unit) for unit in task.plan(section, inputs)]
            self._units[id(section), method] = known
        return known

    def _described(self, unit: Unit) -> Unit:
        """The unit with what its method does to pictures besides its network."""
        row = next((row for row in self.config.methods if row.name == unit.method), None)
        recipe = Recipe() if row is None else recipe_of(row)  # rows of a section have no pictures
        if recipe == Recipe():
            return unit
        alike = unit.payload.get("stretch") == "all"  # then every row is stretched
        remark = STRETCHED if recipe.stretched and not alike else ""
        return replace(unit, about=replace(unit.about, recipe=recipe.text, remark=remark))


def plan_document(
    plan: RunPlan,
    units: list[Unit],
    fused: Mapping[tuple[str, str], FusedSet],
    earlier: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of ``plan.json`` for reports: rows, results, and images for the panels.

    Results of tasks that this plan leaves out are taken over from the ``earlier`` document, as far
    as the configuration still has their task, dataset and method, and the method its images.
    """
    config, planned = plan.config, {name for name, _, _ in plan.sections}
    keys = dict.fromkeys(config.rows, "given")
    keys |= {row.name: plan.key_of(row) for row in config.methods}
    kept = [
        entry
        for entry in earlier.get("units", [])
        if entry["task"] not in planned
        and entry["task"] in config.sections
        and entry["dataset"] in config.datasets
        and entry.get("fused") == keys.get(entry["method"], "none")
    ]
    own = [
        {
            "task": unit.task,
            "dataset": unit.dataset,
            "method": unit.method,
            "protocol": unit.protocol,
            "seed": unit.seed,
            "key": unit.key,
            "fused": keys[unit.method],
            "about": unit.about.to_json(),
            "result": str(plan.store.result_path(unit).relative_to(plan.store.root)),
        }
        for unit in units
    ]
    order = {name: index for index, name in enumerate(task_names())}
    methods = [
        {
            "name": method.name,
            "title": method.title or _title(method),
            "source": METHODS.get(method.type).source,
            "bibtex": published.bibtex if (published := METHODS.get(method.type).published) else "",
        }
        for method in config.methods
    ]
    methods += [{"name": name, "title": name, "source": False} for name in config.rows]
    return {
        "name": config.name,
        "datasets": {name: data.title or name for name, data in config.datasets.items()},
        "identities": {name: _identity(name, data) for name, data in config.datasets.items()},
        "methods": methods,
        "units": sorted(kept + own, key=lambda entry: order.get(entry["task"], 99)),
        "panels": panels_of(plan.config, plan.pairs, fused, plan.store.root),
        "images": _places(plan.store.root, fused),
    }


def _identity(name: str, dataset: DatasetConfig) -> dict[str, Any]:
    """What reports may compare it with: see ``ivif_bench.reports.beside.DatasetIdentity``."""
    any_folders = dataset.layout == "folder"
    return {
        "names": [name, *filter(None, [dataset.title])] if any_folders else [dataset.layout],
        "drawn": dataset.demo is not None or (Path(dataset.root) / DEMO_MARKER).exists(),
    }


def _places(
    run: Path, fused: Mapping[tuple[str, str], FusedSet]
) -> dict[str, dict[str, str | dict[str, str]]]:
    """Where the images are, by dataset and method: one path with ``{stem}`` if that names all of them,
    else a path for each stem."""
    places: dict[str, dict[str, str | dict[str, str]]] = {}
    for (dataset, method), found in fused.items():
        if not found.images:
            continue
        stem, path = next(iter(found.images.items()))
        before, _, after = path.name.rpartition(stem)
        regular = "{" not in str(path.parent) + before + after and all(
            each.parent == path.parent and each.name == f"{before}{name}{after}"
            for name, each in found.images.items()
        )
        place: str | dict[str, str] = {
            name: seen_from(run, each) for name, each in found.images.items() if not regular
        }
        if regular:
            place = seen_from(run, path.with_name(f"{before}{{stem}}{after}"))
        places.setdefault(dataset, {})[method] = place
    return places


def _title(method: MethodConfig) -> str:
    return METHODS.get(method.type).title if method.type == method.name else method.name
