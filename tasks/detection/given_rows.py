"""Rows of a run's table that are a user's boxes: scored as those of any detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from ivif_bench.data.base import Dataset, open_ref
from ivif_bench.errors import UserError
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.task import Workspace
from ivif_bench.tasks.detection.adapter import scorer_line, values_of
from ivif_bench.tasks.detection.given_boxes import FoundBoxes, digest_of, find_boxes
from ivif_bench.tasks.detection.given_ids import GivenBoxes, images_of
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.given_rows import GivenRows
from ivif_bench.types import DatasetRef, Record, Unit


class BoxRows(GivenRows):
    """Makes and scores the units of rows that are a user's boxes."""

    what: ClassVar[str] = "boxes"
    protocol: DetectionProtocol

    @classmethod
    def check(
        cls,
        given: Mapping[str, GivenBoxes],
        protocol: DetectionProtocol,
        dataset: Dataset,
        stems: Sequence[str],
    ) -> None:
        for name, each in given.items():
            _found(name, each, protocol, dataset, stems)

    def row(self, name: str, given: GivenBoxes) -> Unit:
        found = _found(name, given, self.protocol, self.dataset, self.split.test)
        left_out = found.lacking if given.missing == "allow" else ()
        test = tuple(stem for stem in self.split.test if stem not in left_out)
        digest = digest_of(given, self.fingerprint)
        numbers = None if given.images is None else self.fingerprint(Path(given.images))
        return self.made(
            name,
            given.model_dump(mode="json"),
            digest,
            test,
            left_out,
            f"{Path(given.file).name} (sha256 {digest[:12]}): {'; '.join(found.remarks)}",
            [given.model_dump(exclude={"file", "images"}), digest, numbers],
            scorer_line(self.protocol),
        )

    @classmethod
    def score(cls, task: TaskAdapter, unit: Unit, workspace: Workspace) -> list[Record]:
        stems = tuple(unit.payload["test"])
        if not stems:
            return []
        protocol = DetectionProtocol.model_validate(unit.payload["protocol"])
        dataset = open_ref(DatasetRef(**unit.payload["dataset"]))
        given = GivenBoxes.model_validate(unit.payload["given"])
        if digest_of(given, Fingerprints(None)) != unit.payload["digest"]:
            raise UserError(f"{given.file}: changed since the run began; start it again")
        boxes = _found(unit.method, given, protocol, dataset, stems).boxes
        kept = {stem: values_of(boxes[stem]) for stem in stems}
        return task.score(protocol, unit, kept, dataset, workspace)


def _found(
    name: str,
    given: GivenBoxes,
    protocol: DetectionProtocol,
    dataset: Dataset,
    stems: Sequence[str],
) -> FoundBoxes:
    images = images_of(dataset, dataset.select(tuple(stems)))
    try:
        return find_boxes(given, images, protocol.scored_classes, protocol.class_map)
    except UserError as problem:
        raise UserError(f"boxes {name!r}: {problem}") from problem
