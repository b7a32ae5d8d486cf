"""Scores fused images against their sources, paired by stem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ivif_bench.data.patterns import advice, images_at, is_single
from ivif_bench.data.sides import refuse_equal_files
from ivif_bench.errors import UserError, first_few
from ivif_bench.tasks.quality.about import about, protocol_name
from ivif_bench.tasks.quality.decoding import ImageGroup, check_headers
from ivif_bench.tasks.quality.engine import Evaluator, metrics_of, resolve
from ivif_bench.tasks.quality.groups import score_groups
from ivif_bench.tasks.quality.registry import METRICS, Mode
from ivif_bench.tasks.quality.scores import ImageScores, MethodScores, QualityScores
from ivif_bench.types import Progress

if TYPE_CHECKING:
    from ivif_bench.tasks.quality.on_device import BatchedEvaluator

Metrics = Sequence[str] | Literal["all"] | None
Place = Path | str


def score_folder(
    infrared: Place | None,
    visible: Place | None,
    fused: Mapping[str, Place],
    metrics: Metrics = None,
    convention: str = "reference",
    workers: int = 0,
    progress: Progress | None = None,
    mode: Mode = "exact",
    device: str = "cpu",
    batched: bool | None = None,
) -> QualityScores:
    """Score every image that is on all three sides, paired by stem whatever the extension.

    Args:
        infrared, visible: folder, pattern of names such as ``ir/IR{stem}.png``, or one file; both
            None for metrics that need no source.
        fused: the same of fused images, by method name.
        metrics: names in the wanted order; ``all`` for whatever the convention defines; None
            means those that it prints.
        convention: registered name.
        workers: threads over images; 0 means as many as this process has cores. The values do not
            depend on it.
        progress: called with (done, total, stem) after each image.
        mode: ``exact`` or ``fast``.
        device: ``cpu``, or a torch device such as ``cuda`` that computes batches of images.
        batched: whether torch computes; None means everywhere but on the CPU.

    Raises:
        UserError: a folder is missing or shares no stem with the others, an image is unreadable,
            sizes differ or infrared and visible are one image (the message names the stem), or
            the device cannot be used.
    """
    if not fused:
        raise UserError("no folder of fused images given")
    given = {"infrared": infrared, "visible": visible}
    places = {name: place for name, place in given.items() if place is not None}
    if len(places) == 1:
        raise UserError(f"{next(iter(given.keys() - places))} images are missing; give both sides")
    chosen = chosen_metrics(metrics, convention)
    if not places:
        chosen = _without_sources(chosen, convention)
    evaluator = resolve(chosen, convention, mode)
    sources = {name: images_at(place) for name, place in places.items()}
    folders = {name: images_at(place) for name, place in fused.items()}
    if all(is_single(place) for place in (*places.values(), *fused.values())):
        (stem,) = next(iter(sources.values()), next(iter(folders.values())))  # one image a side
        sources = {name: {stem: file} for name, (file,) in _files(sources)}
        folders = {name: {stem: file} for name, (file,) in _files(folders)}
    groups = _groups(sources, folders, {**places, **fused})
    if sources:
        refuse_equal_files("score", [(group.stem, *group.sources) for group in groups])
    check_headers(groups)
    on_device = batched_evaluator(evaluator, device, batched)
    images: dict[str, dict[str, ImageScores]] = {name: {} for name in folders}
    scored = score_groups(groups, evaluator, workers, on_device)
    for done, (stem, found) in enumerate(scored, start=1):
        for name, scores in found.items():
            images[name][stem] = scores
        if progress is not None:
            progress(done, len(groups), stem)
    kind = "" if on_device is None else device.partition(":")[0]
    return QualityScores(
        convention=convention,
        mode=mode,
        device=device if on_device is None else device_name(device),
        protocol=protocol_name(convention, mode, kind),
        about=about(evaluator, kind),
        methods={
            name: MethodScores(
                dict(sorted(images[name].items())), _unmatched({**sources, "fused": found})
            )
            for name, found in folders.items()
        },
    )


def _files(sides: Mapping[str, Mapping[str, Path]]) -> list[tuple[str, list[Path]]]:
    return [(name, list(found.values())) for name, found in sides.items()]


def _without_sources(chosen: tuple[str, ...] | None, convention: str) -> tuple[str, ...]:
    """Metrics of fused images alone: those asked for, or of those that the convention prints."""
    names = resolve(chosen, convention).names
    need = [name for name in names if METRICS.get(name).needs_sources]
    if chosen is not None and need:
        raise UserError(
            f"metrics that need the sources: {', '.join(need)}; give --infrared and --visible"
        )
    return tuple(name for name in names if name not in need)


def chosen_metrics(metrics: Metrics, convention: str) -> tuple[str, ...] | None:
    """Names of metrics, where ``all`` stands for every one that the convention defines."""
    if metrics == "all":
        return metrics_of(convention)
    return None if metrics is None else tuple(metrics)


def batched_evaluator(
    evaluator: Evaluator, device: str, batched: bool | None = None
) -> BatchedEvaluator | None:
    """What computes on a device; None where the CPU engine does."""
    if not (device != "cpu" if batched is None else batched):
        return None
    from ivif_bench.tasks.quality.on_device import BatchedEvaluator

    return BatchedEvaluator(evaluator, device)


def device_name(device: str) -> str:
    """A device for people: ``cuda (NVIDIA H200)``."""
    import torch

    kind = torch.device(device).type
    return f"{device} ({torch.cuda.get_device_name(device)})" if kind == "cuda" else device


def _groups(
    sources: Mapping[str, Mapping[str, Path]],
    folders: Mapping[str, Mapping[str, Path]],
    places: Mapping[str, Place],
) -> list[ImageGroup]:
    """One group per stem that both sources, if any, and some method have."""
    common = {name: _common(name, sources, found, places) for name, found in folders.items()}
    return [
        ImageGroup(
            stem,
            (sources["infrared"][stem], sources["visible"][stem]) if sources else (),
            {name: folders[name][stem] for name in folders if stem in common[name]},
        )
        for stem in sorted(set().union(*common.values()))
    ]


def _common(
    name: str,
    sources: Mapping[str, Mapping[str, Path]],
    fused: Mapping[str, Path],
    places: Mapping[str, Place],
) -> set[str]:
    stems = set(fused).intersection(*sources.values())
    if stems:
        return stems
    sides = {**sources, "fused": fused}
    listed = ", ".join(
        f"{side}: {first_few(list(found), 3) or 'no images'}" for side, found in sides.items()
    )
    if not sources:
        raise UserError(f"method {name!r}: no images in {places[name]}")
    options = {f"--{side}": (str(places[side]), set(found)) for side, found in sources.items()}
    options["--fused"] = (f"{name}={places[name]}", set(fused))
    raise UserError(f"method {name!r}: no stem is on all three sides ({listed}){advice(options)}")


def _unmatched(sides: Mapping[str, Mapping[str, Path]]) -> dict[str, tuple[str, ...]]:
    common = set.intersection(*(set(found) for found in sides.values()))
    return {side: tuple(sorted(set(found) - common)) for side, found in sides.items()}
