"""The empty street, cast ray by ray: ground, house fronts, backdrop and sky in both bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ivif_bench.data.demo.scene import ROAD, WALL, Composition

GAP = (19.0, 27.0)  # metres: the crossing street, where house fronts stop
END = 55.0  # metres: the street ends in front of trees


@dataclass(frozen=True)
class Light:
    """What a condition does to visible light on the clear and on the obscured side."""

    clear: tuple[float, float, float]  # RGB factor on reflectance
    obscured: tuple[float, float, float]
    air: tuple[float, float, float]  # RGB of the fog itself
    reach: tuple[float, float]  # metres at which half the light is fog: clear, obscured side


NO_FOG = (1e4, 1e4)
LIGHT = {
    "day": Light((1.0, 0.98, 0.92), (0.13, 0.145, 0.185), (0.0, 0.0, 0.0), NO_FOG),
    "night": Light((1.0, 0.88, 0.66), (0.045, 0.05, 0.07), (0.0, 0.0, 0.0), NO_FOG),
    "fog": Light((0.80, 0.82, 0.84), (0.70, 0.72, 0.74), (0.66, 0.68, 0.70), (30.0, 1.9)),
}
Image = npt.NDArray[Any]
Distance = TypeVar("Distance", float, Image)


def transmission(z: Distance, reach: Distance) -> Distance:
    """Share of an object's own light that gets through z metres of fog."""
    return 1.0 / (1.0 + (z / reach) * (z / reach))


def noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Image:
    """Bell-shaped noise of unit variance from integers only, hence the same on any machine."""
    total = rng.integers(0, 256, (4, *shape), dtype=np.uint8).sum(axis=0, dtype=np.int32)
    scaled: Image = (total - 510) / 147.8
    return scaled


def smooth(image: Image, passes: int = 1) -> Image:
    """Blur by repeated (1 2 1)/4 along both axes; each pass adds 0.5 px^2 of variance."""
    for _ in range(passes):
        for axis in (0, 1):
            if image.shape[axis] < 2:
                continue
            old = np.moveaxis(image, axis, 0)
            new = 0.5 * old
            new[1:-1] += 0.25 * (old[:-2] + old[2:])
            new[0] += 0.25 * (old[0] + old[1])
            new[-1] += 0.25 * (old[-1] + old[-2])
            image = np.moveaxis(new, 0, axis)
    return image


def _phase(x: Image, period: float) -> Image:
    """Position within a repeating pattern, 0..period (faster than the % of numpy)."""
    return x - period * np.floor(x / period)


def cast(
    composition: Composition, size: tuple[int, int], rng: np.random.Generator
) -> tuple[Image, Image]:
    """Street without objects: visible float RGB [H, W, 3] and infrared [H, W], 0..255."""
    camera, height, width = composition.camera, *size
    column = (np.arange(width) + 0.5 - camera.centre)[None, :] / camera.focal
    row = (np.arange(height) + 0.5 - camera.horizon)[:, None] / camera.focal
    row = np.broadcast_to(row, size)
    column = np.broadcast_to(column, size)

    # Distance to the ground and to the house front of this half; the nearer surface is seen.
    z_ground = np.where(row > 1e-3, camera.height / np.maximum(row, 1e-3), 1e3)
    z_wall = WALL / np.maximum(np.abs(column), 1e-3)
    wall_y = camera.height - row * z_wall
    block = np.minimum(z_wall / 9.0, 15.0).astype(np.int64) + np.where(column > 0, 16, 0)
    heights = rng.integers(100, 155, 32)[block] / 10.0
    in_gap = (z_wall > GAP[0]) & (z_wall < GAP[1])
    is_wall = (z_wall < z_ground) & (z_wall < END) & (wall_y < heights) & ~in_gap
    is_ground = ~is_wall & (z_ground < END)
    backdrop_y = -row * camera.focal / (height / 192.0)
    tree_line = 26.0 + 9.0 * smooth(noise(rng, (1, width)), 6)
    is_backdrop = ~is_wall & ~is_ground & (backdrop_y < tree_line)
    z = np.where(is_wall, z_wall, np.where(is_ground, z_ground, END))

    grain = smooth(noise(rng, size), 1)
    reflect, heat = _ground(column * z_ground, z_ground, composition, grain)
    wall_reflect, wall_heat, lit = _walls(wall_y, z_wall, block, composition, rng)
    leaves = 0.15 + 0.05 * smooth(noise(rng, size), 2)
    reflect = np.where(is_wall[..., None], wall_reflect, reflect)
    reflect = np.where(is_backdrop[..., None], leaves[..., None] * (0.8, 1.0, 0.65), reflect)
    heat = np.where(is_wall, wall_heat, np.where(is_backdrop, 62.0 + 60.0 * (leaves - 0.15), heat))

    light = LIGHT[composition.condition]
    across = np.where(is_wall, np.sign(column) * WALL, column * z) * composition.clear_side
    # 0 on the obscured side, 1 on the clear one; the edge wanders, and fog has a soft one.
    edge = 0.22 * smooth(noise(rng, (height, 1)), 12) * np.minimum(z / 4.0, 3.0)
    width_of_edge = 2.4 if composition.condition == "fog" else 0.7
    share = np.clip((across + edge) / width_of_edge + 0.5, 0.0, 1.0)
    share = share * share * (3.0 - 2.0 * share)
    amount = share[..., None] * light.clear + (1.0 - share[..., None]) * light.obscured
    if composition.condition == "night":
        # Street lamps every 9 m make pools of light on the clear side.
        phase = _phase(z / 9.0, 1.0)
        amount = amount * (0.78 + 0.5 * np.abs(phase - 0.5))[..., None]
        amount = amount * np.where(is_wall, np.clip(1.25 - wall_y / 9.0, 0.25, 1.0), 1.0)[..., None]
    visible = reflect * amount
    if composition.condition == "night":
        visible = np.where((is_wall & lit)[..., None], (0.62, 0.52, 0.30), visible)
    sky, sky_heat = _sky(row, composition, rng)
    is_sky = ~(is_wall | is_ground | is_backdrop)
    reach = share * light.reach[0] + (1.0 - share) * light.reach[1]
    through = transmission(z, reach)[..., None]
    visible = np.where(is_sky[..., None], sky, visible * through + (1.0 - through) * light.air)
    heat = np.where(is_sky, sky_heat, heat)
    return 255.0 * visible, heat


def _ground(x: Image, z: Image, composition: Composition, grain: Image) -> tuple[Image, Image]:
    """Asphalt with worn tracks and paint, paved sidewalk; reflectance RGB and infrared level."""
    detail = np.clip(12.0 / z, 0.0, 1.0)  # texture melts away with distance
    ax = np.abs(x)
    tracks = np.clip(1.0 - np.abs(np.abs(ax - 1.8) - 0.75) / 0.35, 0.0, 1.0)
    asphalt = 0.27 + 0.05 * grain * detail - 0.035 * tracks
    paint = ((ax < 0.09) & (_phase(z, 4.0) < 2.0)) | (np.abs(ax - ROAD + 0.45) < 0.07)
    asphalt = np.where(paint, 0.62, asphalt)
    tiles = ((_phase(ax, 0.8) < 0.06) | (_phase(z, 0.8) < 0.07)) & (z < 13.0)
    paving = 0.36 + 0.03 * grain * detail - 0.07 * tiles
    lawn = 0.24 + 0.06 * grain
    on_road = ax < ROAD
    level = np.where(on_road, asphalt, np.where(ax < WALL, paving, lawn))
    tint = np.where(on_road[..., None], (1.0, 1.0, 1.03), (1.04, 1.0, 0.93))
    base = {"day": 84.0, "night": 58.0, "fog": 66.0}[composition.condition]
    heat = base + 8.0 * np.clip(z / 30.0, 0.0, 1.0) + np.where(on_road, 5.0, -3.0)
    heat = heat + 4.0 * tracks + 1.5 * grain * detail
    return level[..., None] * tint, heat


def _walls(
    y: Image, z: Image, block: Image, composition: Composition, rng: np.random.Generator
) -> tuple[Image, Image, Image]:
    """House fronts with windows and shop bands; also which windows are lit at night."""
    tone = rng.integers(22, 44, 32)[block] / 100.0
    warm = rng.integers(-5, 9, 32)[block] / 100.0
    floor, bay = np.floor(y / 3.0), np.floor(z / 2.0)
    fy, fz = y / 3.0 - floor, z / 2.0 - bay
    window = (fy > 0.32) & (fy < 0.80) & (fz > 0.24) & (fz < 0.76)
    shop = (y > 0.5) & (y < 2.5) & (fz > 0.1) & (fz < 0.9)
    sill = (fy > 0.93) | (np.abs(_phase(z, 6.0) - 0.15) < 0.15)
    pick = (floor.astype(np.int32) * 7 + bay.astype(np.int32) * 13 + block * 5) % 11
    level = np.where(sill, tone + 0.07, tone)
    level = np.where(window, 0.16 + 0.012 * pick, level)
    level = np.where(shop & (floor == 0), 0.14 + 0.01 * pick, level)
    colour = np.stack([level + warm * 0.6, level, level - warm * 0.5], axis=-1)
    heat = {"day": 80.0, "night": 62.0, "fog": 66.0}[composition.condition] + 40.0 * (tone - 0.33)
    heat = heat + np.where(window, np.where(pick < 2, 16.0, -6.0), 0.0)
    return colour, heat, window & (pick < 2) & (floor > 0)


def _sky(row: Image, composition: Composition, rng: np.random.Generator) -> tuple[Image, Image]:
    up = np.clip(-row / 0.45, 0.0, 1.0)
    cloud = smooth(noise(rng, ((row.shape[0] + 7) // 8, (row.shape[1] + 7) // 8)), 2)
    cloud = np.repeat(np.repeat(cloud, 4, axis=0), 4, axis=1)
    cloud = np.repeat(np.repeat(smooth(cloud, 6), 2, axis=0), 2, axis=1)
    cloud = smooth(cloud[: row.shape[0], : row.shape[1]], 1)
    low, high = {
        "day": ((0.80, 0.84, 0.88), (0.42, 0.58, 0.82)),
        "night": ((0.07, 0.07, 0.10), (0.02, 0.02, 0.05)),
        "fog": ((0.68, 0.70, 0.72), (0.74, 0.76, 0.78)),
    }[composition.condition]
    colour = (1.0 - up)[..., None] * low + up[..., None] * high
    puffs = {"day": 0.10, "night": 0.005, "fog": 0.012}[composition.condition]
    return colour + puffs * cloud[..., None], 44.0 - 26.0 * up + 2.5 * cloud
