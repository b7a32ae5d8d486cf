"""Milliseconds to score a label map from PNG files, beside mmsegmentation's IoUMetric on the same files.

Run with ``python benchmarks/segmentation.py [--images N] [--rounds N]``. Both read truth and prediction
of each image from PNG and make IoU, accuracies and mAcc over nine classes, on one core. The label maps
are drawn (480 x 640, as MSRS has them): blocks of classes, predictions with shifted edges and noise.
The programs take turns; the numbers must be equal. With boundary IoU ours is timed once more.

``--loader`` prints samples per second of the training images of msrs-seg.v2 instead, in one process: ours
(decoded images in memory), and mmsegmentation's own steps on files read each time. Both make equal tensors.

``--overhead`` judges the shipped SegFormer-B0, the smallest network, on drawn images of 480 x 640 from
files: a unit of a run (reading, predicting, keeping PNGs, all scores), and mmengine's test loop with
IoUMetric around the same network. mIoU must be equal. Large networks: ``segmentation_networks.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402

if TYPE_CHECKING:
    from ivif_bench.types import Unit

CLASSES, SIZE = 9, (480, 640)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=361, help="label maps")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each program")
    parser.add_argument("--loader", action="store_true", help="time the loading of training images")
    parser.add_argument("--overhead", action="store_true", help="time a unit beside mmseg's loop")
    arguments = parser.parse_args()
    if arguments.overhead:
        time_overhead(arguments.rounds)
        return
    if arguments.loader:
        time_loading(arguments.rounds)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_label_maps(folder, arguments.images)
        programs: dict[str, Callable[[list[tuple[Path, Path]]], np.ndarray]] = {
            "ours": lambda pairs: ours(pairs, ()),
            "ours with boundary IoU": lambda pairs: ours(pairs, ("boundary",)),
            "IoUMetric": mmseg_metric,
        }
        for run in programs.values():
            run(files[:2])  # imports
        times: dict[str, list[float]] = {program: [] for program in programs}
        results: dict[str, np.ndarray] = {}
        for _ in range(arguments.rounds):
            for program, run in programs.items():
                began = time.process_time()
                results[program] = run(files)
                times[program].append((time.process_time() - began) / len(files) * 1000)
    np.testing.assert_allclose(100 * results["ours"], results["IoUMetric"], atol=0.00501)
    print("| program | CPU ms per label map, each turn | least |")
    print("|---|---|---:|")
    for program, found in times.items():
        turns = ", ".join(f"{each:.2f}" for each in found)
        print(f"| {program} | {turns} | {min(found):.2f} |")
    ratio = min(times["IoUMetric"]) / min(times["ours"])
    print(f"\nIoUMetric / ours: {ratio:.1f} ({arguments.images} label maps)")


def time_loading(rounds: int) -> None:
    """Print samples per second of ours and of mmsegmentation's own steps."""
    import cv2

    from ivif_bench.data.images import encode_png, read_labels, read_rgb
    from ivif_bench.tasks.network.contract import Sample
    from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
    from ivif_bench.tasks.segmentation.segmenters._mmseg import import_mmseg

    import_mmseg()
    from mmcv.transforms import Compose, RandomFlip, RandomResize
    from mmseg.datasets.transforms import PackSegInputs, PhotoMetricDistortion, RandomCrop

    from ivif_bench.tasks.segmentation.segmenters._mmseg_data import SamplesInMemory, TrainingData

    cv2.setNumThreads(1)
    protocol = SegmentationProtocol.load("msrs-seg.v2")
    recipe = protocol.training
    theirs = Compose(
        [
            RandomResize(scale=SIZE[::-1], ratio_range=recipe.ratio_range, keep_ratio=False),
            RandomCrop(crop_size=recipe.crop_size, cat_max_ratio=recipe.cat_max_ratio),
            RandomFlip(prob=recipe.flip),
            PhotoMetricDistortion(),
            PackSegInputs(),
        ]
    )
    with tempfile.TemporaryDirectory() as name:
        pairs = write_label_maps(Path(name), 16)
        generator = np.random.default_rng(1)
        for truth, image in pairs:
            coarse = generator.integers(0, 256, (60, 80, 3), dtype=np.uint8)
            picture = cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
            image.write_bytes(encode_png(picture, compression=1))
            assert truth.is_file()

        class Files(list[tuple[Path, Path]]):
            def __getitem__(self, at: int) -> Sample:  # type: ignore[override]
                truth, image = super().__getitem__(at)
                return Sample(image.stem, read_rgb(image), read_labels(truth), image)

        kept = TrainingData(SamplesInMemory(Files(pairs), protocol), protocol, seed=0)
        read = TrainingData(Files(pairs), protocol, seed=0)
        read._augment = theirs
        times: dict[str, list[float]] = {"ours": [], "mmsegmentation's steps on files": []}
        for _ in range(rounds):
            for (program, found), data in zip(times.items(), (kept, read), strict=True):
                began = time.process_time()
                for position in range(48):
                    data[position]
                found.append(48 / (time.process_time() - began))
                assert program
        for position in range(8):
            assert (kept[position]["inputs"] == read[position]["inputs"]).all()
    print("| program | samples per CPU second, each turn | most |")
    print("|---|---|---:|")
    for program, found in times.items():
        print(f"| {program} | {', '.join(f'{each:.0f}' for each in found)} | {max(found):.0f} |")


def time_overhead(rounds: int, images: int = 12) -> None:
    """Print CPU time of a unit of a run, and of mmsegmentation's own loop, over the same files.

    Time inside the network is taken apart: both call it alike, and on a busy machine it varies by more
    than all else takes.
    """
    import torch

    from ivif_bench.tasks.segmentation.segmenters._mmseg import import_mmseg

    torch.set_num_threads(1)
    import_mmseg()
    inside = timed_network()
    with tempfile.TemporaryDirectory() as name:
        unit, test = plan_unit(Path(name), images)
        outside: dict[str, list[float]] = {"a unit of a run": [], "mmengine's test loop": []}
        network = []
        for turn in range(rounds + 1):
            values = []
            for (program, found), judge in zip(outside.items(), (run_unit, run_loop), strict=True):
                folder = Path(name) / f"{program} {turn}"
                folder.mkdir()
                inside.clear()
                began = time.process_time()
                values.append(judge(unit, test, folder))
                spent = time.process_time() - began
                if turn:  # the first one imports and compiles
                    network.append(sum(inside) / images * 1000)
                    found.append((spent - sum(inside)) / images * 1000)
            np.testing.assert_allclose(100 * values[0], values[1], atol=0.00501)
    print("| program | CPU ms an image outside the network, each turn | least |")
    print("|---|---|---:|")
    for program, found in outside.items():
        print(f"| {program} | {', '.join(f'{each:.0f}' for each in found)} | {min(found):.0f} |")
    ours, theirs = (min(found) for found in outside.values())
    share = 100 * (ours - theirs) / (min(network) + theirs)
    print(f"\nnetwork: {min(network):.0f} ms an image, the least of {len(network)} turns")
    print(f"overhead over mmsegmentation's loop: {share:+.1f} % ({images} images)")


def timed_network() -> list[float]:
    """A list to which every call of a network from now on adds its CPU seconds."""
    from mmseg.models import EncoderDecoder

    inside: list[float] = []
    plain = EncoderDecoder.encode_decode

    def timed(self: Any, *arguments: Any) -> Any:
        began = time.process_time()
        try:
            return plain(self, *arguments)
        finally:
            inside.append(time.process_time() - began)

    EncoderDecoder.encode_decode = timed
    return inside


def plan_unit(folder: Path, count: int) -> tuple[Unit, Path]:
    """A planned unit that judges the shipped network, and the folder of its dataset's test part."""
    import cv2
    import yaml

    from ivif_bench.data.base import open_dataset
    from ivif_bench.data.images import encode_png
    from ivif_bench.fingerprints import hash_file
    from ivif_bench.task import TaskInputs
    from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
    from ivif_bench.tasks.segmentation.task import SegmentationSection, SegmentationTask
    from ivif_bench.types import DatasetRef, FusedSet

    root = folder / "MSRS"
    test = root / "test"
    for name in ("ir", "vi", "Segmentation_labels"):
        (test / name).mkdir(parents=True)
    fused = {}
    generator = np.random.default_rng(2)
    for truth, _ in write_label_maps(folder, count):
        stem = f"{int(truth.name.split('.')[0]):05}D"
        truth.rename(test / "Segmentation_labels" / f"{stem}.png")
        coarse = generator.integers(0, 256, (60, 80, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
        fused[stem] = test / "vi" / f"{stem}.png"
        fused[stem].write_bytes(encode_png(picture))
        (test / "ir" / f"{stem}.png").write_bytes(encode_png(picture[:, :, 0]))
    demo = SegmentationProtocol.load("demo-seg.v1").model_dump(mode="json")
    inference = {"image_size": SIZE}
    content = {
        **demo,
        "format": 2,
        "mode": "released",
        "recipe": {"mmseg": {"inference": inference}},
    }
    content |= {"split": "all", "name": "overhead.v1", "scores": ["mAcc", "FWIoU", "boundary"]}
    path = folder / "overhead.yaml"
    path.write_text(yaml.safe_dump(json.loads(json.dumps(content))))
    inputs = TaskInputs(
        datasets={"msrs": open_dataset("msrs", root)},
        refs={"msrs": DatasetRef("msrs", "msrs", str(root))},
        fused={("msrs", "method"): FusedSet("msrs", "method", "key", fused)},
        methods=["method"],
        seed=0,
        fingerprint=lambda path: hash_file(str(path)),
    )
    section = SegmentationSection(dataset="msrs", protocol=str(path))
    (unit,) = SegmentationTask().plan(section, inputs)
    return unit, test


def run_unit(unit: Unit, test: Path, folder: Path) -> float:
    """mIoU by all that a run does for a unit."""
    from ivif_bench.task import Workspace
    from ivif_bench.tasks.segmentation.task import SegmentationTask

    for name in ("scratch", "shared"):
        (folder / name).mkdir()
    space = Workspace(folder / "scratch", folder / "shared", folder / "log", lambda *_: None)
    records = SegmentationTask().execute(unit, space)
    (found,) = (row.value for row in records if (row.metric, row.class_name) == ("mIoU9", ""))
    return found


def run_loop(unit: Unit, test: Path, folder: Path) -> float:
    """The same by mmengine's runner, with mmsegmentation's dataset, its steps and its metric."""
    from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
    from ivif_bench.tasks.segmentation.segmenters._mmseg import MmsegSegmenter, import_mmseg

    import_mmseg()
    from ivif_bench.tasks.segmentation.segmenters._mmseg_runner import SilentRunner, silent

    protocol = SegmentationProtocol.model_validate(unit.payload["protocol"])
    segmenter = MmsegSegmenter(protocol.network, protocol)
    segmenter.load(Path(unit.payload["weights"]))
    steps = [{"type": name} for name in ("LoadImageFromFile", "LoadAnnotations", "PackSegInputs")]
    dataset = {
        "type": "BaseSegDataset",
        "metainfo": {
            "classes": protocol.classes,
            "palette": [[each] * 3 for each in range(CLASSES)],
        },
        "data_prefix": {
            "img_path": str(test / "vi"),
            "seg_map_path": str(test / "Segmentation_labels"),
        },
        "img_suffix": ".png",
        "seg_map_suffix": ".png",
        "reduce_zero_label": False,
        "pipeline": steps,
    }
    with silent(folder / "log"):
        runner = SilentRunner(
            model=segmenter._model,
            work_dir=str(folder),
            test_dataloader={
                "dataset": dataset,
                "batch_size": 1,
                "num_workers": 0,
                "sampler": {"type": "DefaultSampler", "shuffle": False},
            },
            test_cfg={"type": "TestLoop"},
            test_evaluator={"type": "IoUMetric", "iou_metrics": ["mIoU"]},
            default_scope="mmseg",
            experiment_name=folder.name,
            log_file=folder / "log",
        )
        return float(runner.test()["mIoU"])


def write_label_maps(folder: Path, count: int) -> list[tuple[Path, Path]]:
    """Truth and prediction of each image as PNG files."""
    from ivif_bench.data.images import encode_png

    generator = np.random.default_rng(0)
    files = []
    for index in range(count):
        truth = generator.integers(0, CLASSES, (12, 16), dtype=np.uint8)
        truth[generator.random(truth.shape) < 0.6] = 0  # most of a street is unlabelled
        truth = truth.repeat(40, 0).repeat(40, 1)
        found = np.roll(truth, (3, 2), (0, 1))
        noise = generator.random(SIZE) < 0.01
        found[noise] = generator.integers(0, CLASSES, int(noise.sum()), dtype=np.uint8)
        pair = folder / f"{index}.truth.png", folder / f"{index}.png"
        for path, image in zip(pair, (truth, found), strict=True):
            path.write_bytes(encode_png(image))
        files.append(pair)
    return files


def ours(files: list[tuple[Path, Path]], scores: tuple[str, ...]) -> np.ndarray:
    """mIoU, aAcc and mAcc as a run makes them."""
    from ivif_bench.data.images import read_labels
    from ivif_bench.tasks.segmentation.counting import Counts
    from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
    from ivif_bench.types import Unit

    demo = SegmentationProtocol.load("demo-seg.v1").model_dump(mode="json")
    protocol = SegmentationProtocol.model_validate({**demo, "format": 2, "scores": scores})
    counts = Counts(protocol)
    for truth, found in files:
        counts.add(found.stem, (), read_labels(truth), read_labels(found))
    unit = Unit("segmentation", "", "", protocol.name, 0, "")
    values = {row.metric: row.value for row in counts.records(unit) if not row.class_name}
    return np.array([values[name] for name in ("mIoU9", "accuracy", "class_accuracy")])


def mmseg_metric(files: list[tuple[Path, Path]]) -> np.ndarray:
    """The same by mmsegmentation's IoUMetric, with files read as its pipeline reads labels."""
    import cv2

    from ivif_bench.tasks.segmentation.segmenters._mmseg import import_mmseg

    import_mmseg()
    import torch
    from mmengine.logging import MMLogger
    from mmseg.evaluation import IoUMetric

    MMLogger.get_current_instance().handlers.clear()  # it prints a table
    torch.set_num_threads(1)
    metric = IoUMetric(iou_metrics=["mIoU"])
    metric.dataset_meta = {"classes": tuple("abcdefghi")}
    for pair in files:
        truth, found = (
            torch.from_numpy(cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.int64))[None]
            for path in pair
        )
        sample = {"pred_sem_seg": {"data": found}, "gt_sem_seg": {"data": truth}}
        metric.process({}, [sample])
    found = metric.compute_metrics(metric.results)
    return np.array([found[name] for name in ("mIoU", "aAcc", "mAcc")])


if __name__ == "__main__":
    main()
