"""Cars, buses and trucks, seen from the front, from behind, or crossing the street."""

from __future__ import annotations

import numpy as np

from ivif_bench.data.demo.objects import DARK, GLASS, RGB, STEEL, Board, colour, shade

_HEAD: RGB = (1.0, 0.97, 0.85)
_TAIL: RGB = (0.90, 0.10, 0.08)


def _box(
    b: Board, half: float, h0: float, h1: float, z0: float, z1: float, rgb: RGB, heat: float
) -> None:
    """Top, inner side and near face of a cuboid, as far as the camera sees them."""
    inner = -half if b.item.x > 0 else half
    if h1 < b.camera.height:
        top = [(-half, h1, z0), (half, h1, z0), (half, h1, z1), (-half, h1, z1)]
        b.solid(top, shade(rgb, 1.05), heat)
    side = [(inner, h0, z0), (inner, h1, z0), (inner, h1, z1), (inner, h0, z1)]
    b.solid(side, shade(rgb, 0.72), heat * 0.85)
    b.rect(-half, h0, half, h1, rgb, heat, ahead=z0)


def _wheels(b: Board, half: float, length: float, r: float) -> None:
    """The two near tyres and the far inner one, seen from the front or behind."""
    inner = -half if b.item.x > 0 else half
    wide = 0.24 if inner > 0 else -0.24
    b.solid(
        [
            (inner, 0, length),
            (inner - wide, 0, length),
            (inner - wide, r, length),
            (inner, r, length),
        ],
        DARK,
        0.9,
    )
    for a in (-half, half - 0.26):
        b.rect(a, 0.0, a + 0.26, 2 * r, DARK, 1.0, ahead=0.02)


def _lights(b: Board, half: float, h: float, r: float, front: bool) -> None:
    lit = b.item.band != "infrared"
    tint = _HEAD if front else _TAIL
    for a in (-half + r, half - r):
        rgb = tint if lit else shade(tint, 0.35)
        b.disc(a, h, r, rgb, 0.7, tall=0.65, glow=0.8 if lit else 0.0, ahead=-0.01)


def car(b: Board, rng: np.random.Generator) -> None:
    paint = colour(b.item, rng)
    if b.item.view.startswith("cross"):
        _car_side(b, paint)
        return
    front = b.item.view == "front"
    _wheels(b, 0.88, 3.2, 0.3)
    _box(b, 0.9, 0.28, 0.85, 0.0, 4.2, paint, 0.8)
    z0 = 1.1 if front else 0.5  # the cabin sits behind the bonnet
    roof = [(-0.66, 1.46, z0 + 0.6), (0.66, 1.46, z0 + 0.6), (0.66, 1.46, 3.0), (-0.66, 1.46, 3.0)]
    b.solid([(-0.82, 0.85, 3.6), (0.82, 0.85, 3.6), *roof[2:]], shade(paint, 0.6), 0.5)
    b.solid(roof, shade(paint, 1.05), 0.6)
    s = -1.0 if b.item.x > 0 else 1.0
    b.solid(
        [
            (s * 0.82, 0.85, z0),
            (s * 0.66, 1.46, z0 + 0.6),
            (s * 0.66, 1.46, 3.0),
            (s * 0.82, 0.85, 3.6),
        ],
        GLASS,
        0.4,
    )
    screen = [(-0.82, 0.85, z0), (0.82, 0.85, z0), roof[1], roof[0]]
    b.solid(screen, paint, 0.6)
    pane = [(-0.7, 0.9, z0), (0.7, 0.9, z0), (0.58, 1.4, z0 + 0.55), (-0.58, 1.4, z0 + 0.55)]
    b.solid(pane, GLASS, 0.4)
    b.rect(-0.5, 0.4, 0.5, 0.62, shade(DARK, 2.0), 1.0 if front else 0.9, ahead=-0.01)
    b.rect(-0.22, 0.42, 0.22, 0.54, (0.85, 0.85, 0.82), 0.8, ahead=-0.02)
    _lights(b, 0.86, 0.68, 0.15, front)


def _car_side(b: Board, paint: RGB) -> None:
    hull = [(-2.1, 0.28), (2.1, 0.28), (2.12, 0.66), (1.9, 0.82), (1.05, 0.92), (0.45, 1.42)]
    b.poly([*hull, (-1.15, 1.45), (-1.75, 0.98), (-2.1, 0.9)], paint, 0.7)
    b.poly([(1.05, 0.3), (2.1, 0.3), (2.1, 0.66), (1.88, 0.8), (1.05, 0.9)], paint, 1.0)
    b.poly([(-0.3, 0.95), (0.85, 0.95), (0.38, 1.34), (-0.3, 1.36)], GLASS, 0.45)
    b.poly([(-1.5, 0.98), (-0.42, 0.95), (-0.42, 1.36), (-1.08, 1.36)], GLASS, 0.45)
    for a in (-1.3, 1.35):
        b.disc(a, 0.32, 0.33, DARK, 1.0)
        b.disc(a, 0.32, 0.17, STEEL, 0.9)
    b.rect(1.95, 0.6, 2.1, 0.74, _HEAD, 0.7)
    b.rect(-2.1, 0.7, -1.98, 0.86, _TAIL, 0.5)


def bus(b: Board, rng: np.random.Generator) -> None:
    """One long body with a band of windows: passengers keep the windows warm."""
    paint = colour(b.item, rng)
    if b.item.view.startswith("cross"):
        b.poly(
            [(-3.3, 0.3), (3.3, 0.3), (3.3, 2.8), (3.1, 3.05), (-3.1, 3.05), (-3.3, 2.8)],
            paint,
            0.62,
        )
        for k in range(6):
            a = -3.1 + k * 1.0
            b.rect(a, 1.4, a + 0.82, 2.5, GLASS, 1.0)
        b.rect(2.85, 0.9, 3.22, 2.5, GLASS, 1.0)
        b.rect(-3.3, 0.95, 2.7, 1.15, shade(paint, 0.5), 0.6)
        for a in (-2.1, 2.05):
            b.disc(a, 0.42, 0.43, DARK, 1.0)
            b.disc(a, 0.42, 0.2, STEEL, 0.9)
        return
    front = b.item.view == "front"
    _wheels(b, 1.2, 6.0, 0.4)
    _box(b, 1.25, 0.3, 3.1, 0.0, 9.0, paint, 0.62)
    inner = -1.25 if b.item.x > 0 else 1.25
    band = [(inner, 1.4, 0.4), (inner, 2.5, 0.4), (inner, 2.5, 8.6), (inner, 1.4, 8.6)]
    b.solid(band, GLASS, 0.9)
    b.rect(-1.1, 1.2 if front else 1.6, 1.1, 2.55, GLASS, 1.0, ahead=-0.01)
    b.rect(-0.7, 2.68, 0.7, 2.95, (0.95, 0.65, 0.1) if front else DARK, 0.7, ahead=-0.01)
    b.rect(-0.04, 1.2, 0.04, 2.55, shade(paint, 0.7), 0.6, ahead=-0.02)
    b.rect(-0.9, 0.45, 0.9, 0.75, shade(paint, 0.45), 1.0, ahead=-0.01)
    _lights(b, 1.2, 0.9, 0.17, front)


def truck(b: Board, rng: np.random.Generator) -> None:
    """A plain, cool cargo box behind a hot cab: two bodies with a gap."""
    cab, cargo = colour(b.item, rng), colour(b.item, rng)
    if b.item.view.startswith("cross"):
        b.rect(-3.1, 0.62, 2.7, 0.85, shade(DARK, 2.0), 0.8)
        b.rect(-3.1, 0.85, 1.25, 3.15, cargo, 0.5)
        for a in (-2.2, -1.2, -0.2, 0.7):
            b.rect(a, 0.9, a + 0.07, 3.1, shade(cargo, 0.7), 0.4)
        b.poly([(1.5, 0.4), (3.1, 0.4), (3.1, 1.35), (2.75, 2.3), (1.5, 2.35)], cab, 1.0)
        b.poly([(2.05, 1.4), (2.95, 1.4), (2.68, 2.15), (2.05, 2.15)], GLASS, 0.6)
        for a in (-2.4, -1.5, 2.3):
            b.disc(a, 0.44, 0.45, DARK, 1.0)
            b.disc(a, 0.44, 0.2, STEEL, 0.9)
        return
    front = b.item.view == "front"
    _wheels(b, 1.15, 5.0, 0.48)
    if not front:
        _box(b, 1.25, 0.85, 3.15, 0.0, 5.5, cargo, 0.5)
        b.rect(-0.04, 0.9, 0.04, 3.1, shade(cargo, 0.55), 0.4, ahead=-0.01)
        for h in (1.3, 2.0, 2.7):
            b.rect(-1.2, h, 1.2, h + 0.07, shade(cargo, 0.65), 0.4, ahead=-0.01)
        b.rect(-1.1, 0.5, 1.1, 0.72, shade(DARK, 2.0), 1.0)
        _lights(b, 1.1, 0.62, 0.13, front)
        return
    _box(b, 1.25, 0.9, 3.2, 1.9, 7.5, cargo, 0.5)
    b.rect(-1.0, 0.45, 1.0, 0.8, shade(DARK, 2.0), 1.0)
    _box(b, 1.02, 0.6, 2.3, 0.0, 1.7, cab, 1.0)
    b.poly([(-0.9, 1.4), (0.9, 1.4), (0.82, 2.15), (-0.82, 2.15)], GLASS, 0.6, ahead=-0.01)
    b.rect(-0.7, 0.8, 0.7, 1.2, shade(cab, 0.45), 1.0, ahead=-0.01)
    _lights(b, 0.98, 0.72, 0.15, front)
