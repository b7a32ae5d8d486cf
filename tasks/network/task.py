"""The base of a task with a trained network: its section, what it needs, what it plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from ivif_bench.data.base import Dataset
from ivif_bench.data.splits import Split
from ivif_bench.task import Expected, Section, Task, TaskInputs, Workspace
from ivif_bench.tasks.network import run
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.checks import check, load_network, split_of
from ivif_bench.tasks.network.given_rows import GivenRows, is_given
from ivif_bench.tasks.network.plan import UnitBuilder
from ivif_bench.tasks.network.protocol import SOURCES, NetworkProtocol, Seeds
from ivif_bench.tasks.network.substitution import differences, substituted
from ivif_bench.types import DatasetRef, Record, Unit


class NetworkSection(Section):
    """A section of a run configuration; what is left out comes from the protocol.

    Attributes:
        protocol: shipped name, or path of a protocol file.
        seeds: training seeds, 0 or more.
        split: as ``ivif_bench.data.splits.resolve_split`` takes it.
        initial: initial weights in place of the protocol's.
        network: registered name of a network in place of the protocol's; the caption says so.
        recipe: ``inference`` and ``training``: single values in place of the protocol's; the caption
            names every one.
        weights: file for protocols whose ``initial`` is ``user``.
        threads: CPU threads; sums depend on it in their last bits, so it is part of a unit's key.
        workers: processes that prepare training images for each training, beside its threads; 0
            prepares them in the training's own process. No number depends on it.
        gpus: GPUs of each unit, for itself, where there are any; 0 keeps it on the CPU. With more
            than one, networks that can do it divide each batch of a training among them.
    """

    model: ClassVar[type[NetworkProtocol]]
    overrides: ClassVar[tuple[str, ...]] = ("seeds", "split", "initial")

    protocol: str
    seeds: Seeds | None = None
    split: str | dict[str, str] | None = None
    initial: str | None = None
    network: str | None = None
    recipe: dict[str, Any] | None = None
    weights: str | None = None
    threads: int = Field(default=1, ge=1)
    workers: int = Field(default=0, ge=0)
    gpus: int = Field(default=1, ge=0)

    def resolved(self) -> Any:
        """The protocol with this section's overrides."""
        changes = {name: getattr(self, name) for name in self.overrides}
        given = {name: value for name, value in changes.items() if value is not None}
        protocol = self.model.load(self.protocol)
        if self.network is not None or self.recipe is not None:
            given |= substituted(protocol, self.network, self.recipe)
        return protocol.override(**given)

    def substitutions(self) -> str:
        """What ``network`` and ``recipe`` put in place of the protocol's values, for captions."""
        if self.network is None and self.recipe is None:
            return ""
        return differences(self.model.load(self.protocol), self.resolved())

    @property
    def given(self) -> Mapping[str, Any]:
        """Rows whose predictions the user gave, by name."""
        return {}

    @property
    def rows(self) -> tuple[str, ...]:
        return tuple(self.given)

    @property
    def weights_path(self) -> Path | None:
        """The section's own weights file."""
        return None if self.weights is None else Path(self.weights)


class NetworkTask(Task):
    """A task that asks how well a network does on fused images."""

    adapter: ClassVar[TaskAdapter]
    given_rows: ClassVar[type[GivenRows] | None] = None  # for tasks that take such rows

    def check(self, section: Any, dataset: Dataset, ref: DatasetRef) -> None:
        protocol, split = _resolve(section, dataset)
        check(self.adapter, protocol, dataset, ref, split, section.weights_path)
        if self.given_rows is not None:
            self.given_rows.check(section.given, protocol, dataset, split.test)

    def load(self, section: NetworkSection) -> None:
        load_network(self.adapter, section.resolved(), section.weights_path)

    def stems(self, section: NetworkSection, dataset: Dataset) -> tuple[str, ...]:
        protocol, split = _resolve(section, dataset)
        # A frozen network that learned from a source needs no fused training images.
        needed = protocol.mode == "retrain" or self.methods(section)
        return tuple(sorted(split.test + (split.train if needed else ())))

    def methods(self, section: NetworkSection) -> tuple[str, ...]:
        wanted = section.resolved().train_on
        return () if wanted is None or wanted in SOURCES else (wanted,)

    def plan(self, section: Any, inputs: TaskInputs) -> list[Unit]:
        dataset = inputs.datasets[section.dataset]
        protocol, split = _resolve(section, dataset)
        given = [name for name in inputs.methods if name in section.given]
        methods = [name for name in inputs.methods if name not in section.given]
        builder = UnitBuilder(
            self.adapter, section, protocol, dataset, split, replace(inputs, methods=methods)
        )
        sets = [inputs.fused.get((section.dataset, method)) for method in methods]
        units = [builder.unit(each, seed) for each in sets if each for seed in protocol.seeds]
        if given and self.given_rows is not None:
            rows = self.given_rows(self.adapter, section, protocol, dataset, split, inputs)
            units += [rows.row(name, section.given[name]) for name in given]
        return units

    def expected(self, section: NetworkSection, dataset: Dataset) -> Expected:
        protocol, split = _resolve(section, dataset)
        retrained, seeds = protocol.mode == "retrain", len(protocol.seeds)
        parameters = protocol.registry().get(protocol.network).parameters
        return Expected(
            protocol=protocol.name,
            units=seeds,
            images=0 if retrained else len(split.test),
            shared=seeds if protocol.mode == "frozen" and split.train else 0,
            bytes=4 * parameters if retrained else 0,
            gpu=section.gpus > 0,
        )

    def shared_work(self, unit: Unit) -> str:
        if is_given(unit):
            return ""
        frozen = unit.payload["protocol"]["mode"] == "frozen" and unit.payload["train"]
        return run.training_of(unit) if frozen else ""

    def do_shared_work(self, unit: Unit, workspace: Workspace) -> None:
        run.train(self.adapter, unit, workspace)

    def temporary(self, unit: Unit) -> tuple[str, ...]:
        name = run.prepared_name(unit)
        return (name,) if name else ()

    def images(self, unit: Unit) -> tuple[str, ...]:
        if is_given(unit):
            return ()
        retrained = unit.payload["protocol"]["mode"] == "retrain"
        return () if retrained else tuple(unit.payload["test"])

    def judge(self, unit: Unit, stems: tuple[str, ...], workspace: Workspace) -> None:
        run.predict(self.adapter, unit, stems, workspace)

    def execute(self, unit: Unit, workspace: Workspace) -> list[Record]:
        if is_given(unit) and self.given_rows is not None:
            return self.given_rows.score(self.adapter, unit, workspace)
        return run.execute(self.adapter, unit, workspace)


def _resolve(section: NetworkSection, dataset: Dataset) -> tuple[NetworkProtocol, Split]:
    protocol = section.resolved()
    return protocol, split_of(protocol, dataset)
