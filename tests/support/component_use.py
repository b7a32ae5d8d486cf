"""Which tests depend on the set of components, as a watched run of the quick suite found it.

``make test`` watches (``watched/sitecustomize.py`` says what is noted) and leaves a record. A test
that is not noted has the same outcome with one more component in the tree, so that the checks of
the examples leave it out. Without a record of this very tree they leave nothing out.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from tree_copy import tracked_files

RECORD = ".component-use"
LEFT_OUT = "IVIF_BENCH_LEAVE_OUT"  # a file of names of tests


def tree_hash(repository: Path) -> str:
    """One hash of the names and contents of all files that git tracks or would track."""
    found = hashlib.sha256()
    for name in sorted(tracked_files(repository)):
        found.update(
            f"{name}\0".encode() + hashlib.sha256((repository / name).read_bytes()).digest()
        )
    return found.hexdigest()


class Recorder:
    """A pytest plug-in of the process that gets all reports: writes which tests were run."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self.repository, self.folder = repository, folder
        self.tests: set[str] = set()

    @pytest.hookimpl(tryfirst=True)  # before workers are started, which write there
    def pytest_sessionstart(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for file in self.folder.iterdir():
            file.unlink()
        self.tree = tree_hash(self.repository)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.tests.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        content = {"tree": self.tree, "tests": sorted(self.tests)}
        (self.folder / "tests.json").write_text(json.dumps(content), encoding="utf-8")


def independent(repository: Path) -> set[str]:
    """Tests that passed whatever components there are; none if there is no record of this tree."""
    record = _record(repository)
    if record["tree"] != tree_hash(repository):
        return set()
    files = (repository / RECORD).glob("*.txt")
    notes = {line for file in files for line in file.read_text(encoding="utf-8").splitlines()}
    notes = _with_importers(notes, repository)
    return {test for test in record["tests"] if not _is_noted(test, notes)}


def files_to_run(repository: Path, root: Path, left_out: set[str]) -> list[str]:
    """Test files of the tree ``root`` in which any test is left that is not left out."""
    rest = {test.partition("::")[0] for test in set(_record(repository)["tests"]) - left_out}
    whole = {test.partition("::")[0] for test in left_out} - rest
    found = sorted(str(file.relative_to(root)) for file in (root / "tests").rglob("test_*.py"))
    return [file for file in found if file not in whole]


def _record(repository: Path) -> dict[str, Any]:
    file = repository / RECORD / "tests.json"
    if not file.is_file():
        return {"tree": "", "tests": []}
    return json.loads(file.read_text(encoding="utf-8"))


def _is_noted(test: str, notes: set[str]) -> bool:
    """The test, its file, a conftest.py above it, or a process of which no test is known."""
    file = test.partition("::")[0]
    above = {f"{parent}/conftest.py" for parent in Path(file).parents}
    return bool(notes & {"?", test, file, *above})


def _with_importers(notes: set[str], repository: Path) -> set[str]:
    """Also the files that name a noted file of ``tests/support``, which is imported only once."""
    texts = {
        str(path.relative_to(repository)): path.read_text(encoding="utf-8")
        for path in (repository / "tests").rglob("*.py")
    }
    found, new = set(notes), {note for note in notes if note.startswith("tests/support/")}
    while new:
        names = re.compile(rf"\b({'|'.join(Path(each).stem for each in new)})\b")
        new = {file for file, text in texts.items() if names.search(text)} - found
        found |= new
        new = {file for file in new if file.startswith("tests/support/")}
    return found


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests named in the file that ``LEFT_OUT`` says."""
    path = os.environ.get(LEFT_OUT)
    if path:
        names = set(Path(path).read_text(encoding="utf-8").splitlines())
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in names])
        items[:] = [item for item in items if item.nodeid not in names]
