"""Rows of a run's table that are a user's label images: scored as those of any segmenter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from ivif_bench.data.base import Dataset, open_ref
from ivif_bench.errors import UserError
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.task import Workspace
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.given_rows import GivenRows
from ivif_bench.tasks.segmentation.given_labels import GivenLabels, LabelReader, label_reader
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.types import DatasetRef, Record, Unit


class LabelRows(GivenRows):
    """Makes and scores the units of rows that are a user's label images."""

    what: ClassVar[str] = "labels"
    protocol: SegmentationProtocol

    @classmethod
    def check(
        cls,
        given: Mapping[str, GivenLabels],
        protocol: SegmentationProtocol,
        dataset: Dataset,
        stems: Sequence[str],
    ) -> None:
        """Find all label images of a section, and read the first of each row."""
        for name, each in given.items():
            try:
                reader = _reader(each, protocol, dataset)
                there = [stem for stem in stems if stem not in reader.lacking(stems)]
                (pair,) = dataset.select((there[0],))
                reader.read(pair.stem, dataset.mask(pair).shape)
            except UserError as problem:
                raise UserError(f"labels {name!r}: {problem}") from problem

    def row(self, name: str, given: GivenLabels) -> Unit:
        reader = _reader(given, self.protocol, self.dataset)
        lacking = reader.lacking(self.split.test)
        test = tuple(stem for stem in self.split.test if stem not in lacking)
        digest = reader.digest(test, self.fingerprint)
        return self.made(
            name,
            given.model_dump(mode="json"),
            digest,
            test,
            lacking,
            f"{reader.said(len(test))} (sha256 {digest[:12]})",
            [given.model_dump(mode="json", exclude={"files"}), digest],
        )

    @classmethod
    def score(cls, task: TaskAdapter, unit: Unit, workspace: Workspace) -> list[Record]:
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
