"""Shared fixtures: a hermetic environment and the recorded reference data, if it is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("MPLBACKEND", "Agg")
if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # several processes: one thread each, or they wait for cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent


def shared_root() -> Path:
    """Where the recorded references are: ``$IVIF_BENCH_SHARED`` or ``../shared``."""
    return Path(os.environ.get("IVIF_BENCH_SHARED", REPOSITORY.parent / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and goldens; tests that need it skip where it is absent."""
    root = shared_root()
    if not (root / "golden").is_dir():
        pytest.skip(f"reference data is not at {root}; set IVIF_BENCH_SHARED to its folder")
    return root


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this checkout."""
    return REPOSITORY


@pytest.fixture
def one_thread():
    """Torch on one thread: for pictures of a few pixels, more cost more time than they save."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
