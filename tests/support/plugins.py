"""Plug-ins and copies of this package for processes of their own, without installing anything."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

FOLDERS = {"bench": "", "fusion_models": "fusion_models", "tasks": "tasks", "reports": "reports"}


def write_plugin(folder: Path, files: Mapping[str, str], points: Mapping[str, str]) -> Path:
    """An installed distribution ``plug``; with ``folder`` on the import path, it is found.

    Args:
        files: text by path below ``folder``.
        points: by entry point group, the module that it names.
    """
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    info = folder / "plug-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    lines = [f"[{group}]\nown = {module}\n" for group, module in points.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


@contextmanager
def installed(folder: Path, registry: Any) -> Iterator[None]:
    """With what ``write_plugin`` wrote there found by this process, in one registry."""
    before = set(sys.modules)
    try:
        with mock.patch.object(sys, "path", [str(folder), *sys.path]):
            importlib.invalidate_caches()
            registry._specs = None
            yield
    finally:
        registry._specs = None
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


def write_tree(folder: Path, repository: Path) -> Path:
    """The package as links to its files, to be put before the installed one on the import path."""
    for name, part in FOLDERS.items():
        shutil.copytree(
            repository / name,
            folder / "ivif_bench" / part,
            copy_function=os.symlink,
            ignore=shutil.ignore_patterns("__pycache__"),
            dirs_exist_ok=True,
        )
    return folder


def in_tree(folder: Path, path: str) -> Path:
    """Where a file of the repository, such as ``tasks/quality/task.py``, is in such a tree."""
    top, _, rest = path.partition("/")
    return folder / "ivif_bench" / FOLDERS[top] / rest


def replace_in_tree(folder: Path, path: str, text: str) -> Path:
    """Give a file of the tree another text; the repository's stays as it is."""
    target = in_tree(folder, path)
    target.unlink(missing_ok=True)
    target.write_text(text)
    return target
