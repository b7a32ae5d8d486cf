"""Fusing: finds the missing images and writes them one at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.config import MethodConfig
from ivif_bench.data.images import gray_of, read_stored, rgb_of, size_in_header, size_of
from ivif_bench.data.sides import refuse_equal_pixels
from ivif_bench.device import device_of
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.fusion import (
    METHODS,
    FusionMethod,
    MethodOptions,
    PrecomputedImages,
    Recipe,
    WeightsSpec,
)
from ivif_bench.held import held
from ivif_bench.naming import safe_name
from ivif_bench.pipeline.costs import Costs, fusing_name
from ivif_bench.pipeline.jobs import FUSING, Job
from ivif_bench.pipeline.marks import Checked, checked_as, image_mark, marked_png, misfit, to_make
from ivif_bench.pipeline.shards import shards
from ivif_bench.store import Store, key_of
from ivif_bench.types import Pair, Progress, StoredImage
from ivif_bench.validation import checked
from ivif_bench.weights import locate


def load_method(method: MethodConfig) -> FusionMethod | PrecomputedImages:
    """Create the method of a configuration row.

    Raises:
        UserError: an option has a wrong value or a required one is missing.
    """
    try:
        loaded: FusionMethod | PrecomputedImages = METHODS.load(method.type)(**method.options)
    except (TypeError, ValueError) as problem:
        raise UserError(f"method {method.name!r}: {problem}") from problem
    precomputed = METHODS.get(method.type).precomputed
    if isinstance(loaded, PrecomputedImages) != precomputed:
        wanted = PrecomputedImages if precomputed else FusionMethod
        raise UserError(
            f"method {method.name!r}: with precomputed={precomputed} in its spec, "
            f"{type(loaded).__name__} must derive from {wanted.__name__}"
        )
    return loaded


def check_device(method: MethodConfig, where: str) -> None:
    """Refuse a device that this machine lacks; torch is imported only if a device is requested.

    Raises:
        UserError: the option ``device`` names a device that does not exist.
    """
    device = method.options.get("device", "auto")
    if device not in ("auto", "cpu"):
        device_of(device, where)


def method_key(method: MethodConfig, seed: int, fingerprint: Fingerprints) -> str:
    """Identity of a method's images, apart from their sources: options, weights, seed, version.

    An option that names an existing file (weights, say) counts by the file's content, and so does
    a weights file that the method finds by itself.

    Raises:
        UserError: the method needs a weights file that is not here, or a shipped one is damaged.
    """
    spec = METHODS.get(method.type)
    options = {
        name: fingerprint(Path(value))
        if isinstance(value, str) and Path(value).is_file()
        else value
        for name, value in method.options.items()
    }
    weights = [_weights_mark(method, file, fingerprint) for file in spec.weights]
    return key_of("fuse", spec.name, spec.version, options, weights, seed)


def _weights_mark(method: MethodConfig, file: WeightsSpec, fingerprint: Fingerprints) -> str:
    """Content of a weights file that the method finds by itself; empty for one that an option names."""
    spec = METHODS.get(method.type)
    for option in (file.option, "weights"):
        if given := method.options.get(option):
            locate(spec, file, str(given))
            return ""
    path = locate(spec, file)
    found = fingerprint(path)
    if file.shipped and found != file.sha256:
        raise UserError(
            f"method {method.name!r}: {path} is damaged (sha256 {found}, expected {file.sha256}); "
            "install ivif-bench again"
        )
    return found


def recipe_of(method: MethodConfig) -> Recipe:
    """What a row's method does to its pictures besides its network; empty where it says nothing.

    Raises:
        UserError: an option is wrong.
    """
    model = METHODS.get(method.type).options
    if not issubclass(model, MethodOptions):
        return Recipe()
    return checked(model, method.options, f"method {method.name!r}").recipe()


def image_seed(run_seed: int, stem: str) -> int:
    """Seed of one image, from the run's seed and its stem alone; 63 bits."""
    digest = hashlib.sha256(f"{run_seed}/{stem}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def plan_fusing(
    method: MethodConfig,
    seed: int,
    pairs: Mapping[str, Sequence[Pair]],
    store: Store,
    note: Callable[[str], None] = lambda text: None,
) -> list[Mapping[str, Any]]:
    """Describe the images that a method still has to fuse.

    Args:
        pairs: dataset name to the pairs that must be fused.
        note: called with a line about existing images that do not match their mark.

    Returns:
        Plain JSON values for ``fuse_job``, an image each.
    """
    key = method_key(method, seed, store.fingerprint)
    images: list[Mapping[str, Any]] = []
    for dataset, wanted in pairs.items():
        folder = store.fused_folder(dataset, method.name, key)
        about = f"method {method.name!r}, dataset {dataset!r}"
        described = [
            {
                "stem": pair.stem,
                "dataset": dataset,
                "infrared": str(pair.infrared),
                "visible": str(pair.visible),
                "target": f"{folder}/{pair.stem}.png",
                "mark": image_mark(key, pair, store.fingerprint),
            }
            for pair in wanted
        ]
        images += to_make(described, folder, store.fingerprint, note, about)
    return images


def fusing_jobs(
    method: MethodConfig,
    key: str,
    seed: int,
    images: Sequence[Mapping[str, Any]],
    store: Store,
    costs: Costs,
    workers: int,
    warm: Sequence[str] = (),
) -> Iterator[Job]:
    """Cut images that ``plan_fusing`` described into jobs of about equal length.

    Args:
        key: of the method's images.
        workers: processes side by side.
        warm: what the methods of the run import, so that one warm process serves all of them.
    """
    spec, name = METHODS.get(method.type), safe_name(method.name)
    megapixels = _megapixels(images)
    measure = fusing_name(method.type, key)
    each = costs.to_shard(measure, spec.parameters > 0)
    for index, shard in enumerate(shards(images, each * megapixels, workers)):
        share = megapixels * len(shard) / len(images)
        yield Job(
            name=f"{FUSING}/{name}-{key}/{index}",
            stage=FUSING,
            label=method.name,
            description={
                "kind": "fuse",
                "method": method.model_dump(mode="json"),
                "seed": seed,
                "images": list(shard),
                "threads": 1,
                "gpus": int(spec.parameters > 0),
                "warm": ["torch", *warm],
                "reuse": True,
                "log": str(store.root / "logs" / "fuse" / f"{name}-{index}.log"),
                "measure": measure,
                "megapixels": share,
            },
            seconds=each * share,
            images=len(shard),
        )


def _megapixels(images: Sequence[Mapping[str, Any]]) -> float:
    """Area of all images, as if those of a dataset were all as large as its first."""
    first: dict[str, float] = {}
    total = 0.0
    for image in images:
        name = image["dataset"]
        if name not in first:
            height, width = size_of(Path(image["infrared"]))
            first[name] = height * width / 1e6
        total += first[name]
    return total


def fuse_job(job: Mapping[str, Any], progress: Progress) -> None:
    """Fuse the images of a job one at a time; each file is written atomically."""
    import torch

    named = json.dumps([job["method"], job["measure"]], sort_keys=True)
    method = held(named, lambda: load_method(MethodConfig.model_validate(job["method"])))
    if not isinstance(method, FusionMethod):
        raise TypeError(f"{type(method).__name__} has nothing to fuse")
    images = job["images"]
    checked: dict[Path, Checked] = {}
    with torch.inference_mode():
        for index, image in enumerate(images):
            target, mark = Path(image["target"]), image["mark"]
            # Another process on the same run directory may have been faster.
            if misfit(target, mark):
                data = marked_png(fuse_one(method, image, job["seed"]), mark)
                write_bytes(target, data)
                folder = checked.setdefault(target.parent, Checked(target.parent))
                folder.add(image["stem"], checked_as(hashlib.sha256(data).hexdigest(), mark))
            progress(index + 1, len(images), image["stem"])
    for folder in checked.values():
        folder.save()


def fuse_one(method: FusionMethod, image: Mapping[str, Any], run_seed: int) -> np.ndarray:
    """Read a pair, fuse it and quantise once; uint8 [H, W] or RGB [H, W, 3]."""
    infrared, visible = read_pair(
        image["dataset"], image["stem"], image["infrared"], image["visible"]
    )
    fused = method.fuse_stored(infrared, visible, image_seed(run_seed, image["stem"]))
    height, width = infrared.pixels.shape[:2]
    channels = fused.shape[1]
    if fused.shape != (1, channels, height, width) or channels not in (1, 3):
        raise ValueError(
            f"{type(method).__name__} returned shape {tuple(fused.shape)} for {height}x{width}"
        )
    if not bool(fused.isfinite().all()):
        raise ValueError(f"{type(method).__name__} returned NaN or infinity for {image['stem']}")
    pixels = (fused[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(pixels[:, :, 0] if channels == 1 else pixels)


def read_pair(
    dataset: str, stem: str, infrared: str, visible: str
) -> tuple[StoredImage, StoredImage]:
    """Read both images as they are stored.

    Raises:
        UserError: unreadable, the sizes differ, or both hold the same pixels.
    """
    where, paths = f"dataset {dataset!r}, stem {stem!r}", (Path(infrared), Path(visible))
    # By the headers first: one of the two may be too large to be decoded.
    claimed = [size_in_header(path) for path in paths]
    if all(claimed):
        _demand_one_size(where, paths, claimed)
    ir, vi = read_stored(paths[0]), read_stored(paths[1])
    _demand_one_size(where, paths, [image.pixels.shape[:2] for image in (ir, vi)])
    refuse_equal_pixels(where, paths, gray_of(ir), rgb_of(vi))
    return ir, vi


def _demand_one_size(where: str, paths: tuple[Path, Path], shapes: Sequence[Any]) -> None:
    sizes = [f"{width}x{height}" for height, width in shapes]
    if sizes[0] != sizes[1]:
        raise UserError(
            f"{where}: infrared is {sizes[0]} but visible is {sizes[1]} "
            f"(width x height); the pair must be registered to one size: {paths[0]}, {paths[1]}"
        )
