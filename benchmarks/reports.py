"""What a report costs: processor seconds and memory for records that are made here.

Run with ``python benchmarks/reports.py [--methods N] [--images N] [--metrics N]``; the default is 20
methods with 4,200 images and 15 metrics, 1.26 million records. ``report`` is the time of
``write_report`` in a process of its own, from reading the Parquet files to the tables in all formats
and the statistics of pairs of methods; ``read`` is the part that reads, ``tables`` reads and makes the
tables, ``import`` what starting Python and loading the
libraries takes, in a process that does nothing else. ``pivot`` is a mean over images of the same files
by pandas, without intervals: what the numbers alone cost. ``memory`` is the largest resident size.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ivif_bench.store import RECORD_SCHEMA

STEPS = ("import", "read", "tables", "report", "pivot")
_PROTOCOL = "reference"


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", type=int, default=20)
    parser.add_argument("--images", type=int, default=4200)
    parser.add_argument("--metrics", type=int, default=15)
    parser.add_argument("--measure", nargs=2, metavar=("STEP", "RUN"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure[0], Path(options.measure[1]))))
        return
    count = options.methods * options.images * options.metrics
    print(
        f"{options.methods} methods, {options.images} images, {options.metrics} metrics: {count:,} "
        f"records; {platform.machine()}, Python {platform.python_version()}.\n"
    )
    print("| step | processor seconds | memory, MB |")
    print("|---|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), options.methods, options.images, options.metrics)
        for step in STEPS:
            one = measured(step, Path(folder))
            print(f"| {step} | {one['cpu']:.2f} | {one['memory']:.0f} |")


def generate(run: Path, methods: int, images: int, metrics: int) -> None:
    """Write a run directory with one quality result per method: random values, no undefined one."""
    random = np.random.default_rng(0)
    names = [f"metric{index:02d}" for index in range(metrics)]
    stems = [f"{index:05d}" for index in range(images)]
    count = images * metrics
    units = []
    for index in range(methods):
        unit = {
            "task": "quality",
            "dataset": "synthetic",
            "method": f"method{index:02d}",
            "protocol": _PROTOCOL,
            "seed": 0,
        }
        key = f"{index:016x}"
        path = run / "results" / "quality" / "synthetic" / f"{unit['method']}-{key}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        columns: dict[str, Any] = {name: [value] * count for name, value in unit.items()}
        columns |= {
            "stem": np.repeat(stems, metrics),
            "class_name": [""] * count,
            "metric": np.tile(names, images),
            "value": random.normal(5, 1, count),
            "reason": [""] * count,
        }
        pq.write_table(pa.table(columns, schema=RECORD_SCHEMA), path, compression="zstd")
        about = {
            "split": "synthetic",
            "images": images,
            "convention": "reference",
            "metrics": dict.fromkeys(names, "up"),
        }
        provenance = {
            "key": key,
            "what": {"unit": unit, "about": about},
            "versions": {"python": platform.python_version()},
            "commit": "unknown",
            "device": "cpu",
            "seconds": 1.0,
            "finished": "2025-01-01T00:00:00Z",
        }
        path.with_suffix(".json").write_text(json.dumps(provenance))
        units.append({**unit, "key": key, "result": str(path.relative_to(run)), "about": about})
    rows = [{"name": unit["method"], "title": unit["method"]} for unit in units]
    plan = {"name": "synthetic", "datasets": {}, "methods": rows, "units": units}
    (run / "plan.json").write_text(json.dumps(plan))


def measured(step: str, run: Path) -> dict[str, float]:
    """The figures of a step in a process of its own."""
    command = [sys.executable, __file__, "--measure", step, str(run)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(step: str, run: Path) -> dict[str, float]:
    """Do one step; processor seconds of this whole process, and its largest size in MB."""
    if step == "pivot":
        import pandas as pd

        parts = [pd.read_parquet(path) for path in sorted(run.rglob("*.parquet"))]
        pd.concat(parts).pivot_table(index="method", columns="metric", values="value")
    else:
        from ivif_bench.reports.frame import load_run
        from ivif_bench.reports.write import build_report, write_report

        if step == "read":
            load_run(run)
        elif step == "tables":
            build_report(load_run(run))
        elif step == "report":
            write_report(run)
    return {"cpu": time.process_time(), "memory": largest_size()}  # since the process started


def largest_size() -> float:
    """Largest resident size of this program in MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # ``ru_maxrss`` would count the process that started this one
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found is not None:
            return int(found[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if _IN_BYTES else 1024)


_IN_BYTES = sys.platform == "darwin"  # elsewhere in kB

if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "Agg")
    main()
