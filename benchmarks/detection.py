"""Seconds per epoch of the original YOLOv5n trained here, beside yolov5nu by ultralytics' own program.

Run with ``python benchmarks/detection.py [--epochs N]``. Both train on the same 64 drawn scenes at 320
pixels in batches of 8 with 2 threads, mosaic on, nothing validated or saved but the last weights. The
programs take turns; an epoch's time is the difference between a training of N epochs and one of 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

IMAGES, SIDE, BATCH, THREADS = 64, 320, 8, 2
CLASSES = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3, help="epochs that are timed")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each program")
    parser.add_argument("--ours", nargs=3, help=argparse.SUPPRESS)  # scenes, epochs, folder
    arguments = parser.parse_args()
    if arguments.ours:
        scenes, epochs, folder = arguments.ours
        train_ours(Path(scenes), int(epochs), Path(folder))
        return
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        data = write_scenes(work / "scenes")
        times: dict[str, list[float]] = {"ours": [], "ultralytics": []}
        for _ in range(arguments.rounds):
            for program, found in times.items():
                short, long = (
                    timed(program, data, work, epochs) for epochs in (1, 1 + arguments.epochs)
                )
                found.append((long - short) / arguments.epochs)
    print("| program | seconds per epoch, each turn | median |")
    print("|---|---|---:|")
    for program, found in times.items():
        turns = ", ".join(f"{seconds:.2f}" for seconds in found)
        print(f"| {program} | {turns} | {np.median(found):.2f} |")
    ratios = np.divide(times["ours"], times["ultralytics"])
    print(f"\nours / ultralytics: {np.median(ratios):.2f} (median of {len(ratios)} turns)")


def write_scenes(folder: Path) -> Path:
    """Drawn scenes in the layout that ultralytics reads; returns its data file."""
    from ivif_bench.data.base import open_dataset
    from ivif_bench.data.demo import write_detection
    from ivif_bench.data.images import read_rgb
    from ivif_bench.tasks.detection.detectors.ultralytics_yolo import write_yolo_layout
    from ivif_bench.tasks.network.contract import Sample

    write_detection(folder / "m3fd", train=IMAGES, test=1, seed=7)
    dataset = open_dataset("m3fd", folder / "m3fd")
    pairs = dataset.select(dataset.official_splits()["train"])
    samples = [Sample(p.stem, read_rgb(p.visible), dataset.boxes(p)) for p in pairs]
    return write_yolo_layout(samples, CLASSES, folder / "yolo")


def timed(program: str, data: Path, work: Path, epochs: int) -> float:
    """Seconds of one training in a process of its own."""
    out = Path(tempfile.mkdtemp(dir=work))
    if program == "ours":
        command = [sys.executable, __file__, "--ours", str(data.parents[1]), str(epochs), str(out)]
    else:
        settings = {
            "model": "yolov5n.yaml",
            "data": str(data),
            "epochs": epochs,
            "imgsz": SIDE,
            "batch": BATCH,
            "workers": 0,
            "device": "cpu",
            "val": False,
            "plots": False,
            "close_mosaic": 0,
            "project": str(out),
        }
        program_file = Path(sys.executable).with_name("yolo")
        pairs = [f"{key}={value}" for key, value in settings.items()]
        command = [str(program_file), "detect", "train", *pairs]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(THREADS),
        "YOLO_OFFLINE": "true",
        "YOLO_CONFIG_DIR": str(work),
    }
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{program}: {done.stderr[-2000:]}")
    return seconds


def train_ours(scenes: Path, epochs: int, folder: Path) -> None:
    """One training of the original YOLOv5n, with the recipe that is the original's default."""
    from ivif_bench.data.base import open_dataset
    from ivif_bench.data.images import read_rgb
    from ivif_bench.tasks.detection.detectors.yolov5_original import OriginalYolov5
    from ivif_bench.tasks.detection.protocol import DetectionProtocol
    from ivif_bench.tasks.network.contract import Sample

    content = json.loads(json.dumps(DetectionProtocol.load("demo-det.v1").model_dump(mode="json")))
    recipe = {
        "inference": {"image_size": SIDE, "conf": 0.001, "nms_iou": 0.6, "max_det": 300},
        "training": {"epochs": epochs, "batch": BATCH},
    }
    content |= {"format": 2, "network": "yolov5n-original", "initial": "scratch"}
    content["recipe"] = {"yolov5-original": recipe}
    protocol = DetectionProtocol.model_validate(content)
    dataset = open_dataset("m3fd", scenes / "m3fd")
    pairs = dataset.select(dataset.official_splits()["train"])
    samples = [Sample(p.stem, read_rgb(p.visible), dataset.boxes(p)) for p in pairs]
    detector = OriginalYolov5("yolov5n-original", protocol, threads=THREADS)
    detector.fit(samples, 0, folder, folder / "log.txt", None, lambda *_: None)


if __name__ == "__main__":
    main()
