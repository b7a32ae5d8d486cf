"""A copy of the tracked tree in another folder, whose code is used instead of the installed one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from printed import Example


def tracked_files(repository: Path, *folders: str) -> list[str]:
    """Paths of what git tracks or would track, or a skip where this is no checkout."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *folders],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"{repository} is no git checkout")
    return [name for name in done.stdout.split("\0") if name and (repository / name).is_file()]


def copy_tree(repository: Path, target: Path) -> None:
    """Copy the tracked files, times included, so that a cache of mypy fits the copy as well."""
    for name in tracked_files(repository):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(repository / name, target / name)


class Copy:
    """A copy of the tree in which commands run with its own code.

    Args:
        repository: the checkout that is copied.
        root: a folder that does not exist yet.
    """

    def __init__(self, repository: Path, root: Path) -> None:
        self.root = root
        copy_tree(repository, root)
        if (repository / ".mypy_cache").is_dir():
            shutil.copytree(repository / ".mypy_cache", root / ".mypy_cache")
        # The import names as links, found before the finder of an editable install is asked.
        subprocess.run(["make", "--quiet", "links"], cwd=root, check=True, env=outside())
        self.variables = outside() | {
            "PYTHONPATH": str(root / ".links"),
            "IVIF_BENCH_SHARED": os.environ.get(
                "IVIF_BENCH_SHARED", str(repository.parent / "shared")
            ),
            "COLUMNS": "200",
        }

    def python(
        self, *arguments: str | Path, cwd: Path | None = None, timeout: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run this interpreter with the code of the copy."""
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd or self.root,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    @contextmanager
    def holding(self, examples: Sequence[Example]) -> Iterator[None]:
        """With these files in the copy, which must not be there yet; they are removed at the end."""
        paths = [self.root / example.path for example in examples]
        assert [path for path in paths if path.exists()] == []
        try:
            for path, example in zip(paths, examples, strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(example.text, encoding="utf-8")
            yield
        finally:
            for path in paths:
                path.unlink(missing_ok=True)

    def ivif(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """What ``ivif-bench`` prints; it has to succeed."""
        done = self.python("-m", "ivif_bench.cli", *arguments, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout


def outside() -> dict[str, str]:
    """The environment without what belongs to the test run or the make that is under way."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "MAKE", "MFLAGS"))
    }
