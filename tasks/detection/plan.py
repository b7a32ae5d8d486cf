"""Planning: what a unit of detection work depends on, as keys over file contents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ivif_bench.data.base import Dataset
from ivif_bench.data.chroma import DESCRIBED
from ivif_bench.data.splits import Split
from ivif_bench.errors import UserError
from ivif_bench.store import key_of
from ivif_bench.task import TaskInputs
from ivif_bench.tasks.detection.inputs import SOURCES
from ivif_bench.tasks.detection.protocol import TRAINED_MODES, DetectionProtocol, weights_file
from ivif_bench.tasks.detection.registry import DETECTORS
from ivif_bench.types import About, FusedSet, Pair, Unit

# Raised whenever the same inputs give other numbers, so that old results are redone.
VERSION = 2
# Raised whenever the same inputs train another detector; scoring does not train again.
TRAINING_VERSION = 1
SCORER = (
    "COCO AP by pycocotools (101 recalls, 100 boxes per image and class); [yolov5]: AP of yolov5's "
    "val.py {}, whose curve ends in a straight line to (1, 0)"
)
_FORMS = {
    "coco+yolov5": "since v6.2 (paired anew at each IoU threshold)",
    "coco+yolov5-before-v6.2": "before v6.2 (paired once, at IoU 0.5)",
}
_METRICS = ("mAP50", "mAP50_95", "mAP50[yolov5]", "mAP50_95[yolov5]", "AP50", "AP50_95")
_METRICS_ALL = ("mAP50[all]", "mAP50_95[all]")


class UnitBuilder:
    """Makes the units of one section that ``ivif_bench.tasks.detection.check`` found nothing wrong with.

    Raises:
        UserError: the method to train on has no images, or a file cannot be read.
    """

    def __init__(
        self,
        protocol: DetectionProtocol,
        dataset: Dataset,
        split: Split,
        inputs: TaskInputs,
        weights: Path | None,
        threads: int,
        gpus: int,
    ) -> None:
        self.protocol = protocol
        self.dataset = dataset
        self.split = split
        self.inputs = inputs
        self.ref = inputs.refs[dataset.name]
        self.threads = threads
        self.gpus = gpus
        self.spec = DETECTORS.get(protocol.detector)
        self.trained = protocol.mode in TRAINED_MODES
        self.weights = weights_file(protocol, weights)
        self.weights_hash = "scratch" if self.weights is None else inputs.fingerprint(self.weights)
        self.teacher = self._teacher()

    def _teacher(self) -> FusedSet | None:
        """The method whose images a frozen detector is trained on; None for a source."""
        wanted = self.protocol.train_on
        if wanted is None or wanted in SOURCES:
            return None
        found = self.inputs.fused.get((self.dataset.name, wanted))
        if found is None:
            raise UserError(
                f"protocol {self.protocol.name!r} trains on method {wanted!r}, which has no images "
                f"of dataset {self.dataset.name!r}; methods: {', '.join(self.inputs.methods)}"
            )
        return found

    def unit(self, fused: FusedSet, seed: int) -> Unit:
        """The unit that judges one method with one seed.

        A method without any test image (or any image to train on) gets a unit without images: its
        row stays empty, and the others are judged all the same.
        """
        protocol = self.protocol
        test, lost_test = _there(self.split.test, fused)
        teacher = fused if protocol.mode == "retrain" else self.teacher
        train, lost_train = self._training_stems(teacher)
        if not test or (self.trained and not train):  # an empty row, which says what is missing
            test, lost_test, train = (), self.split.test, ()
        training_key = self._training_key(train, teacher, seed)
        payload: dict[str, Any] = {
            "dataset": asdict(self.ref),
            "protocol": protocol.model_dump(mode="json"),
            "weights": None if self.weights is None else str(self.weights.absolute()),
            "training_key": training_key,
            "train": _files(train, teacher),
            "test": _files(test, fused),
        }
        return Unit(
            task="detection",
            dataset=fused.dataset,
            method=fused.method,
            protocol=protocol.name,
            seed=seed,
            key=key_of(
                "detection",
                VERSION,
                fused.dataset,
                fused.method,
                protocol.unit_values,
                seed,
                training_key,
                self._marks(test, fused),
                self.threads,
            ),
            payload=payload,
            about=self._about(test, lost_train, lost_test),
            threads=self.threads,
            gpus=self.gpus,
            warm=("ivif_bench.tasks.detection.run", *self.spec.warm),
        )

    def _training_stems(self, teacher: FusedSet | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Stems to train on, and those that are missing."""
        if not self.trained:
            return (), ()
        if teacher is None:
            return self.split.train, ()
        return _there(self.split.train, teacher)

    def _training_key(self, train: tuple[str, ...], teacher: FusedSet | None, seed: int) -> str:
        """What decides the detector that judges; part of every unit's key.

        Equal for all methods of a frozen protocol, so that its detector is trained once.
        """
        recipe = self.protocol.training_values if self.trained else self.protocol.detector
        # Detectors that were trained when `none` still left colour files in colour are others.
        gray = ["all in gray"] if self.trained and self.protocol.chroma == "none" else []
        return key_of(
            "detector",
            TRAINING_VERSION,
            recipe,
            self.spec.version,
            [self.ref.layout, dict(self.ref.options)],  # they decide how labels are read
            self.weights_hash,
            seed if self.trained else None,
            self.protocol.train_on if teacher is None else None,
            self._marks(train, teacher),
            self.threads,
            *gray,
        )

    def _marks(self, stems: Sequence[str], fused: FusedSet | None) -> list[list[str]]:
        """Stems with the hashes of every file that is read for them."""
        marks = []
        for pair in self.dataset.select(tuple(stems)):
            files = [pair.visible, pair.infrared] if fused else [self._source(pair)]
            if fused is not None:
                files.append(fused.images[pair.stem])
            if pair.annotation is not None:
                files.append(pair.annotation)
            marks.append([pair.stem, *(self.inputs.fingerprint(path) for path in files)])
        return marks

    def _source(self, pair: Pair) -> Path:
        return pair.visible if self.protocol.train_on == "visible" else pair.infrared

    def _about(
        self, test: tuple[str, ...], lost_train: tuple[str, ...], lost_test: tuple[str, ...]
    ) -> About:
        protocol = self.protocol
        left_out = [name for name in protocol.classes if name not in protocol.scored_classes]
        warnings = []
        if left_out:
            warnings.append(
                f"{', '.join(left_out)}: unknown to the detector; mAP is the mean over the other "
                f"{len(protocol.scored_classes)} classes, [all] counts it as 0"
            )
        if lost_train:
            warnings.append(f"trained without {len(lost_train)} missing images")
        if lost_test:
            warnings.append(f"judged without {len(lost_test)} missing images")
        return About(
            split=self.split.name,
            split_sha256=self.split.sha256,
            images=len(test),
            metrics=dict.fromkeys((*_METRICS, *(_METRICS_ALL if left_out else ())), "up"),
            classes=protocol.classes,
            network=self._network(),
            mode=protocol.mode,
            scorer=f"{SCORER.format(_FORMS[protocol.scorer])}; boxes: {self._boxes()}",
            chroma=DESCRIBED[protocol.chroma],
            protocol_sha256=protocol.sha256,
            warnings=tuple(warnings),
            missing=tuple(sorted({*lost_train, *lost_test})),
            judges=(*self.spec.packages, "pycocotools"),
        )

    def _boxes(self) -> str:
        protocol = self.protocol
        classes = (
            "all classes above it (multi-label)" if protocol.multi_label else "best class only"
        )
        return (
            f"confidence > {protocol.conf:g}, {classes}, NMS per class {protocol.nms_iou:g}, "
            f"{protocol.max_det} per image"
        )

    def _network(self) -> str:
        protocol = self.protocol
        weights = protocol.portable.initial
        if self.weights is not None:
            weights = f"{weights} ({self.weights.name}, sha256 {self.weights_hash[:12]})"
        text = f"{self.spec.title}, {protocol.image_size} pixels, "
        text += f"{'initial weights' if self.trained else 'weights'} {weights}"
        if protocol.training is not None and protocol.training.summary:
            text += f", {protocol.training.summary}"
        return text if protocol.train_on is None else f"{text}, trained on {protocol.train_on}"


def _there(stems: tuple[str, ...], fused: FusedSet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Stems that a method has, and those it lacks."""
    return (
        tuple(stem for stem in stems if stem in fused.images),
        tuple(stem for stem in stems if stem not in fused.images),
    )


def _files(stems: Sequence[str], fused: FusedSet | None) -> dict[str, str | None]:
    """Fused file by stem; None where the source itself is read."""
    return {stem: None if fused is None else str(fused.images[stem].absolute()) for stem in stems}
