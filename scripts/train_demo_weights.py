"""Train the small detector and segmenter that the demo starts from.

    python scripts/train_demo_weights.py detection
    python scripts/train_demo_weights.py detection-original
    python scripts/train_demo_weights.py segmentation

Scenes come from a seed range of their own, never used by a run. Scene i is shown to the network as
visible, infrared, average or Laplacian pyramid in turn, so no method is favoured. The recipe is the
YAML beside the weights; the card beside it says what came out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from ivif_bench.data.base import Dataset, open_dataset
from ivif_bench.data.chroma import to_rgb
from ivif_bench.data.demo import write_detection, write_segmentation
from ivif_bench.data.images import read_gray, read_rgb
from ivif_bench.fusion import METHODS
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.types import Pair, Progress

SEED = 50  # seed of the scenes; demo runs use small seeds, tests up to 9
SHOWN_AS = ("visible", "infrared", "average", "laplacian")
WEIGHTS = {
    "detection": "demo-yolov5n",
    "detection-original": "demo-yolov5n-original",
    "segmentation": "demo-segformer-b0",
}
ROOM = Path(__file__).resolve().parent.parent / "tasks"


def shown(pair: Pair, index: int) -> np.ndarray:
    """The pair as the method of its turn shows it, uint8 RGB [H, W, 3]."""
    infrared, visible = read_gray(pair.infrared), read_rgb(pair.visible)
    method = METHODS.load(SHOWN_AS[index % len(SHOWN_AS)])()
    fused = method.fuse(
        torch.from_numpy(infrared)[None, None].float() / 255,
        torch.from_numpy(visible.copy()).permute(2, 0, 1)[None].float() / 255,
        [0],
    )
    pixels = (fused[0] * 255).round().byte().permute(1, 2, 0).numpy()
    return to_rgb(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels, visible, "visible")


def training_pairs(dataset: Dataset) -> tuple[Pair, ...]:
    """The pairs of the train part."""
    return dataset.select(dataset.official_splits()["train"])


def train_detector(scenes: int, folder: Path, name: str = "demo-yolov5n") -> Path:
    """Train a detector of the demo; returns the checkpoint."""
    from ivif_bench.tasks.detection.protocol import load_protocol
    from ivif_bench.tasks.detection.registry import DETECTORS

    write_detection(folder / "scenes", train=scenes, test=1, seed=SEED)
    dataset = open_dataset("m3fd", folder / "scenes")
    train = []
    for index, pair in enumerate(training_pairs(dataset)):
        train.append(Sample(pair.stem, shown(pair, index), dataset.boxes(pair)))
    protocol = load_protocol(str(ROOM / "detection" / "weights" / f"{name}.recipe.yaml"))
    detector = DETECTORS.load(protocol.network)(protocol.network, protocol)
    checkpoint: Path = detector.fit(
        train, 0, folder / "fit", folder / "train.log", None, report_progress()
    )
    return checkpoint


def train_segmenter(scenes: int, folder: Path) -> Path:
    """Train the demo segmenter; returns the checkpoint."""
    from ivif_bench.tasks.segmentation.protocol import load_protocol
    from ivif_bench.tasks.segmentation.registry import SEGMENTERS

    write_segmentation(folder / "scenes", train=scenes, test=1, seed=SEED)
    dataset = open_dataset("msrs", folder / "scenes")
    train = [
        Sample(pair.stem, shown(pair, index), dataset.mask(pair))
        for index, pair in enumerate(training_pairs(dataset))
    ]
    protocol = load_protocol(
        str(ROOM / "segmentation" / "weights" / "demo-segformer-b0.recipe.yaml")
    )
    segmenter = SEGMENTERS.load(protocol.network)(protocol.network, protocol)
    checkpoint: Path = segmenter.fit(
        train, 0, folder / "fit", folder / "train.log", None, report_progress()
    )
    return checkpoint


def report_progress() -> Progress:
    """Prints a line every tenth of the way."""
    started = time.monotonic()

    def report(done: int, total: int, what: str) -> None:
        if done % max(1, total // 10) == 0:
            print(f"{what} {done}/{total}, {time.monotonic() - started:.0f} s", flush=True)

    return report


def main() -> None:
    """Train one of the networks and put its weights where the package ships them."""
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("task", choices=tuple(WEIGHTS))
    parser.add_argument("--scenes", type=int, default=480)
    parser.add_argument("--work", type=Path, help="folder to work in; kept, so training can go on")
    arguments = parser.parse_args()
    folder = arguments.work or Path(tempfile.mkdtemp(prefix="ivif-demo-weights-"))
    name = WEIGHTS[arguments.task]
    task = arguments.task.partition("-")[0]
    if task == "detection":
        checkpoint = train_detector(arguments.scenes, folder, name)
    else:
        checkpoint = train_segmenter(arguments.scenes, folder)
    with safe_open(checkpoint, "pt") as file:
        metadata = file.metadata()
    half = {k: v.half() if v.is_floating_point() else v for k, v in load_file(checkpoint).items()}
    target = ROOM / task / "weights" / f"{name}.safetensors"
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file(half, target, metadata=metadata)
    print(f"wrote {target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
