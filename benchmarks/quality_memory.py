"""Memory of a quality run: the largest sum over all its processes while it scores generated pairs.

Run with ``python benchmarks/quality_memory.py [--pairs N] [--workers N] [--size WIDTH HEIGHT]``.

The images are smooth scenes with noise, made here: 20 different ones, each linked under many names.
Memory is counted ten times a second as the proportional set size (PSS) of Linux, in which a page that
several processes share counts once; the sum of resident sizes, in which it counts for each, is printed
beside it. The first run compiles the kernels if they are not compiled yet: its memory counts as well.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml

SCENES = 20
MARK = "IVIF_BENCH_MEASURED"  # in the environment of each process that is counted
_EVERY = 0.1  # seconds


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("W", "H"))
    parser.add_argument("--methods", type=int, default=1)
    options = parser.parse_args()
    width, height = options.size
    with tempfile.TemporaryDirectory() as folder:
        config = generate(Path(folder), options.pairs, options.methods, (height, width))
        found = measure(config, options.workers)
    print("| images | size | workers | seconds | PSS, MB | resident, MB | processes |")
    print("|---:|---|---:|---:|---:|---:|---:|")
    print(
        f"| {options.pairs * options.methods} | {width}x{height} | {options.workers} | "
        f"{found.seconds:.0f} | {found.proportional / 1e6:.0f} | {found.resident / 1e6:.0f} | "
        f"{found.processes} |"
    )


@dataclass
class Peak:
    """Largest sums over the processes of a run, in bytes; the most processes at once."""

    seconds: float = 0.0
    proportional: int = 0
    resident: int = 0
    processes: int = 0


def generate(folder: Path, pairs: int, methods: int, size: tuple[int, int]) -> Path:
    """Write pairs, finished images of some methods, and the configuration of a run that scores them."""
    random = np.random.default_rng(0)
    folders = [folder / "pairs" / "ir", folder / "pairs" / "vi"]
    folders += [folder / "finished" / f"{index:02d}" for index in range(methods)]
    for kind in folders:
        kind.mkdir(parents=True)
        for index in range(pairs):
            path = kind / f"{index:05d}.png"
            if index < SCENES:
                cv2.imwrite(str(path), _scene(random, size, 3 if kind.name == "vi" else 1))
            else:
                os.link(kind / f"{index % SCENES:05d}.png", path)
    rows = [
        {"name": f"finished-{path.name}", "type": "precomputed", "options": {"root": str(path)}}
        for path in folders[2:]
    ]
    content = {
        "name": "memory",
        "runs": str(folder / "runs"),
        "datasets": {"pairs": {"layout": "folder", "root": str(folder / "pairs")}},
        "methods": rows,
        "quality": {"dataset": "pairs"},
        "report": {"panels": 0},
    }
    path = folder / "memory.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def _scene(random: np.random.Generator, size: tuple[int, int], channels: int) -> np.ndarray:
    coarse = random.integers(0, 256, (size[0] // 16, size[1] // 16, channels), dtype=np.uint8)
    smooth = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC).reshape(*size, channels)
    noisy = smooth + random.normal(0, 4, smooth.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def measure(config: Path, workers: int) -> Peak:
    """Score in a process of its own and watch it and all that come of it."""
    mark = uuid.uuid4().hex
    command = [sys.executable, "-m", "ivif_bench.cli", "quality", str(config)]
    peak, started = Peak(), time.monotonic()
    with subprocess.Popen(
        [*command, "--workers", str(workers)],
        env=os.environ | {MARK: mark},
        stdout=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            sizes = [_sizes(pid) for pid in _marked(f"{MARK}={mark}".encode())]
            peak.proportional = max(peak.proportional, sum(pss for pss, _ in sizes))
            peak.resident = max(peak.resident, sum(rss for _, rss in sizes))
            peak.processes = max(peak.processes, len(sizes))
            time.sleep(_EVERY)
    if process.returncode:
        raise SystemExit(f"the run failed with exit code {process.returncode}")
    peak.seconds = time.monotonic() - started
    return peak


def _marked(variable: bytes) -> Iterator[int]:
    """Processes that were started with this variable, or are forked from one that was."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if variable in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
        except OSError:  # gone, or another user's
            continue


def _sizes(pid: int) -> tuple[int, int]:
    """Proportional and resident size of a process in bytes; zeros if it is gone."""
    found = {"Pss:": 0, "Rss:": 0}
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, *value = line.split()
            if name in found:
                found[name] = int(value[0]) * 1024
    except OSError:
        pass
    return found["Pss:"], found["Rss:"]


if __name__ == "__main__":
    main()
