"""Findings of pairs, cached by content: a second audit hashes files and decodes none."""

from __future__ import annotations

import hashlib
import inspect
import threading
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import cv2

from ivif_bench.data.base import Dataset
from ivif_bench.data.examine import Finding, examine
from ivif_bench.errors import UserError
from ivif_bench.fingerprints import file_mark, hash_file
from ivif_bench.memory import Memory
from ivif_bench.naming import safe_name
from ivif_bench.types import Pair


class Examiner:
    """Reads pairs of one dataset as ``examine`` does; those without defects are cached.

    A pair is identified by its stem and by the names and the content of its files; all of them are
    read and hashed each time, so that every change of a file is detected. Pairs with
    defects are always examined again. Threads may share an examiner.

    Args:
        dataset: whose pairs.
        folder: of the cache files, one for each dataset folder; None for no cache.
    """

    def __init__(self, dataset: Dataset, folder: Path | None) -> None:
        self._dataset = dataset
        self._rules = _rules(dataset)
        path = None if folder is None else folder / _file_name(dataset)
        self._memory = Memory(path, self._fits)
        self._lock = threading.Lock()
        self._shared: dict[
            Path, str
        ] = {}  # hashes of annotation files, of which all pairs may have one

    def __call__(self, pair: Pair) -> Finding:
        """The findings of one pair, from its files or from the cache."""
        files = [path for path in (pair.infrared, pair.visible, pair.mask) if path is not None]
        if pair.annotation is not None:
            files.append(pair.annotation)
        try:
            before = [file_mark(path) for path in files]
            key = self._key(pair, files)
        except UserError:
            return examine(self._dataset, pair)
        known = self._memory.known.get(key)
        if known is not None:
            return Finding.from_json(pair.stem, known[1])
        finding = examine(self._dataset, pair)
        if finding.errors or finding.equal is not None:
            return finding
        if before == [file_mark(path) for path in files]:  # the files that were hashed
            with self._lock:
                self._memory.put(key, [self._rules, finding.to_json()])
        return finding

    def save(self) -> bool:
        """Write new findings to the cache; False if that fails, which only costs time."""
        return self._memory.save()

    def _key(self, pair: Pair, files: Iterable[Path]) -> str:
        digest = hashlib.sha256(pair.stem.encode("utf-8", "surrogateescape"))
        for path in files:
            content = self._hash_once(path) if path == pair.annotation else hash_file(str(path))
            digest.update(f"\0{path.name}\0{content}".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def _hash_once(self, path: Path) -> str:
        with self._lock:
            if path not in self._shared:
                self._shared[path] = hash_file(str(path))
            return self._shared[path]

    def _fits(self, value: Any) -> bool:
        try:
            rules, finding = value
            Finding.from_json("", finding)
        except (KeyError, TypeError, ValueError, AttributeError):
            return False
        return bool(rules == self._rules)


def _file_name(dataset: Dataset) -> str:
    what = f"{dataset.root.absolute()}\0{dataset.options!r}"
    digest = hashlib.sha256(what.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{safe_name(dataset.name)}-{digest[:16]}.jsonl"


def _rules(dataset: Dataset) -> str:
    """Hash of the code that reads the files, and of the classes that it looks for."""
    try:
        layout = Path(inspect.getfile(type(dataset))).read_bytes()
    except (OSError, TypeError):  # a class without a file: whatever it does, its name says
        layout = repr(type(dataset)).encode()
    classes = repr((dataset.detection_classes, dataset.segmentation_classes))
    digest = hashlib.sha256(_own_code() + layout + classes.encode())
    return digest.hexdigest()[:16]


@cache
def _own_code() -> bytes:
    digest = hashlib.sha256(cv2.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()
