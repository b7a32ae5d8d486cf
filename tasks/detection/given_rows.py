"""Rows of a run's table that are a user's boxes: planned, and scored as those of any detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ivif_bench.data.base import Dataset, open_ref
from ivif_bench.errors import UserError
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.store import key_of
from ivif_bench.task import Workspace
from ivif_bench.tasks.detection.adapter import scorer_line, values_of
from ivif_bench.tasks.detection.given_boxes import FoundBoxes, digest_of, find_boxes
from ivif_bench.tasks.detection.given_ids import GivenBoxes, images_of
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.plan import UnitBuilder
from ivif_bench.types import DatasetRef, FusedSet, Record, Unit


def is_given(unit: Unit) -> bool:
    """Whether a unit scores a user's boxes."""
    return "given" in unit.payload


def check_given(
    boxes: Mapping[str, GivenBoxes],
    protocol: DetectionProtocol,
    dataset: Dataset,
    stems: Sequence[str],
) -> None:
    """Read all boxes of a section.

    Raises:
        UserError: the first that cannot be used.
    """
    for name, given in boxes.items():
        _found(name, given, protocol, dataset, stems)


class GivenRows(UnitBuilder):
    """Makes the units of rows that are a user's boxes."""

    protocol: DetectionProtocol

    def row(self, name: str, given: GivenBoxes) -> Unit:
        """The unit of one row; its key has the hash of the file.

        Raises:
            UserError: the boxes cannot be used.
        """
        protocol, task = self.protocol, self.protocol.task
        found = _found(name, given, protocol, self.dataset, self.split.test)
        left_out = found.lacking if given.missing == "allow" else ()
        test = tuple(stem for stem in self.split.test if stem not in left_out)
        digest = digest_of(given, self.fingerprint)
        visible = {pair.stem: pair.visible for pair in self.dataset.select(test)}
        numbers = None if given.images is None else self.fingerprint(Path(given.images))
        parts = (
            "given boxes",
            self.dataset.name,
            name,
            protocol.unit_part,
            given.model_dump(exclude={"file", "images"}),
            digest,
            numbers,
            [self.ref.layout, dict(self.ref.options)],
            self.weights_hash,  # two sections that differ in it alone have a table each
            self._marks(test, FusedSet(self.dataset.name, name, "", visible)),
        )
        about = self._about(test, (), left_out, training="")
        said = f"{Path(given.file).name} (sha256 {digest[:12]}): {'; '.join(found.remarks)}"
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
            about=replace(about, given=said, scorer=scorer_line(protocol), judges=self.task.judges),
            threads=self.threads,
            warm=("ivif_bench.tasks.detection.given_rows", type(self.task).__module__),
        )


def score_given(task: TaskAdapter, unit: Unit, workspace: Workspace) -> list[Record]:
    """Score a user's boxes.

    Raises:
        UserError: the file is another than when the run was planned.
    """
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
