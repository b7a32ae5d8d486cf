"""Checks the machine: what is missing, and the command that installs it."""

from __future__ import annotations

import ctypes.util
import importlib
import os
import platform
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib import metadata
from io import StringIO
from pathlib import Path

from ivif_bench.errors import UserError

# Libraries that OpenCV's wheel expects the system to have, with the Debian package of each.
_SYSTEM_LIBRARIES = {"GL": "libgl1", "glib-2.0": "libglib2.0-0"}
_MODULES = {
    "torch": "setup",
    "cv2": "setup",
    "numba": "setup",
    "pycocotools": "detection",
    "ultralytics": "detection",
    "mmengine": "segmentation",
    "mmseg": "segmentation",
    "matplotlib": "setup",
}
_DISTRIBUTIONS = {
    "cv2": "opencv-python",
    "mmengine": "onedl-mmengine",
    "mmseg": "onedl-mmsegmentation",
}

Finding = dict[str, str]


def examine() -> list[Finding]:
    """Findings, the most basic first; ``state`` is ``ok``, ``note`` or ``broken``."""
    findings = [_python()]
    findings += [_library(name, package) for name, package in _SYSTEM_LIBRARIES.items()]
    findings += [_module(name, extra) for name, extra in _MODULES.items()]
    findings += [_both_mm_packages(), *_components(), _device(), _cores(), _disk(), _latex()]
    return [finding for finding in findings if finding]


def _finding(state: str, what: str, detail: str) -> Finding:
    return {"state": state, "what": what, "detail": detail}


def _python() -> Finding:
    version = platform.python_version()
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return _finding(
        "ok" if good else "broken", "Python", version if good else f"{version}; use 3.11 to 3.13"
    )


def _library(name: str, package: str) -> Finding:
    found = ctypes.util.find_library(name) if sys.platform == "linux" else "not needed here"
    if found:
        return _finding("ok", f"lib{name}", found)
    return _finding(
        "broken",
        f"lib{name}",
        f"missing; OpenCV cannot be imported without it: apt-get install {package}",
    )


def _module(name: str, extra: str) -> Finding:
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_OFFLINE", "true")
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            importlib.import_module(name)
    except Exception as problem:  # any import failure is a finding, not a crash of this command
        hint = (
            "make setup"
            if extra == "setup"
            else f"make setup, or pip install 'ivif-bench[{extra}]'"
        )
        return _finding("broken", name, f"{type(problem).__name__}: {problem}; {hint}")
    try:
        return _finding("ok", name, metadata.version(_DISTRIBUTIONS.get(name, name)))
    except metadata.PackageNotFoundError:
        return _finding(
            "note", name, f"importable, but not installed as {_DISTRIBUTIONS.get(name, name)}"
        )


def _both_mm_packages() -> Finding:
    installed = {
        dist.metadata["Name"].lower() for dist in metadata.distributions() if dist.metadata["Name"]
    }
    for plain in ("mmsegmentation", "mmengine", "mmcv"):
        if plain in installed and f"onedl-{plain}" in installed:
            return _finding(
                "broken",
                plain,
                f"{plain} and onedl-{plain} overwrite each other: pip uninstall {plain}",
            )
    return {}


def _components() -> list[Finding]:
    """A finding for each file, of this package or of a plug-in, that cannot be imported."""
    from ivif_bench.components import kinds, registry_of

    faults: dict[str, str] = {}
    for kind in kinds():
        try:
            for one in registry_of(kind).broken():
                faults.setdefault(str(one), one.name)  # methods and trainings share their files
        except UserError as problem:
            faults[str(problem)] = kind
    if not faults:
        return [_finding("ok", "components", "every file can be imported")]
    return [_finding("broken", name, text) for text, name in faults.items()]


def _device() -> Finding:
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    if torch.cuda.is_available():
        return _finding("ok", "device", torch.cuda.get_device_name(0))
    return _finding("note", "device", "no CUDA device; everything runs on the CPU")


def _cores() -> Finding:
    return _finding("ok", "processors", str(os.cpu_count()))


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    return _finding("ok" if free > 5 else "note", "free disk", f"{free:.0f} GB")


def _latex() -> Finding:
    found = shutil.which("pdflatex")
    return (
        _finding("ok", "pdflatex", found)
        if found
        else _finding("note", "pdflatex", "not found; only needed to compile report.tex here")
    )
