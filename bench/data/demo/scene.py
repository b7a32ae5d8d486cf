"""Layout of a demo scene: the camera, the street, and the position and visibility of its objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

DETECTION_CLASSES = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
SEGMENTATION_CLASSES = (
    "unlabelled",
    "car",
    "person",
    "bike",
    "curve",
    "car_stop",
    "guardrail",
    "color_cone",
    "bump",
)
CONDITIONS = ("day", "night", "fog")
TASKS = ("detection", "segmentation")

ROAD = 3.6  # half width of the road, metres; the camera drives near X = 0
WALL = 6.6  # distance of the house fronts from the middle of the road, metres


@dataclass(frozen=True)
class Camera:
    """Pinhole camera looking along the street: X right, Y up from the ground, Z ahead (metres)."""

    focal: float
    centre: float
    horizon: float
    height: float

    def project(self, x: float, y: float, z: float) -> tuple[float, float]:
        """Image position (column, row) in pixels of a point in metres, z > 0."""
        return (
            self.centre + self.focal * x / z,
            self.horizon + self.focal * (self.height - y) / z,
        )


@dataclass(frozen=True)
class Item:
    """One thing in the street.

    kind: a class name of either task, or 'tree'. x, z: position of its nearest face in metres.
    band: 'infrared' (hidden in visible), 'visible' (at ambient temperature) or 'both'.
    side: +1 or -1, the half of the street whose light it gets. view: how a vehicle is seen.
    seed: for its own colours and pose. warmth: share of the full excess over ambient.
    """

    kind: str
    x: float
    z: float
    band: str
    side: int
    view: str
    seed: int
    warmth: float = 1.0


@dataclass(frozen=True)
class Composition:
    """A planned scene: items sorted far to near; `clear_side` is the half that visible sees."""

    camera: Camera
    condition: str
    clear_side: int
    items: tuple[Item, ...]


# kind: (half width m, height m, |x| range m, scale range px/m at 192 x 256)
_PLACE: dict[str, tuple[float, float, tuple[float, float], tuple[float, float]]] = {
    "People": (0.35, 1.75, (0.7, 5.4), (17.0, 33.0)),
    "Car": (0.9, 1.5, (1.5, 2.9), (15.0, 33.0)),
    "Bus": (1.25, 3.1, (1.6, 2.7), (13.0, 21.0)),
    "Truck": (1.25, 3.1, (1.6, 2.7), (13.0, 21.0)),
    "Motorcycle": (0.95, 1.25, (1.2, 4.6), (16.0, 30.0)),
    "Lamp": (0.4, 3.6, (3.7, 4.6), (14.0, 25.0)),
    "bike": (0.9, 1.1, (1.1, 4.8), (17.0, 30.0)),
    "color_cone": (0.38, 0.9, (0.6, 4.2), (18.0, 36.0)),
    "car_stop": (0.95, 0.4, (1.2, 3.0), (20.0, 40.0)),
    "bump": (1.5, 0.45, (1.75, 1.9), (17.0, 38.0)),
    "tree": (1.6, 5.0, (5.0, 6.0), (9.0, 19.0)),
}
_CROSSING = {
    "Car": (2.1, 3.0),
    "Bus": (3.3, 4.1),
    "Truck": (3.1, 4.0),
}  # half length, |x| in metres
# Where objects stand between the nearest and the farthest place of their kind: detection scenes
# reach farther (the least scale times `far`), have more distant things (`skew` above 1) and things
# that are only a little warm (`warmth` is the least share of the full excess): large and bright
# objects alone would be found in any fused image. (far, skew, warmth)
_REACH = {"detection": (0.45, 1.5, 0.3), "segmentation": (1.0, 1.0, 1.0)}
# How often each kind is tried: (kind, probability), large things first so that small fit around.
_DETECTION = (
    *(("Bus", 0.8), ("Truck", 0.8), ("Car", 1.0), ("Car", 0.7), ("Car", 0.3)),
    *(("Lamp", 1.0), ("Lamp", 0.9), ("Motorcycle", 1.0), ("Motorcycle", 0.8)),
    *(("People", 1.0), ("People", 1.0), ("People", 0.7), ("People", 0.4)),
    *(("tree", 1.0), ("tree", 0.7), ("tree", 0.4)),
)
_SEGMENTATION = (
    *(("curve", 1.0), ("curve", 0.8), ("guardrail", 0.9), ("guardrail", 0.5)),
    *(("bump", 0.9), ("bump", 0.5), ("Car", 1.0), ("Car", 0.8), ("bike", 1.0), ("bike", 0.7)),
    *(("car_stop", 0.9), ("car_stop", 0.8), ("People", 1.0), ("People", 0.8)),
    *(("color_cone", 1.0), ("color_cone", 0.9), ("color_cone", 0.5)),
    *(("tree", 1.0), ("tree", 0.6)),
)
_Box = tuple[float, float, float, float]


def plan(seed: int, size: tuple[int, int], task: str) -> Composition:
    """Plan the scene of `seed`; positions are in metres, so `size` only scales it."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, TASKS.index(task)])))
    height, width = size
    scale = min(height / 192, width / 256)
    camera = Camera(
        focal=220.0 * scale,
        centre=width * rng.uniform(0.44, 0.56),
        horizon=height * rng.uniform(0.40, 0.47),
        height=rng.uniform(2.0, 2.4),
    )
    clear_side = 1 if rng.random() < 0.5 else -1
    items: list[Item] = []
    taken: list[_Box] = []
    bands = _bands(rng)
    kinds = _DETECTION if task == "detection" else _SEGMENTATION
    if rng.random() < 0.5:  # the first two take the best places: give each kind its turn
        kinds = (kinds[1], kinds[0], *kinds[2:])
    for kind, probability in kinds:
        if rng.random() >= probability:
            continue
        band = "visible" if kind == "tree" else bands(kind)
        side = -clear_side if band == "infrared" else clear_side
        if kind == "tree":
            side = 1 if rng.random() < 0.5 else -1
        _place(rng, camera, size, kind, band, side, items, taken, _REACH[task])
    items.sort(key=_depth_key, reverse=True)
    return Composition(camera, CONDITIONS[seed % len(CONDITIONS)], clear_side, tuple(items))


def _bands(rng: np.random.Generator) -> Callable[[str], str]:
    """Draw the band of the next object of a kind: about 43 % infrared, 44 visible, 13 both."""
    last: dict[str, bool] = {}

    def draw(kind: str) -> str:
        # Kinds that occur twice, and bus and truck, take opposite sides of the street: no single
        # source sees them all, and they do not crowd each other out.
        group = "large" if kind in ("Bus", "Truck") else kind
        chance = 0.37 if group not in last else 0.0 if last[group] else 0.6
        hidden = rng.random() < chance
        last[group] = hidden
        value = rng.random()
        return "infrared" if hidden else "visible" if value < 0.76 else "both"

    return draw


def _place(
    rng: np.random.Generator,
    camera: Camera,
    size: tuple[int, int],
    kind: str,
    band: str,
    side: int,
    items: list[Item],
    taken: list[_Box],
    reach: tuple[float, float, float],
) -> None:
    """Append an item at the first free place of 30 tries; a crowded street just gets fewer."""
    seed = int(rng.integers(0, 2**31))
    if kind in ("curve", "guardrail"):
        if any(item.kind == kind and item.side == side for item in items):
            return
        near = rng.uniform(6.0, 8.0) if kind == "curve" else rng.uniform(9.0, 12.0)
        lateral = ROAD - 0.1 if kind == "curve" else ROAD + 0.55
        items.append(Item(kind, side * lateral, near, band, side, "along", seed))
        return
    half, tall, lateral_range, scale_range = _PLACE[kind]
    crossing = kind in _CROSSING and rng.random() < (0.55 if kind != "Car" else 0.3)
    view = "along"
    if crossing:
        view = "cross-left" if rng.random() < 0.5 else "cross-right"
    elif kind in ("Car", "Bus", "Truck"):
        view = "front" if rng.random() < 0.6 else "rear"
    unit = camera.focal / 220.0
    far, skew, coolest = reach
    warmth = coolest + (1.0 - coolest) * (seed % 1009) / 1008
    for attempt in range(30):
        lateral, share = rng.uniform(*lateral_range), rng.random() ** skew
        least, most = scale_range
        if crossing:
            half, lateral = _CROSSING[kind]
            share = rng.random() ** skew
            least, most = (9.5, 13.0) if kind == "Car" else (9.0, 11.5)
        pixels = least * far + (most - least * far) * share
        z = camera.focal / (pixels * unit)
        x = side * lateral
        left, top = camera.project(x - half, tall, z)
        right, bottom = camera.project(x + half, 0.0, z)
        box = (left, top, right, bottom)
        frame = (0.0, 0.0, float(size[1]), float(size[0]))
        # Ever more overlap is allowed: occlusion happens, but most things stay recognisable.
        allowed = 0.04 + 0.008 * attempt
        if _shared(box, frame) < 0.85 * _area(box):
            continue
        if kind == "tree" or all(
            _shared(box, b) <= allowed * min(_area(box), _area(b)) for b in taken
        ):
            items.append(Item(kind, x, z, band, side, view, seed, warmth))
            if kind != "tree":
                taken.append(box)
            return


def _area(box: _Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _shared(a: _Box, b: _Box) -> float:
    """Area in which two boxes overlap."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def _depth_key(item: Item) -> float:
    # What lies flat on the road or lines it never hides what stands on it.
    flat = {"bump": 300.0, "curve": 200.0, "guardrail": 100.0, "car_stop": 50.0}
    return item.z + flat.get(item.kind, 0.0)
