"""Weighted window sums of images and of products of images, a tile at a time.

Windows are separable and symmetric. A tile is small enough for all its planes to stay in the
second-level cache: its columns are filtered first, four rows of sums at once so that each value is
loaded once for four sums, then its rows. The number of taps is part of the compiled type (a tuple),
so that the loops over taps are unrolled.
"""

from __future__ import annotations

import math
import threading
from typing import Literal, NamedTuple

import numpy as np

from ivif_bench.compiled.jit import kernel

WIDTH, ROWS = 128, 32  # window sums in a tile
MARGIN = 16  # what the widest window, 17 pixels, needs beyond them
LINE, TALL = WIDTH + MARGIN, ROWS + MARGIN

_PLANE = ROWS * WIDTH + 32  # not a power of two: planes would share lines of the cache
_PRODUCT = 5  # number of the tile that holds a product
_CACHE_LINE = 64  # bytes

# pytorch-msssim's taps. Their sum over the window is 0.99999996927.
_FLOAT32_TAPS = (
    0.26601171493530273,
    0.21300552785396576,
    0.10936068743467331,
    0.036000773310661316,
    0.0075987582094967365,
    0.0010283803567290306,
)


def gaussian_taps(side: int, sigma: float) -> np.ndarray:
    """Right half of a Gaussian window, centre first, float64 [side // 2 + 1]; the whole sums to 1."""
    half = [math.exp(-t * t / (2 * sigma * sigma)) for t in range(side // 2 + 1)]
    total = half[0] + 2 * math.fsum(half[1:])
    return np.array([tap / total for tap in half])


def similarity_taps(window: Literal["gaussian", "float32", "uniform"]) -> tuple[float, ...]:
    """Right half, centre first, of SSIM's windows: 11 pixels with σ 1.5, or 7 equal ones.

    ``float32`` has the taps of pytorch-msssim, which are normalised in single precision.
    """
    if window == "uniform":
        return (1.0 / 7,) * 4
    return _FLOAT32_TAPS if window == "float32" else tuple(gaussian_taps(11, 1.5).tolist())


def sums_to_one(taps: tuple[float, ...]) -> bool:
    """Whether window sums are means, so that variances are the same whatever level is taken off.

    Args:
        taps: right half of a window, centre first.
    """
    return abs(taps[0] + 2 * math.fsum(taps[1:]) - 1.0) < 1e-12


class Workspace(NamedTuple):
    """Planes of one tile, flat.

    Attributes:
        tiles: [6, TALL * LINE] images, and what is made of them; the last is for products.
        short: [ROWS * LINE] a plane whose columns are filtered.
        sums: [8, PLANE] window sums, of which ROWS * WIDTH are used.
    """

    tiles: np.ndarray
    short: np.ndarray
    sums: np.ndarray


_of_thread = threading.local()


def workspace(dtype: type[np.floating]) -> Workspace:
    """The thread's own workspace, kept between images: fresh memory would cost page faults."""
    kept: dict[str, Workspace] = _of_thread.__dict__
    name = np.dtype(dtype).name
    if name not in kept:
        kept[name] = Workspace(
            _aligned((_PRODUCT + 1, TALL * LINE), dtype),
            _aligned((ROWS * LINE,), dtype),
            _aligned((8, _PLANE), dtype),
        )
    return kept[name]


def _aligned(shape: tuple[int, ...], dtype: type[np.floating]) -> np.ndarray:
    """Zeros that start at a cache line: loads that cross one cost twice."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def widened(
    taps: tuple[float, ...], count: int, *images: np.ndarray
) -> tuple[tuple[float, ...], list[np.ndarray]]:
    """A window with zeros at its ends, of ``count`` taps from the centre, and images to match.

    The images get a margin of zeros, so that there are as many sums as before, of the same values:
    fewer widths have to be compiled.
    """
    more = count - len(taps)
    return taps + (0.0,) * more, [_framed(image, more) if more else image for image in images]


def _framed(image: np.ndarray, margin: int) -> np.ndarray:
    rows, columns = image.shape
    framed = np.zeros((rows + 2 * margin, columns + 2 * margin), image.dtype)
    framed[margin : margin + rows, margin : margin + columns] = image
    return framed


def typed(taps: tuple[float, ...], dtype: type[np.floating]) -> tuple[np.floating, ...]:
    """Taps as scalars of a type, for which kernels are compiled."""
    return tuple(dtype(tap) for tap in taps)


@kernel
def tile_width(columns):  # type: ignore[no-untyped-def]
    """Columns per tile such that tiles are nearly equal, and a multiple of eight."""
    tiles = (columns + WIDTH - 1) // WIDTH
    return ((columns + tiles - 1) // tiles + 7) // 8 * 8


@kernel
def mean_level(image, top, left, rows, columns):  # type: ignore[no-untyped-def]
    """Mean of a part of an image, rounded to a whole number.

    Whole numbers less a whole number have products that are exact in float32.
    """
    total = 0.0
    for i in range(top, top + rows):
        row, in_row = image[i, left : left + columns], np.uint32(0)
        for j in range(columns):
            in_row += np.uint32(row[j])
        total += in_row
    return np.rint(total / (rows * columns))


@kernel
def flattest_level(image, top, left, rows, columns):  # type: ignore[no-untyped-def]
    """Mean of every eighth row of a part of an image, mostly of its flat areas; a whole number.

    A pixel weighs 1/(0.001 + d²), d the difference to its neighbour: windows with small variances
    are near this level.
    """
    one, least = np.float32(1), np.float32(0.001)
    weights, weighted = np.zeros(columns, np.float32), np.zeros(columns, np.float32)
    for i in range(top, top + rows, 8):
        row = image[i, left : left + columns]
        for j in range(columns - 1):
            x = np.float32(row[j])
            d = np.float32(row[j + 1]) - x
            weight = one / (least + d * d)
            weights[j] += weight
            weighted[j] += weight * x
    total = weights.sum()
    if total > 0:
        return np.rint(np.float64(weighted.sum() / total))
    return np.rint(np.float64(image[top, left]))


@kernel
def cut(image, top, left, rows, columns, level, tile):  # type: ignore[no-untyped-def]
    """Rows and columns of an image, minus ``level``, into a tile."""
    offset = tile.dtype.type(level)
    for i in range(rows):
        row, line = image[top + i, left : left + columns], tile[i * LINE : i * LINE + columns]
        for j in range(columns):
            line[j] = row[j] - offset


@kernel
def window_sums(tiles, pairs, rows, columns, taps, short, sums):  # type: ignore[no-untyped-def]
    """``sums[p]`` of tile x, or of tile x times tile y, for each (x, y) in ``pairs`` [P, 2].

    y is −1 for none. The tiles have 2r rows and columns more than the sums, for 2r+1 taps.
    """
    halo = 2 * (len(taps) - 1)
    for p in range(pairs.shape[0]):
        x, y = pairs[p]
        if y >= 0:
            _product(tiles[x], tiles[y], rows + halo, tiles[_PRODUCT])
            x = _PRODUCT
        _down(tiles[x], rows, columns + halo, taps, short)
        _across(short, rows, columns, taps, sums[p])


@kernel
def _product(tile, other, rows, out):  # type: ignore[no-untyped-def]
    for k in range(rows * LINE):
        out[k] = tile[k] * other[k]


@kernel
def _down(tile, rows, columns, taps, out):  # type: ignore[no-untyped-def]
    middle = (len(taps) - 1) * LINE
    for i in range(0, rows, 4):
        x, to = tile[i * LINE :], out[i * LINE :]
        for j in range(columns):
            m = middle + j
            s, t = taps[0] * x[m], taps[0] * x[m + LINE]
            u, v = taps[0] * x[m + 2 * LINE], taps[0] * x[m + 3 * LINE]
            for k in range(1, len(taps)):
                a, b, tap = m - k * LINE, m + k * LINE, taps[k]
                s += tap * (x[a] + x[b])
                t += tap * (x[a + LINE] + x[b + LINE])
                u += tap * (x[a + 2 * LINE] + x[b + 2 * LINE])
                v += tap * (x[a + 3 * LINE] + x[b + 3 * LINE])
            to[j], to[j + LINE], to[j + 2 * LINE], to[j + 3 * LINE] = s, t, u, v


@kernel
def _across(short, rows, columns, taps, out):  # type: ignore[no-untyped-def]
    r = len(taps) - 1
    for i in range(rows):
        x, to = short[i * LINE :], out[i * WIDTH :]
        for j in range(columns):
            s = taps[0] * x[j + r]
            for k in range(1, len(taps)):
                s += taps[k] * (x[j + r - k] + x[j + r + k])
            to[j] = s
