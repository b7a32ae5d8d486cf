"""A detector without a network, and a tiny M3FD with fused images that it judges."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml
from pydantic import Field

from ivif_bench.data.base import open_dataset
from ivif_bench.data.images import encode_png
from ivif_bench.files import write_bytes
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.recipe import Recipe
from ivif_bench.task import TaskInputs, Workspace
from ivif_bench.tasks.detection.protocol import SHIPPED_PROTOCOLS
from ivif_bench.tasks.detection.registry import Detector
from ivif_bench.tasks.detection.task import DetectionSection, DetectionTask
from ivif_bench.tasks.network.contract import NetworkSpec
from ivif_bench.types import Boxes, DatasetRef, FusedSet, Record, Unit

TRAIN, TEST = ("00000", "00001", "00002"), ("00003", "00004")
CLASSES = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
# Every object is this one box; the fake detector finds it where the image is bright enough.
BOX = (10, 12, 30, 40)
NOTHING = Boxes(np.zeros((0, 4)), (), np.zeros(0))
fits: list[dict[str, object]] = []


class FakeTraining(Recipe):
    """Its own keys, none of them ultralytics'."""

    rounds: int = Field(ge=1, description="passes over the training images")

    @property
    def summary(self) -> str:
        return f"{self.rounds} rounds"


class FakeInference(Recipe):
    """One option that cannot change a training, and one that can."""

    untrained = frozenset({"threshold"})

    threshold: float = Field(0.3, ge=0, le=1, description="darker boxes are not found")
    gain: float = Field(1.0, gt=0, description="factor of brightness")


SPEC = NetworkSpec(
    name="fake",
    entry=f"{__name__}:FakeDetector",
    title="Fake",
    parameters=1,
    licence="none",
    modes=("retrain", "frozen", "zeroshot-coco", "released"),
    inference=FakeInference,
    training=FakeTraining,
    packages=("numpy",),
)


class FakeDetector(Detector):
    """Says Car with the brightness of the box as score, and writes down how it was trained."""

    def fit(self, train, seed, folder, log, initial, progress):
        samples = list(train)
        levels = [int(sample.image.mean()) for sample in samples]
        fits.append({"stems": [each.stem for each in samples], "seed": seed, "levels": levels})
        path = folder / "fake.safetensors"
        path.write_text("trained")
        return path

    def load(self, checkpoint: Path) -> tuple[str, ...]:
        assert checkpoint.is_file()
        return CLASSES

    def predict(self, image: np.ndarray) -> Boxes:
        x1, y1, x2, y2 = BOX
        score = image[y1:y2, x1:x2].mean() / 255
        there = int(score > self.protocol.inference.threshold)
        return Boxes(np.array([BOX], float)[:there], ("Car",) * there, np.array([score])[:there])


class Bench:
    """A tiny M3FD with fused sets, planned and executed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        root = folder / "M3FD_Detection"
        for index, stem in enumerate((*TRAIN, *TEST)):
            infrared = np.full((48, 64), 20 + index, np.uint8)
            visible = np.full((48, 64, 3), (90, 40, 30 + index), np.uint8)
            write_bytes(root / "Ir" / f"{stem}.png", encode_png(infrared))
            write_bytes(root / "Vis" / f"{stem}.png", encode_png(visible))
            corners = dict(zip(("xmin", "ymin", "xmax", "ymax"), np.array(BOX) + 1, strict=True))
            box = "".join(f"<{key}>{value}</{key}>" for key, value in corners.items())
            xml = (
                f"<annotation><object><name>Car</name><bndbox>{box}</bndbox></object></annotation>"
            )
            write_bytes(root / "Annotation" / f"{stem}.xml", xml.encode())
        for part, stems in (("train", TRAIN), ("test", TEST)):
            write_bytes(root / "meta" / f"{part}.txt", "\n".join(stems).encode())
        self.dataset = open_dataset("m3fd", root, "data")
        self.ref = DatasetRef("data", "m3fd", str(root))
        self.fused: dict[tuple[str, str], FusedSet] = {}

    def method(self, name: str, level: int, stems: Sequence[str] = (*TRAIN, *TEST)) -> None:
        images = {}
        for stem in stems:
            images[stem] = self.folder / name / f"{stem}.png"
            write_bytes(images[stem], encode_png(np.full((48, 64), level, np.uint8)))
        self.fused["data", name] = FusedSet("data", name, "key", images)

    def protocol(self, name: str = "mine.yaml", **changes: object) -> str:
        """A protocol file in format 2; keys of ``training`` and ``inference`` may be given flat."""
        content: dict[str, object] = {
            "format": 2,
            "name": "mine.v1",
            "layout": "m3fd",
            "classes": list(CLASSES),
            "split": "official",
            "mode": "retrain",
            "network": "fake",
            "initial": "scratch",
            "seeds": [0],
            "chroma": "visible",
            "scorer": "coco+yolov5",
        }
        training = changes.pop("training", {"rounds": 2})
        content |= changes
        recipe = {"inference": changes.pop("inference", {})}
        content.pop("inference", None)
        if content["mode"] in ("retrain", "frozen"):
            recipe["training"] = training
        content.setdefault("recipe", {"fake": recipe})
        path = self.folder / name
        path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
        return str(path)

    def old_protocol(self, name: str = "old.yaml", **changes: object) -> str:
        """A protocol file in format 1, of an ultralytics network."""
        content = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-det.v1.yaml").read_text()) | changes
        path = self.folder / name
        path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
        return str(path)

    def plan(self, **section: object) -> list[Unit]:
        planning = TaskInputs(
            datasets={"data": self.dataset},
            refs={"data": self.ref},
            fused=self.fused,
            methods=[method for _, method in self.fused],
            seed=0,
            fingerprint=Fingerprints(self.folder / "fingerprints.json"),
        )
        return DetectionTask().plan(DetectionSection(dataset="data", **section), planning)

    def check(self, **section: object) -> None:
        DetectionTask().check(DetectionSection(dataset="data", **section), self.dataset, self.ref)

    def execute(self, unit: Unit) -> list[Record]:
        restored = Unit.from_json(json.loads(json.dumps(unit.to_json())))
        return DetectionTask().execute(restored, self.workspace(unit))

    def makers(self, unit: Unit) -> list[Mapping[str, str]]:
        """Execute, and return the versions of all other processes that had a part in it."""
        workspace = self.workspace(unit)
        DetectionTask().execute(unit, workspace)
        return [origin.versions for origin in workspace.origins.earlier]

    def workspace(self, unit: Unit) -> Workspace:
        run = self.folder / "run"
        scratch = run / "work" / unit.key
        scratch.mkdir(parents=True, exist_ok=True)
        return Workspace(scratch, run, run / "log", lambda *_: None)


def value(records: list[Record], metric: str, class_name: str = "") -> float:
    """The one value of a metric."""
    (row,) = [r for r in records if (r.metric, r.class_name) == (metric, class_name)]
    return row.value
