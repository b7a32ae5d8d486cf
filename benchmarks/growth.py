"""How planning a run grows with the number of images: seconds and memory for 1,000 to 84,000 images.

Run with ``python benchmarks/growth.py [--pairs N ...] [--methods N] [--csv FILE] [--plot FILE]``.

The images are made here: random pixels of 32x24, a PNG of 1 to 3 kB each, so what is counted is the
work per file and not that per byte; with photographs, hashing and decoding take longer, in proportion
to their bytes. Nothing is fused or measured: each row of the run has its images already, either as
finished ones in a folder of the user's (``precomputed``) or as ones that an earlier run fused
(``fused``). Each figure is of a process of its own.

``hashing``: sha256 of every file, on all processors. ``cold``: planning when hashes are known and
nothing else is; every image is decoded and checked once. ``warm``: planning again, the hashes read from
their file. ``bookkeeping``: writing the result of each method (one number per image), and recognising
it as done. ``memory``: the largest resident size of the process that plans cold, libraries included.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import yaml

from ivif_bench.config_reading import load_config
from ivif_bench.data.images import encode_png
from ivif_bench.parallel import processors
from ivif_bench.pipeline.fuse import method_key
from ivif_bench.pipeline.marks import image_mark, marked_png
from ivif_bench.pipeline.plan import RunPlan, plan_document
from ivif_bench.store import Store
from ivif_bench.types import Pair, Record

HEIGHT, WIDTH = 24, 32
KINDS = ("precomputed", "fused")


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, nargs="+", default=[50, 420, 4200])
    parser.add_argument("--methods", type=int, default=20)
    parser.add_argument("--csv", type=Path, help="write the figures to this file")
    parser.add_argument("--plot", type=Path, help="draw them into this file (PNG, SVG or PDF)")
    parser.add_argument("--measure", nargs=2, metavar=("STEP", "CONFIG"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        step, config = options.measure
        print(json.dumps(measure(step, Path(config))))
        return
    print(
        f"Generated PNG files of {WIDTH}x{HEIGHT} pixels, 1 to 3 kB; {options.methods} methods; "
        f"{processors()} processors, {platform.machine()}, Python {platform.python_version()}; "
        "seconds of wall time, processor seconds in brackets.\n"
    )
    print("| rows | images | hashing | cold | warm | warm, µs/image | bookkeeping | memory, MB |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    rows = []
    for pairs in options.pairs:
        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder), pairs, options.methods)
            for kind in KINDS:
                row = {"rows": kind, "images": pairs * options.methods}
                row |= figures(Path(folder) / f"{kind}.yaml")
                rows.append(row)
                print(line(row), flush=True)
    if options.csv:
        with options.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    if options.plot:
        plot(rows, options.plot)


def generate(folder: Path, pairs: int, methods: int) -> None:
    """Write pairs, the images of all methods in both kinds, and a configuration for each kind."""
    sources = generate_pairs(folder, pairs, (HEIGHT, WIDTH))
    random = np.random.default_rng(1)
    for kind in KINDS:
        content = {
            "name": kind,
            "runs": str(folder / "runs"),
            "datasets": {"pairs": {"layout": "folder", "root": str(folder / "pairs")}},
            "methods": [_method(kind, index, folder) for index in range(methods)],
            "quality": {"dataset": "pairs", "metrics": ["EN"]},
        }
        (folder / f"{kind}.yaml").write_text(yaml.safe_dump(content))
    run = load_config(folder / "fused.yaml")
    store = Store(run.folder)
    for index, method in enumerate(run.methods):
        key = method_key(method, run.seed, store.fingerprint)
        fused = store.fused_folder("pairs", method.name, key)
        finished = folder / "finished" / f"{index:02d}"
        for made in (fused, finished):
            made.mkdir(parents=True)
        for pair in sources:
            pixels = random.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
            path = fused / f"{pair.stem}.png"
            path.write_bytes(marked_png(pixels, image_mark(key, pair, store.fingerprint)))
            os.link(path, finished / path.name)


def generate_pairs(folder: Path, count: int, size: tuple[int, int]) -> list[Pair]:
    """Write pairs of random pixels into ``folder/pairs``, sides ``ir`` and ``vi``."""
    random = np.random.default_rng(0)
    sources = []
    for index in range(count):
        stem = f"{index:05d}"
        files = [folder / "pairs" / side / f"{stem}.png" for side in ("ir", "vi")]
        for path, shape in zip(files, (size, (*size, 3)), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(random.integers(0, 256, shape, dtype=np.uint8)))
        sources.append(Pair("pairs", stem, *files))
    return sources


def _method(kind: str, index: int, folder: Path) -> dict[str, object]:
    if kind == "fused":
        return {"name": f"average-{index:02d}", "type": "average"}
    root = str(folder / "finished" / f"{index:02d}")
    return {"name": f"finished-{index:02d}", "type": "precomputed", "options": {"root": root}}


def figures(config: Path) -> dict[str, float]:
    """All figures of a generated run, each from a process of its own."""
    found: dict[str, float] = {}
    for step in ("hashing", "cold", "warm", "bookkeeping"):
        command = [sys.executable, __file__, "--measure", step, str(config)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout)
        found |= {step: answer["wall"], f"{step} CPU": answer["cpu"]}
        if step == "cold":
            found["memory"] = answer["memory"]
    return found


def measure(step: str, path: Path) -> dict[str, float]:
    """Seconds of one step, and the largest resident size of this process in MB."""
    from ivif_bench.fusion import METHODS
    from ivif_bench.task import TASKS

    config = load_config(path)
    TASKS.load("quality")
    METHODS.load(config.methods[0].type)  # imports are not what grows
    clock: dict[str, float] = {}
    store = Store(config.folder)
    with timed(clock):
        if step == "hashing":
            store.fingerprint.many(files_of(path))
            store.fingerprint.save()
        elif step in ("cold", "warm"):
            store = Store(config.folder)
            plan_all(RunPlan(config, store))
            store.fingerprint.save()
    if step == "bookkeeping":
        plan = RunPlan(config, store)
        units = plan_all(plan)
        stems = [pair.stem for pair in plan.pairs["pairs"]]
        records = [
            [
                Record("pairs", unit.method, "quality", unit.protocol, 0, "EN", 7.0, stem=stem)
                for stem in stems
            ]
            for unit in units
        ]
        with timed(clock):
            for unit, rows in zip(units, records, strict=True):
                store.write_result(unit, rows, 1.0)
            assert all(map(store.is_done, units))
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return clock | {"memory": largest / (1 << (20 if sys.platform == "darwin" else 10))}


def plan_all(plan: RunPlan):
    """What a run does before and after its work: find what is missing, and plan all results."""
    plan.check_precomputed_methods(print)
    assert not plan.images_to_fuse(print), "every image is there"
    units = [
        unit
        for _, task, section in plan.sections
        for method in plan.methods_of(task, section)
        for unit in plan.units(task, section, method)
    ]
    plan_document(plan, units, plan.fused(), {})
    return units


def files_of(config: Path) -> list[Path]:
    """Every image that a generated run looks at."""
    other = {"fused": "finished", "precomputed": "runs"}[config.stem]
    return [path for path in config.parent.rglob("*.png") if other not in path.parts]


@contextmanager
def timed(clock: dict[str, float]) -> Iterator[None]:
    """Wall and processor seconds of what is inside."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    clock |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def line(row: dict[str, float]) -> str:
    """A row of the Markdown table."""
    seconds = {
        step: f"{row[step]:.2f} ({row[f'{step} CPU']:.2f})"
        for step in ("hashing", "cold", "warm", "bookkeeping")
    }
    each = 1e6 * row["warm CPU"] / row["images"]
    return (
        f"| {row['rows']} | {row['images']} | {seconds['hashing']} | {seconds['cold']} | "
        f"{seconds['warm']} | {each:.0f} | {seconds['bookkeeping']} | {row['memory']:.0f} |"
    )


def plot(rows: Sequence[dict[str, float]], path: Path) -> None:
    """Processor seconds and memory over the number of images, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for kind in KINDS:
        of_kind = [row for row in rows if row["rows"] == kind]
        images = [row["images"] for row in of_kind]
        for step in ("cold", "warm", "bookkeeping"):
            seconds = [row[f"{step} CPU"] for row in of_kind]
            left.loglog(images, seconds, marker="o", label=f"{step}, {kind} rows")
        right.semilogx(images, [row["memory"] for row in of_kind], marker="o", label=f"{kind} rows")
    left.set(xlabel="images", ylabel="processor seconds")
    right.set(xlabel="images", ylabel="memory, MB", ylim=(0, None))
    for axes in (left, right):
        axes.legend(fontsize="small")
    figure.savefig(path)


if __name__ == "__main__":
    main()
