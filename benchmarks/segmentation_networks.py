"""Seconds and memory of large segmenters: a training step and a prediction at 480 x 640.

Run with ``python benchmarks/segmentation_networks.py [--steps N] [NETWORK:BATCH ...]``. Every line is a
process of its own that predicts, and then trains by the recipe of msrs-seg.v2 from random weights, on drawn
images. Seconds are of the processor, the least of some; memory is the most that the process held.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZE = (480, 640)
MEASURED = ("segformer-b2:1", "segformer-b2:2", "deeplabv3plus-r50:2")


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=MEASURED, help="name:batch")
    parser.add_argument(
        "--steps", type=int, default=3, help="training steps, the first not counted"
    )
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        print(json.dumps(measure(*arguments.networks[0].split(":"), arguments.steps)))
        return
    print(
        "| network | batch | CPU-s a step | GB training | CPU-s an image | GB predicting |",
        flush=True,
    )
    print("|---|---:|---:|---:|---:|---:|", flush=True)
    for each in arguments.networks:
        command = [sys.executable, __file__, "--alone", each, "--steps", str(arguments.steps)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        name, batch = each.split(":")
        print(f"| {name} | {batch} | {' | '.join(json.loads(done.stdout))} |", flush=True)


def measure(name: str, batch: str, steps: int) -> list[str]:
    """The cells of a line."""
    from ivif_bench.tasks.network.contract import Sample
    from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
    from ivif_bench.tasks.segmentation.registry import SEGMENTERS
    from ivif_bench.tasks.segmentation.segmenters._mmseg import import_mmseg
    from ivif_bench.tasks.segmentation.segmenters._mmseg_weights import write_weights

    import_mmseg()
    content = SegmentationProtocol.load("msrs-seg.v2").model_dump(mode="json")
    content |= {"network": name, "initial": "scratch", "transfer": "full"}
    content["recipe"]["mmseg"]["training"] |= {
        "batch": int(batch),
        "iterations": steps,
        "warmup": 1,
    }
    protocol = SegmentationProtocol.model_validate(content)
    segmenter = SEGMENTERS.load(name)(name, protocol)
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    mask = generator.integers(0, 9, (12, 16), dtype=np.uint8).repeat(40, 0).repeat(40, 1)
    marks: list[float] = []
    times = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        weights = Path(folder) / "initial.safetensors"
        write_weights(segmenter._initial_model(0, None, log).state_dict(), weights)
        segmenter.load(weights)
        for _ in range(3):
            began = time.process_time()
            segmenter.predict(image)
            times.append(time.process_time() - began)
        predicting = memory()
        segmenter.fit(
            [Sample(str(index), image, mask) for index in range(int(batch))],
            0,
            Path(folder),
            log,
            None,
            lambda *_: marks.append(time.process_time()),
        )
    step = min(after - before for before, after in itertools.pairwise(marks))
    return [f"{step:.1f}", f"{memory():.1f}", f"{min(times):.1f}", f"{predicting:.1f}"]


def memory() -> float:
    """GB that this process held at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
