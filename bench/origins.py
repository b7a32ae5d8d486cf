"""Provenance of work: the processes that contributed to it, with versions and device.

Work that outlives its process (images scored so far, a trained network, a restart point) keeps in
its folder a file with the versions, the commit and the device of every process that made it. A
process that builds on such work copies these entries into its result.
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

from ivif_bench.files import read_json, write_bytes
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
    """The processes whose work a unit continues; without the present process."""

    def __init__(self) -> None:
        self._found: dict[str, Origin] = {}

    def take_over(self, folder: Path) -> None:
        """Add the processes that made the work in a folder; ``UNKNOWN`` if none is recorded."""
        self._found |= _signatures(folder) or {"unknown": UNKNOWN}
        self._found.pop(_PROCESS, None)

    def add(self, signature: Mapping[str, Any]) -> None:
        """Add the process of a ``signature()``.

        Raises:
            TypeError: it is none.
        """
        self._found |= {process: Origin(**origin) for process, origin in signature.items()}
        self._found.pop(_PROCESS, None)

    def signature(self) -> dict[str, Any]:
        """This process and those whose work it continues, as JSON values to store beside its work."""
        makers = {**self._found, _PROCESS: this_process()}
        return {process: asdict(origin) for process, origin in makers.items()}

    def sign(self, folder: Path) -> None:
        """Record this process and those whose work it continues as the only makers of a folder's work."""
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
    """Record this process as one that made the work in a folder.

    Call this before storing anything there that a later process may continue. A process that is
    killed in between is then named although none of its work is left, never the reverse.
    """
    _write(folder, _signatures(folder))


def signed(folder: Path) -> bool:
    """Whether a process is recorded for the work in a folder."""
    return bool(_signatures(folder))


def this_process() -> Origin:
    """This process: the distributions it has loaded, its device, and its run time."""
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
        found.setdefault(name, _version(name))
    return found


def look_up() -> None:
    """Determine the values that do not change in a process; processes forked from it inherit them."""
    own_version()
    commit()
    _providers()


@cache
def _providers() -> Mapping[str, list[str]]:
    """Names of distributions by the modules that they provide."""
    return metadata.packages_distributions()


@cache
def _version(distribution: str) -> str:
    """Version of a distribution; reading it takes milliseconds, and a process asks for dozens."""
    return metadata.version(distribution)


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
        found = read_json(folder / FILE)
        return {process: Origin(**origin) for process, origin in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _device() -> str:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name(0))
    return "cpu"
