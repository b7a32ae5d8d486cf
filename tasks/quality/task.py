"""The quality task: one unit of work per method and dataset, one record per image and metric."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import field_validator, model_validator

from ivif_bench.data.base import Dataset
from ivif_bench.data.splits import Split, resolve_split
from ivif_bench.errors import UserError, first_few
from ivif_bench.kept import keeping, read_kept
from ivif_bench.origins import Origins
from ivif_bench.store import key_of
from ivif_bench.task import Expected, Section, Task, TaskInputs, Workspace
from ivif_bench.tasks.quality.about import about, protocol_name
from ivif_bench.tasks.quality.decoding import ImageGroup
from ivif_bench.tasks.quality.engine import (
    Value,
    check_names,
    convention_of,
    metrics_of,
    printed_metrics,
    resolve,
)
from ivif_bench.tasks.quality.folder import batched_evaluator
from ivif_bench.tasks.quality.groups import score_groups
from ivif_bench.tasks.quality.registry import CONVENTIONS, METRICS, Mode
from ivif_bench.types import DatasetRef, FusedSet, Record, Unit

VERSION = 1  # raised whenever the same images give other records


class QualitySection(Section):
    """Quality section of a run: the metrics to compute on one dataset.

    Attributes:
        split: ``all``, ``official``, a shipped split, a file, or a mapping from part to a list.
        part: part of the split that is measured.
        convention: name of the metric convention, printed under every table.
        metrics: names in the order of the columns; ``all`` for all that the convention defines;
            None means its own columns.
        mode: ``exact``, or ``fast`` with the errors that docs/metrics.md states.
        device: ``cpu``, or a torch device such as ``cuda`` that computes batches of images.
        stretch: ``all`` stretches every fused image from its minimum to its maximum before it is
            measured; the run's own key ``stretch`` sets it for all sections.
    """

    split: str | dict[str, str] = "all"
    part: str = "test"
    convention: str = "reference"
    metrics: tuple[str, ...] | Literal["all"] | None = None
    mode: Mode = "exact"
    device: str = "cpu"
    stretch: Literal["as-published", "all"] = "as-published"

    @field_validator("convention")
    @classmethod
    def _known_convention(cls, name: str) -> str:
        try:
            CONVENTIONS.get(name)
        except UserError as problem:
            raise ValueError(str(problem)) from problem
        return name

    @model_validator(mode="after")
    def _known_metrics(self) -> QualitySection:
        try:
            check_names(self.names, self.convention)
        except UserError as problem:
            raise ValueError(str(problem)) from problem
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Metrics in the order of the columns."""
        if self.metrics == "all":
            return metrics_of(self.convention)
        return printed_metrics(self.convention) if self.metrics is None else self.metrics

    @property
    def protocol(self) -> str:
        """Name of convention and mode, so that results of different modes are never in one table."""
        kind = self.kind if self.on_device else ""
        return protocol_name(self.convention, self.mode, kind, self.stretch == "all")

    @property
    def on_device(self) -> bool:
        """Whether torch computes instead of the CPU engine."""
        return self.device != "cpu"

    @property
    def kind(self) -> str:
        """Kind of the device; its number does not change values."""
        return self.device.partition(":")[0]


class QualityTask(Task):
    """Measures fused images against their sources."""

    section: ClassVar[type[Section]] = QualitySection

    def check(self, section: QualitySection, dataset: Dataset, ref: DatasetRef) -> None:
        """Refuse an empty part of the split, metrics that the convention lacks, a missing device."""
        _select(section, dataset)
        convention_of(section.names, section.convention)
        if section.on_device:
            from ivif_bench.tasks.quality.on_device import check_device, check_mode

            check_mode(section.mode)
            check_device(section.device)

    def load(self, section: QualitySection) -> None:
        """Load the metrics as the convention defines them."""
        resolve(section.names, section.convention, section.mode)

    def stems(self, section: QualitySection, dataset: Dataset) -> tuple[str, ...]:
        """Stems of the part of the split that is measured."""
        return _select(section, dataset)[1]

    def plan(self, section: QualitySection, inputs: TaskInputs) -> list[Unit]:
        """One unit per method that has images of the dataset, in the order of the run."""
        if section.dataset not in inputs.datasets:
            raise UserError(
                f"task quality: unknown dataset {section.dataset!r}; "
                f"the run has {', '.join(inputs.datasets)}"
            )
        dataset = inputs.datasets[section.dataset]
        split, stems = _select(section, dataset)
        units = []
        for method in inputs.methods:
            fused = inputs.fused.get((section.dataset, method))
            if fused is not None:
                units.append(_unit(section, inputs, dataset, split, stems, fused))
        return units

    def expected(self, section: QualitySection, dataset: Dataset) -> Expected:
        stems = self.stems(section, dataset)
        return Expected(section.protocol, images=len(stems), gpu=section.on_device)

    def images(self, unit: Unit) -> tuple[str, ...]:
        """All stems: each image is measured by itself."""
        return tuple(stem for stem, *_ in unit.payload["images"])

    def judge(self, unit: Unit, stems: tuple[str, ...], workspace: Workspace) -> None:
        """Measure some images; the result of each is stored in the scratch folder immediately."""
        _measure(unit, stems, workspace)

    def execute(self, unit: Unit, workspace: Workspace) -> list[Record]:
        """Measure the images that are left, and make the records of all."""
        stems = self.images(unit)
        finished = _measure(unit, stems, workspace)
        records = [
            unit.record(metric, value.value, stem=stem, reason=value.reason)
            for stem in stems
            for metric, value in finished[stem].items()
        ]
        return sorted(records, key=lambda record: (record.stem, record.metric))


def _measure(
    unit: Unit, stems: tuple[str, ...], workspace: Workspace
) -> dict[str, Mapping[str, Value]]:
    """Values of all images, finished now or before."""
    payload = unit.payload
    metrics: list[str] = list(payload["metrics"])
    finished = read_kept(
        workspace.scratch, lambda value: _values(value, metrics), workspace.origins
    )
    wanted = set(stems).difference(finished)
    if not wanted:
        return finished
    stretch = payload.get("stretch") == "all"
    evaluator = resolve(metrics, payload["convention"], payload["mode"], stretch)
    on_device = batched_evaluator(evaluator, payload["device"])
    groups = [
        ImageGroup(stem, (Path(infrared), Path(visible)), {unit.method: Path(fused)})
        for stem, infrared, visible, fused in payload["images"]
        if stem in wanted
    ]
    threads = unit.threads if on_device is None else 0  # beside a device they only decode
    done = len(stems) - len(groups)
    with keeping(workspace.scratch, Origins()) as keep:
        for stem, scores in score_groups(groups, evaluator, threads, on_device):
            values = finished[stem] = scores[unit.method].values
            keep(stem, {name: _plain(value) for name, value in values.items()})
            done += 1
            workspace.progress(done, len(stems), stem)
    return finished


def _select(section: QualitySection, dataset: Dataset) -> tuple[Split, tuple[str, ...]]:
    split = resolve_split(dataset, section.split)
    stems = split.parts.get(section.part, ())
    if not stems:
        raise UserError(
            f"task quality: split {split.name!r} of dataset {dataset.name!r} has no part "
            f"{section.part!r}; it has {', '.join(sorted(split.parts))}"
        )
    return split, tuple(sorted(stems))


def _unit(
    section: QualitySection,
    inputs: TaskInputs,
    dataset: Dataset,
    split: Split,
    stems: tuple[str, ...],
    fused: FusedSet,
) -> Unit:
    lacking = [stem for stem in stems if stem not in fused.images]
    unexplained = [stem for stem in lacking if stem not in fused.missing]
    if unexplained:
        raise UserError(
            f"method {fused.method!r} has no fused image of {dataset.name!r} "
            f"for {first_few(unexplained)}; fuse them first"
        )
    judged = [stem for stem in stems if stem in fused.images]  # none: a row of missing cells
    files = [
        (pair.stem, pair.infrared, pair.visible, fused.images[pair.stem])
        for pair in dataset.select(tuple(judged))
    ]
    split_name = split.name if section.part == "test" else f"{split.name}/{section.part}"
    stretch = section.stretch == "all"
    evaluator = resolve(section.names, section.convention, section.mode, stretch)
    return Unit(
        task="quality",
        dataset=section.dataset,
        method=fused.method,
        protocol=section.protocol,
        seed=inputs.seed,
        key=key_of(
            "quality",
            VERSION,
            section.convention,
            CONVENTIONS.get(section.convention).version,
            [section.mode, section.kind, *(["stretched"] if stretch else [])],
            [[name, METRICS.get(name).version] for name in section.names],
            # Names do not change a value, but they are stored beside the values.
            [section.dataset, fused.method, inputs.seed, split_name, split.sha256, lacking],
            [[stem, *(inputs.fingerprint(path) for path in paths)] for stem, *paths in files],
        ),
        payload={
            "convention": section.convention,
            "mode": section.mode,
            "device": section.device,
            "stretch": section.stretch,
            "metrics": list(section.names),
            "images": [[stem, *(str(path.absolute()) for path in paths)] for stem, *paths in files],
        },
        about=replace(
            about(evaluator, section.kind if section.on_device else ""),
            split=split_name,
            split_sha256=split.sha256,
            images=len(judged),
            missing=tuple(lacking),
        ),
        gpus=int(section.on_device),
        warm=("ivif_bench.tasks.quality.task",),
    )


def _plain(value: Value) -> list[float | str | None]:
    return [None if math.isnan(value.value) else value.value, value.reason]


def _values(kept: Any, metrics: list[str]) -> Mapping[str, Value]:
    """The values of an image from the output of ``_plain``.

    Raises:
        ValueError: other metrics.
    """
    values = {
        name: Value(math.nan if number is None else float(number), str(reason))
        for name, (number, reason) in kept.items()
    }
    if list(values) != metrics:
        raise ValueError(f"metrics {', '.join(values)} instead of {', '.join(metrics)}")
    return values
