"""What the driver puts into a Ray cluster's object store: values of units, and files that nodes lack."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivif_bench.files import read_regular
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.pipeline.jobs import Job, encoded_unit
from ivif_bench.weights import locate

if TYPE_CHECKING:
    from types import ModuleType

_UNITS = 16  # units whose values are in the object store
_LARGEST = 1 << 36  # bytes of a checkpoint


class Stored:
    """References to objects in the store.

    Args:
        ray: the library, connected.
        run: the run directory.
    """

    def __init__(self, ray: ModuleType, run: Path) -> None:
        self._ray = ray
        self._run = run
        self._units: dict[str, Any] = {}  # by key
        self._weights: dict[str, Any] = {}  # by path
        self._hash = Fingerprints(None)
        self._begun = time.time()

    def unit(self, unit: Mapping[str, Any]) -> Any:
        """A reference to a unit's values, which its shards share."""
        key = str(unit["key"])
        if key not in self._units:
            while len(self._units) >= _UNITS:
                del self._units[next(iter(self._units))]
            self._units[key] = self._ray.put(encoded_unit(unit))
        return self._units[key]

    def drop(self, key: str) -> None:
        """Forget a unit that is done."""
        self._units.pop(key, None)

    def files(self, lacks: list[str]) -> dict[str, Any]:
        """References to files that a node lacks; weights stay in the store.

        Args:
            lacks: ``input:PATH`` is a file of the driver's machine, ``run:PATH`` a file in the run
                directory, ``folder:PATH`` all files of a folder in it, ``lines:PATH`` its lines of
                images that were finished before this run began.
        """
        found: dict[str, Any] = {}
        for name in lacks:
            kind, _, path = name.partition(":")
            if kind == "input":
                if path not in self._weights:
                    self._weights[path] = self._put(Path(path))
                found[name] = self._weights[path]
            elif kind == "run":
                found[name] = self._put(self._run / path)
            else:
                for inside in _files_below(self._run / path):
                    if kind == "folder" or self._is_earlier(inside):
                        found[f"run:{inside.relative_to(self._run)}"] = self._put(inside)
        return found or {"": self._ray.put(b"")}

    def inputs(self, job: Job) -> dict[str, str]:
        """Weights files that a job reads from outside the run directory, and their sha256."""
        return {path: self._hash(path) for path in _weights_of(job) if Path(path).is_file()}

    def _is_earlier(self, path: Path) -> bool:
        return path.suffix == ".jsonl" and path.stat().st_mtime < self._begun

    def _put(self, path: Path) -> Any:
        return self._ray.put(read_regular(path, _LARGEST))


def _weights_of(job: Job) -> list[str]:
    """Paths of weights files that a job reads."""
    description = job.description
    paths: list[str] = []
    if description["kind"] == "fuse":
        from ivif_bench.fusion import METHODS

        method = description["method"]
        spec = METHODS.get(method["type"])
        options = method["options"]
        paths += [value for value in options.values() if isinstance(value, str)]
        for file in spec.weights:
            if not file.shipped and not (options.get(file.option) or options.get("weights")):
                paths.append(str(locate(spec, file)))
    else:
        given = description["unit"]["payload"].get("weights")
        paths += [given] if isinstance(given, str) else []
    return [path for path in paths if path]


def _files_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.endswith((".lock", ".part")):
            yield path
