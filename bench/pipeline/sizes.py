"""Sizes of image files, cached by content: each is decoded once for all rows and runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ivif_bench.data.images import size_of
from ivif_bench.errors import UserError
from ivif_bench.memory import Memory
from ivif_bench.parallel import in_threads
from ivif_bench.types import Progress

# Changed when more files are refused than before, so that all are decoded again.
_RULES = "rules 2, "


class Sizes:
    """Sizes of images that were decoded without a problem.

    Args:
        path: the cache file.
    """

    def __init__(self, path: Path) -> None:
        self._memory = Memory(path, _is_entry)

    def __call__(self, digest: str) -> str:
        """``WIDTHxHEIGHT`` of the image whose file has this sha256; ``learn`` must have seen it."""
        return str(self._memory.known[digest]).removeprefix(_RULES)

    def known(self, digest: str) -> bool:
        """Whether the image whose file has this sha256 was decoded before."""
        return digest in self._memory.known

    def equal(self, first: str, second: str) -> bool:
        """Whether two images, by the sha256 of their files, have one size."""
        return bool(self._memory.known[first] == self._memory.known[second])

    def learn(
        self, files: Iterable[tuple[str, Path]], progress: Progress | None = None
    ) -> dict[Path, str]:
        """Decode what was not decoded before, on all processors.

        Args:
            files: sha256 and path of each.
            progress: called with the number decoded.

        Returns:
            The error by path.
        """
        known = self._memory.known
        unknown: dict[str, dict[Path, None]] = {}
        for digest, path in files:
            if digest not in known:
                unknown.setdefault(digest, {})[path] = None
        firsts = [next(iter(paths)) for paths in unknown.values()]
        problems: dict[Path, str] = {}
        found = in_threads(_attempt, firsts, progress, "decoding images", share=4)
        for (digest, paths), (size, problem) in zip(unknown.items(), found, strict=True):
            if problem:  # a message names its file: each has one of its own
                problems |= {path: _attempt(path)[1] for path in paths}
            else:
                self._memory.put(digest, _RULES + size)
        return problems

    def save(self) -> None:
        """Write the cache; without it only time is lost."""
        self._memory.save()


def _attempt(path: Path) -> tuple[str, str]:
    """Size of an image, or its error; the other is empty."""
    try:
        height, width = size_of(path)
    except UserError as problem:
        return "", str(problem)
    return f"{width}x{height}", ""


def _is_entry(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(_RULES + "[0-9]+x[0-9]+", value) is not None
