"""Checks that infrared and visible of a pair are two different images.

One image on both sides is fused and measured without any complaint, and its numbers look right: it
happens when both sides are read from one folder, or when a file holds the colours and, as its
fourth channel, the infrared image.
"""

from __future__ import annotations

import filecmp
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from ivif_bench.data.headers import read_header
from ivif_bench.data.images import luma, read_bytes, size_in_header
from ivif_bench.errors import UserError, first_few

Sides = tuple[str, Path, Path]  # stem, infrared, visible


def refuse_equal_files(
    where: str, pairs: Iterable[Sides], equal: Callable[[Path, Path], bool] | None = None
) -> None:
    """Refuse pairs whose two sides are one file, or two files of equal content.

    Args:
        where: what the pairs belong to, for the message.
        equal: whether two files of one size have equal content; by default they are compared.

    Raises:
        UserError: names the number of such pairs, the first stems and what to do.
    """
    equal = equal or equal_files
    pairs = list(pairs)
    found = [
        (stem, infrared)
        for stem, infrared, visible in pairs
        if _size(infrared) == _size(visible) and equal(infrared, visible)
    ]
    if found:
        stems = [stem for stem, _ in found]
        raise UserError(f"{where}: {one_image('file', stems, len(pairs), found[0][1])}")


def refuse_equal_pixels(
    where: str, paths: tuple[Path, Path], infrared: np.ndarray, visible: np.ndarray
) -> None:
    """Refuse a pair whose sides hold the same pixels; see ``equal_pixels``.

    Args:
        where: the pair, for the message.
        paths: its infrared and its visible file.

    Raises:
        UserError: names both files and what to do.
    """
    if equal_pixels(infrared, visible):
        raise UserError(
            f"{where}: infrared {paths[0]} and visible {paths[1]} hold the same pixels; "
            f"{_remedy(paths[0])}"
        )


def refuse_unequal_sizes(where: str, files: Mapping[str, Path], why: str) -> None:
    """Refuse images whose headers claim different sizes, before any of them is decoded.

    Files of formats without a known header are left to whoever decodes them.

    Args:
        where: what they belong to, for the message.
        files: path by side, such as ``infrared``.
        why: the end of the message.

    Raises:
        UserError: the sizes differ, or a file cannot be read.
    """
    found = {side: size_in_header(path) for side, path in files.items()}
    sizes = {side: size for side, size in found.items() if size is not None}
    if len(set(sizes.values())) > 1:
        raise UserError(f"{where}: {unequal_sizes(sizes)}; {why}")


def unequal_sizes(sizes: Mapping[str, tuple[int, ...]]) -> str:
    """Text for a message, from the shape of each side's image."""
    listed = ", ".join(f"{side} {shape[1]}x{shape[0]}" for side, shape in sizes.items())
    return f"sizes differ: {listed}"


def equal_files(infrared: Path, visible: Path) -> bool:
    """Whether two files have the same content."""
    try:
        return filecmp.cmp(infrared, visible, shallow=False)
    except OSError as problem:
        raise UserError(f"cannot read image {problem.filename}: {problem.strerror}") from problem


def equal_pixels(infrared: np.ndarray, visible: np.ndarray) -> bool:
    """Whether two images are one: equal in gray, which is what every method and metric reads.

    So an infrared image that is the visible one without its colours counts as equal. Images of one
    level do not: all-black frames on both sides say nothing about where they come from.

    Args:
        infrared, visible: uint8 [H, W], or RGB [H, W, 3].
    """
    if infrared.shape[:2] != visible.shape[:2]:
        return False
    if not np.array_equal(_gray(infrared[:1]), _gray(visible[:1])):  # tells nearly all apart
        return False
    plane = _gray(infrared)
    return bool(plane.min() < plane.max()) and np.array_equal(plane, _gray(visible))


def one_image(what: str, stems: list[str], count: int, example: Path) -> str:
    """The sentence for ``stems`` of ``count`` pairs that are one image twice.

    Args:
        what: what infrared and visible have in common: ``file`` or ``image``.
        example: the infrared file of the first of them.
    """
    return (
        f"infrared and visible are the same {what} in {len(stems)} of {count} pairs: "
        f"{first_few(stems)} ({example}); {_remedy(example)}"
    )


def _remedy(path: Path) -> str:
    remedy = "give each side a folder with its own images"
    if read_header(read_bytes(path)).alpha:
        remedy += (
            "; this file has a channel more than its colours: if that is the infrared image (as in "
            "MFNet's PNG files), write colours and infrared into two folders first"
        )
    return remedy


def _gray(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 2 else luma(image)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as problem:
        raise UserError(f"cannot read image {path}: {problem.strerror}") from problem
