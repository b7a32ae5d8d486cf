"""What a detection section is refused for, before or while it is computed."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_detector import (
    BOX,
    SPEC,
    Bench,
    FakeDetector,
)

from ivif_bench.data.chroma import fused_rgb
from ivif_bench.data.images import encode_png
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.tasks.detection.registry import DETECTORS
from ivif_bench.types import Boxes

SIZES = {"image_size": 64, "conf": 0.1, "nms_iou": 0.6, "max_det": 3}


@pytest.mark.parametrize(
    ("changes", "section", "message"),
    [
        ({"layout": "llvip"}, {}, "is for layout 'llvip'"),
        ({"classes": ["Car", "Tram"]}, {}, "Tram"),
        ({"initial": "user"}, {}, "needs a weights file"),
        ({"initial": "shipped:nothing-of-the-kind"}, {}, "nothing-of-the-kind"),
        ({"initial": "/no/such/file.safetensors"}, {}, "no such weights file"),
        ({}, {"weights": "x.pt"}, "for protocols with initial 'user'"),
        ({"network": "yolov5q"}, {}, "did you mean"),
        ({"recipe": {"fakes": {}}}, {}, r"mine\.yaml: recipe: expected fake only"),
        ({"recipe": {"fake": {"trainin": {}}}}, {}, r"recipe\.fake: expected the keys inference"),
        (
            {"inference": {"gian": 1}},
            {},
            r"recipe\.fake\.inference\.gian: unknown key; did you mean gain",
        ),
        ({"training": {"rounds": 0}}, {}, r"mine\.yaml: recipe\.fake\.training\.rounds: "),
        (
            {"training": {"rounds": 2, "epochs": 3}},
            {},
            r"mine\.yaml: recipe\.fake\.training\.epochs: unknown key",
        ),
        ({"split": "all"}, {}, "no train images"),
        ({"split": "given"}, {}, r"split: \{train: FILE, test: FILE\}"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_computed(
    bench: Bench, changes: dict[str, object], section: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        bench.check(protocol=bench.protocol(**changes), **section)
    assert "\n" not in str(caught.value)


def test_a_mode_that_the_detector_does_not_serve_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DETECTORS.specs(), "fake", replace(SPEC, modes=("frozen",)))
    with pytest.raises(UserError, match="cannot be used in mode 'retrain', only frozen"):
        bench.check(protocol=bench.protocol())


@pytest.mark.slow
def test_what_fits_passes_the_check_without_loading_a_network_library(bench: Bench) -> None:
    arguments = (str(bench.dataset.root), bench.old_protocol())
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ivif_bench.data.base import open_dataset\n"
        "from ivif_bench.types import DatasetRef\n"
        "from ivif_bench.tasks.detection.task import DetectionSection, DetectionTask\n"
        "root, protocol = sys.argv[1:]\n"
        "dataset = open_dataset('m3fd', Path(root), 'data')\n"
        "section = DetectionSection(dataset='data', protocol=protocol)\n"
        "DetectionTask().check(section, dataset, DatasetRef('data', 'm3fd', root))\n"
        "heavy = {'torch', 'ultralytics', 'pycocotools'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=120)


def test_a_missing_annotation_is_found_before_anything_is_computed(bench: Bench) -> None:
    annotation = bench.dataset.by_stem["00003"].annotation
    assert annotation is not None
    annotation.unlink()
    with pytest.raises(UserError, match=r"00003\.xml"):
        bench.check(protocol=bench.protocol())


def test_a_method_to_train_on_that_has_no_images_is_refused_while_planning(bench: Bench) -> None:
    with pytest.raises(UserError, match="nobody"):
        bench.plan(protocol=bench.protocol(mode="frozen", train_on="nobody"))


def test_weights_without_a_scored_class_are_refused(bench: Bench) -> None:
    weights = bench.folder / "w.pt"
    weights.write_text("x")
    names = {"person": "People"}
    protocol = bench.protocol(mode="zeroshot-coco", initial="user", class_map=names)
    unit = bench.plan(protocol=protocol, weights=str(weights))[0]
    with pytest.raises(UserError, match="know no class person"):
        bench.execute(unit)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_detector_that_emits_what_is_not_finite_fails_with_the_image(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: float
) -> None:
    found = Boxes(np.array([BOX], float), ("Car",), np.array([number]))
    monkeypatch.setattr(FakeDetector, "predict", lambda *_: found)
    with pytest.raises(UserError, match="image '00003': the score of a detection"):
        bench.execute(bench.plan(protocol=bench.protocol())[0])


def test_an_image_of_another_size_is_refused_with_its_stem(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    write_bytes(path, encode_png(np.zeros((10, 10), np.uint8)))
    with pytest.raises(UserError, match="00000"):
        fused_rgb(path, replace(bench.dataset.by_stem["00000"]), "none")
