"""Runs code where it cannot reach the network and has an empty home, and says what it tried."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
# Where libraries would put their files instead of into the home folder.
_PLACES = (
    "CUDA_CACHE_PATH", "HF_HOME", "MMENGINE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "TORCH_HOME",
    "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "TRITON_HOME", "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
)  # fmt: skip
# What tests/conftest.py and developers set to keep ultralytics quiet: here it must be quiet alone.
_SWITCHES = ("YOLO_AUTOINSTALL", "YOLO_CONFIG_DIR", "YOLO_OFFLINE", "YOLO_VERBOSE")


@dataclass(frozen=True)
class Guarded:
    """What a guarded process and its children did.

    Attributes:
        done: the process.
        network: attempts to look a name up or to send something, with who made them.
        programs: programs that were started, with their arguments and who started them.
        home: files left in the home folder, relative to it.
    """

    done: subprocess.CompletedProcess[str]
    network: tuple[str, ...]
    programs: tuple[str, ...]
    home: tuple[str, ...]


def run_guarded(
    arguments: Sequence[str | Path], folder: Path, cwd: Path, timeout: float = 600
) -> Guarded:
    """Run Python with these arguments; every Python process it starts is guarded as well.

    Args:
        folder: an empty folder for the home and the log of the guard.
        cwd: where the process runs.
    """
    home, log = folder / "home", folder / "guard.log"
    home.mkdir(parents=True)
    log.touch()
    path = [str(_HERE / "guarded"), str(_HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    dropped = {*_PLACES, *_SWITCHES}
    environment = {name: value for name, value in os.environ.items() if name not in dropped} | {
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(path),
        "IVIF_BENCH_GUARD": str(log),
    }
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=cwd,
        env=environment,
    )
    lines = [line.partition("\t") for line in log.read_text(encoding="utf-8").splitlines()]
    files = sorted(str(file.relative_to(home)) for file in home.rglob("*") if not file.is_dir())
    return Guarded(
        done,
        tuple(said for kind, _, said in lines if kind == "network"),
        tuple(said for kind, _, said in lines if kind == "program"),
        tuple(files),
    )
