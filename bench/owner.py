"""One run at a time in a run directory: a second one says who is running, and waits.

The lock is one of the operating system, which frees it when its process ends, however it ends. Where a
shared disk has no locks between machines, the file beside it tells: its owner renews it every few seconds.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ivif_bench.files import read_object, write_json

FILE = ".running.json"
_POLL = 0.5  # seconds
_WRITTEN_WITHIN = 5.0  # seconds between taking the lock and naming its owner, on a slow disk
_RENEWED_EVERY = 10.0
STALE_AFTER = 120.0  # seconds without being renewed, for an owner on another machine


@contextmanager
def occupying(root: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Be the only run in a run directory; waits until another has ended.

    Sharing would gain nothing: both would fuse the same images side by side.

    Args:
        note: called with one line about the run that this one waits for, or about one that was killed.

    Raises:
        OSError: the directory cannot be written.
    """
    root.mkdir(parents=True, exist_ok=True)
    path = root / FILE
    lock = FileLock(root / ".running.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        owner = _read_from_holder(path)
        note(f"{root}: {_text(owner)}; waiting until it ends, then its results are used")
        lock.acquire(poll_interval=_POLL)
    try:
        _settle_earlier(root, note)
        ended = threading.Event()
        write_json(path, _own())
        renewing = threading.Thread(target=_renew, args=(path, ended), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()
            path.unlink(missing_ok=True)
    finally:
        lock.release()


def running(root: Path) -> str:
    """Who is running in a run directory, as a part of a sentence; empty if nobody is."""
    if not root.is_dir():
        return ""
    try:
        with FileLock(root / ".running.lock").acquire(timeout=0):
            owner = read_object(root / FILE)
            return _text(owner) if _is_elsewhere(owner) and _age(root) < STALE_AFTER else ""
    except Timeout:
        return _text(_read_from_holder(root / FILE))


def _settle_earlier(root: Path, note: Callable[[str], None]) -> None:
    """With the lock, an owner that is still named was killed, or is on a machine that shares no locks."""
    owner = read_object(root / FILE)
    if not (root / FILE).exists():
        return
    if _is_elsewhere(owner) and _age(root) < STALE_AFTER:
        note(f"{root}: {_text(owner)}; waiting until it ends, then its results are used")
        while (root / FILE).exists() and _age(root) < STALE_AFTER:
            time.sleep(_POLL)
        if not (root / FILE).exists():
            return
    note(f"{root}: {_text(owner, 'began here')} and was killed; its finished work is used")


def _renew(path: Path, ended: threading.Event) -> None:
    while not ended.wait(_RENEWED_EVERY):
        try:
            os.utime(path)
        except OSError:
            continue


def _own() -> dict[str, Any]:
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return {"process": os.getpid(), "machine": platform.node(), "since": since}


def _read_from_holder(path: Path) -> dict[str, Any]:
    """What the holder of the lock wrote; it locks first and writes then, so the file may come late."""
    ended = time.monotonic() + _WRITTEN_WITHIN
    while not (owner := read_object(path)) and time.monotonic() < ended:
        time.sleep(0.02)
    return owner


def _text(owner: dict[str, Any], verb: str = "has been running here since") -> str:
    def part(name: str) -> str:
        return " ".join(str(owner.get(name, "unknown")).split())[:80]

    return f"process {part('process')} on {part('machine')} {verb} {part('since')}"


def _is_elsewhere(owner: dict[str, Any]) -> bool:
    return bool(owner) and owner.get("machine") != platform.node()


def _age(root: Path) -> float:
    """Seconds since the owner renewed its file, by the clock of the disk that holds it."""
    probe = root / f".running-{os.getpid()}.tmp"
    try:
        probe.touch()
        return probe.stat().st_mtime - (root / FILE).stat().st_mtime
    except OSError:
        return 0.0
    finally:
        probe.unlink(missing_ok=True)
