"""Compiles every kernel: ``python -m ivif_bench.tasks.quality.kernels``; seconds where all are kept."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

from ivif_bench.compiled.places import cache_folder
from ivif_bench.tasks.quality.engine import metrics_of, resolve
from ivif_bench.tasks.quality.registry import CONVENTIONS, MODES


def compile_all() -> None:
    """Compile each kernel for the arrays it is called with, or load it.

    Measures one small pair by every metric of every convention in both modes. A metric that
    another package registers and that fails is named on standard error and passed over.
    """
    # Not flat, and larger than every window, so that no metric stops before its kernels.
    levels = np.random.default_rng(0).integers(0, 256, (3, 192, 192), dtype=np.uint8)
    for convention in CONVENTIONS.specs():
        for mode in MODES:
            for metric in metrics_of(convention):
                try:
                    resolve([metric], convention, mode).measure(*levels)
                except Exception as problem:
                    print(f"{convention}/{metric} not compiled: {problem}", file=sys.stderr)


def main() -> None:
    """Compile and say where to; a place that cannot be written is no error."""
    folder = cache_folder(Path(__file__).with_name("histograms.py"))
    if folder is None:
        print("kernels of the metrics: no folder to keep them in; set NUMBA_CACHE_DIR to one")
        return
    started = time.monotonic()
    compile_all()
    used = sum(os.times()[:2])
    print(
        f"kernels of the metrics: in {folder.parent}, after {time.monotonic() - started:.0f} s "
        f"({used:.0f} CPU-s)"
    )


if __name__ == "__main__":
    main()
