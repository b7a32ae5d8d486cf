"""A split: named lists of stems with a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Split:
    """The stems of the images to train on and to judge.

    Attributes:
        name: its name in tables.
        parts: ``train``, ``val`` and ``test`` stems, each sorted; absent parts are empty.
    """

    name: str
    parts: Mapping[str, tuple[str, ...]]

    @property
    def train(self) -> tuple[str, ...]:
        return self.parts.get("train", ())

    @property
    def val(self) -> tuple[str, ...]:
        return self.parts.get("val", ())

    @property
    def test(self) -> tuple[str, ...]:
        return self.parts.get("test", ())

    @property
    def sha256(self) -> str:
        """Hash over the canonical hashes of all parts; any change of any list changes it."""
        lines = "".join(
            f"{part} {canonical_hash(self.parts[part])}\n" for part in sorted(self.parts)
        )
        return hashlib.sha256(lines.encode()).hexdigest()


def canonical_hash(stems: Iterable[str]) -> str:
    """sha256 of the sorted stems, one per line, newline at the end."""
    return hashlib.sha256("".join(f"{stem}\n" for stem in sorted(stems)).encode()).hexdigest()
