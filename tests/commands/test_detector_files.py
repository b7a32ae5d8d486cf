"""``ivif-bench detector``: trained detectors leave a run, and nobody judges them on what they saw."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from detector_runs import CLASSES, untrained, write_detector_run, write_protocol
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_runs import ivif_here

from ivif_bench.data.base import open_dataset
from ivif_bench.data.demo import write_detection
from ivif_bench.tasks.detection.checkpoint import read_header
from ivif_bench.tasks.detection.detectors.yolov5_original import OriginalYolov5
from ivif_bench.tasks.detection.exchange import export_trained
from ivif_bench.tasks.detection.protocol import load_protocol
from ivif_bench.types import About, Unit

NETWORK = "yolov5n-original"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The configuration of a finished run with two seeds, whose trainings give random weights."""
    folder = tmp_path_factory.mktemp("run")
    config = write_detector_run(folder, write_protocol(folder, NETWORK, "retrain", seeds=[0, 1]))

    def fit(self, train, seed, folder, log, initial, progress):
        return untrained(NETWORK, folder / "detector.safetensors")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OriginalYolov5, "fit", fit)
        done = ivif_here("run", config)
    assert done.returncode == 0, done.stderr
    return config


@pytest.fixture
def stems(run):
    return open_dataset("m3fd", run.parent / "M3FD_Detection").official_splits()


@pytest.fixture
def exported(run, tmp_path):
    path = tmp_path / "mine.safetensors"
    done = ivif_here("detector", "export", run, "average", "--seed", "1", "--out", path)
    assert done.returncode == 0, done.stderr
    return path


def refused(*arguments) -> str:
    done = ivif_here(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line


def edited(path: Path, change) -> Path:
    """The file with another header."""
    with safe_open(path, "pt") as file:
        card = json.loads(file.metadata()["ivif-bench"])
    change(card)
    save_file(load_file(path), path, {"ivif-bench": json.dumps(card)})
    return path


@pytest.mark.slow
def test_the_header_says_what_was_trained_how_and_on_what(run, exported, stems):
    done = ivif_here("detector", "show", exported, "--json")
    found = json.loads(done.stdout)
    text = "".join(f"{stem}\n" for stem in sorted(stems["train"]))
    assert found["training_images"] == [
        {
            "dataset": "scenes",
            "layout": "m3fd",
            "stems": sorted(stems["train"]),
            "contents": [
                hashlib.sha256(
                    (run.parent / f"M3FD_Detection/Vis/{stem}.png").read_bytes()
                ).hexdigest()[:16]
                for stem in sorted(stems["train"])
            ],
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }
    ]
    assert (found["architecture"], found["classes"]) == (NETWORK, list(CLASSES))
    assert (found["method"], found["seed"], found["dataset"]) == ("average", 1, "scenes")
    assert found["recipe"]["training"]["epochs"] == 1
    (unit, *_) = json.loads((run.parent / "runs/small/plan.json").read_text())["units"]
    assert found["protocol_sha256"] == unit["about"]["protocol_sha256"]
    plain = ivif_here("detector", "show", exported).stdout
    assert f"3 of scenes (layout m3fd), sha256 {found['training_images'][0]['sha256']}" in plain


@pytest.mark.slow
def test_the_exported_weights_are_those_of_the_run_and_equal_from_its_directory(
    run, exported, tmp_path
):
    other = tmp_path / "other.safetensors"
    place = run.parent / "runs/small"
    done = ivif_here("detector", "export", place, "average", "--seed", "1", "--out", other)
    assert done.returncode == 0, done.stderr
    assert other.read_bytes() == exported.read_bytes()
    one = next(place.glob("checkpoints/detector-*/detector.safetensors"))
    state, known = load_file(exported), load_file(one)
    assert state.keys() == known.keys()
    assert all(torch.equal(state[key], known[key]) for key in known)


@pytest.mark.slow
def test_export_refuses_what_is_there_unknown_or_not_clear(run, exported):
    command = ("detector", "export", run, "average", "--out", exported)
    assert "--force overwrites it" in refused(*command, "--seed", "1")
    assert "2 trained detectors fit" in refused(*command, "--force")
    assert "0 trained detectors fit" in refused(*command, "--force", "--seed", "7")
    assert ivif_here(*command, "--force", "--seed", "0").returncode == 0
    assert "no method 'max'" in refused("detector", "export", run, "max", "--out", "x.safetensors")


def test_a_damaged_training_is_not_exported(run, tmp_path):
    (path, *_) = (run.parent / "runs/small").glob("checkpoints/detector-*/detector.safetensors")
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-1] + b"\1")
        outs = [
            ivif_here(
                "detector", "export", run, method, "--seed", seed, "--out",
                tmp_path / f"{method}{seed}.safetensors",
            ).stderr
            for method in ("visible", "average") for seed in ("0", "1")
        ]  # fmt: skip
    finally:
        path.write_bytes(whole)
    assert sum("differs from what was trained" in each for each in outs) == 1


def test_an_imported_detector_is_a_copy_that_a_protocol_can_name(exported, tmp_path, monkeypatch):
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path / "mine"))
    done = ivif_here("detector", "import", exported, "--name", "theirs")
    assert done.returncode == 0, done.stderr
    copy = tmp_path / "mine/detectors/theirs.safetensors"
    assert copy.read_bytes() == exported.read_bytes()
    assert f"mode: released\nnetwork: {NETWORK}\ninitial: {copy}\n" in done.stdout
    assert ivif_here("detector", "import", exported, "--name", "theirs").returncode == 0
    other = edited(exported, lambda card: card.update(seed=9))
    assert "--force overwrites" in refused("detector", "import", other, "--name", "theirs")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda card: card["training_images"][0]["stems"].pop(), "does not have its sha256"),
        (lambda card: card["training_images"][0].update(stems=["\ud800"]), "not have its sha256"),
        (lambda card: card.pop("training_images"), "no list of training images"),
        (lambda card: card.update(architecture="yolov5q"), "did you mean"),
        (lambda card: card["recipe"]["inference"].update(image_size=1e99), "image_size"),
        (lambda card: card.update(names=card["names"][:5]), "not those of the 5 classes"),
        (lambda card: card.update(format="other/1"), "not a detector checkpoint"),
    ],
)
def test_import_refuses_a_header_that_was_edited(exported, change, says, tmp_path, monkeypatch):
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path / "mine"))
    line = refused("detector", "import", edited(exported, change))
    assert says in line
    assert str(exported) in line
    assert not (tmp_path / "mine").exists()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["released", "zeroshot-coco", "retrain", "frozen"])
def test_a_test_on_training_images_is_refused_before_anything_is_computed(
    run, exported, stems, tmp_path, mode
):
    swapped = {}
    for part, taken in (("train", stems["test"]), ("test", stems["train"])):
        swapped[part] = str(tmp_path / f"{part}.txt")
        Path(swapped[part]).write_text("\n".join(taken))
    protocol = write_protocol(tmp_path, NETWORK, mode, initial=str(exported))
    config = write_detector_run(tmp_path, protocol, split=swapped)
    for command in ("validate", "run"):
        line = refused(command, config)
        assert "trained on 3 of the 3 test images of dataset 'scenes' (layout m3fd)" in line
        assert ", ".join(sorted(stems["train"])) in line
        assert str(exported) in line
    assert not list(tmp_path.rglob("fused"))
    fits = write_detector_run(tmp_path, protocol, name="fits")  # on the two others
    assert ivif_here("validate", fits).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("recorded", [True, False])
def test_other_images_of_the_same_names_are_refused_only_if_no_content_is_recorded(
    run, exported, stems, tmp_path, recorded
):
    """Many datasets, such as the demo's scenes and M3FD, number their images from 0."""
    lists = {part: str(tmp_path / f"{part}.txt") for part in ("train", "test")}
    Path(lists["train"]).write_text("\n".join(stems["test"]))
    Path(lists["test"]).write_text("\n".join(stems["train"]))
    write_detection(tmp_path / "M3FD_Detection", train=3, test=2, seed=5, size=(128, 160))
    if not recorded:
        edited(exported, lambda card: card["training_images"][0].pop("contents"))
    protocol = write_protocol(tmp_path, NETWORK, "released", initial=str(exported))
    config = write_detector_run(tmp_path, protocol, split=lists)
    if recorded:
        assert ivif_here("validate", config).returncode == 0
        one = f"Vis/{stems['train'][1]}.png"
        same = run.parent / "M3FD_Detection" / one
        (tmp_path / "M3FD_Detection" / one).write_bytes(same.read_bytes())
    assert "trained on 3 of the 3 test images" in refused("validate", config)


def test_images_of_the_initial_weights_count_for_what_was_trained_from_them(
    run, exported, stems, tmp_path
):
    """Trained from weights that have seen other images: both lists are in the header."""
    folder = next((run.parent / "runs/small").glob("checkpoints/detector-*/trained.json")).parent
    protocol = write_protocol(tmp_path, NETWORK, "retrain", initial=str(exported))
    payload = {
        "kind": "detector",
        "training_key": folder.name.removeprefix("detector-"),
        "protocol": load_protocol(str(protocol)).model_dump(mode="json"),
        "dataset": {"layout": "m3fd"},
        "train": dict.fromkeys(stems["test"]),
        "weights": str(exported),
    }
    dataset = open_dataset("m3fd", run.parent / "M3FD_Detection")
    unit = Unit("detection", "later", "max", "p", 0, "key", payload, About())
    export_trained(unit, folder.parent, dataset, tmp_path / "second.safetensors")
    header = read_header(tmp_path / "second.safetensors")
    assert header is not None
    assert [each[:3] for each in header.seen] == [
        ("later", "m3fd", stems["test"]),
        ("scenes", "m3fd", stems["train"]),
    ]
