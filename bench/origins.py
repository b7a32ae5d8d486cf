"""Who made a piece of work: the processes that had a part in it, and what each ran on.

Work that outlives its process (images scored so far, a trained network, a restart point) keeps in
its folder a file with the versions, the commit and the device of every process that made it. A
process that builds on such work takes their names over into its result.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ivif_bench.files import write_bytes
from ivif_bench.types import Origin

FILE = "origins.json"
UNKNOWN = Origin({}, "unknown", "unknown", 0.0, "unknown")

_PROCESS = uuid.uuid4().hex
_STARTED = time.monotonic()


def _begin() -> None:
    global _PROCESS, _STARTED
    _PROCESS, _STARTED = uuid.uuid4().hex, time.monotonic()


os.register_at_fork(after_in_child=_begin)  # a forked process is one of its own


class Origins:
    """The processes whose work a unit of work goes on from; this one is not among them."""

    def __init__(self) -> None:
        self._found: dict[str, Origin] = {}

    def take_over(self, folder: Path) -> None:
        """Add those that left their work in a folder; ``UNKNOWN`` where none of them signed."""
        self._found |= _signatures(folder) or {"unknown": UNKNOWN}
        self._found.pop(_PROCESS, None)

    def add(self, signature: Mapping[str, Any]) -> None:
        """Add whoever left a ``signature()``.

        Raises:
            TypeError: it is none.
        """
        self._found |= {process: Origin(**origin) for process, origin in signature.items()}
        self._found.pop(_PROCESS, None)

    def signature(self) -> dict[str, Any]:
        """This process and those that it goes on from, as JSON values to be kept beside its work."""
        makers = {**self._found, _PROCESS: this_process()}
        return {process: asdict(origin) for process, origin in makers.items()}

    def sign(self, folder: Path) -> None:
        """Name as makers of a folder's work this process and those that it goes on from, no others."""
        _write(folder, self._found)

    @property
    def earlier(self) -> tuple[Origin, ...]:
        """The processes, in the order in which they finished; always the same where that is one second."""
        return tuple(
            sorted(
                self._found.values(),
                key=lambda origin: (origin.finished, json.dumps(asdict(origin), sort_keys=True)),
            )
        )


def sign(folder: Path) -> None:
    """Add this process to those that made the work in a folder.

    Sign before anything is kept there that a later process may go on from: whoever is killed
    between the two is then named though nothing is left of its work, never the reverse.
    """
    _write(folder, _signatures(folder))


def signed(folder: Path) -> bool:
    """Whether anybody has signed work in a folder."""
    return bool(_signatures(folder))


def this_process() -> Origin:
    """This process: what it has loaded by now, where it runs, and for how long."""
    return Origin(
        versions=versions(),
        commit=commit(),
        device=f"{_device()} on {platform.node()}, {platform.machine()}, {os.cpu_count()} cores",
        seconds=round(time.monotonic() - _STARTED, 3),
        finished=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def versions() -> dict[str, str]:
    """Versions of Python, of this package and of every distribution that is imported by now."""
    found = {"python": platform.python_version(), "ivif-bench": own_version()}
    providers = _providers()
    modules = {name.partition(".")[0] for name in sys.modules}
    for name in sorted({owner for module in modules for owner in providers.get(module, ())}):
        found.setdefault(name, metadata.version(name))
    return found


def look_up() -> None:
    """Find out what does not change while a process lives; processes forked from it know it then."""
    own_version()
    commit()
    _providers()


@cache
def _providers() -> Mapping[str, list[str]]:
    """Names of distributions by the modules that they provide."""
    return metadata.packages_distributions()


@cache
def own_version() -> str:
    """Version of this package, or ``unknown`` where it runs without being installed."""
    try:
        return metadata.version("ivif-bench")
    except metadata.PackageNotFoundError:
        return "unknown"


@cache
def commit() -> str:
    """Git commit of this code, with ``+changes`` if the tree was edited, or ``unknown``."""
    here = Path(__file__).resolve().parent.parent
    if not (here / ".git").exists():
        return "unknown"
    try:
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout.strip()
        status = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{head}+changes" if status else head


def _write(folder: Path, others: Mapping[str, Origin]) -> None:
    makers = {**others, _PROCESS: this_process()}
    content = {process: asdict(origin) for process, origin in makers.items()}
    write_bytes(folder / FILE, json.dumps(content, indent=1).encode() + b"\n")


def _signatures(folder: Path) -> dict[str, Origin]:
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return {process: Origin(**origin) for process, origin in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _device() -> str:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name(0))
    return "cpu"
