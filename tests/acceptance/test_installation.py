"""What is installed: everything, under one import name, beside whatever names the user's folder has.

Runs with every supported Python that is found: on PATH, under pyenv, or named in
``IVIF_BENCH_PYTHONS`` (paths, joined as in PATH). One that has the libraries, such as the Python of a
virtual environment made for it, gets real installations; one that has not, the checks that need none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from small_runs import write_config, write_pairs
from tree_copy import copy_tree, outside, tracked_files

pytestmark = pytest.mark.slow

PACKAGES = {
    "bench": "ivif_bench",
    "fusion_models": "ivif_bench/fusion_models",
    "tasks": "ivif_bench/tasks",
    "reports": "ivif_bench/reports",
}
MINORS = (11, 12, 13)
NEW_METHOD = """
from ivif_bench.fusion import MethodSpec

SPECS = (
    MethodSpec(
        name="newmethod", entry="ivif_bench.fusion_models.newmethod.images:Infrared", title="New",
        paper="none", licence="none",
    ),
)
"""
NEW_IMAGES = """
from ivif_bench.fusion import FusionMethod


class Infrared(FusionMethod):
    def fuse(self, infrared, visible, seeds):
        return infrared
"""
# Half of the pixels at 0, half at 255: one bit, and half of the range.
USER_CODE = """
import json
import numpy as np
import ivif_bench
from ivif_bench import evaluate

image = np.zeros((8, 8), np.uint8)
image[:, 4:] = 255
print(json.dumps([ivif_bench.__file__, evaluate(image, image, image, ["EN", "SD"])]))
"""
FACTS = """
import importlib.util, json, sys, sysconfig
names = ("numba", "numpy", "pydantic", "setuptools", "torch", "typer")
complete = all(importlib.util.find_spec(name) for name in names)
print(json.dumps([sys.version_info[1], complete, sysconfig.get_path("purelib")]))
"""


@pytest.fixture(scope="module")
def source(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with one more method, a folder that no file names."""
    root = tmp_path_factory.mktemp("source") / "tree"
    copy_tree(repository, root)
    _write_method(root / "fusion_models" / "newmethod", NEW_METHOD)
    return root


def _write_method(folder: Path, declared: str) -> None:
    folder.mkdir()
    (folder / "__init__.py").write_text(declared)
    (folder / "images.py").write_text(NEW_IMAGES)


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of that tree, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    # The tree itself is left without the build folders of setuptools.
    tree = shutil.copytree(source, folder / "tree")
    _pip("wheel", "--no-build-isolation", "--wheel-dir", folder, tree)
    (built,) = folder.glob("*.whl")
    return built


def _pip(*arguments: str | Path, python: Path | None = None) -> None:
    """pip without a network; into another Python if one is given."""
    where = ["--python", python] if python else []
    done = _run([sys.executable, "-m", "pip", *where, *arguments, "--no-deps", "--no-index"])
    assert done.returncode == 0, done.stdout + done.stderr


def _run(
    command: Sequence[str | Path], cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    # Paths of imports that this test run was given are not the user's.
    inherited = {name: value for name, value in outside().items() if name != "PYTHONPATH"}
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=inherited | variables,
        capture_output=True,
        text=True,
        timeout=600,
    )


@cache
def _facts(python: Path) -> tuple[int, bool, Path] | None:
    """Minor version of a Python 3, whether it has the libraries, and where its packages are."""
    done = _run([python, "-c", FACTS])  # a shim of pyenv may name a version that is not chosen
    if done.returncode:
        return None
    minor, complete, packages = json.loads(done.stdout)
    return minor, complete, Path(packages)


def _python(minor: int, complete: bool) -> Path:
    """A Python of this version, with the libraries or without; skips if there is none."""
    named = os.environ.get("IVIF_BENCH_PYTHONS", "").split(os.pathsep)
    folders = [*os.environ["PATH"].split(os.pathsep), *Path.home().glob(".pyenv/versions/*/bin")]
    candidates = [
        Path(sys.executable),
        *(Path(name) for name in named if name),
        *(Path(folder) / f"python3.{minor}" for folder in folders),
    ]
    for python in candidates:
        facts = _facts(python) if python.exists() else None
        if facts is not None and facts[:2] == (minor, complete):
            return python
    pytest.skip(f"no Python 3.{minor} {'with' if complete else 'without'} the libraries is here")


@pytest.fixture
def user_folder(tmp_path: Path) -> Path:
    """A folder whose own modules have our folders' names; each stops whoever imports it."""
    folder = tmp_path / "project"
    packages = ("benchmarks", "fusion_models", "reports", "tasks", "tests")
    for name in ("bench.py", *(f"{package}/__init__.py" for package in packages)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"raise RuntimeError('{name} of the user was imported')\n")
    (folder / "judge.py").write_text(USER_CODE)
    return folder


def test_the_wheel_has_one_name_at_its_top_level(wheel):
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    (information,) = (name for name in names if name.endswith(".dist-info"))
    assert information.startswith("ivif_bench-")
    assert names == {"ivif_bench", information}


def test_the_wheel_has_every_tracked_file_of_the_four_folders(wheel, repository):
    tracked = tracked_files(repository, *PACKAGES)
    expected = {PACKAGES[name.split("/")[0]] + name[name.index("/") :] for name in tracked}
    assert expected - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_a_new_method_in_a_folder_that_no_file_names_is_in_the_wheel(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if "newmethod" in name} == {
        "ivif_bench/fusion_models/newmethod/__init__.py",
        "ivif_bench/fusion_models/newmethod/images.py",
    }


@pytest.fixture
def environment(
    request: pytest.FixtureRequest, tmp_path: Path, source: Path, wheel: Path
) -> tuple[Path, Path]:
    """Python of a fresh environment with one kind of installation; where its modules must be."""
    kind, minor = request.param
    base = _python(minor, complete=True)
    root = tmp_path / "venv"
    assert _run([base, "-m", "venv", "--without-pip", root]).returncode == 0
    python = root / "bin" / "python"
    (packages,) = root.glob("lib/python3*/site-packages")
    # The libraries are those of the environment that has them; what it starts by itself, such as
    # the finder of its own editable installation, is not started.
    (packages / "libraries.pth").write_text(f"{_facts(base)[2]}\n")
    if kind == "wheel":
        _pip("install", wheel, python=python)
        return python, packages / "ivif_bench"
    tree = shutil.copytree(source, tmp_path / "tree")
    _pip("install", "--no-build-isolation", "--editable", tree, python=python)
    return python, tree / "bench"


def _each(*kinds: str) -> pytest.MarkDecorator:
    pairs = [(kind, minor) for kind in kinds for minor in MINORS]
    ids = [f"{kind}-3.{minor}" for kind, minor in pairs]
    return pytest.mark.parametrize("environment", pairs, ids=ids, indirect=True)


@_each("wheel", "editable")
def test_beside_modules_of_the_same_names_everything_works(environment, user_folder, tmp_path):
    python, place = environment
    for way in (["judge.py"], ["-c", USER_CODE]):
        done = _run([python, *way], cwd=user_folder)
        assert done.returncode == 0, done.stderr
        file, values = json.loads(done.stdout)
        assert Path(file) == place / "__init__.py"
        assert values == {"EN": 1.0, "SD": 127.5}
    write_pairs(tmp_path / "pairs", 2, (64, 64))
    quality = {"dataset": "pairs", "metrics": ["EN"]}
    config = write_config(tmp_path, methods=["newmethod"], quality=quality)
    done = _run([python.parent / "ivif-bench", "run", config], cwd=user_folder)
    assert done.returncode == 0, done.stderr
    assert "| New |" in (tmp_path / "runs" / "small" / "report" / "tables.md").read_text()


@_each("editable")
def test_an_editable_installation_sees_what_is_added_later(environment):
    python, place = environment
    later = NEW_METHOD.replace("newmethod", "later")
    _write_method(place.parent / "fusion_models" / "later", later)
    done = _run([python.parent / "ivif-bench", "list", "methods"])
    assert "later" in done.stdout, done.stderr


@pytest.mark.parametrize("minor", MINORS)
def test_without_any_library_the_package_imports_and_every_file_compiles(
    minor, wheel, user_folder, tmp_path
):
    python = _python(minor, complete=False)
    _pip("install", "--target", tmp_path / "site", wheel)
    code = "import ivif_bench; print(ivif_bench.__file__, 'evaluate' in dir(ivif_bench))"
    done = _run([python, "-c", code], cwd=user_folder, PYTHONPATH=str(tmp_path / "site"))
    assert done.stdout == f"{tmp_path / 'site' / 'ivif_bench' / '__init__.py'} True\n", done.stderr
    done = _run([python, "-W", "error", "-m", "compileall", "-q", "-f", tmp_path / "site"])
    assert done.returncode == 0, done.stdout
