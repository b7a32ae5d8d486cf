"""How things look: each kind is a list of painted polygons, projected from metres to pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ivif_bench.data.demo.scene import Camera, Item

Point = tuple[float, float]
RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Part:
    """One polygon in pixels.

    rgb: reflectance 0..1. heat: 0..1, share of the object's excess over ambient temperature.
    glow: 0..1, how much of rgb is the part's own light. alpha: coverage 0..1.
    label: whether the part belongs to the labelled silhouette (a lamp's post does not).
    """

    points: tuple[Point, ...]
    rgb: RGB
    heat: float
    glow: float = 0.0
    alpha: float = 1.0
    label: bool = True


class Board:
    """Collects parts drawn on upright planes at a distance: `a` metres right, `h` metres up."""

    def __init__(self, camera: Camera, item: Item, mirror: bool = False) -> None:
        self.camera, self.item, self.parts = camera, item, list[Part]()
        self.sign = -1.0 if mirror else 1.0

    def at(self, a: float, h: float, ahead: float = 0.0) -> Point:
        return self.camera.project(self.item.x + self.sign * a, h, self.item.z + ahead)

    def poly(
        self, points: list[Point], rgb: RGB, heat: float, ahead: float = 0.0, **how: Any
    ) -> None:
        placed = tuple(self.at(a, h, ahead) for a, h in points)
        self.parts.append(Part(placed, rgb, heat, **how))

    def rect(
        self, a0: float, h0: float, a1: float, h1: float, rgb: RGB, heat: float, **how: Any
    ) -> None:
        self.poly([(a0, h0), (a1, h0), (a1, h1), (a0, h1)], rgb, heat, **how)

    def disc(
        self, a: float, h: float, r: float, rgb: RGB, heat: float, tall: float = 1.0, **how: Any
    ) -> None:
        ring = [(a + r * c, h + tall * r * s) for c, s in _CIRCLE]
        self.poly(ring, rgb, heat, **how)

    def bar(
        self, a0: float, h0: float, a1: float, h1: float, w: float, rgb: RGB, heat: float
    ) -> None:
        """A straight limb or tube of width w from one point to another."""
        length = math.sqrt((a1 - a0) ** 2 + (h1 - h0) ** 2)
        da, dh = -(h1 - h0) / length * w / 2, (a1 - a0) / length * w / 2
        corners = [(a0 + da, h0 + dh), (a1 + da, h1 + dh), (a1 - da, h1 - dh), (a0 - da, h0 - dh)]
        self.poly(corners, rgb, heat)

    def solid(
        self, points: Sequence[tuple[float, float, float]], rgb: RGB, heat: float, **how: Any
    ) -> None:
        """A polygon through points (a, h, metres ahead)."""
        self.parts.append(Part(tuple(self.at(*p) for p in points), rgb, heat, **how))


_CIRCLE = [(math.cos(k * math.pi / 8), math.sin(k * math.pi / 8)) for k in range(16)]
DARK: RGB = (0.06, 0.06, 0.07)
GLASS: RGB = (0.13, 0.17, 0.21)
STEEL: RGB = (0.55, 0.56, 0.58)
BRIGHT: tuple[RGB, ...] = (
    (0.93, 0.93, 0.92),
    (0.80, 0.83, 0.86),
    (0.95, 0.80, 0.22),
    (0.95, 0.62, 0.30),
    (0.55, 0.86, 0.90),
    (0.72, 0.90, 0.55),
    (0.96, 0.72, 0.72),
)
MUTED: tuple[RGB, ...] = ((0.30, 0.29, 0.30), (0.26, 0.30, 0.27), (0.34, 0.29, 0.26))


def colour(item: Item, rng: np.random.Generator) -> RGB:
    """Paint or cloth: bright where light falls on it, muted where it is to stay unseen."""
    choice = MUTED if item.band == "infrared" else BRIGHT
    return choice[int(rng.integers(0, len(choice)))]


def shade(rgb: RGB, factor: float) -> RGB:
    return (rgb[0] * factor, rgb[1] * factor, rgb[2] * factor)


def person(b: Board, rng: np.random.Generator) -> None:
    coat, trousers = colour(b.item, rng), colour(b.item, rng)
    step, tall = rng.uniform(0.05, 0.28), rng.uniform(0.94, 1.06)
    skin: RGB = (0.85, 0.64, 0.52) if b.item.band != "infrared" else (0.33, 0.28, 0.26)
    h = tall
    for foot in (-step, step):
        b.bar(foot * 0.35, 0.88 * h, foot, 0.06, 0.17, shade(trousers, 0.85), 0.82)
        b.bar(foot - 0.03, 0.05, foot + 0.13, 0.05, 0.1, DARK, 0.5)
    swing = step * 0.9
    b.bar(-0.2, 1.38 * h, -0.2 - swing * 0.6, 0.85 * h, 0.12, shade(coat, 0.8), 0.8)
    b.bar(0.2, 1.38 * h, 0.2 + swing * 0.6, 0.85 * h, 0.12, shade(coat, 0.8), 0.8)
    body = [(-0.2, 0.82), (0.2, 0.82), (0.24, 1.36), (0.12, 1.47), (-0.12, 1.47), (-0.24, 1.36)]
    b.poly([(a, y * h) for a, y in body], coat, 0.85)
    b.disc(0.02, 1.61 * h, 0.125, skin, 1.0, tall=1.15)
    hat = [(-0.12, 1.64), (0.14, 1.64), (0.11, 1.76), (0.0, 1.79), (-0.1, 1.75)]
    b.poly([(a, y * h) for a, y in hat], DARK if rng.random() < 0.6 else coat, 0.7)


def motorcycle(b: Board, rng: np.random.Generator) -> None:
    """A parked scooter without rider, seen from the side."""
    paint = colour(b.item, rng)
    for a in (-0.66, 0.66):
        b.disc(a, 0.31, 0.31, DARK, 0.8)
        b.disc(a, 0.31, 0.14, STEEL, 0.6)
    b.bar(0.64, 0.3, 0.40, 1.05, 0.12, STEEL, 0.7)
    shell = [(-0.9, 0.55), (-0.3, 0.28), (0.25, 0.25), (0.5, 0.5), (0.2, 0.86), (-0.1, 0.66)]
    b.poly([*shell, (-0.85, 0.78)], paint, 0.9)
    b.poly([(-0.45, 0.2), (0.2, 0.2), (0.12, 0.5), (-0.3, 0.52)], shade(STEEL, 0.6), 1.0)
    b.poly([(-0.88, 0.78), (-0.1, 0.7), (-0.05, 0.84), (-0.8, 0.93)], shade(DARK, 1.5), 0.7)
    b.poly([(0.3, 0.7), (0.62, 0.62), (0.52, 1.0), (0.36, 1.05)], shade(paint, 0.9), 0.75)
    b.bar(0.2, 1.12, 0.5, 1.06, 0.09, DARK, 0.6)
    b.disc(0.56, 0.92, 0.09, (0.95, 0.95, 0.85), 0.8)


def bicycle(b: Board, rng: np.random.Generator) -> None:
    """A bicycle from the side; wheel discs are labelled as a whole, as annotators outline them."""
    paint = colour(b.item, rng)
    for a in (-0.55, 0.55):
        b.disc(a, 0.35, 0.36, shade(paint, 0.75), 0.85)
        b.disc(a, 0.35, 0.27, shade(paint, 0.45), 0.5)
        b.disc(a, 0.35, 0.08, STEEL, 0.9)
    frame = [(-0.55, 0.35, -0.2, 0.78), (-0.2, 0.78, 0.36, 0.8), (0.36, 0.8, -0.05, 0.35)]
    for line in [*frame, (-0.05, 0.35, -0.55, 0.35), (-0.05, 0.35, -0.24, 0.9)]:
        b.bar(*line, 0.12, paint, 1.0)
    b.bar(0.55, 0.35, 0.33, 1.02, 0.11, paint, 1.0)
    b.bar(-0.42, 0.94, -0.08, 0.94, 0.11, shade(paint, 0.8), 0.9)
    b.bar(0.2, 1.05, 0.52, 1.0, 0.1, shade(paint, 0.8), 0.9)


def lamp(b: Board, rng: np.random.Generator) -> None:
    """A street lantern. Only the head is labelled, as in M3FD; the post is furniture."""
    seen = b.item.band != "infrared"
    post = shade(STEEL, 0.35)
    top = rng.uniform(2.7, 3.1)
    b.rect(-0.05, 0.0, 0.05, top, post, 0.0, label=False)
    b.rect(-0.1, 0.0, 0.1, 0.5, post, 0.0, label=False)
    glass: RGB = (0.98, 0.95, 0.85) if seen else (0.30, 0.31, 0.30)
    glow = 1.0 if seen else 0.0
    if rng.random() < 0.5:
        b.disc(0.0, top + 0.36, 0.36, glass, 1.0, glow=glow)
        b.rect(-0.2, top - 0.04, 0.2, top + 0.05, post, 0.8)
    else:
        head = [(-0.24, top), (0.24, top), (0.4, top + 0.58), (-0.4, top + 0.58)]
        b.poly(head, glass, 1.0, glow=glow)
        b.poly([(-0.46, top + 0.56), (0.46, top + 0.56), (0.0, top + 0.8)], post, 0.85)


def cone(b: Board, rng: np.random.Generator) -> None:
    seen = b.item.band != "infrared"
    orange: RGB = (1.0, 0.42, 0.08) if seen else (0.34, 0.26, 0.22)
    white: RGB = (0.96, 0.96, 0.94) if seen else (0.32, 0.31, 0.30)
    b.rect(-0.36, 0.0, 0.36, 0.1, shade(orange, 0.85), 0.8)
    b.poly([(-0.27, 0.1), (0.27, 0.1), (0.06, 0.92), (-0.06, 0.92)], orange, 1.0)
    b.poly([(-0.21, 0.28), (0.21, 0.28), (0.155, 0.5), (-0.155, 0.5)], white, 0.9)
    b.poly([(-0.12, 0.64), (0.12, 0.64), (0.085, 0.78), (-0.085, 0.78)], white, 0.9)


def car_stop(b: Board, rng: np.random.Generator) -> None:
    """A concrete wheel stop of a parking bay."""
    seen = b.item.band != "infrared"
    top: RGB = (0.92, 0.91, 0.88) if seen else (0.33, 0.33, 0.32)
    end: RGB = (0.95, 0.75, 0.15) if seen else (0.33, 0.31, 0.27)
    b.solid([(-0.9, 0.0, 0), (0.9, 0.0, 0), (0.85, 0.3, 0.1), (-0.85, 0.3, 0.1)], top, 0.95)
    face = [(-0.85, 0.3, 0.1), (0.85, 0.3, 0.1), (0.85, 0.3, 0.4), (-0.85, 0.3, 0.4)]
    b.solid(face, shade(top, 0.85), 1.0)
    for a in (-0.86, 0.56):
        b.solid([(a, 0.03, 0), (a + 0.3, 0.03, 0), (a + 0.3, 0.3, 0.1), (a, 0.3, 0.1)], end, 0.9)


def bump(b: Board, rng: np.random.Generator) -> None:
    """A speed bump over one lane, in yellow and black blocks."""
    seen = b.item.band != "infrared"
    yellow: RGB = (0.98, 0.82, 0.15) if seen else (0.31, 0.30, 0.27)
    black: RGB = (0.16, 0.16, 0.16) if seen else (0.25, 0.25, 0.25)
    for k in range(7):
        a0, a1 = -1.5 + k * 3 / 7, -1.5 + (k + 1) * 3 / 7
        paint, heat = (yellow, 1.0) if k % 2 == 0 else (black, 0.75)
        b.solid([(a0, 0, 0), (a1, 0, 0), (a1, 0.14, 0.35), (a0, 0.14, 0.35)], paint, heat)
        quad = [(a0, 0.14, 0.35), (a1, 0.14, 0.35), (a1, 0, 0.9), (a0, 0, 0.9)]
        b.solid(quad, shade(paint, 0.85), heat * 0.9)


def curb(b: Board, rng: np.random.Generator) -> None:
    """The kerb between road and sidewalk ('curve' in MSRS), in blocks, up to 16 m ahead."""
    seen = b.item.band != "infrared"
    stone: RGB = (0.90, 0.88, 0.82) if seen else (0.33, 0.32, 0.31)
    out, near = float(b.item.side), 3.2 - b.item.z
    far = 17.0 - b.item.z
    inner, outer = 0.0, 0.45 * out
    top = [(inner, 0.22, near), (outer, 0.22, near), (outer, 0.22, far), (inner, 0.22, far)]
    b.solid(top, stone, 0.95)
    face = [(inner, 0.0, near), (inner, 0.22, near), (inner, 0.22, far), (inner, 0.0, far)]
    b.solid(face, shade(stone, 0.8), 1.0)
    ahead = near
    while ahead < far - 1.2:
        ahead += 1.2
        joint = [(inner, 0.22, ahead), (outer, 0.22, ahead), (outer, 0.22, ahead + 0.06)]
        b.solid([*joint, (inner, 0.22, ahead + 0.06)], shade(stone, 0.7), 0.85)


def guardrail(b: Board, rng: np.random.Generator) -> None:
    """Two broad rails on posts along the sidewalk."""
    seen = b.item.band != "infrared"
    paint: RGB = (0.95, 0.95, 0.95) if seen else (0.32, 0.33, 0.33)
    length = 7.0
    for k in range(6):
        ahead = length * (5 - k) / 5
        post = [(-0.08, 0.0, ahead), (0.08, 0.0, ahead), (0.08, 1.0, ahead), (-0.08, 1.0, ahead)]
        b.solid(post, shade(paint, 0.85), 0.9)
    for low, high in ((0.22, 0.52), (0.66, 1.0)):
        rail = [(0, low, 0.0), (0, high, 0.0), (0, high, length), (0, low, length)]
        b.solid(rail, paint, 1.0)


def tree(b: Board, rng: np.random.Generator) -> None:
    bark: RGB = (0.20, 0.16, 0.12)
    b.poly([(-0.14, 0), (0.14, 0), (0.09, 2.6), (-0.09, 2.6)], bark, 0.0, label=False)
    green = rng.uniform(0.15, 0.25)
    for _ in range(16):
        a, h = rng.uniform(-1.2, 1.2), rng.uniform(2.4, 4.9)
        tone = green * rng.uniform(0.7, 1.35)
        leaf: RGB = (tone * 0.75, tone, tone * 0.45)
        b.disc(a, h, rng.uniform(0.4, 0.8), leaf, 0.0, label=False)
