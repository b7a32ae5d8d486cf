"""Planning: what a unit of segmentation work depends on, as keys over file contents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ivif_bench.data.base import Dataset
from ivif_bench.data.chroma import DESCRIBED
from ivif_bench.data.splits import Split
from ivif_bench.store import key_of
from ivif_bench.task import TaskInputs
from ivif_bench.tasks.segmentation.initial import initial_weights
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.tasks.segmentation.registry import SEGMENTERS
from ivif_bench.types import About, FusedSet, Pair, Unit

# Raised whenever the same inputs give other numbers, so that old results are redone.
VERSION = 2

PSEUDO = "PSEUDO LABELS: measured against a network's output, not ground truth; not comparable"
_SCORER = (
    "own integer confusion matrix over all test pixels; IoU = TP/(TP+FP+FN); classes with neither "
    "truth nor prediction are left out of means"
)
_VOID = {
    "ignore": "ignored truth dropped",
    "false-positive": "ignored truth counts as false positives",
}


class UnitBuilder:
    """Makes the units of one section that ``ivif_bench.tasks.segmentation.check`` found nothing wrong with.

    Raises:
        UserError: a file cannot be read.
    """

    def __init__(
        self,
        protocol: SegmentationProtocol,
        dataset: Dataset,
        split: Split,
        inputs: TaskInputs,
        threads: int,
        gpus: int,
    ) -> None:
        self.protocol = protocol
        self.dataset = dataset
        self.split = split
        self.ref = inputs.refs[dataset.name]
        self.fingerprint = inputs.fingerprint
        self.threads = threads
        self.gpus = gpus
        self.spec = SEGMENTERS.get(protocol.segmenter)
        start = initial_weights(protocol.initial)
        self.initial = None if start is None else start.absolute()
        self.initial_hash = "scratch" if start is None else self.fingerprint(start)

    def unit(self, fused: FusedSet, seed: int) -> Unit:
        """The unit that judges one method with one seed.

        A method without any test image (or any image to train on) gets a unit without images: its
        row stays empty, and the others are judged all the same.
        """
        test, lost_test = _there(self.split.test, fused)
        train, lost_train = self._training(fused)
        if not test or (self.protocol.train_on != "nothing" and not train):
            test, lost_test, train = (), self.split.test, ()
        protocol = self.protocol
        training_key = self._training_key(train, fused, seed)
        key = key_of(
            "segmentation",
            VERSION,
            fused.dataset,
            fused.method,
            protocol.unit_sha256,
            seed,
            training_key,
            self._marks(test, fused),
            self.threads,
        )
        payload: dict[str, Any] = {
            "dataset": asdict(self.ref),
            "protocol": protocol.model_dump(mode="json"),
            "initial": None if self.initial is None else str(self.initial),
            "training_key": training_key,
            "train": list(train),
            "test": list(test),
            "fused": {
                stem: str(fused.images[stem].absolute())
                for stem in sorted({*train, *test} & set(fused.images))
            },
        }
        about = self._about(test, lost_train, lost_test)
        return Unit(
            task="segmentation",
            dataset=fused.dataset,
            method=fused.method,
            protocol=protocol.name,
            seed=seed,
            key=key,
            payload=payload,
            about=about,
            threads=self.threads,
            gpus=self.gpus,
            warm=("ivif_bench.tasks.segmentation.run", *self.spec.warm),
        )

    def _training(self, fused: FusedSet) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Stems to train on, and those that the method lacks."""
        if self.protocol.train_on == "nothing":
            return (), ()
        if self.protocol.mode == "frozen":
            return self.split.train, ()
        return _there(self.split.train, fused)

    def _training_key(self, train: tuple[str, ...], fused: FusedSet, seed: int) -> str:
        """What decides the network that judges; part of every unit's key.

        Equal for all methods in frozen mode, so that the network is trained once.
        """
        retrained = self.protocol.mode == "retrain"
        return key_of(
            "segmenter",
            VERSION,
            self.protocol.training_sha256,
            self.spec.version,
            [self.ref.layout, dict(self.ref.options)],  # they decide how labels are read
            self.initial_hash,
            seed,
            self._marks(train, fused if retrained else None),
            self.threads,
        )

    def _marks(self, stems: Sequence[str], fused: FusedSet | None) -> list[list[str]]:
        """Stems with the hashes of every file that is read for them."""
        return [
            [pair.stem, *(self.fingerprint(path) for path in self._files(pair, fused))]
            for pair in self.dataset.select(tuple(stems))
        ]

    def _files(self, pair: Pair, fused: FusedSet | None) -> list[Path]:
        files = [pair.mask] if pair.mask is not None else []
        if fused is not None:
            return [fused.images[pair.stem], pair.visible, pair.infrared, *files]
        return [pair.infrared if self.protocol.train_on == "infrared" else pair.visible, *files]

    def _about(
        self, test: tuple[str, ...], lost_train: tuple[str, ...], lost_test: tuple[str, ...]
    ) -> About:
        protocol = self.protocol
        warnings = [PSEUDO] if protocol.pseudo_labels else []
        if lost_train:
            warnings.append(f"trained without {len(lost_train)} missing images")
        if lost_test:
            warnings.append(f"judged without {len(lost_test)} missing images")
        return About(
            split=self.split.name,
            split_sha256=self.split.sha256,
            images=len(test),
            metrics=dict.fromkeys(self._metrics(test), "up"),
            classes=protocol.classes,
            network=self._network(),
            mode=protocol.mode,
            scorer=f"{_SCORER}; {_VOID[protocol.void]}",
            chroma=DESCRIBED[protocol.chroma],
            protocol_sha256=protocol.sha256,
            warnings=tuple(warnings),
            missing=tuple(sorted({*lost_train, *lost_test})),
            judges=self.spec.packages,
        )

    def _network(self) -> str:
        protocol = self.protocol
        weights = protocol.portable.initial
        if self.initial is not None:
            weights = f"{weights} ({self.initial.name}, sha256 {self.initial_hash[:12]})"
        text = f"{self.spec.title}, {self.spec.parameters / 1e6:.2f}M parameters, "
        text += f"initial weights {weights}"
        if protocol.training.summary:
            text += f", {protocol.training.summary}"
        return text if protocol.mode == "retrain" else f"{text}, trained on {protocol.train_on}"

    def _metrics(self, test: tuple[str, ...]) -> list[str]:
        """Metric names in the order of columns; conditions only if some test image has the tag."""
        means = list(self.protocol.means)
        present = {tag for pair in self.dataset.select(test) for tag in pair.tags}
        rows = [
            f"{mean}[{tag}]" for tag in self.protocol.conditions if tag in present for mean in means
        ]
        return [*means, *rows, "accuracy", "class_accuracy", "IoU"]


def _there(stems: tuple[str, ...], fused: FusedSet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Stems that a method has, and those it lacks."""
    return (
        tuple(stem for stem in stems if stem in fused.images),
        tuple(stem for stem in stems if stem not in fused.images),
    )
