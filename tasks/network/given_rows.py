"""Rows of a run's table whose predictions the user gave: planned and scored as those of any network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar

from ivif_bench.data.base import Dataset
from ivif_bench.store import key_of
from ivif_bench.task import Workspace
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.plan import UnitBuilder
from ivif_bench.types import FusedSet, Record, Unit


def is_given(unit: Unit) -> bool:
    """Whether a unit scores predictions that the user gave."""
    return "given" in unit.payload


class GivenRows(UnitBuilder):
    """Makes and scores the units of such rows; a task has a sub-class for its kind of files."""

    what: ClassVar[str]  # in keys and messages, such as "boxes"

    @classmethod
    @abstractmethod
    def check(
        cls, given: Mapping[str, Any], protocol: Any, dataset: Dataset, stems: Sequence[str]
    ) -> None:
        """Find the files of all rows of a section.

        Raises:
            UserError: the first that cannot be used.
        """

    @abstractmethod
    def row(self, name: str, given: Any) -> Unit:
        """The unit of one row; its key has the hash of the files.

        Raises:
            UserError: the files cannot be used.
        """

    @classmethod
    @abstractmethod
    def score(cls, task: TaskAdapter, unit: Unit, workspace: Workspace) -> list[Record]:
        """Score a row.

        Raises:
            UserError: a file cannot be used, or is another than when the run was planned.
        """

    def made(
        self,
        name: str,
        given: Mapping[str, Any],
        digest: str,
        test: tuple[str, ...],
        lacking: tuple[str, ...],
        said: str,
        parts: Sequence[Any],
        scorer: str = "",
    ) -> Unit:
        """The unit of a row.

        Args:
            given: its options, as JSON values.
            digest: hash of its files.
            test: stems that it has.
            lacking: stems that it lacks.
            said: line of the footer.
            parts: what its key has besides the dataset, the protocol and the truth.
            scorer: the line "Scorer", where it is not that of the network.
        """
        protocol, task = self.protocol, self.protocol.task
        visible = {pair.stem: pair.visible for pair in self.dataset.select(test)}
        about = self._about(test, (), lacking, training="")
        return Unit(
            task=task,
            dataset=self.dataset.name,
            method=name,
            protocol=protocol.name,
            seed=protocol.seeds[0],
            key=key_of(
                task,
                self.task.version,
                f"given {self.what}",
                self.dataset.name,
                name,
                protocol.unit_part,
                *parts,
                [self.ref.layout, dict(self.ref.options)],
                self.weights_hash,  # two sections that differ in it alone have a table each
                self._marks(test, FusedSet(self.dataset.name, name, "", visible)),
            ),
            payload={
                "dataset": asdict(self.ref),
                "protocol": protocol.model_dump(mode="json"),
                "given": given,
                "digest": digest,
                "test": list(test),
            },
            about=replace(
                about, given=said, scorer=scorer or about.scorer, judges=self.task.judges
            ),
            threads=self.threads,
            warm=(type(self).__module__, type(self.task).__module__),
        )
