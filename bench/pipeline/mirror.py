"""The run directory of a machine that does not share the disk of the run.

What a job reads of the run directory is copied there before it, and what the job has written is given
back as bytes after it. Datasets must be on each machine, under the same path.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivif_bench.files import own_prefix, write_bytes

GIVEN_BACK = ("fused", "results", "work", "checkpoints", "logs")
_NOT_SENT = (
    ".lock",
    ".part",
    "checked.jsonl",
)  # the last is a cache of the run directory's own
_IMAGES_OF_TRAININGS = (
    "checkpoints/images-"  # made from fused ones, and removed after the trainings
)
_PART = 32 << 20  # bytes of a message
MOST_KEPT = 4 << 30  # bytes of images that a mirror keeps for later jobs
FINISHED = ("fused", "work")  # folders whose files are complete as soon as they are there


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the run directory a job reads, named relative to it.

    Attributes:
        files: fused images.
        trained: folders of trainings.
        work: the folder of its unit's unfinished work; empty if it has none.
        whole: whether it needs all of that, as the job does that scores a unit; else only the lines of
            images that were finished before the run began.
    """

    files: tuple[str, ...]
    trained: tuple[str, ...]
    work: str
    whole: bool


def wanted_by(order: Mapping[str, Any], *roots: Path) -> Wanted:
    """What a job reads.

    Args:
        roots: the run directory as descriptions name it, in every form that they use.
    """
    unit = order.get("unit") or {}
    stems = set(order.get("stems", ()))
    files = set()
    for text in texts(unit.get("payload", {})):
        inside = relative(text, *roots)
        if inside and (not stems or Path(inside).stem in stems):
            files.add(inside)
    return Wanted(
        files=tuple(sorted(files)),
        trained=tuple(f"checkpoints/{name}" for name in order.get("needs", ()) if "/" not in name),
        work=f"work/{unit['task']}/{unit['key']}" if unit else "",
        whole=order.get("kind") == "unit",
    )


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


def relative(text: str, *roots: Path) -> str:
    """The part of a path behind one of ``roots``; empty if it leads elsewhere."""
    for root in roots:
        prefix = f"{root}/"
        if text.startswith(prefix) and "\0" not in text:
            return text[len(prefix) :]
    return ""


class Mirror:
    """A copy of the parts of a run directory that jobs on this machine read and write.

    Args:
        root: its folder.
        origins: the run directory as job descriptions name it: as in the configuration, and absolute.
    """

    def __init__(self, root: Path, *origins: Path) -> None:
        self.root = root
        self._origins = origins
        self._sent: dict[str, tuple[int, int]] = {}  # size and time of what the driver has

    def lacks(self, order: Mapping[str, Any], begun: bool) -> list[str]:
        """What a job needs that is not here, named as ``ivif_bench.pipeline.ray_store`` takes it.

        Args:
            begun: the driver was asked before; a unit's unfinished work, to which others add, is
                asked for once.
        """
        wanted = wanted_by(order, *self._origins)
        lacking = [f"run:{name}" for name in wanted.files if not (self.root / name).is_file()]
        lacking += [f"folder:{name}" for name in wanted.trained if not (self.root / name).is_dir()]
        if wanted.work and not begun:
            lacking.append(f"{'folder' if wanted.whole else 'lines'}:{wanted.work}")
        return lacking

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Write files, named relative to the run directory."""
        for name, data in files.items():
            write_bytes(self.root / name, data)

    def translated(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """The description of a job that works here instead of in the run directory."""

        def change(text: str) -> str:
            if text in map(str, self._origins):
                return str(self.root)
            inside = relative(text, *self._origins)
            return f"{self.root}/{inside}" if inside else text

        moved: dict[str, Any] = replaced(dict(order), change)
        return moved

    def begin(self) -> None:
        """A job begins: what is here now is not its work."""
        self._sent = self._state(GIVEN_BACK)

    def _state(self, folders: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Size and time of every file that is given back."""
        found = {}
        for folder in folders:
            for path in (self.root / folder).rglob("*"):
                name = str(path.relative_to(self.root))
                if name.startswith(_IMAGES_OF_TRAININGS):
                    continue
                if path.is_file() and not path.name.endswith(_NOT_SENT):
                    stat = path.stat()
                    if ".part/" not in name:
                        found[name] = (stat.st_size, stat.st_mtime_ns)
        return found

    def changes(self, folders: Sequence[str] = GIVEN_BACK) -> Iterator[tuple[str, bytes, bool]]:
        """Files that the driver has not, as (name, bytes, whether that is the end of the file).

        JSON files come last: the one beside a result says that it is complete.
        """
        now = self._state(folders)
        new = [name for name, stat in now.items() if self._sent.get(name) != stat]
        self._sent |= now
        for name in sorted(new, key=lambda name: (name.endswith(".json"), name)):
            left = now[name][0]
            with (self.root / name).open("rb") as file:
                while True:
                    data = file.read(_PART)
                    left -= len(data)
                    yield name, data, left <= 0
                    if left <= 0 or not data:
                        break

    def clear(self) -> None:
        """Forget what the run directory has: unfinished work, and images beyond ``MOST_KEPT`` bytes."""
        shutil.rmtree(self.root / "work", ignore_errors=True)
        if sum(size for size, _ in self._state(("fused",)).values()) > MOST_KEPT:
            shutil.rmtree(self.root / "fused", ignore_errors=True)


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
        if parts[:1] not in {(folder,) for folder in GIVEN_BACK} or ".." in parts:
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
        partial = folder.with_name(f".{own_prefix()}{folder.name}.{self._stamp}.part")
        self._folders[partial] = folder
        return partial.joinpath(*parts[2:])
