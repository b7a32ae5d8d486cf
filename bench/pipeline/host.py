"""What does the jobs of a run on one node of a cluster: a process of its own, started for each kind.

The class knows nothing of the cluster's library; ``ivif_bench.pipeline.executors.ray`` makes actors of it.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivif_bench import origins
from ivif_bench.errors import UserError
from ivif_bench.files import temporary_folder, write_bytes
from ivif_bench.fingerprints import hash_file
from ivif_bench.pipeline import worker
from ivif_bench.pipeline.keeper import Keeper
from ivif_bench.pipeline.mirror import FINISHED, GIVEN_BACK, Mirror, relative, replaced

# What of the driver's environment a job sees: settings of this program, and of libraries by which
# numbers may differ.
_CARRIED = ("IVIF_BENCH_", "YOLO_", "ATEN_", "ONEDNN_", "OPENBLAS_", "NUMBA_", "NPY_", "OPENCV_")
_TOLD_EVERY = 0.5  # seconds between messages about progress
_SENT_EVERY = 20.0  # seconds between times that finished images are sent
_SEEN_WITHIN = 5.0  # seconds until a shared disk shows a new file on another machine

Get = Callable[[Any], bytes]


@dataclass(frozen=True, slots=True)
class Setup:
    """What all hosts of a run are told.

    Attributes:
        run: the run directory as job descriptions name it.
        folder: working directory of the run.
        token: name of a file in the run directory, by which a machine that shares it is known.
        results: ``shared``, ``returned``, or ``auto``: returned where the token is not seen.
        code: version and commit of the code, which must be the same everywhere.
        weights: folder of the user's weights files.
        variables: of the environment, for jobs.
    """

    run: str
    folder: str
    token: str
    results: str
    code: tuple[str, str]
    weights: str
    variables: Mapping[str, str]


def this_code() -> tuple[str, str]:
    """Version and commit of the code in this process."""
    return origins.own_version(), origins.commit()


def carried() -> dict[str, str]:
    """The variables of this process that jobs elsewhere must see as well."""
    return {name: value for name, value in os.environ.items() if name.startswith(_CARRIED)}


class Host:
    """Does jobs of one kind, one at a time.

    Args:
        setup: of the run.
        threads, gpu, entries: thread count, whether jobs have GPUs, and what they import.
        get: the bytes behind a reference.
    """

    def __init__(
        self, setup: Setup, threads: int, gpu: bool, entries: Sequence[str], get: Get
    ) -> None:
        self._setup = setup
        self._threads, self._gpu, self._entries = threads, gpu, tuple(entries)
        self._get = get
        self._keeper: Keeper | None = None
        self._inputs: dict[str, str] = {}  # files that this machine lacked, and where they are now
        self._stack = ExitStack()
        self._temporary = self._stack.enter_context(temporary_folder())
        self._hashes: dict[str, str] = {}  # of weights files on this machine
        names = Path(setup.run), Path(setup.folder, setup.run)
        self._mirror = None if self._sees_run() else Mirror(self._temporary / "run", *names)

    def do(
        self, rest: str, unit: str, inputs: Mapping[str, str], given: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """Do a job, and yield its events.

        Besides those of ``ivif_bench.pipeline.worker`` these are ``host`` (once, who this is),
        ``alien`` (why no job can be done here), ``lacks`` (files to be given in another call; nothing
        was done), ``file`` (name, bytes, whether it is complete; finished images are sent while the
        job goes on) and ``code``, the last one.

        Args:
            rest: the description without its unit, as JSON.
            unit: its unit as JSON, or empty.
            inputs: weights files and their sha256.
            given: references to files that were lacking, by name.
        """
        if alien := self._alien():
            yield {"alien": alien}
            return
        line = f'{rest[:-1]}, "unit": {unit}}}' if unit else rest
        self._take(given)
        lacks = self._lacking(inputs)
        order = json.loads(line) if self._mirror or self._inputs else {}
        if self._mirror is not None:
            lacks += self._mirror.lacks(order, begun=bool(given))
        if lacks:
            yield {"lacks": lacks}
            return
        if self._inputs:
            order = replaced(order, lambda text: self._inputs.get(text, text))
            line = json.dumps(order)
        if self._mirror is not None:
            line = json.dumps(self._mirror.translated(order))
            self._mirror.begin()
        keeper = self._ready(bool(json.loads(rest).get("reuse")))
        yield {"host": {"machine": platform.node(), "pids": [os.getpid(), keeper.process.pid]}}
        last: dict[str, Any] = {}
        sent = time.monotonic()
        for event in _fewer(keeper.do(line)):
            last = event
            if "code" not in event:
                yield event
            if self._mirror is not None and time.monotonic() > sent + _SENT_EVERY:
                yield from self._written(FINISHED)
                sent = time.monotonic()
        if self._mirror is not None:
            yield from self._written()
            self._mirror.clear()
        if not json.loads(rest).get("reuse") or last["code"] not in (0, 2):
            self._stop()
        yield last

    def close(self) -> None:
        """End the process, and remove this machine's temporary files."""
        self._stop()
        self._stack.close()

    def _written(self, folders: Sequence[str] = GIVEN_BACK) -> Iterator[dict[str, Any]]:
        if self._mirror is not None:
            for name, data, ended in self._mirror.changes(folders):
                yield {"file": [name, data, ended]}

    def _alien(self) -> str:
        ours, theirs = this_code(), self._setup.code
        if ours != theirs:
            return (
                f"{platform.node()} has ivif-bench {' '.join(ours)}, the run {' '.join(theirs)}; install "
                "the same on all machines"
            )
        if self._mirror is not None and self._setup.results == "shared":
            return f"{platform.node()} does not see the run directory {self._setup.run}"
        return ""

    def _sees_run(self) -> bool:
        if self._setup.results == "returned":
            return False
        token = Path(self._setup.folder, self._setup.run, self._setup.token)
        deadline = time.monotonic() + _SEEN_WITHIN
        while not token.is_file():
            if not token.parent.is_dir() or time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def _take(self, given: Mapping[str, Any]) -> None:
        of_run = {}
        for name, reference in given.items():
            data = self._get(reference)
            kind, _, rest = name.partition(":")
            if kind == "run" and self._mirror is not None:
                of_run[rest] = data
            elif kind == "input":
                path = Path(rest)
                in_folder = relative(rest, Path(self._setup.weights))
                place = "weights" if in_folder else f"inputs/{len(self._inputs)}"
                target = self._temporary / place / (in_folder or path.name)
                write_bytes(target, data)
                self._inputs[rest] = str(target)
                self._stop()  # it may have to look for weights elsewhere now
        if self._mirror is not None:
            self._mirror.fill(of_run)

    def _lacking(self, inputs: Mapping[str, str]) -> list[str]:
        """Weights files that are not on this machine under their path, or are others."""
        lacking = []
        moved = (self._temporary / "weights").is_dir()
        for name, digest in inputs.items():
            if name in self._inputs:
                continue
            path = Path(self._setup.folder, name)
            in_folder = moved and relative(name, Path(self._setup.weights))
            if in_folder or self._hash_of(path) != digest:
                lacking.append(f"input:{name}")
        return lacking

    def _hash_of(self, path: Path) -> str:
        """sha256 of a file, read once; empty if there is none."""
        name = str(path)
        if name not in self._hashes:
            try:
                self._hashes[name] = hash_file(name)
            except UserError:
                return ""
        return self._hashes[name]

    def _ready(self, reuse: bool) -> Keeper:
        """The process for a job; a job that does not leave its process as it was gets a new one."""
        if self._keeper is not None and not (reuse and self._keeper.alive):
            self._stop()
        if self._keeper is None:
            variables = worker.environment(self._threads, self._temporary)
            variables |= self._setup.variables
            if (self._temporary / "weights").is_dir():
                variables["IVIF_BENCH_WEIGHTS"] = str(self._temporary / "weights")
            if not self._gpu:
                variables["CUDA_VISIBLE_DEVICES"] = ""  # it asked for none
            folder = Path(self._setup.folder)
            if not folder.is_dir():
                folder = self._temporary
            log = folder / self._setup.run if self._mirror is None else self._mirror.root
            self._keeper = Keeper(self._entries, variables, folder, log / "logs" / "processes.log")
        return self._keeper

    def _stop(self) -> None:
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None


def _fewer(events: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All events, but of those about progress only one every while, and the last."""
    told, held_back = 0.0, None
    for event in events:
        if "progress" in event:
            held_back = event
            if time.monotonic() < told + _TOLD_EVERY:
                continue
            told = time.monotonic()
        elif held_back is not None:
            yield held_back
        held_back = None
        yield event
