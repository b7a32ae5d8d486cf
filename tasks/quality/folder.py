"""Scores folders of fused images against folders of sources, paired by stem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ivif_bench.data.images import images_in
from ivif_bench.data.sides import refuse_equal_files
from ivif_bench.errors import UserError, first_few
from ivif_bench.tasks.quality.about import about, protocol_name
from ivif_bench.tasks.quality.decoding import ImageGroup
from ivif_bench.tasks.quality.engine import Evaluator, metrics_of, resolve
from ivif_bench.tasks.quality.groups import score_groups
from ivif_bench.tasks.quality.registry import Mode
from ivif_bench.tasks.quality.scores import ImageScores, MethodScores, QualityScores
from ivif_bench.types import Progress

if TYPE_CHECKING:
    from ivif_bench.tasks.quality.on_device import BatchedEvaluator

Metrics = Sequence[str] | Literal["all"] | None


def score_folder(
    infrared: Path,
    visible: Path,
    fused: Mapping[str, Path],
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
        fused: folders of fused images by method name.
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
    evaluator = resolve(chosen_metrics(metrics, convention), convention, mode)
    if not fused:
        raise UserError("no folder of fused images given")
    sources = {"infrared": images_in(infrared), "visible": images_in(visible)}
    folders = {name: images_in(folder) for name, folder in fused.items()}
    groups = _groups(sources, folders)
    refuse_equal_files("score", [(group.stem, group.infrared, group.visible) for group in groups])
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
    sources: Mapping[str, Mapping[str, Path]], folders: Mapping[str, Mapping[str, Path]]
) -> list[ImageGroup]:
    """One group per stem that both sources and some method have."""
    common = {name: _common(name, sources, found) for name, found in folders.items()}
    return [
        ImageGroup(
            stem,
            sources["infrared"][stem],
            sources["visible"][stem],
            {name: folders[name][stem] for name in folders if stem in common[name]},
        )
        for stem in sorted(set().union(*common.values()))
    ]


def _common(
    name: str, sources: Mapping[str, Mapping[str, Path]], fused: Mapping[str, Path]
) -> set[str]:
    stems = set(fused).intersection(*sources.values())
    if not stems:
        sides = ", ".join(
            f"{side}: {first_few(list(found), 3) or 'no images'}"
            for side, found in {**sources, "fused": fused}.items()
        )
        raise UserError(f"method {name!r}: no stem is on all three sides ({sides})")
    return stems


def _unmatched(sides: Mapping[str, Mapping[str, Path]]) -> dict[str, tuple[str, ...]]:
    common = set.intersection(*(set(found) for found in sides.values()))
    return {side: tuple(sorted(set(found) - common)) for side, found in sides.items()}
