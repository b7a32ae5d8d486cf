"""Planning: what a unit of work depends on, as keys over file contents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ivif_bench.data.base import Dataset
from ivif_bench.data.chroma import DESCRIBED
from ivif_bench.data.splits import Split, leak_line
from ivif_bench.errors import UserError
from ivif_bench.store import key_of
from ivif_bench.task import TaskInputs
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.protocol import SOURCES, NetworkProtocol
from ivif_bench.tasks.network.weights import weights_file
from ivif_bench.types import About, FusedSet, Unit


class UnitBuilder:
    """Makes the units of one section that ``ivif_bench.tasks.network.checks`` found no fault in.

    Raises:
        UserError: the method to train on has no images, or a file cannot be read.
    """

    def __init__(
        self,
        task: TaskAdapter,
        section: Any,
        protocol: NetworkProtocol,
        dataset: Dataset,
        split: Split,
        inputs: TaskInputs,
    ) -> None:
        self.task = task
        self.protocol = protocol
        self.dataset = dataset
        self.split = split
        self.ref = inputs.refs[dataset.name]
        self.fingerprint = inputs.fingerprint
        self.threads = section.threads
        self.workers = section.workers
        self.gpus = section.gpus
        self.substitutions = section.substitutions()
        self.spec = protocol.registry().get(protocol.network)
        self.weights = weights_file(protocol, section.weights_path)
        self.weights_hash = "scratch" if self.weights is None else self.fingerprint(self.weights)
        self.teacher = self._teacher(inputs)
        self.leak = _leak(protocol, split)

    def _teacher(self, inputs: TaskInputs) -> FusedSet | None:
        """The method whose images a frozen network is trained on; None for a source."""
        wanted = self.protocol.train_on
        if wanted is None or wanted in SOURCES:
            return None
        found = inputs.fused.get((self.dataset.name, wanted))
        if found is None:
            raise UserError(
                f"protocol {self.protocol.name!r} trains on method {wanted!r}, which has no images "
                f"of dataset {self.dataset.name!r}; methods: {', '.join(inputs.methods)}"
            )
        return found

    def unit(self, fused: FusedSet, seed: int) -> Unit:
        """The unit that judges one method with one seed.

        A method without any test image (or any image to train on) gets a unit without images: its
        row stays empty, and the others are judged all the same.
        """
        protocol, task = self.protocol, self.protocol.task
        teacher = fused if protocol.mode == "retrain" else self.teacher
        wanted = self.split.train if protocol.trained else ()
        train, lost_train = (wanted, ()) if teacher is None else _there(wanted, teacher)
        test, lost_test = _there(self.split.test, fused)
        if not test or (protocol.trained and not train):  # an empty row, which says what is missing
            test, lost_test, train = (), self.split.test, ()
        training_key = self._training_key(train, teacher, seed)
        training = training_name(protocol.registry().kind, training_key) if train else ""
        payload: dict[str, Any] = {
            "dataset": asdict(self.ref),
            "protocol": protocol.model_dump(mode="json"),
            "kind": protocol.registry().kind,
            "weights": None if self.weights is None else str(self.weights.absolute()),
            "training_key": training_key,
            "workers": self.workers,
            "prepared": self._prepared_name(train, teacher),
            "train": _files(train, teacher),
            "test": _files(test, fused),
        }
        parts = (fused.dataset, fused.method, protocol.unit_part, seed, training_key)
        return Unit(
            task=task,
            dataset=fused.dataset,
            method=fused.method,
            protocol=protocol.name,
            seed=seed,
            key=key_of(task, self.task.version, *parts, self._marks(test, fused), self.threads),
            payload=payload,
            about=self._about(test, lost_train, lost_test, training),
            threads=self.threads,
            gpus=self.gpus,
            warm=("ivif_bench.tasks.network.run", type(self.task).__module__, *self.spec.warm),
        )

    def _training_key(self, train: tuple[str, ...], teacher: FusedSet | None, seed: int) -> str:
        """What decides the network that judges; part of every unit's key.

        Equal for all methods of a frozen protocol, so that its network is trained once.
        """
        protocol, spec = self.protocol, self.spec
        raised = protocol.trained and spec.training_version > 1  # the first is in no key
        return key_of(
            protocol.registry().kind,
            self.task.training_version,
            protocol.training_part,
            self.spec.version,
            [self.ref.layout, dict(self.ref.options)],  # they decide how labels are read
            self.weights_hash,
            *protocol.training_run(seed, by_method=teacher is not None),
            self._marks(train, teacher),
            self.threads,
            *protocol.training_remarks,
            *([f"training version {spec.training_version}"] if raised else []),
        )

    def _prepared_name(self, train: tuple[str, ...], teacher: FusedSet | None) -> str:
        """Name of the folder that takes the training images; it hashes what decides their pixels."""
        if not train:
            return ""
        source = self.protocol.train_on if teacher is None else None
        marks = self._marks(train, teacher, with_truth=False)
        return f"images-{key_of('prepared', self.protocol.chroma, source, marks)}"

    def _marks(
        self, stems: Sequence[str], fused: FusedSet | None, with_truth: bool = True
    ) -> list[list[str]]:
        """Stems with the hashes of every file that is read for them."""
        marks = []
        for pair in self.dataset.select(tuple(stems)):
            if fused is None:
                files = [pair.infrared if self.protocol.train_on == "infrared" else pair.visible]
            else:
                files = self.task.files_read(pair, fused.images[pair.stem])
            truth = self.task.truth_file(pair)
            files += [truth] if truth is not None and with_truth else []
            marks.append([pair.stem, *(self.fingerprint(path) for path in files)])
        return marks

    def _about(
        self,
        test: tuple[str, ...],
        lost_train: tuple[str, ...],
        lost_test: tuple[str, ...],
        training: str,
    ) -> About:
        protocol, task = self.protocol, self.task
        lost = (("trained", lost_train), ("judged", lost_test))
        holes = [f"{what} without {len(stems)} missing images" for what, stems in lost if stems]
        metrics = task.metrics(protocol, self.dataset.select(test))
        return About(
            split=self.split.name,
            split_sha256=self.split.sha256,
            leak=self.leak,
            images=len(test),
            metrics={name: task.direction(name) for name in metrics},
            classes=protocol.classes,
            network=self._network(),
            mode=protocol.mode,
            scorer=task.scorer(protocol),
            chroma=DESCRIBED[protocol.chroma],
            protocol_sha256=protocol.sha256,
            warnings=(*filter(None, [self.substitutions]), *task.warnings(protocol), *holes),
            missing=tuple(sorted({*lost_train, *lost_test})),
            judges=(*self.spec.packages, *task.judges),
            training=training,
        )

    def _network(self) -> str:
        """The line "Network" under a table."""
        protocol = self.protocol
        weights = protocol.portable.initial
        if self.weights is not None:
            weights = f"{weights} ({self.weights.name}, sha256 {self.weights_hash[:12]})"
        parts = [self.spec.title, protocol.inference.summary]
        parts.append(f"{'initial weights' if protocol.trained else 'weights'} {weights}")
        parts.append(protocol.training.summary if protocol.trained else "")
        if protocol.checkpoint == "best":
            parts.append("the weights with the best validation")
        parts.append(f"trained on {protocol.train_on}" if protocol.train_on else "")
        return ", ".join(filter(None, parts))


def training_name(kind: str, training_key: str) -> str:
    """Name of the folder of a trained network; equal for equal trainings."""
    return f"{kind}-{training_key}"


def _leak(protocol: NetworkProtocol, split: Split) -> str:
    """The line "Leak" under a table."""
    if protocol.trained:
        return leak_line(split)
    if protocol.mode == "released":
        return "unknown, since the weights were trained elsewhere"
    return "none, since nothing is trained on images of this dataset"


def _there(stems: tuple[str, ...], fused: FusedSet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Stems that a method has, and those it lacks."""
    return (
        tuple(stem for stem in stems if stem in fused.images),
        tuple(stem for stem in stems if stem not in fused.images),
    )


def _files(stems: Sequence[str], fused: FusedSet | None) -> dict[str, str | None]:
    """Fused file by stem; None where the source itself is read."""
    return {stem: None if fused is None else str(fused.images[stem].absolute()) for stem in stems}
