"""Loaded by every Python of a watched test run: notes what depends on which components there are.

A component that a test asks for by name is there whatever else is. Noted is a test that asks a
registry for more (iterates, counts, or asks for a name that is not there), lists a folder in which
components' files are, or starts a Python in which this file would not be loaded. See
``component_use``, which reads the notes in the folder ``IVIF_BENCH_WATCH``.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

_NOTES = os.environ.get("IVIF_BENCH_WATCH", "")
_HERE = str(Path(__file__).resolve().parent)
_TESTS = str(Path(__file__).resolve().parents[2]) + os.sep
# Where files of components go; equal to the keys of ``printed.FOLDERS``.
FOLDERS = (
    "bench/data/layouts",
    "fusion_models",
    "reports/formats",
    "tasks/detection/detectors",
    "tasks/quality/conventions",
    "tasks/quality/metrics",
    "tasks/segmentation/segmenters",
)
_PACKAGES = tuple(f"ivif_bench.{each.removeprefix('bench/')}".replace("/", ".") for each in FOLDERS)
_noted: set[str] = set()
collected = ""  # the file whose tests are being made, as tests/conftest.py says


def _where() -> str:
    """The test; its file while fixtures are made, which its other tests use too, or on import."""
    test, _, phase = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")
    if test:
        return test if phase == "(call)" else test.partition("::")[0]
    frame = sys._getframe(1)
    while frame := frame.f_back:
        name = frame.f_code.co_filename
        if name.startswith(_TESTS) and not name.startswith(_HERE):
            return "tests/" + name.removeprefix(_TESTS)
    return collected or "?"


def _note() -> None:
    where = _where()
    if where not in _noted:
        _noted.add(where)
        with Path(_NOTES, f"{os.getpid()}.txt").open("a", encoding="utf-8") as file:
            file.write(f"{where}\n")


class _Watched(dict):
    """The specs of a registry."""

    def __iter__(self):
        _note()
        return super().__iter__()

    def __len__(self):
        _note()
        return super().__len__()

    def __eq__(self, other):
        _note()
        return super().__eq__(other)

    __hash__ = None

    def keys(self):
        _note()
        return super().keys()

    def values(self):
        _note()
        return super().values()

    def items(self):
        _note()
        return super().items()

    def __contains__(self, name):
        return super().__contains__(name) or bool(_note())

    def __missing__(self, name):
        _note()
        raise KeyError(name)

    def get(self, name, default=None):
        return super().get(name, default) if name in self else default


class _Finder(MetaPathFinder):
    """Finds ``ivif_bench.registry`` as others do, and changes it once it is loaded."""

    def find_spec(self, name, path, target=None):
        if name != "ivif_bench.registry":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_change(module):
            load(module)
            specs = module.Registry.specs

            def watched(registry):
                found = specs(registry)
                if registry.package in _PACKAGES and not isinstance(found, _Watched):
                    found = registry._specs = _Watched(found)
                return found

            module.Registry.specs = watched

        spec.loader.exec_module = load_and_change
        return spec


def _lists_components(folder: object) -> bool:
    if not isinstance(folder, str | os.PathLike):
        return False
    path = str(Path(folder).absolute())
    if path.startswith(_TESTS):  # has a folder of the same name
        return False
    return path.endswith(FOLDERS) and not any(
        "importlib" in name or "pkgutil" in name for name in _callers()
    )


def _callers(most: int = 5) -> list[str]:
    frame, found = sys._getframe(3), []
    while frame and len(found) < most:
        found.append(frame.f_code.co_filename)
        frame = frame.f_back
    return found


def _is_unwatched(arguments, environment) -> bool:
    """A Python, or what may start one, that does not load this file."""
    words = [os.fsdecode(word) for word in arguments]
    program = Path(words[0]).name
    if "python" not in program and program not in ("ivif-bench", "make", "sh", "bash"):
        return False
    first = (os.environ if environment is None else environment).get("PYTHONPATH", "")
    return first.split(os.pathsep)[0] != _HERE or bool({"-I", "-E", "-S"} & set(words))


def _hook(event: str, arguments: tuple) -> None:
    if event in ("os.listdir", "os.scandir"):
        if _lists_components(arguments[0]):
            _note()
    elif event == "subprocess.Popen":
        words, environment = arguments[1], arguments[3]
        if isinstance(words, str | bytes) or _is_unwatched(words, environment):
            _note()


if _NOTES and __name__ == "sitecustomize":
    sys.meta_path.insert(0, _Finder())
    sys.addaudithook(_hook)
