"""Helpers of the pipeline tests: a small run on generated pairs, and the command line."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import yaml


def write_pairs(root: Path, count: int, size: tuple[int, int], seed: int = 0) -> None:
    """Smooth random pairs in plain folders ``ir`` and ``vi``."""
    generator = np.random.default_rng(seed)
    for index in range(count):
        for folder, channels in (("ir", 1), ("vi", 3)):
            coarse = generator.integers(0, 256, (size[0] // 8 + 1, size[1] // 8 + 1, channels))
            image = cv2.resize(coarse.astype(np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)
            (root / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / folder / f"{index:05d}.png"), image)


def write_config(folder: Path, runs: str = "runs", **changes) -> Path:
    """A configuration of two methods and the quality task on ``folder/pairs``."""
    content = {
        "name": "small",
        "runs": str(folder / runs),
        "datasets": {
            "pairs": {
                "layout": "folder",
                "root": str(folder / "pairs"),
                "options": {"infrared": "ir", "visible": "vi"},
            }
        },
        "methods": ["visible", "average", "laplacian"],
        "quality": {"dataset": "pairs", "convention": "cddfuse"},
        "report": {"panels": 0},
        **changes,
    }
    path = folder / f"{runs}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def command(*arguments: str | Path) -> list[str]:
    """``ivif-bench`` with these arguments, as this interpreter runs it."""
    return [sys.executable, "-m", "ivif_bench.cli", *map(str, arguments)]


def ivif(
    *arguments: str | Path,
    cwd: Path | None = None,
    timeout: float = 300,
    variables: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=cwd,
        env=os.environ | {"COLUMNS": "200"} | (variables or {}),
    )


def ivif_here(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command line in this process, and the jobs of runs too: seconds less than ``ivif``.

    For tests of what goes in and comes out; those of processes call ``ivif``.
    """
    from in_process import InProcess

    from ivif_bench.cli import main
    from ivif_bench.pipeline.executors import local

    with mock.patch.object(local, "LocalExecutor", InProcess):
        return called(main, "ivif-bench", *arguments)


def called(main: Callable[[], object], *line: str | Path) -> subprocess.CompletedProcess[str]:
    """A program's main function in this process, as if a process had been given this line."""
    words = list(map(str, line))
    out, err, code = io.StringIO(), io.StringIO(), 0
    with mock.patch.object(sys, "argv", words), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())
