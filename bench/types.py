"""Values passed between modules: small, frozen, picklable, without torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what) during long work."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One registered infrared-visible pair of a dataset, as paths.

    Attributes:
        dataset: name of the dataset in the run; stems collide between datasets, so both count.
        stem: file name without extension.
        infrared: image file read as one channel, uint8.
        visible: image file read as RGB, uint8.
        annotation: file with the boxes of this pair, if the dataset has boxes.
        mask: label image (class ids), if the dataset has masks.
        tags: conditions that results may be broken down by, such as ``day`` or ``night``.
    """

    dataset: str
    stem: str
    infrared: Path
    visible: Path
    annotation: Path | None = None
    mask: Path | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image as its file stores it; ``ivif_bench.data.images`` has ``gray_of`` and ``rgb_of``.

    Attributes:
        path: the file, for methods that need its bytes.
        pixels: uint8 [H, W] if the file has one channel, else RGB [H, W, 3] or RGBA [H, W, 4].
    """

    path: Path
    pixels: np.ndarray


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """The values needed to open a dataset again in another process: plain JSON."""

    name: str
    layout: str
    root: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Boxes:
    """Objects of one image.

    Attributes:
        xyxy: float64 [N, 4] pixels, 0-based corners x1, y1, x2, y2; width is x2 - x1.
        classes: N class names (never ids: their order differs between conversions).
        scores: float64 [N] in 0..1 for detections, None for ground truth.
        crowd: bool [N], ground truth only: the box is a region with several objects (COCO's
            ``iscrowd``); all False if not given.
        difficult: bool [N], ground truth only: an object that is neither required nor wrong to
            find (Pascal VOC's ``difficult``); all False if not given.
    """

    xyxy: np.ndarray
    classes: tuple[str, ...]
    scores: np.ndarray | None = None
    crowd: np.ndarray = None  # type: ignore[assignment]  # filled below
    difficult: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        count = len(self.classes)
        if self.xyxy.shape != (count, 4):
            raise ValueError(f"{count} class names for boxes of shape {self.xyxy.shape}")
        for name in ("crowd", "difficult"):
            given = getattr(self, name)
            flags = np.zeros(count, bool) if given is None else np.asarray(given, bool)
            if flags.shape != (count,):
                raise ValueError(f"{count} boxes with {name!r} of shape {flags.shape}")
            object.__setattr__(self, name, flags)

    @property
    def required(self) -> np.ndarray:
        """bool [N]: objects that must be found; False for crowd and difficult ones."""
        required: np.ndarray = ~(self.crowd | self.difficult)
        return required

    def take(self, kept: Sequence[int]) -> Boxes:
        """The boxes at these indices, with their scores and flags."""
        return Boxes(
            xyxy=self.xyxy[kept],
            classes=tuple(self.classes[index] for index in kept),
            scores=None if self.scores is None else self.scores[kept],
            crowd=self.crowd[kept],
            difficult=self.difficult[kept],
        )


@dataclass(frozen=True, slots=True)
class FusedSet:
    """The fused images of one method on one dataset: finished files, one per stem.

    Attributes:
        dataset: name of the dataset in the run.
        method: name of the method in the run.
        key: identity of method, options, weights and seed (and of nothing else).
        images: stem to PNG file. Stems the method does not have are absent.
        missing: stems asked for that a precomputed method lacks, when the run allows it.
    """

    dataset: str
    method: str
    key: str
    images: Mapping[str, Path]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One number: a row of the tidy results.

    ``stem`` names the image and ``class_name`` the class a value belongs to; both are empty for a
    value over all images or classes. ``value`` is NaN where the quantity is undefined, and then
    ``reason`` says why (``constant_fused``, ``no_truth``, ...).
    """

    dataset: str
    method: str
    task: str
    protocol: str
    seed: int
    metric: str
    value: float
    stem: str = ""
    class_name: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """The metadata of a unit for tables: footers, captions, columns. Reports know nothing else of a task.

    Attributes:
        split, split_sha256: name and hash of the split.
        leak: how much of the test part is nearly in train, in words; begins with "none" where nothing is
            trained.
        images: number of judged images.
        convention: metric convention (quality).
        metrics: metric name to ``up`` or ``down``, in the order of the columns.
        classes: class names in order (detection, segmentation).
        network: what judged, with its parameters and initial weights.
        mode: ``retrain``, ``frozen``, ``zeroshot-coco``, ...
        scorer: who computed AP or IoU, and how.
        chroma: in which colour images were judged, in words.
        protocol_sha256: hash of the resolved protocol.
        warnings: sentences that a caption must carry, such as ``PSEUDO LABELS``.
        missing: stems that the method lacks.
        judges: distributions that made the numbers; footers print their versions.
        training: folder in ``checkpoints`` of the network that was trained for it.
        recipe: how the method reads and saves, besides its network.
        remark: footnote to the method's row in tables.
        given: of a row whose boxes or labels the user gave: the files, and what is done to them. Then
            ``network``, ``mode``, ``leak`` and ``chroma`` are those of the other rows.
    """

    split: str = ""
    split_sha256: str = ""
    leak: str = ""
    images: int = 0
    convention: str = ""
    metrics: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    network: str = ""
    mode: str = ""
    scorer: str = ""
    chroma: str = ""
    protocol_sha256: str = ""
    warnings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    judges: tuple[str, ...] = ()
    training: str = ""
    recipe: str = ""
    remark: str = ""
    given: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, without what is empty."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value not in ("", (), {}, 0)
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> About:
        """What ``to_json`` wrote; keys that other versions wrote are left out.

        Raises:
            ValueError: a value of another type.
        """
        found: dict[str, Any] = {}
        for item in fields(cls):
            if (value := values.get(item.name)) is None:
                continue
            wanted = _ABOUT_TYPES[str(item.type).partition("[")[0]]
            if not isinstance(value, wanted):
                raise ValueError(f"about.{item.name}: {value!r} is not {item.type}")
            found[item.name] = tuple(map(str, value)) if isinstance(value, list | tuple) else value
        return cls(**found)


_ABOUT_TYPES: Mapping[str, Any] = {
    "str": str, "int": int, "tuple": list | tuple, "Mapping": Mapping
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of work: a picklable description, not a closure.

    Attributes:
        task: registered name of the task that executes it.
        dataset, method, protocol, seed: what it is about, for people and file names.
        key: hash over everything that decides the result.
        payload: plain JSON values that the task needs to execute it.
        about: what tables say of it.
        threads: thread count it computes with, fixed so that results do not depend on the machine.
        gpus: GPUs that it asks for.
        warm: modules to import, or functions to call (``"module:function"``) that import, before
            it is executed; a warm process does it once for many. They must not compute anything.
        alone: no other job of the run may compute at the same time, because time is measured.
    """

    task: str
    dataset: str
    method: str
    protocol: str
    seed: int
    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    about: About = field(default_factory=About)
    threads: int = 1
    gpus: int = 0
    warm: tuple[str, ...] = ()
    alone: bool = False

    @property
    def label(self) -> str:
        """Short name for progress lines and file names."""
        return f"{self.dataset}/{self.method}/{self.protocol}/seed{self.seed}"

    def record(
        self, metric: str, value: float, stem: str = "", class_name: str = "", reason: str = ""
    ) -> Record:
        """One number of this unit; see ``Record``."""
        return Record(
            dataset=self.dataset,
            method=self.method,
            task=self.task,
            protocol=self.protocol,
            seed=self.seed,
            metric=metric,
            value=value,
            stem=stem,
            class_name=class_name,
            reason=reason,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {item.name: getattr(self, item.name) for item in fields(self)} | {
            "about": self.about.to_json()
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Unit:
        """What ``to_json`` wrote."""
        about, warm = About.from_json(values["about"]), tuple(values.get("warm", ()))
        return cls(**{**values, "about": about, "warm": warm})


@dataclass(frozen=True, slots=True)
class Origin:
    """A process that contributed to a result.

    Attributes:
        versions: of Python, this package and every distribution that the process had loaded.
        commit: of this package's code.
        device: what it computed on, and on which machine.
        seconds: its run time when this was written.
        finished: the time when this was written, in UTC.
    """

    versions: Mapping[str, str]
    commit: str
    device: str
    seconds: float
    finished: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Provenance of a file of results; written as JSON beside it.

    Attributes:
        key: of the unit of work.
        what: the unit, and its metadata for tables.
        versions, commit, device, seconds, finished: of the process that wrote the result, as in
            ``Origin``.
        earlier: processes whose work it went on from: a network that was trained before, images
            that were scored before an interruption.
    """

    key: str
    what: Mapping[str, Any]
    versions: Mapping[str, str]
    commit: str
    device: str
    seconds: float
    finished: str
    earlier: tuple[Origin, ...] = ()

    @property
    def origins(self) -> tuple[Origin, ...]:
        """All processes that made the result, the one that wrote it first."""
        last = Origin(self.versions, self.commit, self.device, self.seconds, self.finished)
        return last, *self.earlier
