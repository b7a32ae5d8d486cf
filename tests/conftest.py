"""Shared fixtures: a hermetic environment and the recorded reference data, if it is there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from component_use import Recorder, leave_out

os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("MPLBACKEND", "Agg")
if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # several processes: one thread each, or they wait for cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent
WATCH = os.environ.get("IVIF_BENCH_WATCH")


def pytest_configure(config: pytest.Config) -> None:
    """A watched run records its tests, in the process that gets the reports of all workers."""
    if WATCH and "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(Recorder(REPOSITORY, Path(WATCH)))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc):
    """What a watched run notes while parameters are read belongs to the file."""
    if not WATCH:
        return (yield)
    watched = sys.modules["sitecustomize"]
    watched.collected = metafunc.definition.nodeid.partition("::")[0]
    try:
        return (yield)
    finally:
        watched.collected = ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    leave_out(config, items)


def pytest_runtest_setup() -> None:
    """A watched test asks the registries itself, not a cache that another one has filled."""
    interface = sys.modules.get("ivif_bench.tasks.quality.interface")
    if WATCH and interface is not None:
        interface._evaluator.cache_clear()


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
