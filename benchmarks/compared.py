"""Time and memory of the methods with their authors' weights, one 640x480 pair each.

    python benchmarks/compared.py                       all of them, one thread
    python benchmarks/compared.py tardal sdnet --size 768x1024

Weights are random numbers of the right shapes, which take the same time. Every method runs in a process
of its own: seconds are the processor time of all threads for one pair, after one that is not counted
(but for methods that take more than ten seconds); memory is the peak of the process, imports included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SIZE = "480x640"
_LONG = 10.0  # seconds


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", help="names; default: all with published weights")
    parser.add_argument("--size", default=SIZE, help="HEIGHTxWIDTH")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    height, width = (int(side) for side in chosen.size.split("x"))
    if chosen.one:
        print(json.dumps(measure(chosen.one, height, width, chosen.threads)))
        return
    from ivif_bench.fusion import METHODS
    from ivif_bench.fusion_models.compared.method import ComparedOptions

    names = chosen.methods or [
        name for name, spec in METHODS.specs().items() if issubclass(spec.options, ComparedOptions)
    ]
    print(f"| method | parameters | seconds, {width}x{height} | peak memory, GB |")
    print("|---|---:|---:|---:|")
    for name in names:
        command = [sys.executable, __file__, "--one", name, "--size", chosen.size]
        command += ["--threads", str(chosen.threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        print(
            f"| {name} | {METHODS.get(name).parameters:,} | {found['seconds']:.1f} | "
            f"{found['bytes'] / 1e9:.2f} |",
            flush=True,
        )


def measure(name: str, height: int, width: int, threads: int) -> dict[str, Any]:
    """Processor seconds of one pair and the peak memory of this process."""
    import torch

    from ivif_bench.fusion import METHODS
    from ivif_bench.fusion_models.compared.reading import NO_FILE
    from ivif_bench.types import StoredImage

    torch.set_num_threads(threads)
    generator = np.random.default_rng(0)
    pair = [
        StoredImage(NO_FILE, generator.integers(0, 256, shape).astype(np.uint8))
        for shape in ((height, width), (height, width, 3))
    ]
    with tempfile.TemporaryDirectory() as folder:
        weights = _random_weights(METHODS.load(name), Path(folder))
        method = METHODS.load(name)(weights=str(weights), device="cpu")
        for _ in range(2):
            began = time.process_time()
            method.fuse_stored(*pair, 0)
            seconds = time.process_time() - began
            if seconds > _LONG:
                break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "bytes": peak * (1 if sys.platform == "darwin" else 1024)}


def _random_weights(method: Any, folder: Path) -> Path:
    """A converted file of the method's names and shapes."""
    import torch
    from safetensors.torch import save_file

    tensors = {}
    for name, shape in method.__new__(method).shapes().items():
        if name.endswith("num_batches_tracked"):
            tensors[name] = torch.zeros(shape, dtype=torch.int64)
        elif name.endswith("running_var"):
            tensors[name] = torch.ones(shape)
        else:
            tensors[name] = 0.05 * torch.randn(shape)
    path = folder / "random.safetensors"
    save_file(tensors, path)
    return path


if __name__ == "__main__":
    main()
