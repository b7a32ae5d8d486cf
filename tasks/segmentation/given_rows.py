"""Rows of a run's table that are a user's label images: planned, and scored as those of any segmenter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial

from ivif_bench.data.base import Dataset, open_ref
from ivif_bench.errors import UserError
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.store import key_of
from ivif_bench.task import Workspace
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.plan import UnitBuilder
from ivif_bench.tasks.segmentation.given_labels import GivenLabels, LabelReader, label_reader
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.types import DatasetRef, FusedSet, Record, Unit


def is_given(unit: Unit) -> bool:
    """Whether a unit scores a user's label images."""
    return "given" in unit.payload


def check_given(
    labels: Mapping[str, GivenLabels],
    protocol: SegmentationProtocol,
    dataset: Dataset,
    stems: Sequence[str],
) -> None:
    """Find all label images of a section, and read the first of each row.

    Raises:
        UserError: the first that cannot be used.
    """
    for name, given in labels.items():
        try:
            reader = _reader(given, protocol, dataset)
            there = [stem for stem in stems if stem not in reader.lacking(stems)]
            (pair,) = dataset.select((there[0],))
            reader.read(pair.stem, dataset.mask(pair).shape)
        except UserError as problem:
            raise UserError(f"labels {name!r}: {problem}") from problem


class GivenRows(UnitBuilder):
    """Makes the units of rows that are a user's label images."""

    protocol: SegmentationProtocol

    def row(self, name: str, given: GivenLabels) -> Unit:
        """The unit of one row; its key has the hashes of the label images.

        Raises:
            UserError: the label images cannot be used.
        """
        protocol, task = self.protocol, self.protocol.task
        reader = _reader(given, protocol, self.dataset)
        lacking = reader.lacking(self.split.test)
        test = tuple(stem for stem in self.split.test if stem not in lacking)
        digest = reader.digest(test, self.fingerprint)
        visible = {pair.stem: pair.visible for pair in self.dataset.select(test)}
        parts = (
            "given labels",
            self.dataset.name,
            name,
            protocol.unit_part,
            given.model_dump(mode="json", exclude={"files"}),
            digest,
            [self.ref.layout, dict(self.ref.options)],
            self.weights_hash,  # two sections that differ in it alone have a table each
            self._marks(test, FusedSet(self.dataset.name, name, "", visible)),
        )
        about = self._about(test, (), lacking, training="")
        said = f"{reader.said(len(test))} (sha256 {digest[:12]})"
        return Unit(
            task=task,
            dataset=self.dataset.name,
            method=name,
            protocol=protocol.name,
            seed=protocol.seeds[0],
            key=key_of(task, self.task.version, *parts),
            payload={
                "dataset": asdict(self.ref),
                "protocol": protocol.model_dump(mode="json"),
                "given": given.model_dump(mode="json"),
                "digest": digest,
                "test": list(test),
            },
            about=replace(about, given=said, judges=self.task.judges),
            threads=self.threads,
            warm=("ivif_bench.tasks.segmentation.given_rows", type(self.task).__module__),
        )


def score_given(task: TaskAdapter, unit: Unit, workspace: Workspace) -> list[Record]:
    """Score a user's label images.

    Raises:
        UserError: a file cannot be used, or is another than when the run was planned.
    """
    protocol = SegmentationProtocol.model_validate(unit.payload["protocol"])
    dataset = open_ref(DatasetRef(**unit.payload["dataset"]))
    given = GivenLabels.model_validate(unit.payload["given"])
    stems = tuple(unit.payload["test"])
    reader = _reader(given, protocol, dataset)
    if reader.digest(stems, Fingerprints(None)) != unit.payload["digest"]:
        raise UserError(f"{given.files}: changed since the run began; start it again")
    keep = partial(task.keep, protocol, workspace.scratch)
    pairs = dataset.select(stems)
    kept = {}
    for done, pair in enumerate(pairs, start=1):
        kept[pair.stem] = keep(pair.stem, reader.read(pair.stem, dataset.mask(pair).shape))
        workspace.progress(done, len(pairs), "reading labels")
    return task.score(protocol, unit, kept, dataset, workspace)


def _reader(given: GivenLabels, protocol: SegmentationProtocol, dataset: Dataset) -> LabelReader:
    return label_reader(given, protocol.classes, protocol.ignore_index, dataset.palette)
