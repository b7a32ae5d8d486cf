"""ultralytics kept in its cage: no network, no installs, no files outside, no pickles, no prints.

Import it through ``_hermetic.engine()``: some switches must be set before ultralytics is imported.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.modules import C3, SPPF, Bottleneck, Concat, Conv, Detect
from ultralytics.nn.modules.block import DFL
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import LOGGER, SETTINGS

from ivif_bench.device import strict_float32
from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.detectors._safe_pickle import (
    class_names,
    load_pickled_network,
    network_of,
)
from ivif_bench.tasks.detection.detectors._ultralytics_recipe import UltralyticsTraining
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.types import Progress

_INTEGRATIONS = ("sync", "clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")
# The first convolution of ultralytics' class branch of the head, and all behind it, depends on
# the classes; boxes do not.
_CLASS_BRANCH = ".cv3."
_KNOWN = {
    f"{cls.__module__}.{cls.__qualname__}": cls
    for cls in (Conv, C3, Bottleneck, SPPF, Concat, Detect, DFL, DetectionModel)
}

Weights = tuple[Mapping[str, Tensor], tuple[str, ...]]


def build(architecture: str, classes: int, threads: int) -> nn.Module:
    """A network of ultralytics from its own YAML, with random weights."""
    with _silence():
        network: nn.Module = DetectionModel(architecture, nc=classes, verbose=False)
    torch.set_num_threads(threads)  # ultralytics leaves one thread behind on small machines
    return network


def fill(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Load all weights; any that is missing, left over or of another shape is an error."""
    try:
        network.load_state_dict(dict(state), strict=True)
    except RuntimeError as problem:
        lines = str(problem).splitlines()
        raise UserError(f"weights {path}: do not fit: {lines[-1].strip()[:160]}") from problem


def transfer(network: nn.Module, weights: Weights, protocol: DetectionProtocol) -> str:
    """Put initial weights into a network that is about to be trained; returns a line for the log.

    Class scores keep their meaning only if the classes are the same, in the same order. Where they
    are not, ``transfer: backbone`` starts the class branch of the head from random weights.

    Raises:
        UserError: other classes under ``transfer: full``, or tensors that do not fit.
    """
    state, names = weights
    own = network.state_dict()
    same_classes = tuple(names) == protocol.classes
    if not same_classes and protocol.transfer == "full":
        raise UserError(
            f"initial weights know {len(names)} classes ({', '.join(names[:6])}...), the protocol "
            f"has {', '.join(protocol.classes)}; set 'transfer: backbone' to start their scores anew"
        )
    head = f"model.{len(network.model) - 1}"  # type: ignore[arg-type]
    taken = {
        key: value
        for key, value in state.items()
        if same_classes or not key.startswith(f"{head}{_CLASS_BRANCH}")
    }
    wrong = [key for key, value in taken.items() if key not in own or own[key].shape != value.shape]
    left_out = [key for key in own if key not in taken]
    if wrong or any(not key.startswith(f"{head}{_CLASS_BRANCH}") for key in left_out):
        raise UserError(f"initial weights are of another network: {(wrong + left_out)[0]} differs")
    network.load_state_dict({**own, **taken})
    return f"initial weights: {len(taken)} of {len(own)} tensors taken, {len(left_out)} random"


def read_pickled(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Weights and class names of a ``.pt`` of ultralytics (yolov5u family), without running it."""
    content = load_pickled_network(path, _KNOWN)
    network = network_of(content, path, DetectionModel)
    return dict(network.state_dict()), class_names(network, path)


class _Trainer(DetectionTrainer):  # type: ignore[misc]
    """ultralytics' trainer without validation, pickled checkpoints and automatic repairs."""

    def __init__(
        self,
        overrides: dict[str, Any],
        protocol: DetectionProtocol,
        weights: Weights | None,
        threads: int,
        progress: Progress,
    ) -> None:
        self._protocol = protocol
        self._threads = threads
        self._weights = weights
        super().__init__(overrides=overrides)
        self.add_callback(
            "on_train_epoch_end",
            lambda trainer: progress(trainer.epoch + 1, trainer.epochs, "training"),
        )

    def get_dataset(self) -> dict[str, Any]:
        """What our own data file says, which needs no finding, no download and no repair.

        ultralytics' way of reading it also wants the font of plots that are never drawn: it lists
        the machine's fonts into matplotlib's cache in the home folder and, where Arial is not
        among them, looks up a host at every training, whatever ``YOLO_OFFLINE`` says.
        """
        data: dict[str, Any] = json.loads(Path(self.args.data).read_text(encoding="utf-8"))
        root = Path(data["path"])
        names = {int(number): str(name) for number, name in data["names"].items()}
        parts = {part: str(root / data[part]) for part in ("train", "val")}
        return {**data, **parts, "path": root, "names": names, "nc": len(names), "channels": 3}

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> nn.Module:
        network: nn.Module = super().get_model(cfg=cfg, weights=None, verbose=False)
        if self._weights is not None:
            LOGGER.info(transfer(network, self._weights, self._protocol))
        torch.set_num_threads(self._threads)
        return network

    def _build_train_pipeline(self) -> None:
        """Fail where ultralytics would go on with half the batch, which is another recipe."""
        batch = _recipe(self._protocol).batch
        if self.batch_size != batch:
            raise UserError(
                f"not enough GPU memory for batch {batch} of protocol "
                f"{self._protocol.name}; use a larger GPU or a protocol with a smaller batch"
            )
        super()._build_train_pipeline()

    def validate(self) -> tuple[dict[str, float], None]:
        """Nothing is selected, so nothing is validated (ultralytics would in the last epoch)."""
        return {}, None

    def save_model(self) -> bool:
        """No pickles: the weights of the last epoch are taken from memory."""
        return False

    def final_eval(self) -> None:
        pass

    def _handle_nan_recovery(self, epoch: int) -> bool:
        """Fail instead of going on from an earlier epoch, which would be another recipe."""
        if self.loss is not None and not torch.isfinite(self.loss):
            raise RuntimeError(f"the loss is not finite in epoch {epoch + 1}")
        return False


def train(
    architecture: str,
    layout: Path,
    protocol: DetectionProtocol,
    seed: int,
    weights: Weights | None,
    folder: Path,
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
        folder: takes what ultralytics writes.
        log: takes what it says.
    """
    if _recipe(protocol).precision == "bf16" and device == "cpu":
        raise UserError(f"protocol {protocol.name}: precision bf16 needs a GPU; none is in use")
    folder.mkdir(parents=True, exist_ok=True)
    with _silence(log), strict_float32():  # with bf16, what is left outside of autocast
        trainer = _Trainer(
            _arguments(architecture, layout, protocol, seed, folder, device),
            protocol,
            weights,
            threads,
            progress,
        )
        trainer.train()
    network: nn.Module = trainer.ema.ema
    return network.float().cpu().eval()


def _recipe(protocol: DetectionProtocol) -> UltralyticsTraining:
    assert isinstance(protocol.training, UltralyticsTraining)
    return protocol.training


def _arguments(
    architecture: str,
    layout: Path,
    protocol: DetectionProtocol,
    seed: int,
    folder: Path,
    device: str,
) -> dict[str, Any]:
    """All that ultralytics has a default for and that changes a trained network."""
    recipe = _recipe(protocol)
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
        "box": recipe.box,
        "cls": recipe.cls,
        "dfl": recipe.dfl,
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
