"""The run directory: keys, atomic files, skipping of finished results, provenance.

::

    runs/<name>/config.yaml               the configuration as run
    runs/<name>/plan.json                 which results belong to it
    runs/<name>/fused/<dataset>/<method>-<key>/<stem>.png
    runs/<name>/given/<dataset>/<method>-<key>/<stem>.png     images that ``ivif_bench.judge`` was given
    runs/<name>/results/<task>/<dataset>/<method>-<key>.parquet   with a .json beside it
    runs/<name>/checkpoints/<key>/        trained networks, shared by units, and hashes of their files;
                                          training images, as long as a unit needs them
    runs/<name>/logs/, work/, cache/      messages, unfinished work, hashes and sizes of files
    runs/<name>/report/                   tables
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from ivif_bench import contents
from ivif_bench.files import plain, read_json, write_bytes, write_json
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.naming import safe_name
from ivif_bench.origins import Origins, signed, this_process
from ivif_bench.types import Provenance, Record, Unit

RECORD_SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("method", pa.string()),
        ("task", pa.string()),
        ("protocol", pa.string()),
        ("seed", pa.int64()),
        ("stem", pa.string()),
        ("class_name", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("reason", pa.string()),
    ]
)


def key_of(*parts: Any) -> str:
    """Short hash over the JSON values that a result depends on: 16 hexadecimal digits."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock beside a path, so that two processes on one run directory take turns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        yield


def once(folder: Path, make: Callable[[Path], None], origins: Origins | None = None) -> Path:
    """Make a folder exactly once, also with several processes, and return it.

    ``make`` fills a temporary sibling that is kept after a crash (so it may resume from its content,
    if it calls ``ivif_bench.origins.sign`` first); the finished folder appears by rename.

    Args:
        origins: receives the processes that made the folder, so that a result built on it names them.
    """
    origins = Origins() if origins is None else origins
    with locked(folder):
        if folder.exists():
            origins.take_over(folder)
        else:
            partial = folder.with_name(f"{folder.name}.part")
            partial.mkdir(parents=True, exist_ok=True)
            if signed(partial):
                origins.take_over(partial)
            make(partial)
            origins.sign(partial)
            contents.record(partial)
            partial.replace(folder)
    return folder


class Store:
    """Paths and files of one run directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fingerprint = Fingerprints(root / "cache" / "fingerprints.jsonl")

    def fused_folder(self, dataset: str, method: str, key: str) -> Path:
        return self.root / "fused" / safe_name(dataset) / f"{safe_name(method)}-{key}"

    def result_path(self, unit: Unit) -> Path:
        return (
            self.root
            / "results"
            / unit.task
            / safe_name(unit.dataset)
            / f"{safe_name(unit.method)}-{unit.key}.parquet"
        )

    def work_folder(self, unit: Unit) -> Path:
        return self.root / "work" / unit.task / unit.key

    def log_path(self, unit: Unit) -> Path:
        name = f"{safe_name(unit.dataset)}-{safe_name(unit.method)}-seed{unit.seed}-{unit.key}.log"
        return self.root / "logs" / unit.task / name

    @property
    def shared(self) -> Path:
        """The folder for what several units use."""
        return self.root / "checkpoints"

    def is_done(self, unit: Unit) -> bool:
        """Whether a unit's results are complete.

        The JSON is written last, so its presence shows that; it has the size of the Parquet file.
        """
        path = self.result_path(unit)
        try:
            size = read_json(path.with_suffix(".json"))["what"]["bytes"]
            return bool(path.stat().st_size == size)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def write_result(
        self, unit: Unit, records: Sequence[Record], seconds: float, origins: Origins | None = None
    ) -> Path:
        """Write the Parquet of a unit and then its JSON; equal records give equal bytes.

        Args:
            origins: processes whose work this one continued.
        """
        path = self.result_path(unit)
        ordered = sorted(records, key=lambda row: (row.stem, row.class_name, row.metric))
        columns = {name: [getattr(row, name) for row in ordered] for name in RECORD_SCHEMA.names}
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(columns, schema=RECORD_SCHEMA), sink, compression="zstd")
        data = sink.getvalue().to_pybytes()
        write_bytes(path, data)
        this = this_process()
        provenance = Provenance(
            key=unit.key,
            what={
                "unit": {
                    "task": unit.task,
                    "dataset": unit.dataset,
                    "method": unit.method,
                    "protocol": unit.protocol,
                    "seed": unit.seed,
                },
                "about": unit.about.to_json(),
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
            },
            versions=this.versions,
            commit=this.commit,
            device=this.device,
            seconds=round(seconds, 3),
            finished=this.finished,
            earlier=() if origins is None else origins.earlier,
        )
        write_json(path.with_suffix(".json"), asdict(provenance))
        return path
