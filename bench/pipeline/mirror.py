"""The run directory of a machine that does not share the disk of the run.

What a job reads of the run directory is copied there before it, and what the job has written is given
back as bytes after it. Datasets must be on each machine, under the same path.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ivif_bench.files import write_bytes

_GIVEN_BACK = ("fused", "results", "work", "checkpoints", "logs")
_NOT_GIVEN_BACK = (
    ".lock",
    ".part",
    "checked.jsonl",
)  # the last is a cache of the run directory's own
_IMAGES_OF_TRAININGS = (
    "checkpoints/images-"  # made from fused ones, and removed after the trainings
)
_PART = 32 << 20  # bytes of a message


def job_of(order: Mapping[str, Any]) -> dict[str, Any]:
    """What of the run directory a job reads: names of files and folders, relative to it."""
    unit = order.get("unit") or {}
    stems = set(order.get("stems", ()))
    root = Path(order["run"]) if "run" in order else None
    files: list[str] = []
    if root is not None:
        for text in texts(unit.get("payload", {})):
            inside = relative(text, root)
            if inside and (not stems or Path(inside).stem in stems):
                files.append(inside)
    folders = [f"checkpoints/{name}" for name in order.get("needs", ()) if "/" not in name]
    if unit:
        folders.append(f"work/{unit['task']}/{unit['key']}")
    return {"files": sorted(set(files)), "folders": folders}


def texts(value: Any) -> Iterator[str]:
    """Every string in JSON values, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


def replaced(value: Any, change: Callable[[str], str]) -> Any:
    """JSON values with other strings; keys are left as they are."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: replaced(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [replaced(item, change) for item in value]
    return value


def relative(text: str, root: Path) -> str:
    """The part of a path behind ``root``; empty if it leads elsewhere."""
    prefix = f"{root}/"
    return text[len(prefix) :] if text.startswith(prefix) and "\0" not in text else ""


class Mirror:
    """A copy of the parts of a run directory that jobs on this machine read and write.

    Args:
        root: its folder.
        origin: the run directory as job descriptions name it.
    """

    def __init__(self, root: Path, origin: Path) -> None:
        self.root = root
        self._origin = origin

    def lacks(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """What a job needs that is not here; folders always, as others write there too."""
        wanted = job_of(order)
        files = [name for name in wanted["files"] if not (self.root / name).is_file()]
        return {"files": files, "folders": wanted["folders"]}

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Write files, named relative to the run directory."""
        for name, data in files.items():
            write_bytes(self.root / name, data)

    def translated(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """The description of a job that works here instead of in the run directory."""

        def change(text: str) -> str:
            if text == str(self._origin):
                return str(self.root)
            inside = relative(text, self._origin)
            return f"{self.root}/{inside}" if inside else text

        moved: dict[str, Any] = replaced(dict(order), change)
        return moved

    def state(self) -> dict[str, tuple[int, int]]:
        """Size and time of every file that is given back."""
        found = {}
        for folder in _GIVEN_BACK:
            for path in (self.root / folder).rglob("*"):
                name = str(path.relative_to(self.root))
                if name.startswith(_IMAGES_OF_TRAININGS):
                    continue
                if path.is_file() and not path.name.endswith(_NOT_GIVEN_BACK):
                    stat = path.stat()
                    if ".part/" not in name:
                        found[name] = (stat.st_size, stat.st_mtime_ns)
        return found

    def changes(self, before: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, bytes, bool]]:
        """Files written since then, as (name, bytes, whether that is the end of the file).

        JSON files come last: the one beside a result says that it is complete.
        """
        now = self.state()
        new = [name for name, stat in now.items() if before.get(name) != stat]
        for name in sorted(new, key=lambda name: (name.endswith(".json"), name)):
            left = now[name][0]
            with (self.root / name).open("rb") as file:
                while True:
                    data = file.read(_PART)
                    left -= len(data)
                    yield name, data, left <= 0
                    if left <= 0 or not data:
                        break

    def clear(self, order: Mapping[str, Any]) -> None:
        """Forget the unfinished work of a unit, which the run directory has."""
        for name in job_of(order)["folders"]:
            if name.startswith("work/"):
                shutil.rmtree(self.root / name, ignore_errors=True)


class Returned:
    """Writes what a job gave back into the run directory: files at once, folders of trainings by rename.

    Args:
        root: the run directory.
        stamp: distinguishes the job from others that write at the same time.
    """

    def __init__(self, root: Path, stamp: str) -> None:
        self._root = root
        self._stamp = stamp
        self._begun: dict[str, list[bytes]] = {}
        self._folders: dict[Path, Path] = {}

    def add(self, name: str, data: bytes, last: bool) -> None:
        """Take a part of a file.

        Raises:
            ValueError: the name leads out of the folders that jobs write to.
        """
        parts = Path(name).parts
        if parts[:1] not in {(folder,) for folder in _GIVEN_BACK} or ".." in parts:
            raise ValueError(f"{name!r} is no file of a run directory")
        self._begun.setdefault(name, []).append(data)
        if last:
            write_bytes(self._place(parts), b"".join(self._begun.pop(name)))

    def finish(self) -> None:
        """Let the folders of trainings appear; those that are there already stay."""
        for partial, folder in self._folders.items():
            if folder.exists():
                shutil.rmtree(partial, ignore_errors=True)
            else:
                partial.replace(folder)
        self._folders = {}

    def drop(self) -> None:
        """Remove what is not complete."""
        for partial in self._folders:
            shutil.rmtree(partial, ignore_errors=True)

    def _place(self, parts: tuple[str, ...]) -> Path:
        if parts[0] != "checkpoints" or len(parts) < 3:
            return self._root.joinpath(*parts)
        folder = self._root / parts[0] / parts[1]
        partial = folder.with_name(f"{folder.name}.{self._stamp}.part")
        self._folders[partial] = folder
        return partial.joinpath(*parts[2:])
