"""ultralytics kept in its cage: no network, no installs, no files outside, no pickles, no prints.

Import it through ``_hermetic.engine()``: some switches must be set before ultralytics is imported.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from ultralytics.nn.modules import block, conv, head, transformer
from ultralytics.nn.tasks import DetectionModel, RTDETRDetectionModel
from ultralytics.utils import LOGGER, SETTINGS

from ivif_bench.device import strict_float32
from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.detectors._safe_pickle import pickled_network
from ivif_bench.tasks.detection.detectors._ultralytics_trainer import (
    Place,
    RtdetrTrainer,
    Trainer,
    Weights,
    recipe_of,
    transfer,
)
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.types import Progress

_INTEGRATIONS = ("sync", "clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")
# The layers of the networks that detectors are registered for; each is plain arithmetic. Others of the
# package are not (one of them downloads weights when it is built), so the list is by name.
_LAYERS = {
    block: "A2C2f AAttn ABlock AConv ADown Attention Bottleneck C2PSA C2f C2fCIB C3 C3k C3k2 CBFuse CBLinear "
    "CIB DFL ELAN1 HGBlock HGStem PSA PSABlock RepBottleneck RepC3 RepCSP RepNCSPELAN4 RepVGGDW "
    "ResNetBlock ResNetLayer SCDown SPP SPPELAN SPPF",
    conv: "Concat Conv DWConv LightConv RepConv",
    head: "Detect RTDETRDecoder v10Detect",
    transformer: "AIFI DeformableTransformerDecoder DeformableTransformerDecoderLayer MLP MSDeformAttn",
}
_KNOWN = {
    f"{cls.__module__}.{cls.__qualname__}": cls
    for cls in (
        *(getattr(module, name) for module, names in _LAYERS.items() for name in names.split()),
        DetectionModel,
        RTDETRDetectionModel,
        *(nn.ConvTranspose2d, nn.Dropout, nn.Embedding, nn.GELU, nn.LayerNorm, nn.Linear),
        *(nn.MultiheadAttention, nn.ReLU, nn.ZeroPad2d),
        nn.modules.linear.NonDynamicallyQuantizableLinear,
    )
}


def model_class(architecture: str) -> type[DetectionModel]:
    """The class of ultralytics' networks that an architecture's YAML is for."""
    found: type[DetectionModel] = (
        RTDETRDetectionModel if _is_rtdetr(architecture) else DetectionModel
    )
    return found


def _is_rtdetr(architecture: str) -> bool:
    return architecture.startswith("rtdetr")


def build(architecture: str, classes: int, threads: int) -> nn.Module:
    """A network of ultralytics from its own YAML, with random weights."""
    with _silence():
        network: nn.Module = model_class(architecture)(architecture, nc=classes, verbose=False)
    torch.set_num_threads(threads)  # ultralytics leaves one thread behind on small machines
    return network


def fill(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Load all weights; any that is missing, left over or of another shape is an error."""
    try:
        network.load_state_dict(dict(state), strict=True)
    except RuntimeError as problem:
        lines = str(problem).splitlines()
        raise UserError(f"weights {path}: do not fit: {lines[-1].strip()[:160]}") from problem


def read_pickled(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Weights and class names of a detector's ``.pt`` of ultralytics, without running it."""
    network, names = pickled_network(path, _KNOWN, DetectionModel)
    return dict(network.state_dict()), names


def check_transfer(
    architecture: str, weights: Weights, protocol: DetectionProtocol, path: Path, threads: int
) -> None:
    """Refuse initial weights that a training by the protocol cannot start from.

    Args:
        path: of the weights, for the message.

    Raises:
        UserError: weights of another network or of other classes.
    """
    network = build(architecture, len(protocol.classes), threads)
    try:
        transfer(network, weights, protocol)
    except UserError as problem:
        raise UserError(f"weights {path}: {problem}") from problem


def train(
    architecture: str,
    layout: Path,
    protocol: DetectionProtocol,
    seed: int,
    weights: Weights | None,
    place: Place,
    log: Path,
    device: str,
    threads: int,
    progress: Progress,
) -> nn.Module:
    """Train by the protocol and return the moving average of the weights after the last epoch.

    Args:
        architecture: YAML of ultralytics, such as ``yolov5n.yaml``.
        layout: data file in ultralytics' form, as ``write_yolo_layout`` makes it.
        weights: to start from, with their class names; None for random ones.
        place: where the state and the curves are kept; a training resumes from that state.
        log: takes what ultralytics says.
    """
    if recipe_of(protocol).precision == "bf16" and device == "cpu":
        raise UserError(f"protocol {protocol.name}: precision bf16 needs a GPU; none is in use")
    with _silence(log), strict_float32():  # with bf16, what is left outside of autocast
        trainer = (RtdetrTrainer if _is_rtdetr(architecture) else Trainer)(
            _arguments(architecture, layout, protocol, seed, layout.parent / "run", device),
            protocol,
            weights,
            place,
            threads,
            progress,
        )
        trainer.train()
    network: nn.Module = trainer.ema.ema
    return network.float().cpu().eval()


def _arguments(
    architecture: str,
    layout: Path,
    protocol: DetectionProtocol,
    seed: int,
    folder: Path,
    device: str,
) -> dict[str, Any]:
    """All that ultralytics has a default for and that changes a trained network."""
    recipe = recipe_of(protocol)
    return {
        "task": "detect",
        "mode": "train",
        "model": architecture,
        "pretrained": False,
        "data": str(layout),
        "project": str(folder.absolute()),
        "name": "train",
        "exist_ok": True,
        "device": "cpu" if device == "cpu" else "0",
        "seed": seed,
        "deterministic": True,
        "epochs": recipe.epochs,
        "time": None,
        "patience": 0,
        "batch": recipe.batch,
        "nbs": recipe.nominal_batch,
        "imgsz": protocol.inference.image_size,
        "optimizer": recipe.optimizer,
        "lr0": recipe.lr0,
        "lrf": recipe.lrf,
        "cos_lr": recipe.cos_lr,
        "momentum": recipe.momentum,
        "weight_decay": recipe.weight_decay,
        "warmup_epochs": recipe.warmup_epochs,
        "warmup_momentum": recipe.warmup_momentum,
        "warmup_bias_lr": recipe.warmup_bias_lr,
        **{name: getattr(recipe, name) for name in ("box", "cls", "dfl") if hasattr(recipe, name)},
        "amp": "bf16" if recipe.precision == "bf16" else False,
        "workers": recipe.workers,
        **recipe.augmentation.model_dump(),
        "bgr": 0.0,
        "cutmix": 0.0,
        "copy_paste": 0.0,
        "multi_scale": 0.0,
        "cls_pw": 0.0,
        "rect": False,
        "single_cls": False,
        "fraction": 1.0,
        "freeze": None,
        "dropout": 0.0,
        "cache": False,
        "compile": False,
        "channels_last": False,
        "val": False,
        "save": False,
        "plots": False,
        "verbose": False,
    }


@contextlib.contextmanager
def _silence(log: Path | None = None) -> Iterator[None]:
    """Keep ultralytics off the screen and the network; its messages go to a log file, if any."""
    dict.update(SETTINGS, dict.fromkeys(_INTEGRATIONS, False))  # in memory, not in its file
    handlers, level, propagate = LOGGER.handlers[:], LOGGER.level, LOGGER.propagate
    target = os.devnull if log is None else log
    with (
        open(target, "a", encoding="utf-8") as sink,  # noqa: PTH123  (devnull is no Path)
        contextlib.redirect_stdout(sink),
        contextlib.redirect_stderr(sink),
    ):
        handler = logging.StreamHandler(sink)
        LOGGER.handlers[:] = [handler]
        LOGGER.setLevel(logging.INFO)
        LOGGER.propagate = False
        try:
            yield
        finally:
            LOGGER.handlers[:] = handlers
            LOGGER.setLevel(level)
            LOGGER.propagate = propagate
