"""Which images the qualitative figures of a run show: chosen evenly, by name, or where methods differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ivif_bench.config import PanelConfig, RunConfig
from ivif_bench.data.images import size_in_header
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS
from ivif_bench.registry import suggest
from ivif_bench.types import FusedSet, Pair

_MOST_COMPARED = 100  # pairs that are decoded to find those that differ most

Pairs = Mapping[str, Sequence[Pair]]


def check_panels(config: RunConfig, pairs: Pairs) -> None:
    """Refuse images that the run does not have, and parts outside of them, before anything is computed.

    Args:
        pairs: by dataset, those that are fused; a dataset that this run leaves out is not checked.

    Raises:
        UserError: with the place in the configuration.
    """
    for index, panel in enumerate(config.report.images):
        if not panel.stem or panel.dataset not in pairs:
            continue
        known = {pair.stem: pair for pair in pairs[panel.dataset]}
        where = f"report.images.{index}"
        if panel.stem not in known:
            raise UserError(
                f"{where}.stem: no image {panel.stem!r} of dataset {panel.dataset!r} is fused; "
                f"{suggest(panel.stem, list(known))}"
            )
        size = size_in_header(known[panel.stem].visible)
        for x1, y1, x2, y2 in panel.crops if size else ():
            assert size is not None
            if x2 > size[1] or y2 > size[0]:
                raise UserError(
                    f"{where}.crops: {[x1, y1, x2, y2]} does not lie in image {panel.stem!r} "
                    f"({size[1]} x {size[0]})"
                )


def panels_of(
    config: RunConfig, pairs: Pairs, fused: Mapping[tuple[str, str], FusedSet], run: Path
) -> list[dict[str, Any]]:
    """The images of each panel for ``plan.json``, of pairs that every method has.

    Args:
        pairs: by dataset.
        fused: by dataset and method.
        run: the run directory.
    """
    found = []
    for dataset, mine in pairs.items():
        sets = {name: each for (owner, name), each in fused.items() if owner == dataset}
        shared = [pair for pair in mine if all(pair.stem in each.images for each in sets.values())]
        methods = {name: each for name, each in sets.items() if not _is_source(config, name)}
        items = [
            item
            for panel in config.report.images
            if panel.dataset == dataset
            for item in _chosen(panel, shared, methods)
        ]
        if not config.report.images:
            items = [(pair, {}) for pair in _evenly(shared, config.report.panels)]
        for pair, more in items:
            files = {"Infrared": pair.infrared, "Visible": pair.visible}
            files |= {name: each.images[pair.stem] for name, each in methods.items()}
            images = {label: seen_from(run, path) for label, path in files.items()}
            found.append({"dataset": dataset, "stem": pair.stem, "images": images, **more})
    return found


def seen_from(run: Path, path: Path) -> str:
    """Relative inside the run directory, so that it can be moved; absolute elsewhere."""
    inside = path.absolute().is_relative_to(run.absolute())
    return str(path.absolute().relative_to(run.absolute()) if inside else path.absolute())


def most_different(pairs: Sequence[Pair], methods: Mapping[str, FusedSet]) -> list[Pair]:
    """Pairs in order of how much their fused images differ, at most 100 of them, evenly chosen.

    By the mean over pixels of the standard deviation over methods of gray level minus its local mean;
    the first of equal ones.
    """
    from ivif_bench.data.images import read_rgb
    from ivif_bench.reports.qualitative import detail_spread

    spread = {
        pair.stem: float(
            detail_spread([read_rgb(each.images[pair.stem]) for each in methods.values()]).mean()
        )
        for pair in _evenly(pairs, _MOST_COMPARED)
    }
    by_stem = {pair.stem: pair for pair in pairs}
    return [by_stem[stem] for stem in sorted(spread, key=lambda stem: (-spread[stem], stem))]


def _chosen(
    panel: PanelConfig, shared: Sequence[Pair], methods: Mapping[str, FusedSet]
) -> list[tuple[Pair, dict[str, Any]]]:
    if panel.stem:
        said: dict[str, Any] = {"chosen": "from the configuration"}
        if panel.crops:
            said["boxes"] = [list(crop) for crop in panel.crops]
        return [(pair, said) for pair in shared if pair.stem == panel.stem]
    if len(methods) < 2:
        return []
    compared = min(len(shared), _MOST_COMPARED)
    text = f"of {compared} images among those whose fused images differ most"
    return [(pair, {"chosen": text}) for pair in most_different(shared, methods)[: panel.differing]]


def _evenly(pairs: Sequence[Pair], most: int) -> list[Pair]:
    count = min(most, len(pairs))
    return [pairs[(2 * i + 1) * len(pairs) // (2 * count)] for i in range(count)]


def _is_source(config: RunConfig, name: str) -> bool:
    return any(row.name == name and METHODS.get(row.type).source for row in config.methods)
