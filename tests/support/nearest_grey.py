"""A segmenter without a network, and a small MSRS with fused images that it judges."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import yaml
from pydantic import Field

from ivif_bench.data.base import open_dataset
from ivif_bench.data.images import encode_png
from ivif_bench.files import write_bytes
from ivif_bench.recipe import Recipe
from ivif_bench.task import TASKS, TaskInputs, Workspace
from ivif_bench.tasks.network.contract import NetworkSpec
from ivif_bench.tasks.segmentation.protocol import SHIPPED_PROTOCOLS, load_protocol
from ivif_bench.tasks.segmentation.registry import Segmenter
from ivif_bench.tasks.segmentation.segmenters._mmseg_recipe import MmsegInference, MmsegTraining
from ivif_bench.types import DatasetRef, FusedSet

CLASSES = load_protocol("demo-seg.v1").classes
NETWORK_KEYS = {*MmsegInference.model_fields, *MmsegTraining.model_fields}
TRAIN = ("00001D", "00002N", "00003D", "00004N")
TEST = ("00005D", "00006N", "00007D")
SIZE = (40, 48)
LEVELS = np.array([20, 90, 160], np.uint8)  # grey of classes 0, 1 and 2


class GreyTraining(Recipe):
    """Its own keys, none of them mmsegmentation's."""

    passes: int = Field(ge=1, description="passes over the training images")

    @property
    def summary(self):
        return f"{self.passes} passes"


SPEC = NetworkSpec(
    name="nearest-grey",
    entry=f"{__name__}:NearestGrey",
    title="Nearest grey",
    parameters=3,
    licence="none",
    modes=("retrain", "frozen", "released"),
    training=GreyTraining,
    packages=("numpy",),
)


class NearestGrey(Segmenter):
    """Remembers each class's mean grey; counts how often it was trained, and may die once."""

    trained: ClassVar[list] = []
    die = False

    def fit(self, train, seed, folder, log, initial, progress):
        type(self).trained.append((len(train), seed))
        (folder / "begun").write_text("x")
        if type(self).die:
            type(self).die = False
            raise RuntimeError("lost power")
        pixels = [
            np.concatenate([image[mask == label] for _, image, mask in train])
            for label in (0, 1, 2)
        ]
        means = [float(one[:, 0].mean()) for one in pixels]
        path = folder / "grey.json"
        path.write_text(json.dumps(means))
        return path

    def load(self, checkpoint):
        self.means = np.array(json.loads(Path(checkpoint).read_text()))
        return self.protocol.classes

    def predict(self, image):
        distance = np.abs(image[:, :, :1].astype(float) - self.means)
        return distance.argmin(axis=2).astype(np.uint8)


class World:
    """A small MSRS tree, two methods' images, a protocol file, and what a run gives to a task."""

    def __init__(self, root):
        self.root = root
        generator = np.random.default_rng(0)
        self.sets = {"good": {}, "noisy": {}}
        for stem in (*TRAIN, *TEST):
            part = "train" if stem in TRAIN else "test"
            mask = generator.integers(0, 3, (SIZE[0] // 8, SIZE[1] // 8)).repeat(8, 0).repeat(8, 1)
            gray = LEVELS[mask]
            noisy = np.clip(gray + generator.normal(0, 45, SIZE), 0, 255).astype(np.uint8)
            folder = root / "msrs" / part
            self.write(folder / "ir" / f"{stem}.png", gray)
            self.write(folder / "vi" / f"{stem}.png", np.repeat(gray[:, :, None], 3, 2))
            self.write(folder / "Segmentation_labels" / f"{stem}.png", mask.astype(np.uint8))
            for method, image in (("good", gray), ("noisy", noisy)):
                path = root / "fused" / method / f"{stem}.png"
                self.write(path, image)
                self.sets[method][stem] = path
        self.dataset = open_dataset("msrs", root / "msrs")
        self.ref = DatasetRef("msrs", "msrs", str(root / "msrs"))
        self.fingerprint = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()

    @staticmethod
    def write(path, image):
        write_bytes(path, encode_png(image))

    def section(self, changes=None, **values):
        """A section with a protocol file in format 2; ``passes`` is an option of the training."""
        changes = dict(changes or {})
        training = {"passes": changes.pop("passes", 2)} | changes.pop("training", {})
        content = {
            "format": 2,
            "name": "tiny.v1",
            "layout": "msrs",
            "classes": list(CLASSES),
            "split": "official",
            "mode": "retrain",
            "network": "nearest-grey",
            "initial": "scratch",
            "seeds": [0],
            "chroma": "visible",
            "void": "ignore",
            "means": {"mIoU9": [], "mIoU8": ["unlabelled"]},
            "conditions": ["day", "night"],
        } | changes
        trained = content["mode"] in ("retrain", "frozen")
        content.setdefault("recipe", {"nearest-grey": {"training": training} if trained else {}})
        return self._section(content, values)

    def old_section(self, changes=None, **values):
        """A section with a protocol file in format 1."""
        content = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-seg.v1.yaml").read_text())
        content = {k: v for k, v in content.items() if k not in NETWORK_KEYS}
        content |= {"segmenter": "nearest-grey", "initial": "scratch", "passes": 2}
        return self._section(content | dict(changes or {}), values)

    def _section(self, content, values):
        path = self.root / "tiny.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return TASKS.load("segmentation").section(dataset="msrs", protocol=str(path), **values)

    def plan(self, section, methods=("good", "noisy"), rows=()):
        fused = {("msrs", name): FusedSet("msrs", name, "k", self.sets[name]) for name in methods}
        planning = TaskInputs(
            datasets={"msrs": self.dataset},
            refs={"msrs": self.ref},
            fused=fused,
            methods=[*methods, *rows, "never-ran"],
            seed=0,
            fingerprint=self.fingerprint,
        )
        return TASKS.load("segmentation")().plan(section, planning)

    def check(self, section):
        TASKS.load("segmentation")().check(section, self.dataset, self.ref)

    def workspace(self, unit):
        """As a run has it: a scratch folder for each unit, and one folder that all share."""
        scratch, shared = self.root / "scratch" / unit.key, self.root / "shared"
        for folder in (scratch, shared):
            folder.mkdir(parents=True, exist_ok=True)
        return Workspace(scratch, shared, self.root / "log", lambda *_: None)

    def makers(self, unit):
        """Execute, and return the names of all other processes that had a part in it."""
        workspace = self.workspace(unit)
        TASKS.load("segmentation")().execute(unit, workspace)
        return sorted(
            origin.commit.removeprefix("commit of ") for origin in workspace.origins.earlier
        )

    def run(self, unit):
        return TASKS.load("segmentation")().execute(unit, self.workspace(unit))


def value(records, metric, class_name=""):
    """The one value of a metric."""
    (found,) = [
        row.value for row in records if (row.metric, row.class_name) == (metric, class_name)
    ]
    return found
