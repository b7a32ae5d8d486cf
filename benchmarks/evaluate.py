"""What one call of ``ivif_bench.evaluate`` costs in a validation loop: the ten metrics at 256x256.

Run with ``python benchmarks/evaluate.py [--calls N]``. The kinds of input take turns, call by call, so
that a busy machine slows them alike; wall time waits for other programs, processor time does not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from metrics import scene

from ivif_bench import evaluate
from ivif_bench.tasks.quality.engine import resolve
from ivif_bench.tasks.quality.registry import METRICS, TEN

BATCH = 8
EIGHT = tuple(name for name in TEN if METRICS.get(name).unrounded)
Call = Callable[[], object]


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=100, help="calls of each kind")
    count = parser.parse_args().calls
    print("| input | calls | median, ms per image | processor time, ms per image |")
    print("|---|---:|---:|---:|")
    kinds = calls()
    for call, _ in kinds.values():
        call()  # kernels are loaded, or compiled, by the first call
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for _ in range(count):
        for name, (call, images) in kinds.items():
            times[name].append(tuple(1e3 * seconds / images for seconds in timed(call)))
    for name, found in times.items():
        wall, processor = np.median(np.array(found), axis=0)
        print(f"| {name} | {count} | {wall:.2f} | {processor:.2f} |")


def calls() -> dict[str, tuple[Call, int]]:
    """A call by the name of its input, and the number of images that it measures."""
    arrays = scene((256, 256))
    colour = (arrays[0], np.dstack(arrays[:2] + arrays[:1]), arrays[2])
    floats = [np.float32(image) / np.float32(255) for image in arrays]
    tensors = [torch.from_numpy(image) for image in floats]
    batch = [image.expand(BATCH, 1, -1, -1).contiguous() for image in tensors]
    found: dict[str, tuple[Call, int]] = {
        "engine alone, NumPy uint8 [H, W]": (partial(resolve(TEN).measure, *arrays), 1),
        "NumPy uint8 [H, W]": (partial(evaluate, *arrays), 1),
        "NumPy float32 [H, W]": (partial(evaluate, *floats, data_range=1.0), 1),
        "NumPy uint8, visible [H, W, 3]": (partial(evaluate, *colour), 1),
        "torch uint8 [1, H, W]": (
            partial(evaluate, *(torch.from_numpy(image)[None] for image in arrays)),
            1,
        ),
        "torch float32 [1, H, W]": (
            partial(evaluate, *(image[None] for image in tensors), data_range=1.0),
            1,
        ),
        f"torch float32 [{BATCH}, 1, H, W]": (partial(evaluate, *batch, data_range=1.0), BATCH),
        "NumPy float32, quantise=False, eight metrics": (
            partial(evaluate, *floats, EIGHT, data_range=1.0, quantise=False),
            1,
        ),
    }
    return found


def timed(call: Call) -> tuple[float, float]:
    """Seconds of wall time and of processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


if __name__ == "__main__":
    main()
