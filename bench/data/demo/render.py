"""Painting a planned scene through two sensors, with exact boxes and masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from ivif_bench.data.demo import objects, vehicles
from ivif_bench.data.demo.background import LIGHT, Image, cast, noise, smooth, transmission
from ivif_bench.data.demo.objects import Board, Part
from ivif_bench.data.demo.scene import (
    CONDITIONS,
    DETECTION_CLASSES,
    TASKS,
    Composition,
    Item,
    plan,
)

FINE = 3  # sub-samples per pixel and axis
MIN_SEEN = 0.35  # objects with a smaller unoccluded share are taken out of the scene
MIN_SIDE = 6  # and so are boxes with a shorter side, px

_ENDLESS = ("curve", "guardrail")  # run out of the picture by nature, so no share is asked
_Slices = tuple[slice, slice]
_Corners = tuple[int, int, int, int]
_DRAW: dict[str, Callable[[Board, np.random.Generator], None]] = {
    "People": objects.person,
    "Car": vehicles.car,
    "Bus": vehicles.bus,
    "Truck": vehicles.truck,
    "Motorcycle": objects.motorcycle,
    "Lamp": objects.lamp,
    "bike": objects.bicycle,
    "curve": objects.curb,
    "car_stop": objects.car_stop,
    "guardrail": objects.guardrail,
    "color_cone": objects.cone,
    "bump": objects.bump,
    "tree": objects.tree,
}
_MASK_ID = {
    "Car": 1,
    "People": 2,
    "bike": 3,
    "curve": 4,
    "car_stop": 5,
    "guardrail": 6,
    "color_cone": 7,
    "bump": 8,
}


@dataclass(frozen=True)
class Scene:
    """A rendered pair with its labels. Labels follow the visible image.

    infrared: uint8 [H, W]. visible: uint8 [H, W, 3], RGB.
    boxes: (M3FD class, (x1, y1, x2, y2)) in 0-based pixels, x2 and y2 exclusive, tight around
    what is left of the silhouette after occlusion. Motorcycles are parked, without rider; of a
    lamp only the head counts.
    mask: uint8 [H, W], MSRS class ids 0..8. condition: 'day', 'night' or 'fog'.
    """

    infrared: Image
    visible: Image
    boxes: tuple[tuple[str, tuple[int, int, int, int]], ...]
    mask: Image
    condition: str


@dataclass(frozen=True)
class Sprite:
    """An item drawn into its own window at (top, left): what it adds to each pixel."""

    item: Item
    top: int
    left: int
    reflect: Image  # [h, w, 3] reflectance x coverage
    glow: Image  # [h, w, 3] own light x coverage
    heat: Image  # [h, w] heat x coverage
    cover: Image  # [h, w] 0..1
    label: Image  # bool [h, w], labelled silhouette
    solid: Image  # bool [h, w], hides what is behind


def render_scene(seed: int, size: tuple[int, int] = (192, 256), task: str = "detection") -> Scene:
    """Render the street scene of `seed`; the same bytes for the same arguments.

    seed: >= 0; `seed % 3` chooses day, night or fog. size: (height, width) in pixels, each at
    least 96. task: 'detection' populates the street with M3FD's classes, 'segmentation' with
    MSRS's; boxes and mask are filled for either where a class belongs to both.
    """
    if task not in TASKS:
        raise ValueError(f"demo: unknown task {task!r}; use one of {', '.join(TASKS)}")
    if seed < 0 or min(size) < 96:
        raise ValueError(f"demo: need seed >= 0 and sides >= 96 px, got seed {seed}, size {size}")
    composition = plan(seed, size, task)
    source = np.random.SeedSequence([seed, TASKS.index(task), 1])
    rng = np.random.Generator(np.random.PCG64(source))
    sprites = [_draw(composition, item, size) for item in composition.items]
    owner, boxes = _own(sprites, size)
    gone = [k for k, s in enumerate(sprites) if s.item.kind != "tree" and k not in boxes]
    if gone:
        sprites = [s for k, s in enumerate(sprites) if k not in gone]
        owner, boxes = _own(sprites, size)

    visible, infrared = cast(composition, size, rng)
    ambient = infrared.copy()
    mask = np.zeros(size, np.uint8)
    for k, sprite in enumerate(sprites):
        _paint_visible(visible, sprite, composition)
        _paint_infrared(infrared, ambient, sprite, composition)
        mask[owner == k] = _MASK_ID.get(sprite.item.kind, 0)
    for sprite in sprites:
        _halo(visible, sprite, composition)
    labelled = tuple(
        (sprites[k].item.kind, box)
        for k, box in boxes.items()
        if sprites[k].item.kind in DETECTION_CLASSES
    )
    return Scene(
        infrared=_sense(smooth(infrared, 1), 2.6, rng, stripes=1.2),
        visible=_sense(
            smooth(visible, 1) * 0.5 + visible * 0.5, _NOISE[composition.condition], rng
        ),
        boxes=labelled,
        mask=mask,
        condition=composition.condition,
    )


_NOISE = {"day": 3.5, "night": 4.5, "fog": 3.0}
assert tuple(_NOISE) == CONDITIONS


def _draw(composition: Composition, item: Item, size: tuple[int, int]) -> Sprite:
    """Fill the item's polygons on a finer grid, then average down to pixels."""
    rng = np.random.Generator(np.random.PCG64(item.seed))
    board = Board(composition.camera, item, mirror=item.view == "cross-left")
    _DRAW[item.kind](board, rng)
    points = np.array([p for part in board.parts for p in part.points])
    left, top = (int(v) for v in np.floor(points.min(axis=0)) - 1)
    right, bottom = (int(v) for v in np.ceil(points.max(axis=0)) + 1)
    if item.kind in _ENDLESS:  # most of it is out of the picture: draw only what is in it
        left, top, right, bottom = (
            max(left, 0),
            max(top, 0),
            min(right, size[1]),
            min(bottom, size[0]),
        )
    grid = np.zeros(((bottom - top) * FINE, (right - left) * FINE), np.uint8)
    for index, part in enumerate(board.parts, start=1):
        corners = (np.array(part.points) - (left, top)) * FINE - 0.5
        cv2.fillPoly(grid, [np.rint(corners * 16).astype(np.int32)], index, shift=4)
    table = np.array([[0.0] * 9, *(_row(part) for part in board.parts)])
    total = np.zeros((bottom - top, right - left, 9))
    for dy in range(FINE):
        for dx in range(FINE):
            total += table[grid[dy::FINE, dx::FINE]]
    total /= FINE * FINE
    cover, label = total[..., 7], total[..., 8]
    # A little modelling: lighter above, darker below.
    shading = (1.08 - 0.22 * np.linspace(0.0, 1.0, bottom - top))[:, None, None]
    return Sprite(
        item=item,
        top=top,
        left=left,
        reflect=total[..., 0:3] * shading,
        glow=total[..., 3:6],
        heat=total[..., 6],
        cover=cover,
        label=label >= 0.5,
        solid=cover >= 0.5,
    )


def _row(part: Part) -> list[float]:
    lit = [c * part.alpha * (1.0 - part.glow) for c in part.rgb]
    own = [c * part.alpha * part.glow for c in part.rgb]
    return [*lit, *own, part.heat * part.alpha, part.alpha, float(part.label)]


def _window(
    sprite: Sprite, size: tuple[int, ...], shift: tuple[int, int] = (0, 0)
) -> tuple[_Slices, _Slices] | None:
    """Slices of the image and of the sprite that overlap, or None."""
    top, left = sprite.top + shift[0], sprite.left + shift[1]
    y0, x0 = max(top, 0), max(left, 0)
    y1 = min(top + sprite.cover.shape[0], size[0])
    x1 = min(left + sprite.cover.shape[1], size[1])
    if y0 >= y1 or x0 >= x1:
        return None
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))


def _own(sprites: list[Sprite], size: tuple[int, int]) -> tuple[Image, dict[int, _Corners]]:
    """Which sprite owns each pixel's label, -1 for none, and the box of every one left to see."""
    owner = np.full(size, -1, np.int64)
    for k, sprite in enumerate(sprites):
        found = _window(sprite, size)
        if found is None:
            continue
        image, own = found
        region = owner[image]
        region[sprite.solid[own]] = -1
        region[sprite.label[own]] = k
    boxes: dict[int, _Corners] = {}
    for k, sprite in enumerate(sprites):
        rows, columns = np.nonzero(owner == k)
        full = 1 if sprite.item.kind in _ENDLESS else int(sprite.label.sum())
        if len(rows) == 0 or len(rows) < MIN_SEEN * full:
            continue
        x1, x2 = int(columns.min()), int(columns.max()) + 1
        y1, y2 = int(rows.min()), int(rows.max()) + 1
        if min(x2 - x1, y2 - y1) >= MIN_SIDE:
            boxes[k] = (x1, y1, x2, y2)
    return owner, boxes


def _paint_visible(visible: Image, sprite: Sprite, composition: Composition) -> None:
    found = _window(sprite, visible.shape[:2])
    if found is None:
        return
    image, own = found
    light, item = LIGHT[composition.condition], sprite.item
    clear = item.side == composition.clear_side
    amount = light.clear if clear else light.obscured
    glow = sprite.glow[own] if composition.condition != "day" else sprite.glow[own] * 0.96
    through = transmission(item.z, light.reach[0 if clear else 1])
    cover = sprite.cover[own][..., None]
    seen = sprite.reflect[own] * amount + glow
    seen = seen * through + (1.0 - through) * cover * np.array(light.air)
    visible[image] = visible[image] * (1.0 - cover) + 255.0 * seen


def _paint_infrared(
    infrared: Image, ambient: Image, sprite: Sprite, composition: Composition
) -> None:
    item = sprite.item
    # The infrared camera sits beside the visible one: near things shift by 2 px, far ones by 1.
    unit = composition.camera.focal / 220.0
    parallax = max(1, round((2.0 if item.z < 11.0 else 1.0) * unit))
    found = _window(sprite, infrared.shape, (0, parallax))
    if found is None:
        return
    image, own = found
    # Excess over ambient, in gray levels; ambient things differ by less than the noise.
    excess = {"infrared": 135.0, "both": 120.0, "visible": 3.0}[item.band]
    cover = sprite.cover[own]
    infrared[image] = infrared[image] * (1.0 - cover) + ambient[image] * cover
    infrared[image] += excess * item.warmth * sprite.heat[own]


def _halo(visible: Image, sprite: Sprite, composition: Composition) -> None:
    """Scattered light around lamps that are on."""
    if (
        sprite.item.kind != "Lamp"
        or sprite.item.band == "infrared"
        or composition.condition == "day"
    ):
        return
    rows, columns = np.nonzero(sprite.label)
    y, x = sprite.top + (rows.min() + rows.max()) / 2, sprite.left + columns.mean()
    radius = 0.8 * (columns.max() - columns.min() + 1)
    dy = ((np.arange(visible.shape[0]) - y) / radius)[:, None]
    dx = ((np.arange(visible.shape[1]) - x) / radius)[None, :]
    fall = 1.0 / (1.0 + dy * dy + dx * dx)
    visible += (55.0 * fall * fall)[..., None] * np.array([1.0, 0.9, 0.65])


def _sense(image: Image, sigma: float, rng: np.random.Generator, stripes: float = 0.0) -> Image:
    """Add sensor noise (gray levels; `stripes`: fixed pattern by column) and quantise."""
    noisy = image + sigma * noise(rng, image.shape)
    if stripes:
        noisy = noisy + stripes * noise(rng, (1, image.shape[1]))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
